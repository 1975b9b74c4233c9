// H v and d/dtheta [v . g] against differences of gradients, for every activation and loss, and the
// sum over two parts of the rows.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "decoder/tangent.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/test.h"

enum { SAMPLES = 7, FIRST = 3, LATENT = 3, HIDDEN = 7, ENTRIES = 11, D = REAL_PAD };

struct problem {
  struct decoder *decoder;
  struct objective *objective;
  struct tangent *tangent;
  struct objective_row rows[SAMPLES];
  real y[SAMPLES][REAL_PAD], w[SAMPLES][REAL_PAD];
  real z[SAMPLES][D], v[SAMPLES][D];
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
  p->objective = objective_create(p->decoder, SAMPLES, true);
  p->tangent = tangent_create(p->decoder, SAMPLES, true);
  for (size_t s = 0; s < SAMPLES; s++) {
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
    p->rows[s] = (struct objective_row){p->y[s], weighted ? p->w[s] : NULL, sum, NULL};
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
  double loss[SAMPLES];
  real *z = objective_latents(p->objective);
  for (size_t s = 0; s < SAMPLES; s++)
    for (size_t i = 0; i < D; i++) z[s * D + i] = p->z[s][i] + (real)h * p->v[s][i];
  memcpy(by_z, objective_evaluate(p->objective, SAMPLES, p->rows, loss),
         SAMPLES * D * sizeof(real));
  objective_parameter_gradient(p->objective, 0, SAMPLES, by_theta);
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
  memcpy(tangent_latents(p->tangent), p->z, sizeof p->z);
  memcpy(tangent_directions(p->tangent), p->v, sizeof p->v);
  const real *product = tangent_sweep(p->tangent, SAMPLES, p->rows);
  const size_t count = p->decoder->count;
  real *mixed = memory_new(real, count);
  tangent_parameter_gradient(p->tangent, 0, FIRST, mixed);
  tangent_parameter_gradient(p->tangent, FIRST, SAMPLES - FIRST, mixed);
  real z_plus[SAMPLES * D], z_minus[SAMPLES * D];
  real *plus = memory_new(real, count), *minus = memory_new(real, count);
  const bool exact = sizeof(real) == sizeof(double);
  const double h = exact ? 1e-5 : 1e-2, precision = exact ? 1e-9 : 2e-2;
  gradients(p, h, z_plus, plus);
  gradients(p, -h, z_minus, minus);
  const double by_z = worst_difference(product, z_plus, z_minus, h, SAMPLES * D);
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
  for (int activation = 0; activation_name(activation) != NULL; activation++) {
    // Steps that float32 can resolve cross the kinks of these two; float64 tests them.
    const bool kinked = activation == ACTIVATION_RELU || activation == ACTIVATION_LEAKY_RELU;
    if (kinked && sizeof(real) == sizeof(float)) continue;
    for (int loss = 0; loss_name(loss) != NULL; loss++)
      for (int weighted = 0; weighted < 2; weighted++) check(activation, loss, weighted);
  }
  return test_summary();
}
