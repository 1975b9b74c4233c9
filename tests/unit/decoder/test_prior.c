// The objective with a prior: its value against the sum written out, and Taylor tests of gradient
// and Hessian products, for both losses, with weights.
#include <math.h>
#include <string.h>

#include "decoder/loss.h"
#include "decoder/objective.h"
#include "decoder/tangent.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/taylor.h"
#include "support/test.h"

enum { LATENT = 3, ENTRIES = 11, D = REAL_PAD };

static const double mean[LATENT] = {0.3, -1.0, 2.0};
static const double covariance[LATENT * LATENT] = {2.0, 9.0, 9.0, 0.5, 1.0, 9.0, -0.2, 0.1, 0.05};

struct problem {
  struct objective *objective;
  struct tangent *tangent;
  struct objective_row row;
  real y[REAL_PAD], w[REAL_PAD], z[D], v[D], u[D];
};

static double draw(uint64_t purpose, size_t i) {
  return 2.0 * rng_uniform(7, RNG_TEST, purpose, i) - 1.0;
}

static double evaluate(struct problem *p, double h, real *gradient) {
  double loss;
  real *z = objective_latents(p->objective);
  for (size_t i = 0; i < D; i++) z[i] = p->z[i] + (real)h * p->v[i];
  memcpy(gradient, objective_evaluate(p->objective, 1, &p->row, &loss), D * sizeof *gradient);
  return loss;
}

static double dot(const real *a, const real *b) {
  double sum = 0.0;
  for (size_t i = 0; i < LATENT; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

static double value_along(double h, void *context) {
  real gradient[D];
  return evaluate(context, h, gradient);
}

static double slope_along(double h, void *context) {
  struct problem *p = context;
  real gradient[D];
  evaluate(p, h, gradient);
  return dot(gradient, p->u);
}

static void check_slopes(struct problem *p, const char *name) {
  real gradient[D];
  evaluate(p, 0.0, gradient);
  const struct taylor first = taylor_test(value_along, p, dot(gradient, p->v), 0.02);
  memcpy(tangent_latents(p->tangent), p->z, sizeof p->z);
  memcpy(tangent_directions(p->tangent), p->v, sizeof p->v);
  const real *product = tangent_sweep(p->tangent, 1, &p->row);
  const struct taylor second = taylor_test(slope_along, p, dot(product, p->u), 0.02);
  CHECK(fabs(first.slope - 2.0) < 0.05, "%s: slope %g of the gradient", name, first.slope);
  CHECK(fabs(second.slope - 2.0) < 0.05, "%s: slope %g of H v", name, second.slope);
}

static void check(enum loss_kind kind) {
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 7, .activation = ACTIVATION_TANH},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY}};
  struct decoder *decoder = decoder_create(LATENT, 2, specs, kind);
  decoder_initialise(decoder, 5);
  struct prior *prior = prior_create(LATENT, mean, covariance, 0.5);
  CHECK(prior != NULL, "the covariance is positive definite");
  struct problem p = {.objective = objective_create(decoder, 1, false),
                      .tangent = tangent_create(decoder, 1, false),
                      .row = {.y = p.y, .w = p.w}};
  for (size_t i = 0; i < LATENT; i++) {
    p.z[i] = (real)draw(1, i);
    p.v[i] = (real)draw(2, i);
    p.u[i] = (real)draw(3, i);
  }
  for (size_t i = 0; i < ENTRIES; i++) {
    p.y[i] = (real)(0.5 + 0.5 * draw(4, i));
    p.w[i] = (real)(i % 4);
    p.row.weight_sum += (double)p.w[i];
  }
  real gradient[D];
  const double loss = evaluate(&p, 0.0, gradient);
  p.row.prior = prior;
  const double objective = evaluate(&p, 0.0, gradient);
  // (z - mean)^T covariance^-1 (z - mean) by Gaussian elimination, x solving covariance x = z -
  // mean
  double a[LATENT][LATENT + 1], q = 0.0;
  for (size_t i = 0; i < LATENT; i++) {
    for (size_t j = 0; j < LATENT; j++)
      a[i][j] = covariance[j <= i ? i * LATENT + j : j * LATENT + i];
    a[i][LATENT] = (double)p.z[i] - mean[i];
  }
  for (size_t k = 0; k < LATENT; k++)
    for (size_t i = 0; i < LATENT; i++) {
      const double factor = a[i][k] / a[k][k];
      for (size_t j = k; j <= LATENT && i != k; j++) a[i][j] -= factor * a[k][j];
    }
  for (size_t i = 0; i < LATENT; i++) q += ((double)p.z[i] - mean[i]) * a[i][LATENT] / a[i][i];
  const double expected = loss + 0.5 / p.row.weight_sum * q;
  CHECK(fabs(objective - expected) < 1e-12 * expected, "%s: %.17g, not %.17g", loss_name(kind),
        objective, expected);
  if (sizeof(real) == sizeof(double)) check_slopes(&p, loss_name(kind));
  prior_destroy(&prior);
  objective_destroy(&p.objective);
  tangent_destroy(&p.tangent);
  decoder_destroy(&decoder);
}

int main(void) {
  check(LOSS_MSE);
  check(LOSS_BCE);
  const double singular[] = {1, 0, 0, 1, 1, 0, 0, 0, 1};
  CHECK(prior_create(LATENT, mean, singular, 1.0) == NULL, "a singular covariance has no prior");
  return test_summary();
}
