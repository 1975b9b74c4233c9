// Networks that share one block of parameters: neither touches the other's part.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/network.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/test.h"

enum { INPUTS = 9, MIDDLE = 6, OUTPUTS = 4, ROWS = 12, COUNT = 7 };

static const struct layer_spec specs[] = {
    {.kind = LAYER_DENSE, .width = MIDDLE, .activation = ACTIVATION_TANH},
    {.kind = LAYER_DENSE, .width = OUTPUTS, .activation = ACTIVATION_SILU}};

// Rows of noise through the network, and back from the gradient of the sum of COUNT rows' outputs,
// each times its number.
static const real *pass_through(struct network_pass *pass, struct network_values values,
                                bool to_input, double *sum) {
  real *input = network_pass_input(pass);
  for (size_t row = 0; row < ROWS; row++)
    for (size_t i = 0; i < INPUTS; i++)
      input[row * real_padded(INPUTS) + i] = (real)rng_uniform(7, RNG_TEST, row, i);
  real *x = network_pass_forward(pass, values, ROWS);
  *sum = 0.0;
  for (size_t row = 0; row < ROWS; row++)
    for (size_t i = 0; i < real_padded(OUTPUTS); i++) {
      real *entry = &x[row * real_padded(OUTPUTS) + i];
      const double factor = row < COUNT && i < OUTPUTS ? (double)(i + 1) : 0.0;
      *sum += factor * (double)*entry;
      *entry = (real)factor;
    }
  return network_pass_backward(pass, values, ROWS, to_input);
}

static void shared_block(void) {
  struct network *first = network_create(INPUTS, 2, specs, 0, 0);
  struct network *second = network_create(INPUTS, 2, specs, first->end, first->packed_end);
  const size_t count = second->end;
  CHECK(second->begin == first->end && count == 2 * first->end, "places %zu, %zu", second->begin,
        count);
  real *theta = memory_new(real, count), *gradient = memory_new(real, count);
  network_initialise(first, 3, 0, theta);
  network_initialise(second, 3, 2, theta);
  CHECK(memcmp(theta, theta + first->end, first->end * sizeof *theta) != 0,
        "layers of one block have numbers of their own");
  memcpy(theta + first->end, theta, first->end * sizeof *theta);

  real *packed = memory_new(real, second->packed_end);
  network_pack(first, theta, packed, NULL);
  network_pack(second, theta, packed, NULL);
  const struct network_values values = {theta, packed};
  struct network_pass *one = network_pass_create(first, ROWS, true);
  struct network_pass *other = network_pass_create(second, ROWS, true);
  double sum[2];
  const real *by_input = pass_through(one, values, true, &sum[0]);
  CHECK(pass_through(other, values, false, &sum[1]) == NULL, "no gradient of the input was wanted");
  CHECK(sum[0] == sum[1], "the same parameters elsewhere: %.17g, %.17g", sum[0], sum[1]);
  for (size_t i = 0; i < count; i++) gradient[i] = (real)NAN;
  network_pass_gradient(one, 0, COUNT, gradient);
  size_t touched = 0;
  for (size_t i = first->end; i < count; i++) touched += !isnan(gradient[i]) ? 1U : 0U;
  CHECK(touched == 0, "%zu elements of the other network were touched", touched);
  network_pass_gradient(other, 0, COUNT, gradient);
  CHECK(memcmp(gradient, gradient + first->end, first->end * sizeof *gradient) == 0,
        "gradients of equal parameters differ");
  double norm = 0.0;
  for (size_t i = 0; i < ROWS * real_padded(INPUTS); i++) norm += fabs((double)by_input[i]);
  CHECK(isfinite(norm) && norm > 0.0, "the gradient of the input is %g", norm);

  network_pass_destroy(&one);
  network_pass_destroy(&other);
  network_destroy(&first);
  network_destroy(&second);
  CHECK(first == NULL && one == NULL, "the pointers are not cleared");
  memory_free(&theta);
  memory_free(&packed);
  memory_free(&gradient);
}

int main(void) {
  shared_block();
  return test_summary();
}
