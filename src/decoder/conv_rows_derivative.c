// The derivative of a convolution: sums over boxes of the grid of what stands there times what is
// seen there, in a frame of the image.
#include <string.h>

#include "decoder/conv_rows_internal.h"
#include "numerics/product_pieces.h"

// How the boxes of the grid lie, and how sums are kept until the last of them: with a vector along
// the channels of the grid, [line of the kernel][tap of it][image channel][grid channel], or, where
// these are few, along what a line of the kernel sees, [grid channel][line][tap, image channel].
struct derivative {
  struct pass pass;
  struct parts parts[CONVOLUTION_AXES];
  size_t samples;      // of a box
  struct frame frame;  // of the largest box
  size_t lines, line;  // of the kernel; terms of one of them
  bool along_line;
};

static struct derivative derivative_of(const struct convolution *c) {
  struct derivative d = {.pass = pass_of(c, false),
                         .lines = c->kernel[0] * c->kernel[1],
                         .line = c->kernel[2] * c->image_channels};
  size_t extent[CONVOLUTION_AXES], room = CONVOLUTION_BOX, size = 1;
  for (size_t axis = CONVOLUTION_AXES; axis-- > 0;) {
    const size_t most = least(c->grid[axis], room);
    room /= most;
    d.parts[axis] = parts_of(0, c->grid[axis], most);
    extent[axis] = (c->grid[axis] + d.parts[axis].count - 1) / d.parts[axis].count;
    size *= d.parts[axis].count;
  }
  d.samples = size == 1 ? room : 1;
  d.frame = frame_of(&d.pass, extent);
  d.along_line =
      2 * c->grid_channels * real_padded(d.line) <= real_padded(c->grid_channels) * d.line;
  return d;
}

static size_t sums_size(const struct derivative *d) {
  const size_t grid = d->pass.c->grid_channels;
  return d->lines * (d->along_line ? grid * real_padded(d->line) : d->line * real_padded(grid));
}

size_t derivative_work(const struct convolution *c) {
  const struct derivative d = derivative_of(c);
  return sums_size(&d) + d.samples * frame_size(&d.frame);
}

// A box, whose frames are filled.
struct box {
  const struct derivative *d;
  const real *grid;  // of the first sample
  const real *frames;
  struct frame frame;
  size_t samples;
  struct range q[CONVOLUTION_AXES];
};

static bool is_inside(const struct pass *p, size_t axis, size_t q, size_t tap) {
  const size_t at = q * p->from_step[axis] + tap;
  return at >= p->lead[axis] && at < p->lead[axis] + p->from[axis];
}

// The lines of the grid whose patches' line (z, y) lies in the image: a is the frame, b the grid.
static size_t pieces_of(const struct box *box, size_t z, size_t y,
                        struct product_piece piece[CONVOLUTION_BOX]) {
  const struct pass *p = &box->d->pass;
  const size_t width = real_padded(p->to_channels), plane = frame_plane(&box->frame);
  size_t count = 0;
  for (size_t sample = 0; sample < box->samples; sample++)
    for (size_t i = box->q[0].begin; i < box->q[0].end; i++) {
      if (!is_inside(p, 0, i, z)) continue;
      for (size_t j = box->q[1].begin; j < box->q[1].end; j++) {
        if (!is_inside(p, 1, j, y)) continue;
        piece[count++] = (struct product_piece){
            .count = box->q[2].end - box->q[2].begin,
            .a = sample * frame_size(&box->frame) +
                 ((i - box->q[0].begin) * p->from_step[0] + z) * plane +
                 ((j - box->q[1].begin) * p->from_step[1] + y) * frame_line(&box->frame),
            .b = (((sample * p->to[0] + i) * p->to[1] + j) * p->to[2] + box->q[2].begin) * width};
      }
    }
  return count;
}

static void turn(struct product_piece *piece, size_t count) {
  for (size_t i = 0; i < count; i++)
    piece[i] = (struct product_piece){piece[i].count, piece[i].b, piece[i].a};
}

static void sum_box(const struct box *box, bool add, real *sums) {
  const struct derivative *d = box->d;
  const struct pass *p = &d->pass;
  const size_t width = real_padded(p->to_channels), line = real_padded(d->line);
  struct product_piece piece[CONVOLUTION_BOX];
  struct product_pairs pairs = {.piece = piece,
                                .rows = d->line,
                                .columns = p->to_channels,
                                .a = box->frames,
                                .a_stride = p->from_step[2] * p->from_channels,
                                .b = box->grid,
                                .b_stride = width,
                                .add = add,
                                .c_stride = width};
  if (d->along_line) {
    const struct product_pairs straight = pairs;
    pairs.rows = straight.columns;
    pairs.columns = straight.rows;
    pairs.a = straight.b;
    pairs.a_stride = straight.b_stride;
    pairs.b = straight.a;
    pairs.b_stride = straight.a_stride;
    pairs.c_stride = d->lines * line;
  }
  for (size_t i = 0; i < d->lines; i++) {
    pairs.pieces = pieces_of(box, i / p->c->kernel[1], i % p->c->kernel[1], piece);
    if (d->along_line) turn(piece, pairs.pieces);
    pairs.c = sums + i * (d->along_line ? line : d->line * width);
    product_sum_pairs(&pairs);
  }
}

static void put(const struct derivative *d, const real *sums, bool add, real *gradient) {
  const struct convolution *c = d->pass.c;
  const size_t width = real_padded(c->grid_channels), line = real_padded(d->line);
  const size_t channel = d->along_line ? d->lines * line : 1;
  const size_t term = d->along_line ? 1 : width, step = d->along_line ? line : d->line * width;
  for (size_t o = 0; o < c->grid_channels; o++)
    for (size_t i = 0; i < c->image_channels; i++)
      for (size_t k = 0; k < d->lines; k++)
        for (size_t x = 0; x < c->kernel[2]; x++, gradient++) {
          const real sum = sums[o * channel + k * step + (x * c->image_channels + i) * term];
          *gradient = add ? *gradient + sum : sum;
        }
}

void convolution_to_weight(const struct convolution *c, size_t samples, const real *grid,
                           const real *image, bool add, real *gradient, real *work) {
  const struct derivative d = derivative_of(c);
  const size_t grid_sample = positions(c->grid) * real_padded(c->grid_channels);
  const size_t image_sample = positions(c->image) * real_padded(c->image_channels);
  const struct parts *parts = d.parts;
  real *frames = work + sums_size(&d);
  struct box box = {.d = &d, .frames = frames};
  bool any = false;
  for (size_t sample = 0; sample < samples; sample += box.samples) {
    box.samples = least(d.samples, samples - sample);
    box.grid = grid + sample * grid_sample;
    for (size_t i = 0; i < parts[0].count * parts[1].count * parts[2].count; i++, any = true) {
      box.q[0] = part_of(&parts[0], i / parts[2].count / parts[1].count);
      box.q[1] = part_of(&parts[1], i / parts[2].count % parts[1].count);
      box.q[2] = part_of(&parts[2], i % parts[2].count);
      size_t begin[CONVOLUTION_AXES], extent[CONVOLUTION_AXES];
      for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++) {
        begin[axis] = box.q[axis].begin;
        extent[axis] = box.q[axis].end - box.q[axis].begin;
      }
      box.frame = frame_of(&d.pass, extent);
      for (size_t s = 0; s < box.samples; s++)
        frame_fill(&d.pass, &box.frame, begin, image + (sample + s) * image_sample,
                   frames + s * frame_size(&box.frame));
      sum_box(&box, any, work);
    }
  }
  if (!any) memset(work, 0, sums_size(&d) * sizeof *work);
  put(&d, work, add, gradient);
}

void convolution_to_bias(size_t channels, size_t rows, const real *delta, bool add,
                         real *gradient) {
  const size_t width = real_padded(channels);
  if (!add) memset(gradient, 0, width * sizeof *gradient);
  for (size_t c = 0; c < width; c += REAL_PAD)
    for (size_t row = 0; row < rows; row += PRODUCT_CHAIN) {
      real sum[REAL_PAD] = {0};
      for (size_t i = row; i < least(row + PRODUCT_CHAIN, rows); i++)
        for (size_t k = 0; k < REAL_PAD; k++) sum[k] += delta[i * width + c + k];
      for (size_t k = 0; k < REAL_PAD; k++) gradient[c + k] += sum[k];
    }
}
