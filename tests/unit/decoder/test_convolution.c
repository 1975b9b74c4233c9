// Convolutions against the order that convolution.h promises, bit for bit, on every instruction set
// here: chains of fma() written out term by term, for every output and every weight.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/convolution.h"
#include "decoder/upsampling.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "numerics/isa.h"
#include "support/test.h"

static real fma_of(real a, real b, real c) {
#ifdef GFE_DOUBLE
  return fma(a, b, c);
#else
  return fmaf(a, b, c);
#endif
}

static size_t product(const size_t size[3]) { return size[0] * size[1] * size[2]; }

// A chain that continues in a new one after PRODUCT_CHAIN terms.
struct chain {
  real total, sum;
  size_t terms;
  bool add;
};

static struct chain chain_begin(real begin, bool add) {
  return (struct chain){begin, add ? 0 : begin, 0, add};
}

static void chain_close(struct chain *chain) {
  chain->total = chain->add ? chain->total + chain->sum : chain->sum;
  chain->sum = 0;
  chain->add = true;
}

static void chain_term(struct chain *chain, real a, real b) {
  if (chain->terms > 0 && chain->terms % PRODUCT_CHAIN == 0) chain_close(chain);
  chain->sum = fma_of(a, b, chain->sum);
  chain->terms++;
}

// ---- the map ----

// A tap of an output, and the source that it meets; in the order of the sources.
struct meeting {
  size_t tap;
  bool there;
  size_t source;
};

// Along an axis; to_image: output = source stride - padding + tap.
static size_t meet(const struct convolution *c, size_t axis, bool to_image, size_t output,
                   struct meeting *list) {
  const ptrdiff_t stride = (ptrdiff_t)c->stride[axis], padding = (ptrdiff_t)c->padding[axis];
  const ptrdiff_t kernel = (ptrdiff_t)c->kernel[axis], o = (ptrdiff_t)output;
  const ptrdiff_t length = (ptrdiff_t)(to_image ? c->grid[axis] : c->image[axis]);
  size_t count = 0;
  for (ptrdiff_t i = 0; i < kernel; i++) {
    const ptrdiff_t tap = to_image ? kernel - 1 - i : i;
    ptrdiff_t source = o * stride - padding + tap;
    if (to_image) {
      if ((o + padding - tap) % stride != 0) continue;
      source = (o + padding - tap) / stride;
    }
    list[count++] = (struct meeting){(size_t)tap, source >= 0 && source < length, (size_t)source};
  }
  return count;
}

// Whether outputs are begun with the bias and chains added: if that halves the products.
static bool is_spread(const struct convolution *c, bool to_image) {
  const size_t *to = to_image ? c->image : c->grid;
  struct meeting list[8];
  size_t taken = 1;
  for (size_t axis = 0; axis < 3; axis++) {
    size_t pairs = 0;
    for (size_t o = 0; o < to[axis]; o++) pairs += meet(c, axis, to_image, o, list);
    taken *= pairs;
  }
  return 2 * product(to_image ? c->grid : c->image) * product(c->kernel) <= taken;
}

static real weight_of(const struct convolution *c, const real *weight, bool to_image, size_t from,
                      size_t to, size_t tap) {
  const size_t grid = to_image ? from : to, image = to_image ? to : from;
  return weight[(grid * c->image_channels + image) * product(c->kernel) + tap];
}

static real output_of(const struct convolution *c, bool to_image, const real *weight,
                      const real *from, const size_t at[3], size_t channel, bool spread, real begin,
                      bool add) {
  const size_t channels = to_image ? c->grid_channels : c->image_channels;
  const size_t *size = to_image ? c->grid : c->image;
  struct meeting list[3][8];
  size_t count[3];
  for (size_t axis = 0; axis < 3; axis++)
    count[axis] = meet(c, axis, to_image, at[axis], list[axis]);
  struct chain chain = chain_begin(begin, add);
  real total = begin;
  for (size_t i = 0; i < count[0]; i++)
    for (size_t j = 0; j < count[1]; j++)
      for (size_t k = 0; k < count[2]; k++) {
        const struct meeting *m[] = {&list[0][i], &list[1][j], &list[2][k]};
        const size_t tap = (m[0]->tap * c->kernel[1] + m[1]->tap) * c->kernel[2] + m[2]->tap;
        const bool there = m[0]->there && m[1]->there && m[2]->there;
        const size_t source = (m[0]->source * size[1] + m[1]->source) * size[2] + m[2]->source;
        if (spread) chain = chain_begin(0, false);
        for (size_t f = 0; f < channels; f++)
          chain_term(&chain, there ? from[source * real_padded(channels) + f] : 0,
                     weight_of(c, weight, to_image, f, channel, tap));
        if (spread && there) {
          chain_close(&chain);
          total += chain.total;
        }
      }
  chain_close(&chain);
  return spread ? total : chain.total;
}

static void fill(real *x, size_t count, uint64_t key) {
  for (size_t i = 0; i < count; i++) x[i] = (real)(rng_uniform(key, RNG_TEST, i, 0) - 0.5);
}

// Random, but for the padding.
static real *new_field(size_t rows, size_t channels, uint64_t key) {
  const size_t width = real_padded(channels);
  real *x = memory_new(real, rows * width);
  fill(x, rows * width, key);
  for (size_t i = 0; i < rows; i++)
    for (size_t c = channels; c < width; c++) x[i * width + c] = 0;
  return x;
}

// How often each row is finished, and what stood in its first element.
struct seen {
  const real *to;
  size_t width;
  real *first;
  size_t *count;
};

static void see(const void *context, size_t row, size_t rows, size_t column, size_t columns) {
  const struct seen *seen = context;
  for (size_t i = row; i < row + rows; i++) {
    seen->first[i] = seen->to[i * seen->width];
    if (column == 0 && columns == seen->width) seen->count[i]++;
  }
}

enum { SAMPLES = 3 };

static void check_map(const char *name, const struct convolution *c, bool to_image,
                      const real *weight, const real *packed, real *work) {
  const size_t from_channels = to_image ? c->grid_channels : c->image_channels;
  const size_t to_channels = to_image ? c->image_channels : c->grid_channels;
  const size_t *size = to_image ? c->image : c->grid, count = product(size);
  const size_t width = real_padded(to_channels), row = count * width;
  const size_t from_row = product(to_image ? c->grid : c->image) * real_padded(from_channels);
  real *from = new_field(SAMPLES * from_row / real_padded(from_channels), from_channels, 2);
  real *bias = new_field(1, to_channels, 3), *before = new_field(SAMPLES * count, to_channels, 4);
  real *to = memory_new(real, SAMPLES * row), *alone = memory_new(real, row);
  real *first = memory_new(real, SAMPLES * count);
  size_t *counts = memory_new(size_t, SAMPLES * count);
  const struct seen seen = {to, width, first, counts};
  const struct product_finish finish = {see, &seen};
  const bool spread = is_spread(c, to_image);
  void (*go)(const struct convolution *, const real *, const struct convolution_rows *, real *) =
      to_image ? convolution_to_image : convolution_to_grid;
  for (int way = 0; way < 3; way++) {  // with a bias, without, added
    struct convolution_rows rows = {SAMPLES,  from, way == 0 ? bias : NULL,
                                    way == 2, to,   way == 1 ? NULL : &finish};
    memcpy(to, before, SAMPLES * row * sizeof *to);
    memset(counts, 0, SAMPLES * count * sizeof *counts);
    go(c, packed, &rows, work);
    size_t other = 0, wrong = 0;
    for (size_t i = 0; i < SAMPLES * count; i++) {
      const size_t sample = i / count, p = i % count;
      const size_t at[] = {p / size[2] / size[1], p / size[2] % size[1], p % size[2]};
      wrong += rows.finish != NULL && (counts[i] != 1 || first[i] != to[i * width]);
      for (size_t o = 0; o < width; o++) {
        const real begin = way == 2 ? before[i * width + o] : way == 0 ? bias[o] : 0;
        const real sum = o >= to_channels ? begin
                                          : output_of(c, to_image, weight, from + sample * from_row,
                                                      at, o, spread, begin, way == 2);
        other += memcmp(&sum, &to[i * width + o], sizeof sum) != 0;
      }
    }
    CHECK(other == 0, "%s, %s, %s, way %d: %zu differ", isa_name((int)isa_chosen()), name,
          to_image ? "to the image" : "to the grid", way, other);
    CHECK(wrong == 0, "%s, way %d: %zu finished otherwise", name, way, wrong);
    rows = (struct convolution_rows){1, from + 2 * from_row, rows.bias, way == 2, alone, NULL};
    memcpy(alone, before + 2 * row, row * sizeof *alone);
    go(c, packed, &rows, work);
    CHECK(memcmp(alone, to + 2 * row, row * sizeof *to) == 0, "%s: a sample alone", name);
  }
  memory_free(&from);
  memory_free(&bias);
  memory_free(&before);
  memory_free(&to);
  memory_free(&alone);
  memory_free(&first);
  memory_free(&counts);
}

// ---- the derivative ----

static size_t divide_up(size_t a, size_t b) { return (a + b - 1) / b; }

static real pair(const struct convolution *c, const real *grid, const real *image, size_t sample,
                 const size_t g[3], size_t o, size_t i, const size_t t[3], real sum) {
  size_t at = 0;
  for (size_t axis = 0; axis < 3; axis++) {
    const size_t seen = g[axis] * c->stride[axis] + t[axis];
    if (seen < c->padding[axis] || seen - c->padding[axis] >= c->image[axis]) return sum;
    at = at * c->image[axis] + seen - c->padding[axis];
  }
  const size_t from = (g[0] * c->grid[1] + g[1]) * c->grid[2] + g[2];
  return fma_of(image[(sample * product(c->image) + at) * real_padded(c->image_channels) + i],
                grid[(sample * product(c->grid) + from) * real_padded(c->grid_channels) + o], sum);
}

static real weight_gradient(const struct convolution *c, size_t samples, const real *grid,
                            const real *image, size_t o, size_t i, const size_t t[3]) {
  size_t parts[3], room = CONVOLUTION_BOX;
  for (size_t axis = 3; axis-- > 0;) {
    const size_t most = c->grid[axis] < room ? c->grid[axis] : room;
    parts[axis] = divide_up(c->grid[axis], most);
    room /= most;
  }
  if (product(parts) > 1) room = 1;
  real total = 0;
  for (size_t s = 0; s < samples; s += room)
    for (size_t box = 0; box < product(parts); box++) {
      const size_t b[] = {box / parts[2] / parts[1], box / parts[2] % parts[1], box % parts[2]};
      size_t lo[3], hi[3], g[3];
      for (size_t axis = 0; axis < 3; axis++) {
        lo[axis] = b[axis] * c->grid[axis] / parts[axis];
        hi[axis] = (b[axis] + 1) * c->grid[axis] / parts[axis];
      }
      real sum = 0;
      for (size_t k = s; k < s + room && k < samples; k++)
        for (g[0] = lo[0]; g[0] < hi[0]; g[0]++)
          for (g[1] = lo[1]; g[1] < hi[1]; g[1]++)
            for (g[2] = lo[2]; g[2] < hi[2]; g[2]++) sum = pair(c, grid, image, k, g, o, i, t, sum);
      total = s + box == 0 ? sum : total + sum;
    }
  return total;
}

static void check_derivative(const char *name, const struct convolution *c, real *work) {
  const size_t kernel = product(c->kernel), count = c->grid_channels * c->image_channels * kernel;
  real *grid = new_field(5 * product(c->grid), c->grid_channels, 5);
  real *image = new_field(5 * product(c->image), c->image_channels, 6);
  real *gradient = memory_new(real, count), *before = memory_new(real, count);
  fill(before, count, 7);
  for (size_t samples = 1; samples <= 5; samples += 2) {
    const bool add = samples == 3;
    memcpy(gradient, before, count * sizeof *gradient);
    convolution_to_weight(c, samples, grid, image, add, gradient, work);
    size_t other = 0;
    for (size_t at = 0; at < count; at++) {
      const size_t tap = at % kernel, o = at / kernel / c->image_channels;
      const size_t t[] = {tap / c->kernel[2] / c->kernel[1], tap / c->kernel[2] % c->kernel[1],
                          tap % c->kernel[2]};
      const real sum =
          weight_gradient(c, samples, grid, image, o, at / kernel % c->image_channels, t);
      const real expected = add ? before[at] + sum : sum;
      other += memcmp(&expected, &gradient[at], sizeof expected) != 0;
    }
    CHECK(other == 0, "%s, %s: %zu weights of %zu samples differ", isa_name((int)isa_chosen()),
          name, other, samples);
  }
  memory_free(&grid);
  memory_free(&image);
  memory_free(&gradient);
  memory_free(&before);
}

static void check_bias(size_t channels, size_t rows) {
  const size_t width = real_padded(channels);
  real *delta = new_field(rows, channels, 8), *gradient = new_field(1, channels, 9);
  real *before = new_field(1, channels, 9);
  for (int add = 0; add < 2; add++) {
    convolution_to_bias(channels, rows, delta, add, gradient);
    size_t other = 0;
    for (size_t c = 0; c < width; c++) {
      real total = add ? before[c] : 0;
      for (size_t row = 0; row < rows; row += PRODUCT_CHAIN) {
        real sum = 0;
        for (size_t i = row; i < rows && i < row + PRODUCT_CHAIN; i++) sum += delta[i * width + c];
        total += sum;
      }
      other += total != gradient[c];
    }
    CHECK(other == 0, "bias of %zu channels, %zu rows", channels, rows);
    memcpy(gradient, before, width * sizeof *gradient);
  }
  memory_free(&delta);
  memory_free(&gradient);
  memory_free(&before);
}

// ---- upsampling ----

static void check_upsampling(const struct upsampling *u) {
  const size_t large[] = {u->size[0] * u->factor[0], u->size[1] * u->factor[1],
                          u->size[2] * u->factor[2]};
  const size_t width = real_padded(u->channels), count = product(large);
  real *small = new_field(2 * product(u->size), u->channels, 10);
  real *sums = new_field(2 * product(u->size), u->channels, 11);
  real *begin = new_field(2 * product(u->size), u->channels, 11);
  real *field = memory_new(real, 2 * count * width), *total = memory_new(real, product(u->size));
  size_t other = 0;
  upsampling_spread(u, 2, small, field);
  for (size_t i = 0; i < 2 * count; i++) {
    const size_t z = i / large[2] / large[1] / u->factor[0];  // of both samples
    const size_t y = i / large[2] % large[1] / u->factor[1], x = i % large[2] / u->factor[2];
    const size_t at = (z * u->size[1] + y) * u->size[2] + x;
    other += memcmp(field + i * width, small + at * width, width * sizeof *field) != 0;
  }
  CHECK(other == 0, "%zu positions differ", other);
  fill(field, 2 * count * width, 12);
  for (int add = 0; add < 2; add++) {
    upsampling_collect(u, 2, field, add, sums);
    other = 0;
    for (size_t c = 0; c < width; c++)
      for (size_t s = 0; s < 2; s++) {
        memset(total, 0, product(u->size) * sizeof *total);
        for (size_t i = 0; i < count; i++) {
          const size_t z = i / large[2] / large[1] / u->factor[0];
          const size_t y = i / large[2] % large[1] / u->factor[1], x = i % large[2] / u->factor[2];
          total[(z * u->size[1] + y) * u->size[2] + x] += field[(s * count + i) * width + c];
        }
        for (size_t i = 0; i < product(u->size); i++) {
          const size_t at = (s * product(u->size) + i) * width + c;
          other += sums[at] != (add ? begin[at] + total[i] : total[i]);
        }
      }
    CHECK(other == 0, "%zu sums differ", other);
    memcpy(sums, begin, 2 * product(u->size) * width * sizeof *sums);
  }
  memory_free(&small);
  memory_free(&sums);
  memory_free(&begin);
  memory_free(&field);
  memory_free(&total);
}

// ---- cases ----

// A convolution of an image, or a transposed one of a grid, by its input.
struct example {
  const char *name;
  bool transposed;
  size_t from[3], image_channels, grid_channels, kernel[3], stride[3], padding[3], more[3];
};

static struct convolution convolution_of(const struct example *e) {
  struct convolution c = {.image_channels = e->image_channels, .grid_channels = e->grid_channels};
  for (size_t axis = 0; axis < 3; axis++) {
    c.kernel[axis] = e->kernel[axis];
    c.stride[axis] = e->stride[axis];
    c.padding[axis] = e->padding[axis];
    if (e->transposed) {
      c.grid[axis] = e->from[axis];
      c.image[axis] = (e->from[axis] - 1) * e->stride[axis] + e->kernel[axis] + e->more[axis] -
                      2 * e->padding[axis];
    } else {
      c.image[axis] = e->from[axis];
      c.grid[axis] = (e->from[axis] + 2 * e->padding[axis] - e->kernel[axis]) / e->stride[axis] + 1;
    }
  }
  return c;
}

static const struct example examples[] = {
    {"line", false, {1, 1, 37}, 3, 5, {1, 1, 3}, {1, 1, 1}, {0, 0, 1}, {0}},
    {"long line", false, {1, 1, 2500}, 16, 1, {1, 1, 5}, {1, 1, 1}, {0, 0, 2}, {0}},
    {"line, stride", false, {1, 1, 41}, 17, 16, {1, 1, 4}, {1, 1, 3}, {0, 0, 2}, {0}},
    {"one position", false, {1, 1, 1}, 64, 17, {1, 1, 1}, {1, 1, 1}, {0}, {0}},
    {"trivial", false, {1, 9, 11}, 17, 33, {1, 1, 1}, {1, 1, 1}, {0}, {0}},
    {"trivial, stride", false, {1, 9, 8}, 16, 16, {1, 1, 1}, {1, 2, 2}, {0}, {0}},
    {"plane", false, {1, 16, 16}, 16, 17, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0}},
    {"plane, large", false, {1, 24, 40}, 17, 5, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0}},
    {"plane, stride", false, {1, 13, 10}, 5, 16, {1, 5, 3}, {1, 2, 3}, {0, 2, 1}, {0}},
    {"plane, gaps", false, {1, 14, 14}, 3, 16, {1, 2, 2}, {1, 3, 3}, {0, 1, 0}, {0}},
    {"column", false, {1, 30, 1}, 16, 16, {1, 3, 1}, {1, 1, 1}, {0, 1, 0}, {0}},
    {"wide padding", false, {1, 3, 4}, 3, 3, {1, 3, 2}, {1, 1, 1}, {0, 4, 3}, {0}},
    {"many channels", false, {1, 5, 6}, 64, 64, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0}},
    {"few channels", false, {1, 20, 20}, 64, 3, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0}},
    {"to one position", false, {1, 4, 4}, 17, 64, {1, 4, 4}, {1, 1, 1}, {0}, {0}},
    {"one channel", false, {1, 12, 12}, 1, 1, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0}},
    {"transposed", true, {1, 4, 4}, 64, 17, {1, 4, 4}, {1, 2, 2}, {0, 1, 1}, {0}},
    {"transposed, last", true, {1, 14, 14}, 1, 16, {1, 4, 4}, {1, 2, 2}, {0, 1, 1}, {0}},
    {"transposed, 3", true, {1, 5, 4}, 16, 5, {1, 3, 4}, {1, 3, 3}, {0, 1, 0}, {0, 2, 1}},
    {"transposed, 64 x 3", true, {1, 7, 3}, 3, 64, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {0, 1, 1}},
    {"transposed, gaps", true, {1, 4, 5}, 16, 3, {1, 1, 2}, {1, 2, 3}, {0}, {0, 1, 0}},
    {"from one position", true, {1, 1, 1}, 17, 64, {1, 4, 4}, {1, 1, 1}, {0}, {0}},
    {"from few positions", true, {1, 5, 5}, 5, 17, {1, 4, 4}, {1, 1, 1}, {0}, {0}},
    {"from few, in pieces", true, {3, 3, 2}, 64, 3, {4, 4, 4}, {1, 1, 1}, {0}, {0}},
    {"transposed line", true, {1, 1, 60}, 5, 16, {1, 1, 5}, {1, 1, 2}, {0, 0, 2}, {0, 0, 1}},
    {"space", false, {9, 8, 10}, 16, 16, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0}},
    {"space, boxes", false, {4, 20, 24}, 16, 17, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0}},
    {"space, stride", false, {7, 6, 9}, 5, 3, {3, 2, 4}, {2, 1, 3}, {1, 0, 2}, {0}},
    {"space, few", false, {6, 7, 8}, 17, 1, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0}},
    {"space, transposed", true, {3, 4, 3}, 5, 16, {4, 4, 4}, {2, 2, 2}, {1, 1, 1}, {0}},
    {"space, small", true, {2, 2, 2}, 16, 16, {3, 4, 5}, {2, 2, 2}, {1, 1, 2}, {1, 0, 1}},
};

static void check_example(const struct example *e) {
  const struct convolution c = convolution_of(e);
  const size_t count = c.image_channels * c.grid_channels * product(c.kernel);
  const size_t work_size = convolution_work(&c), packed_size = convolution_packed_size(&c);
  real *weight = memory_new(real, count), *work = memory_new(real, work_size);
  real *packed = memory_new(real, packed_size);
  fill(weight, count, 1);
  for (size_t i = 0; i < work_size; i++) work[i] = (real)NAN;
  convolution_pack(&c, weight, packed, work);
  check_map(e->name, &c, false, weight, packed, work);
  check_map(e->name, &c, true, weight, packed, work);
  check_derivative(e->name, &c, work);
  memory_free(&weight);
  memory_free(&work);
  memory_free(&packed);
}

int main(void) {
  for (enum isa isa = ISA_PLAIN; isa < ISA_COUNT; isa++) {
    struct error error = {""};
    if (!isa_is_there(isa)) continue;
    setenv("GFE_ISA", isa_name((int)isa), 1);
    CHECK(isa_choose(&error) && isa_chosen() == isa, "%s", error.text);
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) check_example(&examples[i]);
  }
  check_upsampling(&(struct upsampling){17, {1, 3, 4}, {1, 2, 3}});
  check_upsampling(&(struct upsampling){3, {2, 3, 2}, {3, 1, 2}});
  check_bias(3, 1);
  check_bias(17, 700);
  return test_summary();
}
