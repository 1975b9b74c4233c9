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
