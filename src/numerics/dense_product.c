#include <assert.h>

#include "numerics/dense_product_kernels.h"
#include "numerics/isa.h"

ISA_VARIANTS(struct dense_product_kernels, dense_product_kernels);

void dense_multiply(const struct dense_product *product) {
  assert(product->columns % DENSE_COLUMNS == 0);
  dense_product_kernels_variants[isa_chosen()]->product(product);
}

void dense_logistic(size_t count, const double *x, double *softplus, double *sigmoid) {
  dense_product_kernels_variants[isa_chosen()]->logistic(count, x, softplus, sigmoid);
}

void dense_scale_rows(size_t rows, size_t columns, const double *factor, const double *x,
                      double *scaled) {
  assert(columns % DENSE_COLUMNS == 0);
  dense_product_kernels_variants[isa_chosen()]->scale_rows(rows, columns, factor, x, scaled);
}
