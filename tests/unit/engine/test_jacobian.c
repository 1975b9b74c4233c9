// The decoder's derivatives with respect to the latent, against differences of its outputs, for any
// number of rows in a pass.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "engine/jacobian.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/decode.h"
#include "support/test.h"

enum { LATENT = 5, ENTRIES = 37 };

static struct decoder *make_decoder(enum loss_kind loss) {
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 16, .activation = ACTIVATION_SILU},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY}};
  struct decoder *decoder = decoder_create(LATENT, 2, specs, loss);
  decoder_initialise(decoder, 4);
  return decoder;
}

// The largest difference from central differences.
static double furthest(const struct decoder *decoder, const struct jacobian *jacobian,
                       const real *z) {
  const double step = sizeof(real) == 4 ? 1e-2 : 1e-5;
  real moved[64] = {0}, up[64], down[64];
  double most = 0.0;
  for (size_t i = 0; i < LATENT; i++) {
    memcpy(moved, z, real_padded(LATENT) * sizeof *z);
    moved[i] = (real)((double)z[i] + step);
    decode(decoder, moved, up);
    moved[i] = (real)((double)z[i] - step);
    decode(decoder, moved, down);
    for (size_t k = 0; k < ENTRIES; k++) {
      const double slope = ((double)up[k] - (double)down[k]) / (2.0 * step);
      most = fmax(most, fabs(slope - (double)jacobian->columns[i * real_padded(ENTRIES) + k]));
    }
  }
  return most;
}

static void test_loss(enum loss_kind loss) {
  struct decoder *decoder = make_decoder(loss);
  struct jacobian *whole = jacobian_create(decoder, 48), *parts = jacobian_create(decoder, 2);
  real z[64] = {0}, x[64];
  for (uint64_t i = 0; i < LATENT; i++) z[i] = (real)(2.0 * rng_uniform(8, RNG_TEST, i, 0) - 1.0);
  jacobian_find(whole, z);
  jacobian_find(parts, z);
  const double most = furthest(decoder, whole, z);
  CHECK(most < (sizeof(real) == 4 ? 1e-3 : 1e-8), "%s: %g from differences", loss_name(loss), most);
  CHECK(memcmp(whole->columns, parts->columns, LATENT * real_padded(ENTRIES) * sizeof(real)) == 0,
        "%s: in passes of 2 rows", loss_name(loss));
  decode(decoder, z, x);
  for (size_t k = 0; k < ENTRIES; k++) {
    const double p = 1.0 / (1.0 + exp(-(double)x[k])), mean = loss == LOSS_BCE ? p : (double)x[k];
    CHECK(fabs((double)whole->x[k] - mean) < 1e-6, "%s: output %zu", loss_name(loss), k);
    CHECK(fabs(jacobian_curvature(whole, k) - (loss == LOSS_BCE ? p * (1.0 - p) : 1.0)) < 1e-6,
          "%s: curvature %zu", loss_name(loss), k);
  }
  jacobian_destroy(&whole);
  jacobian_destroy(&parts);
  decoder_destroy(&decoder);
}

int main(void) {
  test_loss(LOSS_MSE);
  test_loss(LOSS_BCE);
  return test_summary();
}
