#include "numerics/product.h"

#include <assert.h>

#include "numerics/isa.h"
#include "numerics/product_kernels.h"

ISA_VARIANTS(struct product_kernels, product_kernels);

static const struct product_kernels *kernels(void) {
  return product_kernels_variants[isa_chosen()];
}

size_t product_panels_size(size_t terms, size_t outputs) {
  const size_t panel = kernels()->panel;
  return terms * ((real_padded(outputs) + panel - 1) / panel * panel);
}

void product_pack(size_t terms, size_t outputs, const real *w, size_t term_stride,
                  size_t output_stride, real *panels) {
  kernels()->pack(terms, outputs, w, term_stride, output_stride, panels);
}

void product_multiply(const struct product_matrix *m, const struct product_rows *rows) {
  kernels()->multiply(m, rows);
}

void product_gradient(const struct product_gradient *gradient) {
  assert(gradient->further == NULL || gradient->sums == NULL);
  kernels()->gradient(gradient);
}
