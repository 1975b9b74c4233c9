// The derivative of a convolution: sums over boxes of the grid of the grid's values times the part
// of the image that each sees, in a frame of the image.
#include <string.h>

#include "decoder/convolution_internal.h"

// How the boxes of the grid lie, and how sums are kept until the last of them: with a vector along
// the channels of the grid, [line of the kernel][tap of it][image channel][grid channel], or, where
// these are few, along what a line of the kernel sees, [grid channel][line][tap, image channel].
// Lines that see very little are gathered side by side and treated as a single line.
struct derivative {
  struct pass pass;
  struct parts parts[CONVOLUTION_AXES];
  size_t box, samples;  // positions of the largest box; samples of a box
  struct frame frame;   // of the largest box
  bool gathered, along_line;
  size_t lines, line;  // how many are multiplied one by one, and terms of each
  size_t line_step;    // from one of them to the next in the sums
  size_t row;          // of the sums
};

static struct derivative derivative_of(const struct convolution *c) {
  const size_t lines = c->kernel[0] * c->kernel[1], line = c->kernel[2] * c->image_channels;
  const size_t channels = c->grid_channels;
  struct derivative d = {
      .pass = pass_of(c, false), .box = 1, .gathered = line_is_thin(line, lines)};
  size_t extent[CONVOLUTION_AXES], room = CONVOLUTION_BOX, boxes = 1;
  for (size_t axis = CONVOLUTION_AXES; axis-- > 0;) {
    const size_t most = least(c->grid[axis], room);
    room /= most;
    d.parts[axis] = parts_of(0, c->grid[axis], most);
    extent[axis] = (c->grid[axis] + d.parts[axis].count - 1) / d.parts[axis].count;
    d.box *= extent[axis];
    boxes *= d.parts[axis].count;
  }
  d.samples = boxes == 1 ? room : 1;
  d.frame = frame_of(&d.pass, extent);
  d.lines = d.gathered ? 1 : lines;
  d.line = d.gathered ? lines * line : line;
  d.along_line = 2 * channels * real_padded(d.line) <= real_padded(channels) * d.line;
  d.row = d.along_line ? d.lines * real_padded(d.line) : real_padded(channels);
  d.line_step = d.along_line ? real_padded(d.line) : d.line * d.row;
  return d;
}

static size_t sums_size(const struct derivative *d) {
  return d->row * (d->along_line ? d->pass.c->grid_channels : d->lines * d->line);
}

size_t derivative_work(const struct convolution *c) {
  const struct derivative d = derivative_of(c);
  const size_t gathered = d.gathered ? d.samples * d.box * d.line + 2 * REAL_PAD : 0;
  return sums_size(&d) + d.samples * frame_size(&d.frame) + gathered;
}

// A box of the grid, with what it sees.
struct seen {
  const struct derivative *d;
  const real *grid;   // of the first sample
  const real *image;  // frames, or what was gathered from them
  struct frame frame;
  size_t samples;
  struct range q[CONVOLUTION_AXES];
};

static bool is_inside(const struct pass *p, size_t axis, size_t q, size_t tap) {
  const size_t at = q * p->from_step[axis] + tap;
  return at >= p->lead[axis] && at < p->lead[axis] + p->from[axis];
}

// Where a line of the grid begins.
static size_t grid_at(const struct pass *p, size_t sample, size_t z, size_t y, size_t x) {
  return (((sample * p->to[0] + z) * p->to[1] + y) * p->to[2] + x) * real_padded(p->to_channels);
}

// The lines of the grid whose patches' line (z, y) lies in the image, one piece for each: a is what
// is seen, b the grid.
static size_t pieces_of(const struct seen *seen, size_t z, size_t y,
                        struct product_piece piece[CONVOLUTION_BOX]) {
  const struct pass *p = &seen->d->pass;
  const struct range *q = seen->q;
  const size_t plane = frame_plane(&seen->frame), line = frame_line(&seen->frame);
  size_t count = 0;
  for (size_t sample = 0; sample < seen->samples; sample++)
    for (size_t i = q[0].begin; i < q[0].end; i++)
      for (size_t j = q[1].begin; j < q[1].end && is_inside(p, 0, i, z); j++)
        if (is_inside(p, 1, j, y))
          piece[count++] =
              (struct product_piece){.count = range_length(q[2]),
                                     .a = sample * frame_size(&seen->frame) +
                                          ((i - q[0].begin) * p->from_step[0] + z) * plane +
                                          ((j - q[1].begin) * p->from_step[1] + y) * line,
                                     .b = grid_at(p, sample, i, j, q[2].begin)};
  return count;
}

// The same for all lines of the grid, if everything that they see has been gathered.
static size_t gathered_pieces(const struct seen *seen,
                              struct product_piece piece[CONVOLUTION_BOX]) {
  const struct range *q = seen->q;
  const size_t length = range_length(q[2]);
  size_t count = 0;
  for (size_t sample = 0; sample < seen->samples; sample++)
    for (size_t i = q[0].begin; i < q[0].end; i++)
      for (size_t j = q[1].begin; j < q[1].end; j++, count++)
        piece[count] =
            (struct product_piece){.count = length,
                                   .a = count * length * seen->d->line,
                                   .b = grid_at(&seen->d->pass, sample, i, j, q[2].begin)};
  return count;
}

static void sum_pairs(const struct derivative *d, struct product_pairs pairs,
                      struct product_piece piece[CONVOLUTION_BOX]) {
  if (d->along_line) {  // the other way round
    const struct product_pairs turned = pairs;
    pairs.rows = turned.columns;
    pairs.columns = turned.rows;
    pairs.a = turned.b;
    pairs.a_stride = turned.b_stride;
    pairs.b = turned.a;
    pairs.b_stride = turned.a_stride;
    for (size_t i = 0; i < pairs.pieces; i++)
      piece[i] = (struct product_piece){piece[i].count, piece[i].b, piece[i].a};
  }
  product_sum_pairs(&pairs);
}

static void sum_box(const struct seen *seen, bool add, real *sums) {
  const struct derivative *d = seen->d;
  const struct pass *p = &d->pass;
  struct product_piece piece[CONVOLUTION_BOX];
  struct product_pairs pairs = {
      .piece = piece,
      .rows = d->line,
      .columns = p->to_channels,
      .a = seen->image,
      .a_stride = d->gathered ? d->line : p->from_step[2] * p->from_channels,
      .b = seen->grid,
      .b_stride = real_padded(p->to_channels),
      .add = add,
      .c_stride = d->row};
  for (size_t i = 0; i < d->lines; i++) {
    pairs.pieces = d->gathered ? gathered_pieces(seen, piece)
                               : pieces_of(seen, i / p->c->kernel[1], i % p->c->kernel[1], piece);
    pairs.c = sums + i * d->line_step;
    sum_pairs(d, pairs, piece);
  }
}

static void gather_box(const struct seen *seen, const real *frames, real *to) {
  const struct derivative *d = seen->d;
  const struct pass *p = &d->pass;
  const size_t plane = frame_plane(&seen->frame), line = frame_line(&seen->frame);
  const struct gathering gathering = {
      .count = {range_length(seen->q[0]), range_length(seen->q[1]), range_length(seen->q[2])},
      .step = {p->from_step[0] * plane, p->from_step[1] * line, p->from_step[2] * p->from_channels},
      .lines = {p->c->kernel[0], p->c->kernel[1]},
      .line_step = {plane, line},
      .line = p->c->kernel[2] * p->from_channels};
  for (size_t i = 0; i < seen->samples; i++)
    frame_gather(&gathering, frames + i * frame_size(&seen->frame),
                 to + i * positions(gathering.count) * d->line);
}

// Some taps of an image channel, `step` elements apart, for some channels of the grid beside each
// other; these are transposed first, because rows of the gradient often map to the same cache
// lines.
static void put_square(size_t taps, size_t channels, const real *sums, size_t step, bool add,
                       real *gradient, size_t row) {
  real square[REAL_PAD * REAL_PAD];
  product_transpose(taps, channels, sums, step, square, REAL_PAD);
  for (size_t o = 0; o < channels; o++, gradient += row)
    for (size_t k = 0; k < taps; k++)
      gradient[k] = add ? gradient[k] + square[o * REAL_PAD + k] : square[o * REAL_PAD + k];
}

static void put_along_channels(const struct derivative *d, const real *sums, bool add,
                               real *gradient) {
  const struct convolution *c = d->pass.c;
  const size_t taps = positions(c->kernel), image = c->image_channels, row = image * taps;
  const size_t width = real_padded(c->grid_channels);
  for (size_t o = 0; o < c->grid_channels; o += REAL_PAD)
    for (size_t i = 0; i < image; i++)
      for (size_t tap = 0; tap < taps; tap += REAL_PAD)
        put_square(least(REAL_PAD, taps - tap), least(REAL_PAD, c->grid_channels - o),
                   sums + (tap * image + i) * width + o, image * width, add,
                   gradient + o * row + i * taps + tap, row);
}

static void put_along_line(const struct derivative *d, const real *sums, bool add, real *gradient) {
  const struct convolution *c = d->pass.c;
  const size_t taps = positions(c->kernel), image = c->image_channels;
  const size_t per_line = taps / d->lines;
  for (size_t o = 0; o < c->grid_channels; o++, sums += d->lines * real_padded(d->line))
    for (size_t i = 0; i < image; i++)
      for (size_t tap = 0; tap < taps; tap++, gradient++) {
        const real sum = sums[tap / per_line * real_padded(d->line) + tap % per_line * image + i];
        *gradient = add ? *gradient + sum : sum;
      }
}

// Into the weight's layout.
static void put(const struct derivative *d, const real *sums, bool add, real *gradient) {
  if (d->along_line)
    put_along_line(d, sums, add, gradient);
  else
    put_along_channels(d, sums, add, gradient);
}

// ---- all boxes ----

static void add_box(struct seen *seen, const real *image, bool add, real *sums, real *frames,
                    real *gathered) {
  const struct pass *p = &seen->d->pass;
  const size_t sample = positions(p->from) * real_padded(p->from_channels);
  size_t begin[CONVOLUTION_AXES], extent[CONVOLUTION_AXES];
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++) {
    begin[axis] = seen->q[axis].begin;
    extent[axis] = range_length(seen->q[axis]);
  }
  seen->frame = frame_of(p, extent);
  for (size_t i = 0; i < seen->samples; i++)
    frame_fill(p, &seen->frame, begin, image + i * sample, frames + i * frame_size(&seen->frame));
  seen->image = frames;
  if (seen->d->gathered) {
    gather_box(seen, frames, gathered);
    seen->image = gathered;
  }
  sum_box(seen, add, sums);
}

void convolution_to_weight(const struct convolution *c, size_t samples, const real *grid,
                           const real *image, bool add, real *gradient, real *work) {
  const struct derivative d = derivative_of(c);
  const struct parts *parts = d.parts;
  const size_t image_sample = positions(c->image) * real_padded(c->image_channels);
  real *frames = work + sums_size(&d), *gathered = frames + d.samples * frame_size(&d.frame);
  bool any = false;
  for (size_t sample = 0; sample < samples; sample += d.samples) {
    struct seen seen = {.d = &d,
                        .grid = grid + grid_at(&d.pass, sample, 0, 0, 0),
                        .samples = least(d.samples, samples - sample)};
    for (size_t i = 0; i < parts[0].count * parts[1].count * parts[2].count; i++) {
      seen.q[0] = part_of(&parts[0], i / parts[2].count / parts[1].count);
      seen.q[1] = part_of(&parts[1], i / parts[2].count % parts[1].count);
      seen.q[2] = part_of(&parts[2], i % parts[2].count);
      add_box(&seen, image + sample * image_sample, any, work, frames, gathered);
      any = true;
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
