// Where few sources meet many taps, each source is spread over its outputs: a product computes its
// contribution through every tap, [source][tap][channel], which is then added to the right output.
#include "decoder/convolution_internal.h"

enum { SPREAD = 1 << 15 };  // elements of such a product, if it has more than one row

// Elements of a source's row.
static size_t row_size(const struct pass *p) {
  return real_padded(positions(p->c->kernel) * p->to_channels);
}

static size_t rows_at_a_time(const struct pass *p) {
  return row_size(p) < SPREAD ? SPREAD / row_size(p) : 1;
}

size_t spread_work(const struct pass *p) { return rows_at_a_time(p) * row_size(p); }

// Sources on a line of the field, and what they give.
struct fragment {
  size_t sample, z, y, begin, end;
  const real *given;
};

// The output that a source reaches through a tap; false if there is none.
static bool output_of(const struct pass *p, size_t axis, size_t source, size_t tap, size_t *to) {
  const size_t stride = p->c->stride[axis], padding = p->c->padding[axis];
  const size_t less = p->to_image ? padding : tap;
  const size_t more = p->to_image ? source * stride + tap : source + padding;
  if (more < less) return false;
  *to = more - less;
  if (!p->to_image) {
    if (*to % stride != 0) return false;
    *to /= stride;
  }
  return *to < p->to[axis];
}

// Sources of a fragment that reach outputs of a line through a tap: the first one of them, counted
// from the fragment's, the first output, and how many there are.
struct reach {
  size_t source, output, count;
};

static struct reach reach_of(const struct pass *p, const struct fragment *f, size_t tap) {
  struct reach reach = {f->begin, 0, 0};
  while (reach.source < f->end && !output_of(p, 2, reach.source, tap, &reach.output))
    reach.source++;
  if (reach.source == f->end) return reach;
  const size_t left = (f->end - reach.source + p->from_step[2] - 1) / p->from_step[2];
  reach.count = least(left, (p->to[2] - reach.output + p->to_step[2] - 1) / p->to_step[2]);
  reach.source -= f->begin;
  return reach;
}

static void add_tap(const struct pass *p, const struct reach *reach, const real *restrict given,
                    real *restrict line) {
  const size_t channels = p->to_channels, row = p->from_step[2] * row_size(p);
  const size_t step = p->to_step[2] * real_padded(channels);
  given += reach->source * row_size(p);
  line += reach->output * real_padded(channels);
  for (size_t i = 0; i < reach->count; i++, given += row, line += step)
    for (size_t o = 0; o < channels; o++) line[o] += given[o];
}

// One tap along the last axis, through all lines of the kernel.
static void add_lines(const struct pass *p, const struct fragment *f, size_t tap, real *to) {
  const size_t *kernel = p->c->kernel, width = real_padded(p->to_channels);
  const struct reach reach = reach_of(p, f, tap);
  size_t z, y;
  if (reach.count == 0) return;
  for (size_t i = 0; i < kernel[0]; i++)
    for (size_t j = 0; j < kernel[1] && output_of(p, 0, f->z, i, &z); j++)
      if (output_of(p, 1, f->y, j, &y))
        add_tap(p, &reach, f->given + ((i * kernel[1] + j) * kernel[2] + tap) * p->to_channels,
                to + ((f->sample * p->to[0] + z) * p->to[1] + y) * p->to[2] * width);
}

// An output of a line takes sources of the fragment in their order.
static void add_fragment(const struct pass *p, const struct fragment *f, real *to) {
  const size_t taps = p->c->kernel[2];
  for (size_t k = 0; k < taps; k++) add_lines(p, f, p->to_image ? taps - 1 - k : k, to);
}

static void begin_sample(const struct pass *p, const struct convolution_rows *rows, size_t sample) {
  const size_t width = real_padded(p->to_channels), count = positions(p->to);
  real *to = rows->to + sample * count * width;
  if (rows->add) return;
  for (size_t i = 0; i < count; i++, to += width)
    for (size_t o = 0; o < width; o++) to[o] = rows->bias != NULL ? rows->bias[o] : 0;
}

// Outputs of a sample that no source from `next` on reaches: lines or planes across the first
// existing axis.
static size_t complete(const struct pass *p, size_t next) {
  const size_t count = positions(p->from);
  if (next == count) return positions(p->to);
  size_t axis = 0, sources = p->from[1] * p->from[2], outputs = p->to[1] * p->to[2];
  while (axis + 1 < CONVOLUTION_AXES && p->from[axis] == 1 && p->to[axis] == 1) {
    axis++;
    sources /= p->from[axis];
    outputs /= p->to[axis];
  }
  const size_t source = next / sources, stride = p->c->stride[axis], padding = p->c->padding[axis];
  const size_t reach = p->to_image ? source * stride : source + padding;
  const size_t less = p->to_image ? padding : p->c->kernel[axis] - 1;
  size_t first = reach > less ? reach - less : 0;
  if (!p->to_image) first = (first + stride - 1) / stride;
  return least(first, p->to[axis]) * outputs;
}

void spread(const struct pass *p, const real *panels, const struct convolution_rows *rows,
            real *work) {
  const size_t row = row_size(p), width = real_padded(p->from_channels);
  const size_t sources = positions(p->from), outputs = positions(p->to);
  const size_t count = rows->samples * sources, most = rows_at_a_time(p);
  const struct product_matrix m = {.terms = p->from_channels,
                                   .outputs = positions(p->c->kernel) * p->to_channels,
                                   .panels = panels};
  for (size_t begin = 0, done = 0; begin < count; begin += most) {
    const size_t end = least(begin + most, count);
    const struct product_rows product = {.rows = end - begin,
                                         .a = rows->from + begin * width,
                                         .a_stride = width,
                                         .c = work,
                                         .c_stride = row};
    product_multiply(&m, &product);
    for (size_t i = begin, next; i < end; i = next) {
      const size_t sample = i / sources, at = i % sources, x = at % p->from[2];
      next = least(end, i + p->from[2] - x);
      if (at == 0) begin_sample(p, rows, sample);
      add_fragment(p,
                   &(struct fragment){.sample = sample,
                                      .z = at / p->from[2] / p->from[1],
                                      .y = at / p->from[2] % p->from[1],
                                      .begin = x,
                                      .end = x + next - i,
                                      .given = work + (i - begin) * row},
                   rows->to);
      if (next != end && next % sources != 0) continue;
      const size_t now = sample * outputs + complete(p, at + next - i);
      pass_finish(p, rows, done, now);
      done = now;
    }
  }
}
