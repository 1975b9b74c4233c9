// The root of the loss and its gradient, against numbers worked out by hand: x = (z_1, 2 z_2), the
// mean squared error, and three samples, one of them with weights and one without an error.
#include <math.h>

#include "decoder/activation.h"
#include "engine/root_loss.h"
#include "ground/memory.h"
#include "support/test.h"

enum { LATENT = 2, ENTRIES = 2, ROWS = 3 };

static const real z[ROWS][LATENT] = {{1, 3.5}, {1, 0.5}, {2, 1}};
static const real y[ROWS][REAL_PAD] = {{0, 0}, {1, 1}, {0, 0}}, w[REAL_PAD] = {2, 6};
static const struct objective_row rows[ROWS] = {
    {y[0], NULL, ENTRIES, NULL}, {y[1], NULL, ENTRIES, NULL}, {y[2], w, 8, NULL}};

// Errors (1, 7), (0, 0) and (2, 2): losses (1 + 49) / 2, 0 and (2 * 4 + 6 * 4) / 8.
static const double loss[ROWS] = {25, 0, 4}, root[ROWS] = {5, 0, 2};
static const double loss_gradient[ROWS][LATENT] = {{1, 14}, {0, 0}, {1, 6}};
static const double root_gradient[ROWS][LATENT] = {{0.1, 1.4}, {0, 0}, {0.25, 1.5}};

static struct decoder *make_decoder(void) {
  const struct layer_spec layer = {
      .kind = LAYER_DENSE, .width = ENTRIES, .activation = ACTIVATION_IDENTITY};
  struct decoder *decoder = decoder_create(LATENT, 1, &layer, LOSS_MSE);
  real *weight = decoder->theta + decoder->network->layers[0].weight;
  weight[0] = 1;
  weight[3] = 2;
  decoder_pack(decoder);
  return decoder;
}

static void check(const char *what, const double *found, const real *gradient,
                  const double *expected, const double expected_gradient[ROWS][LATENT]) {
  for (int i = 0; i < ROWS; i++) {
    CHECK(fabs(found[i] - expected[i]) < 1e-6, "%s of row %d: %g", what, i, found[i]);
    for (int k = 0; k < LATENT; k++) {
      const double value = (double)gradient[(size_t)i * real_padded(LATENT) + (size_t)k];
      CHECK(fabs(value - expected_gradient[i][k]) < 1e-6, "%s, gradient of row %d: %g", what, i,
            value);
    }
  }
}

static void test_values(void) {
  struct decoder *decoder = make_decoder();
  struct objective *objective = objective_create(decoder, ROWS, false);
  real *work = memory_new(real, ROWS * real_padded(LATENT));
  for (size_t i = 0; i < ROWS; i++)
    for (size_t k = 0; k < LATENT; k++)
      objective_latents(objective)[i * real_padded(LATENT) + k] = z[i][k];
  double found[ROWS];
  const real *gradient = root_loss_evaluate(objective, LATENT, ROWS, rows, found, work);
  CHECK(gradient == work, "the gradients are in the work space");
  check("root", found, gradient, root, root_gradient);
  gradient = root_loss_evaluate(objective, LATENT, ROWS, rows, found, NULL);
  check("loss", found, gradient, loss, loss_gradient);
  memory_free(&work);
  objective_destroy(&objective);
  decoder_destroy(&decoder);
}

// A minimum of the loss is one of its root.
static void test_followed(void) {
  struct solver_options options = {.solver = SOLVER_AMD, .root_loss = true};
  CHECK(root_loss_is_followed(&options), "amd descends the root");
  options.solver = SOLVER_RK4;
  CHECK(root_loss_is_followed(&options), "so does rk4");
  options.solver = SOLVER_LBFGS;
  CHECK(!root_loss_is_followed(&options), "to lbfgs it makes no difference");
  options = (struct solver_options){.solver = SOLVER_AMD};
  CHECK(!root_loss_is_followed(&options), "it is to be asked for");
}

int main(void) {
  test_values();
  test_followed();
  return test_summary();
}
