// Both ways to compute convolutions give the same numbers, for fields and kernels of any size, and
// treat the samples of a block alike.
#include <math.h>
#include <string.h>

#include "decoder/convolution.h"
#include "decoder/layer.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "platform/blas.h"
#include "support/test.h"

enum { ROWS = 2 * LAYER_ROWS, RANDOM = 60 };
static const double tolerance = sizeof(real) == sizeof(float) ? 1e-5 : 1e-14;

static size_t draw(uint64_t trial, uint64_t what, size_t begin, size_t end) {
  return begin + (size_t)((double)(end - begin) * rng_uniform(trial, RNG_TEST, what, 0));
}

static struct patches draw_patches(uint64_t trial) {
  struct patches p = {.channels = draw(trial, 1, 1, 12)};
  for (size_t axis = 0; axis < PATCHES_AXES; axis++) {
    const bool there = axis >= draw(trial, 2, 0, PATCHES_AXES);
    p.kernel[axis] = there ? draw(trial, 10 + axis, 1, 5) : 1;
    p.padding[axis] = draw(trial, 20 + axis, 0, p.kernel[axis]);
    p.image[axis] = there ? draw(trial, 30 + axis, p.kernel[axis], 10) : 1;
    p.stride[axis] = 1;
    p.grid[axis] = p.image[axis] + 2 * p.padding[axis] - p.kernel[axis] + 1;
  }
  return p;
}

static real *noise(size_t count, uint64_t key) {
  real *values = memory_new(real, count);
  for (size_t i = 0; i < count; i++) values[i] = (real)(rng_uniform(key, RNG_TEST, i, 1) - 0.5);
  return values;
}

// The largest difference of two arrays, as a share of the largest number.
static double difference(size_t count, const real *a, const real *b) {
  double most = 0.0, scale = 0.0;
  for (size_t i = 0; i < count; i++) {
    most = fmax(most, fabs((double)a[i] - (double)b[i]));
    scale = fmax(scale, fabs((double)b[i]));
  }
  return most / scale;
}

struct result {
  real *grid, *image, *gradient;
};

// Adds the three maps, or puts them over what is there.
static void compute(const struct convolution_ops *ops, const struct convolution *c, bool add,
                    const real *const noises[3], struct result *r) {
  real *work = memory_new(real, ops->work(c));
  ops->to_grid(c, noises[0], ROWS, noises[1], add, r->grid, work);
  ops->to_image(c, noises[0], ROWS, noises[2], add, r->image, work);
  ops->to_weight(c, ROWS, noises[2], noises[1], add, r->gradient, work);
  memory_free(&work);
}

static void ways_agree(uint64_t trial) {
  const struct patches p = draw_patches(trial);
  const struct convolution c = {&p, draw(trial, 3, 1, 20)};
  const size_t grid = ROWS * convolution_grid(&c), image = ROWS * convolution_image(&c);
  const size_t weight = c.outputs * p.channels * patches_kernel(&p);
  real *noises[] = {noise(weight, trial + 1), noise(image, trial + 2), noise(grid, trial + 3)};
  const real *const given[] = {noises[0], noises[1], noises[2]};
  struct result r[2];
  for (size_t k = 0; k < 2; k++)
    r[k] = (struct result){noise(grid, 1), noise(image, 2), noise(weight, 3)};
  for (int add = 0; add < 2; add++) {
    compute(&convolution_direct, &c, add == 1, given, &r[0]);
    compute(&convolution_product, &c, add == 1, given, &r[1]);
    const double off[] = {difference(grid, r[0].grid, r[1].grid),
                          difference(image, r[0].image, r[1].image),
                          difference(weight, r[0].gradient, r[1].gradient)};
    for (size_t k = 0; k < 3; k++)
      CHECK(off[k] < tolerance, "trial %d, map %zu: they differ by %.3g", (int)trial, k, off[k]);
  }
  for (size_t k = 0; k < 2; k++) {
    memory_free(&r[k].grid);
    memory_free(&r[k].image);
    memory_free(&r[k].gradient);
  }
  for (size_t k = 0; k < 3; k++) memory_free(&noises[k]);
}

// A block of equal samples, directly: their bits are equal as well.
static void samples_alike(uint64_t trial) {
  const struct patches p = draw_patches(trial);
  const struct convolution c = {&p, draw(trial, 3, 1, 20)};
  const size_t grid = c.outputs * patches_grid(&p), image = p.channels * patches_image(&p);
  real *weight = noise(c.outputs * p.channels * patches_kernel(&p), trial);
  real *from = noise(LAYER_ROWS * convolution_image(&c), trial);
  real *to = memory_new(real, LAYER_ROWS * convolution_grid(&c));
  real *work = memory_new(real, convolution_direct.work(&c));
  for (size_t i = 0; i < image * LAYER_ROWS; i++) from[i] = from[i / LAYER_ROWS * LAYER_ROWS];
  convolution_direct.to_grid(&c, weight, LAYER_ROWS, from, false, to, work);
  convolution_direct.to_image(&c, weight, LAYER_ROWS, to, false, from, work);
  size_t differ = 0;
  for (size_t i = 0; i < grid * LAYER_ROWS; i++)
    if (memcmp(&to[i], &to[i / LAYER_ROWS * LAYER_ROWS], sizeof *to) != 0) differ++;
  for (size_t i = 0; i < image * LAYER_ROWS; i++)
    if (memcmp(&from[i], &from[i / LAYER_ROWS * LAYER_ROWS], sizeof *from) != 0) differ++;
  CHECK(differ == 0, "trial %d: %zu numbers", (int)trial, differ);
  memory_free(&weight);
  memory_free(&from);
  memory_free(&to);
  memory_free(&work);
}

int main(void) {
  blas_start();
  for (uint64_t trial = 0; trial < RANDOM; trial++) {
    ways_agree(trial);
    samples_alike(trial);
  }
  return test_summary();
}
