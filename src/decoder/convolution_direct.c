// Convolutions of stride 1 without a matrix of patches: a line of the grid is a sum of lines of the
// image, each shifted by some positions and times a weight. Every number of a line is summed alike,
// channel by channel and position by position of the kernel.
//
// The transpose is a convolution of the grid, with the kernel turned round and the channels of both
// sides exchanged.
#include <string.h>

#include "decoder/convolution.h"
#include "decoder/layer.h"

// Vectors are what the CPU computes with at a time, here wherever they stand. A tile of sums, of
// some channels by some vectors or terms, stays in its registers, of which AVX-512 has more.
enum {
  LANES = __BIGGEST_ALIGNMENT__ / sizeof(real),
  CHANNELS = __BIGGEST_ALIGNMENT__ == 64 ? 8 : 4,
  VECTORS = 3,
  TERMS = 3,
  TILE = VECTORS * LANES
};
typedef real vector __attribute__((vector_size(__BIGGEST_ALIGNMENT__)));
typedef vector vector_at __attribute__((aligned(sizeof(real)), may_alias));  // in memory

static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static size_t round_up(size_t count, size_t step) { return (count + step - 1) / step * step; }

// ---- fields with room around them ----

// Lines per axis; numbers of a line and of a channel.
struct frame {
  size_t lines[2], line, channel;
};

static struct frame frame_of(size_t z, size_t y, size_t line) {
  return (struct frame){{z, y}, line, z * y * line};
}

// The image with what the patches see beyond it.
static struct frame image_frame(const struct patches *p) {
  return frame_of(p->grid[0] + p->kernel[0] - 1, p->grid[1] + p->kernel[1] - 1,
                  (p->grid[2] + p->kernel[2] - 1) * LAYER_ROWS);
}

// The grid in whole vectors.
static struct frame grid_frame(const struct patches *p) {
  return frame_of(p->grid[0], p->grid[1], round_up(p->grid[2] * LAYER_ROWS, LANES));
}

// A tile may reach beyond the last line.
static size_t frame_size(struct frame frame, size_t channels) {
  return channels * frame.channel + TILE;
}

static size_t frame_line(const struct frame *frame, size_t z, size_t y) {
  return (z * frame->lines[1] + y) * frame->line;
}

// Puts a field with `size` positions per axis in, from position `begin` on.
static void frame_fill(struct frame frame, size_t channels, const size_t size[PATCHES_AXES],
                       const size_t begin[PATCHES_AXES], const real *field, real *to) {
  const size_t line = size[2] * LAYER_ROWS;
  to += frame_line(&frame, begin[0], begin[1]) + begin[2] * LAYER_ROWS;
  for (size_t c = 0; c < channels; c++, to += frame.channel)
    for (size_t z = 0; z < size[0]; z++)
      for (size_t y = 0; y < size[1]; y++, field += line)
        memcpy(to + frame_line(&frame, z, y), field, line * sizeof *to);
}

// ---- the map and its transpose ----

static size_t terms_of(const struct patches *p) { return p->channels * patches_kernel(p); }

// Weights as the sums take them: [outputs / CHANNELS][channels][kernel][CHANNELS], zeros beyond the
// last output; `turned`: those of the transpose.
static size_t packed_size(const struct convolution *c) {
  return round_up(c->outputs, CHANNELS) * terms_of(c->patches);
}

static void pack(const struct convolution *c, bool turned, const real *weight, real *packed) {
  const size_t channels = c->patches->channels, kernel = patches_kernel(c->patches);
  memset(packed, 0, packed_size(c) * sizeof *packed);
  for (size_t o = 0; o < c->outputs; o++) {
    real *to = packed + o / CHANNELS * CHANNELS * channels * kernel + o % CHANNELS;
    for (size_t i = 0; i < channels; i++)
      for (size_t k = 0; k < kernel; k++, to += CHANNELS)
        *to = turned ? weight[(i * c->outputs + o) * kernel + kernel - 1 - k]
                     : weight[(o * channels + i) * kernel + k];
  }
}

// The first TILE numbers of a line of the grid in CHANNELS channels; `image` is the frame from the
// corner of their first patch on.
static void sum_tile(const struct patches *p, const real *restrict weight,
                     const real *restrict image, real tile[CHANNELS][TILE]) {
  const struct frame frame = image_frame(p);
  vector sum[CHANNELS][VECTORS] = {0};
  for (size_t c = 0; c < p->channels; c++, image += frame.channel)
    for (size_t z = 0; z < p->kernel[0]; z++)
      for (size_t y = 0; y < p->kernel[1]; y++) {
        const real *from = image + frame_line(&frame, z, y);
        for (size_t x = 0; x < p->kernel[2]; x++, from += LAYER_ROWS, weight += CHANNELS) {
          vector a[VECTORS];
          for (size_t j = 0; j < VECTORS; j++) a[j] = ((const vector_at *)from)[j];
          for (size_t i = 0; i < CHANNELS; i++)
            for (size_t j = 0; j < VECTORS; j++) sum[i][j] += weight[i] * a[j];
        }
      }
  for (size_t i = 0; i < CHANNELS; i++)
    for (size_t j = 0; j < VECTORS; j++) ((vector_at *)tile[i])[j] = sum[i][j];
}

// One block; `image` is its frame.
static void convolve_block(const struct convolution *c, const real *packed, const real *image,
                           bool add, real *grid) {
  const struct patches *p = c->patches;
  const struct frame frame = image_frame(p);
  const size_t line = p->grid[2] * LAYER_ROWS, channel = patches_grid(p) * LAYER_ROWS;
  real tile[CHANNELS][TILE];
  for (size_t o = 0; o < c->outputs; o += CHANNELS, packed += CHANNELS * terms_of(p))
    for (size_t l = 0; l < patches_line_count(p); l++)
      for (size_t at = 0; at < line; at += TILE) {
        sum_tile(p, packed, image + frame_line(&frame, l / p->grid[1], l % p->grid[1]) + at, tile);
        for (size_t i = 0; i < least(CHANNELS, c->outputs - o); i++) {
          real *to = grid + (o + i) * channel + l * line + at;
          for (size_t j = 0; j < least(TILE, line - at); j++)
            to[j] = add ? to[j] + tile[i][j] : tile[i][j];
        }
      }
}

static size_t convolve_work(const struct convolution *c) {
  return packed_size(c) + frame_size(image_frame(c->patches), c->patches->channels);
}

static void convolve(const struct convolution *c, bool turned, const real *weight, size_t rows,
                     const real *image, bool add, real *grid, real *work) {
  const struct patches *p = c->patches;
  const struct frame frame = image_frame(p);
  real *framed = work + packed_size(c);
  pack(c, turned, weight, work);
  memset(framed, 0, frame_size(frame, p->channels) * sizeof *framed);
  for (size_t row = 0; row < rows; row += LAYER_ROWS) {
    frame_fill(frame, p->channels, p->image, p->padding, image + row * convolution_image(c),
               framed);
    convolve_block(c, work, framed, add, grid + row * convolution_grid(c));
  }
}

static void to_grid(const struct convolution *c, const real *weight, size_t rows, const real *image,
                    bool add, real *grid, real *work) {
  convolve(c, false, weight, rows, image, add, grid, work);
}

static struct patches turn_round(const struct convolution *c) {
  struct patches turned = *c->patches;
  turned.channels = c->outputs;
  for (size_t axis = 0; axis < PATCHES_AXES; axis++) {
    turned.image[axis] = c->patches->grid[axis];
    turned.grid[axis] = c->patches->image[axis];
    turned.padding[axis] = turned.kernel[axis] - 1 - turned.padding[axis];
  }
  return turned;
}

static void to_image(const struct convolution *c, const real *weight, size_t rows, const real *grid,
                     bool add, real *image, real *work) {
  const struct patches turned = turn_round(c);
  convolve(&(struct convolution){&turned, c->patches->channels}, true, weight, rows, grid, add,
           image, work);
}

// ---- the derivative ----

// The sum of a vector, by halves.
static real total(const vector *v) {
  real x[LANES];
  memcpy(x, v, sizeof x);
  for (size_t half = LANES / 2; half > 0; half /= 2)
    for (size_t k = 0; k < half; k++) x[k] += x[k + half];
  return x[0];
}

// The scalar products of CHANNELS channels of the grid and TERMS shifts of a channel of the image,
// all in frames.
static void sum_products(const struct patches *p, const real *const grid[CHANNELS],
                         const real *const image[TERMS], real products[CHANNELS][TERMS]) {
  const struct frame to = grid_frame(p), from = image_frame(p);
  vector sum[CHANNELS][TERMS] = {0};
  for (size_t z = 0; z < p->grid[0]; z++)
    for (size_t y = 0; y < p->grid[1]; y++) {
      const size_t left = frame_line(&to, z, y), right = frame_line(&from, z, y);
      for (size_t at = 0; at < to.line; at += LANES) {
        vector a[TERMS], delta;
        for (size_t j = 0; j < TERMS; j++) a[j] = *(const vector_at *)(image[j] + right + at);
        for (size_t i = 0; i < CHANNELS; i++) {
          delta = *(const vector_at *)(grid[i] + left + at);
          for (size_t j = 0; j < TERMS; j++) sum[i][j] += delta * a[j];
        }
      }
    }
  for (size_t i = 0; i < CHANNELS; i++)
    for (size_t j = 0; j < TERMS; j++) products[i][j] = total(&sum[i][j]);
}

// A line of the kernel between CHANNELS channels of the grid, of which `count` are there, and one
// of the image. Tiles at its end repeat the last position.
static void add_products(const struct patches *p, size_t count, const real *const grid[CHANNELS],
                         const real *image, real *gradient) {
  const size_t length = p->kernel[2], terms = terms_of(p);
  for (size_t x = 0; x < length; x += TERMS) {
    const real *shifted[TERMS];
    real products[CHANNELS][TERMS];
    for (size_t j = 0; j < TERMS; j++) shifted[j] = image + least(x + j, length - 1) * LAYER_ROWS;
    sum_products(p, grid, shifted, products);
    for (size_t i = 0; i < count; i++)
      for (size_t j = 0; j < least(TERMS, length - x); j++)
        gradient[i * terms + x + j] += products[i][j];
  }
}

// One block of which both fields are in frames. Tiles at the end repeat the last channel.
static void correlate_block(const struct convolution *c, const real *grid, const real *image,
                            real *gradient) {
  const struct patches *p = c->patches;
  const struct frame to = grid_frame(p), from = image_frame(p);
  for (size_t o = 0; o < c->outputs; o += CHANNELS) {
    const real *channels[CHANNELS];
    real *line = gradient + o * terms_of(p);
    for (size_t i = 0; i < CHANNELS; i++)
      channels[i] = grid + least(o + i, c->outputs - 1) * to.channel;
    for (size_t k = 0; k < p->channels; k++)
      for (size_t z = 0; z < p->kernel[0]; z++)
        for (size_t y = 0; y < p->kernel[1]; y++, line += p->kernel[2])
          add_products(p, least(CHANNELS, c->outputs - o), channels,
                       image + k * from.channel + frame_line(&from, z, y), line);
  }
}

static size_t products_work(const struct convolution *c) {
  return frame_size(image_frame(c->patches), c->patches->channels) +
         frame_size(grid_frame(c->patches), c->outputs);
}

static void to_weight(const struct convolution *c, size_t rows, const real *grid, const real *image,
                      bool add, real *gradient, real *work) {
  static const size_t corner[PATCHES_AXES] = {0};
  const struct patches *p = c->patches;
  const struct frame from = image_frame(p), to = grid_frame(p);
  real *framed = work + frame_size(from, p->channels);
  memset(work, 0, products_work(c) * sizeof *work);
  if (!add) memset(gradient, 0, c->outputs * terms_of(p) * sizeof *gradient);
  for (size_t row = 0; row < rows; row += LAYER_ROWS) {
    frame_fill(from, p->channels, p->image, p->padding, image + row * convolution_image(c), work);
    frame_fill(to, c->outputs, p->grid, corner, grid + row * convolution_grid(c), framed);
    correlate_block(c, framed, work, gradient);
  }
}

static size_t work_size(const struct convolution *c) {
  const struct patches turned = turn_round(c);
  const struct convolution back = {&turned, c->patches->channels};
  const size_t sizes[] = {convolve_work(c), convolve_work(&back), products_work(c)};
  size_t most = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (sizes[i] > most) most = sizes[i];
  return most;
}

const struct convolution_ops convolution_direct = {
    .work = work_size,
    .to_grid = to_grid,
    .to_image = to_image,
    .to_weight = to_weight,
};
