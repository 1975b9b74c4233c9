#include "engine/gauss_newton.h"

#include "decoder/loss.h"
#include "engine/jacobian.h"
#include "ground/memory.h"
#include "numerics/product.h"

struct gauss_newton {
  const struct decoder *decoder;
  struct jacobian *jacobian;
  real *panels;   // of the transposed Jacobian
  real *product;  // [d][real_padded(d)]
};

struct gauss_newton *gauss_newton_create(const struct decoder *decoder, size_t rows) {
  struct gauss_newton *work = memory_new(struct gauss_newton, 1);
  *work =
      (struct gauss_newton){.decoder = decoder,
                            .jacobian = jacobian_create(decoder, rows),
                            .panels = memory_new(real, product_panels_size(decoder->n, decoder->d)),
                            .product = memory_new(real, decoder->d * real_padded(decoder->d))};
  return work;
}

void gauss_newton_destroy(struct gauss_newton **work) {
  if (*work == NULL) return;
  jacobian_destroy(&(*work)->jacobian);
  memory_free(&(*work)->panels);
  memory_free(&(*work)->product);
  memory_free(work);
}

size_t gauss_newton_bytes(const struct decoder *decoder, size_t rows) {
  const size_t d = decoder->d;
  return jacobian_bytes(decoder, rows) +
         (product_panels_size(decoder->n, d) + d * real_padded(d)) * sizeof(real);
}

void gauss_newton_add(struct gauss_newton *work, const real *z, double *sum) {
  const size_t d = work->decoder->d, n = work->decoder->n;
  const size_t stride = real_padded(d), output = real_padded(n);
  struct jacobian *jacobian = work->jacobian;
  jacobian_find(jacobian, z);
  product_pack(n, d, jacobian->columns, 1, output, work->panels);
  for (size_t k = 0; k < n && work->decoder->loss == LOSS_BCE; k++)
    for (size_t i = 0; i < d; i++)
      jacobian->columns[i * output + k] *= (real)jacobian_curvature(jacobian, k);
  const struct product_matrix transposed = {.terms = n, .outputs = d, .panels = work->panels};
  const struct product_rows product = {.rows = d,
                                       .a = jacobian->columns,
                                       .a_stride = output,
                                       .c = work->product,
                                       .c_stride = stride};
  product_multiply(&transposed, &product);
  const double factor = (work->decoder->loss == LOSS_MSE ? 2.0 : 1.0) / (double)n;
  for (size_t i = 0; i < d; i++)
    for (size_t k = 0; k < d; k++) sum[i * d + k] += factor * (double)work->product[i * stride + k];
}
