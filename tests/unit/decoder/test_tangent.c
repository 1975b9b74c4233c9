// H v and d/dtheta [v . g] against differences of gradients, for every activation and loss, and the
// sum over two slots.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "decoder/tangent.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "platform/blas.h"
#include "support/test.h"

enum { SLOTS = 2, SIZE = 12, SAMPLES = 5, LATENT = 3, HIDDEN = 7, ENTRIES = 11, D = REAL_PAD };

struct problem {
  struct decoder *decoder;
  struct objective *objective;
  struct tangent *tangent;
  struct objective_row rows[SLOTS * SIZE];  // SAMPLES in each slot
  real y[SLOTS * SIZE][REAL_PAD], w[SLOTS * SIZE][REAL_PAD];
  real z[SLOTS * SIZE][D], v[SLOTS * SIZE][D];
};

static double draw(uint64_t purpose, size_t i) { return rng_uniform(31, RNG_TEST, purpose, i); }

static struct problem *problem_create(int activation, int loss, bool weighted) {
  struct problem *p = memory_new(struct problem, 1);
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = HIDDEN, .activation = activation},
      {.kind = LAYER_DENSE, .width = HIDDEN + 1, .activation = activation},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY}};
  p->decoder = decoder_create(LATENT, 3, specs, loss);
  decoder_initialise(p->decoder, 5);
  p->objective = objective_create(p->decoder, SLOTS * SIZE);
  p->tangent = tangent_create(p->decoder, SLOTS, SIZE);
  for (size_t s = 0; s < SLOTS * SIZE; s++) {
    if (s % SIZE >= SAMPLES) continue;
    double sum = 0.0;
    for (size_t i = 0; i < LATENT; i++) {
      p->z[s][i] = (real)(2 * draw(2, s * LATENT + i) - 1);
      p->v[s][i] = (real)(2 * draw(3, s * LATENT + i) - 1);
    }
    for (size_t i = 0; i < ENTRIES; i++) {
      p->y[s][i] = (real)draw(4, s * ENTRIES + i);
      p->w[s][i] = weighted ? (real)((i + s) % 3) : 1;
      sum += (double)p->w[s][i];
    }
    p->rows[s] = (struct objective_row){p->y[s], weighted ? p->w[s] : NULL, sum};
  }
  return p;
}

static void problem_destroy(struct problem *p) {
  objective_destroy(&p->objective);
  tangent_destroy(&p->tangent);
  decoder_destroy(&p->decoder);
  memory_free(&p);
}

// Gradients at z + h v: with respect to the latents, and to theta summed over all samples.
static void gradients(struct problem *p, double h, real *by_z, real *by_theta) {
  double loss[SLOTS * SIZE];
  real *z = objective_latents(p->objective);
  for (size_t s = 0; s < SLOTS * SIZE; s++)
    for (size_t i = 0; i < D; i++) z[s * D + i] = p->z[s][i] + (real)h * p->v[s][i];
  memcpy(by_z, objective_evaluate(p->objective, SLOTS * SIZE, p->rows, loss),
         SLOTS * SIZE * D * sizeof(real));
  objective_parameter_gradient(p->objective, 0, SLOTS * SIZE, by_theta);
}

static double worst_difference(const real *value, const real *plus, const real *minus, double h,
                               size_t count) {
  double worst = 0.0;
  for (size_t i = 0; i < count; i++) {
    const double difference = ((double)plus[i] - (double)minus[i]) / (2 * h);
    worst = fmax(worst, fabs((double)value[i] - difference));
  }
  return worst;
}

static void check(int activation, int loss, bool weighted) {
  struct problem *p = problem_create(activation, loss, weighted);
  for (size_t slot = 0; slot < SLOTS; slot++) {
    memcpy(tangent_latents(p->tangent, slot), p->z[slot * SIZE], SIZE * sizeof p->z[0]);
    memcpy(tangent_directions(p->tangent, slot), p->v[slot * SIZE], SIZE * sizeof p->v[0]);
  }
  tangent_sweep(p->tangent, SLOTS, 0, p->rows);
  const size_t count = p->decoder->count;
  real product[SLOTS * SIZE * D], *mixed = memory_new(real, count);
  for (size_t slot = 0; slot < SLOTS; slot++) {
    memcpy(product + slot * SIZE * D, tangent_product(p->tangent, slot), SIZE * D * sizeof(real));
    tangent_parameter_gradient(p->tangent, slot, mixed);
  }
  real z_plus[SLOTS * SIZE * D], z_minus[SLOTS * SIZE * D];
  real *plus = memory_new(real, count), *minus = memory_new(real, count);
  const bool exact = sizeof(real) == sizeof(double);
  const double h = exact ? 1e-5 : 1e-2, precision = exact ? 1e-9 : 2e-2;
  gradients(p, h, z_plus, plus);
  gradients(p, -h, z_minus, minus);
  const double by_z = worst_difference(product, z_plus, z_minus, h, SLOTS * SIZE * D);
  const double by_theta = worst_difference(mixed, plus, minus, h, count);
  CHECK(by_z < precision, "%s %s: H v is off by %g", activation_name(activation), loss_name(loss),
        by_z);
  CHECK(by_theta < precision, "%s %s: d/dtheta [v.g] is off by %g", activation_name(activation),
        loss_name(loss), by_theta);
  memory_free(&mixed);
  memory_free(&plus);
  memory_free(&minus);
  problem_destroy(p);
}

int main(void) {
  blas_start();
  for (int activation = 0; activation_name(activation) != NULL; activation++) {
    // Steps that float32 can resolve cross the kinks of these two; float64 tests them.
    const bool kinked = activation == ACTIVATION_RELU || activation == ACTIVATION_LEAKY_RELU;
    if (kinked && sizeof(real) == sizeof(float)) continue;
    for (int loss = 0; loss_name(loss) != NULL; loss++)
      for (int weighted = 0; weighted < 2; weighted++) check(activation, loss, weighted);
  }
  return test_summary();
}
