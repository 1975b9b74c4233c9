// Gradients with respect to latents and parameters, by Taylor slope, for every activation and loss
// and through layers in space.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "decoder/objective.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/taylor.h"
#include "support/test.h"

enum { SAMPLES = 5, LATENT = 3, HIDDEN = 7, ENTRIES = 11 };

struct problem {
  struct decoder *decoder;
  struct objective *objective;
  struct objective_row rows[SAMPLES];
  real y[SAMPLES][REAL_PAD], w[SAMPLES][REAL_PAD];
  real *z, *theta;                      // where the test stands
  real *z_direction, *theta_direction;  // where it goes
};

static double draw(uint64_t purpose, size_t i) { return rng_uniform(21, RNG_TEST, purpose, i); }

static struct problem *problem_create(size_t count, const struct layer_spec *specs, int loss,
                                      int weighted) {
  struct problem *p = memory_new(struct problem, 1);
  p->decoder = decoder_create(LATENT, count, specs, loss);
  decoder_initialise(p->decoder, 5);
  p->objective = objective_create(p->decoder, SAMPLES, true);
  const size_t z_size = SAMPLES * real_padded(LATENT);
  p->z = memory_new(real, z_size);
  p->z_direction = memory_new(real, z_size);
  p->theta = memory_new(real, p->decoder->count);
  p->theta_direction = memory_new(real, p->decoder->count);
  memcpy(p->theta, p->decoder->theta, p->decoder->count * sizeof(real));
  for (size_t i = 0; i < p->decoder->count; i++)  // the gaps stay zero
    p->theta_direction[i] = p->theta[i] == 0 ? 0 : (real)(draw(1, i) - 0.5);
  for (size_t s = 0; s < SAMPLES; s++) {
    for (size_t i = 0; i < LATENT; i++) {
      p->z[s * real_padded(LATENT) + i] = (real)(2 * draw(2, s * LATENT + i) - 1);
      p->z_direction[s * real_padded(LATENT) + i] = (real)(draw(3, s * LATENT + i) - 0.5);
    }
    double sum = 0.0;
    for (size_t i = 0; i < ENTRIES; i++) {
      p->y[s][i] = (real)draw(4, s * ENTRIES + i);
      p->w[s][i] = weighted ? (real)((i + s) % 3) : 1;
      sum += (double)p->w[s][i];
    }
    p->rows[s] = (struct objective_row){p->y[s], weighted ? p->w[s] : NULL, sum, NULL};
  }
  return p;
}

static struct problem *dense_problem(int activation, int loss, int weighted) {
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = HIDDEN, .activation = activation},
      {.kind = LAYER_DENSE, .width = HIDDEN + 1, .activation = activation},
      {.kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY}};
  return problem_create(3, specs, loss, weighted);
}

// Every layer in space: 4 x 3, 3 x 7, a residual with a skip, 3 x 14, 1 x 11.
static struct problem *space_problem(int loss, int weighted) {
  const struct layer_sizes one = {1, {1}}, two = {1, {2}}, none = {1, {0}};
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 12, .activation = ACTIVATION_ELU},
      {.kind = LAYER_RESHAPE, .sizes = {2, {4, 3}}},
      {.kind = LAYER_CONV_TRANSPOSE,
       .width = 3,
       .activation = ACTIVATION_TANH,
       .kernel = {1, {3}},
       .stride = two,
       .padding = none,
       .output_padding = none},
      {.kind = LAYER_CONV,
       .width = 3,
       .activation = ACTIVATION_GELU,
       .kernel = {1, {3}},
       .stride = one,
       .padding = one,
       .padding_mode = PADDING_PERIODIC},
      {.kind = LAYER_RESIDUAL, .activation = ACTIVATION_SILU, .branch = {1, 0}},
      {.kind = LAYER_UPSAMPLE, .sizes = two},
      {.kind = LAYER_CONV, .width = 1, .kernel = {1, {4}}, .stride = one, .padding = none}};
  return problem_create(sizeof specs / sizeof *specs, specs, loss, weighted);
}

static void problem_destroy(struct problem *p) {
  objective_destroy(&p->objective);
  decoder_destroy(&p->decoder);
  memory_free(&p->z);
  memory_free(&p->z_direction);
  memory_free(&p->theta);
  memory_free(&p->theta_direction);
  memory_free(&p);
}

// The summed loss at z + hz dz, theta + ht dtheta; the gradient if asked for.
static double evaluate(struct problem *p, double hz, double ht, const real **gradient) {
  double loss[SAMPLES], sum = 0.0;
  real *z = objective_latents(p->objective);
  for (size_t i = 0; i < SAMPLES * real_padded(LATENT); i++)
    z[i] = p->z[i] + (real)hz * p->z_direction[i];
  for (size_t i = 0; i < p->decoder->count; i++)
    p->decoder->theta[i] = p->theta[i] + (real)ht * p->theta_direction[i];
  decoder_pack(p->decoder);
  const real *g = objective_evaluate(p->objective, SAMPLES, p->rows, loss);
  for (size_t s = 0; s < SAMPLES; s++) sum += loss[s];
  if (gradient != NULL) *gradient = g;
  return sum;
}

static double along_z(double h, void *p) { return evaluate(p, h, 0.0, NULL); }
static double along_theta(double h, void *p) { return evaluate(p, 0.0, h, NULL); }

// Destroys the problem.
static void check(struct problem *p, const char *name) {
  const real *g;
  double dz = 0.0, dtheta = 0.0;
  evaluate(p, 0.0, 0.0, &g);
  for (size_t i = 0; i < SAMPLES * real_padded(LATENT); i++)
    dz += (double)g[i] * (double)p->z_direction[i];
  real *gradient = memory_new(real, p->decoder->count);
  objective_parameter_gradient(p->objective, 0, SAMPLES, gradient);
  for (size_t i = 0; i < p->decoder->count; i++) {
    dtheta += (double)gradient[i] * (double)p->theta_direction[i];
    CHECK(p->theta[i] != 0 || gradient[i] == 0 || p->theta_direction[i] != 0,
          "gradient %g in a gap of theta", (double)gradient[i]);
  }
  memory_free(&gradient);
  const char *losses = loss_name(p->decoder->loss);
#ifdef GFE_DOUBLE
  const double first = 1e-2;  // small steps keep clear of the kinks of relu and its like
  const double slope_z = taylor_test(along_z, p, dz, first).slope;
  const double slope_theta = taylor_test(along_theta, p, dtheta, first).slope;
  CHECK(fabs(slope_z - 2.0) < 0.05, "%s %s: Taylor slope in z is %.3f", name, losses, slope_z);
  CHECK(fabs(slope_theta - 2.0) < 0.05, "%s %s: Taylor slope in theta is %.3f", name, losses,
        slope_theta);
#else
  const double h = 1e-2;
  const double by_z = (along_z(h, p) - along_z(-h, p)) / (2 * h);
  const double by_theta = (along_theta(h, p) - along_theta(-h, p)) / (2 * h);
  CHECK(fabs(by_z - dz) < 3e-3, "%s %s: %g, differences %g", name, losses, dz, by_z);
  CHECK(fabs(by_theta - dtheta) < 3e-3, "%s %s: %g, differences %g", name, losses, dtheta,
        by_theta);
#endif
  problem_destroy(p);
}

// The gradient of a tile is the same wherever the tile stands among the rows.
static void tiles_add_up(void) {
  struct problem *p = dense_problem(ACTIVATION_ELU, LOSS_BCE, 0);
  const real *g;
  evaluate(p, 0.0, 0.0, &g);
  real *whole = memory_new(real, p->decoder->count), *part = memory_new(real, p->decoder->count);
  real *sum = memory_new(real, p->decoder->count);
  objective_parameter_gradient(p->objective, 0, SAMPLES, whole);
  for (size_t first = 0; first < SAMPLES; first += 2) {
    objective_parameter_gradient(p->objective, first, first + 2 < SAMPLES ? 2 : SAMPLES - first,
                                 part);
    for (size_t i = 0; i < p->decoder->count; i++) sum[i] += part[i];
  }
  double worst = 0.0;
  for (size_t i = 0; i < p->decoder->count; i++)
    worst = fmax(worst, fabs((double)(sum[i] - whole[i])));
  CHECK(worst < 1e-6, "tiles differ from the whole by %g", worst);
  memory_free(&whole);
  memory_free(&part);
  memory_free(&sum);
  problem_destroy(p);
}

static void decoding(void) {
  struct problem *p = dense_problem(ACTIVATION_TANH, LOSS_BCE, 0);
  memcpy(objective_latents(p->objective), p->z, SAMPLES * real_padded(LATENT) * sizeof(real));
  const real *x = objective_decode(p->objective, SAMPLES);
  int inside = 1;
  for (size_t i = 0; i < ENTRIES; i++) inside &= x[i] > 0 && x[i] < 1;
  CHECK(inside, "decoded probabilities lie in (0, 1)");
  problem_destroy(p);
}

int main(void) {
  for (int loss = 0; loss_name(loss) != NULL; loss++)
    for (int weighted = 0; weighted < 2; weighted++) {
      for (int activation = 0; activation_name(activation) != NULL; activation++)
        check(dense_problem(activation, loss, weighted), activation_name(activation));
      check(space_problem(loss, weighted), "layers in space");
    }
  tiles_add_up();
  decoding();
  return test_summary();
}
