// The Gauss-Newton matrix against the sum of products of the Jacobian's columns, and, where the
// residual is zero, against the Hessian itself.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "engine/curvature.h"
#include "engine/gauss_newton.h"
#include "engine/jacobian.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/test.h"

enum { LATENT = 3, ENTRIES = 29 };

static struct decoder *make_decoder(enum loss_kind loss) {
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 16, .activation = ACTIVATION_SILU},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY}};
  struct decoder *decoder = decoder_create(LATENT, 2, specs, loss);
  decoder_initialise(decoder, 7);
  return decoder;
}

static double largest(const double *a) {
  double most = 0.0;
  for (size_t k = 0; k < (size_t)LATENT * LATENT; k++) most = fmax(most, fabs(a[k]));
  return most;
}

static void check_products(const struct jacobian *jacobian, const double *matrix) {
  const struct decoder *decoder = jacobian->decoder;
  const double factor = (decoder->loss == LOSS_MSE ? 2.0 : 1.0) / ENTRIES;
  for (size_t i = 0; i < LATENT; i++)
    for (size_t j = 0; j < LATENT; j++) {
      double sum = 0.0;
      for (size_t k = 0; k < ENTRIES; k++)
        sum += factor * (double)jacobian->columns[i * real_padded(ENTRIES) + k] *
               (double)jacobian->columns[j * real_padded(ENTRIES) + k] *
               jacobian_curvature(jacobian, k);
      CHECK(fabs(matrix[i * LATENT + j] - sum) < 1e-5 * largest(matrix),
            "%s: element %zu, %zu is %.9g, not %.9g", loss_name(decoder->loss), i, j,
            matrix[i * LATENT + j], sum);
    }
}

// The loss of the sample that the decoder reproduces.
static void check_hessian(const struct jacobian *jacobian, const real *z, const double *matrix) {
  struct curvature *curvature = curvature_create(jacobian->decoder, 8);
  real hessian[LATENT * 16];
  const struct objective_row sample = {.y = jacobian->x, .weight_sum = ENTRIES};
  curvature_hessian(curvature, &sample, z, hessian);
  for (size_t i = 0; i < LATENT; i++)
    for (size_t j = 0; j < LATENT; j++)
      CHECK(fabs(matrix[i * LATENT + j] - (double)hessian[i * real_padded(LATENT) + j]) <
                1e-4 * largest(matrix),
            "%s: element %zu, %zu of the Hessian", loss_name(jacobian->decoder->loss), i, j);
  curvature_destroy(&curvature);
}

static void test_loss(enum loss_kind loss) {
  struct decoder *decoder = make_decoder(loss);
  struct jacobian *jacobian = jacobian_create(decoder, 8);
  struct gauss_newton *whole = gauss_newton_create(decoder, 8);
  struct gauss_newton *parts = gauss_newton_create(decoder, 2);
  double matrix[LATENT * LATENT] = {0}, again[LATENT * LATENT] = {0};
  real z[16] = {0};
  for (uint64_t i = 0; i < LATENT; i++) z[i] = (real)(2.0 * rng_uniform(8, RNG_TEST, i, 0) - 1.0);
  gauss_newton_add(whole, z, matrix);
  gauss_newton_add(parts, z, again);
  CHECK(memcmp(matrix, again, sizeof matrix) == 0, "%s: in sweeps of 2 rows", loss_name(loss));
  jacobian_find(jacobian, z);
  check_products(jacobian, matrix);
  check_hessian(jacobian, z, matrix);
  gauss_newton_add(whole, z, again);
  CHECK(fabs(again[1] - 2.0 * matrix[1]) <= 1e-12 * fabs(matrix[1]), "%s: it is added",
        loss_name(loss));
  gauss_newton_destroy(&whole);
  gauss_newton_destroy(&parts);
  jacobian_destroy(&jacobian);
  decoder_destroy(&decoder);
}

int main(void) {
  test_loss(LOSS_MSE);
  test_loss(LOSS_BCE);
  return test_summary();
}
