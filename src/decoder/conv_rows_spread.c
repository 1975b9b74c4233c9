// Outputs that are sums over sources one after the other: a product gives what every source adds
// through every tap, [source][tap][channel], and this is added where it belongs.
#include <string.h>

#include "decoder/conv_rows_internal.h"

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

static void add_row(size_t channels, const real *restrict from, real *restrict to) {
  for (size_t o = 0; o < channels; o++) to[o] += from[o];
}

// Sources of a fragment through one tap of a line; `given` and `line` are those of the first source
// of the field's line and of the first output of the line.
static void add_tap(const struct pass *p, const struct fragment *f, size_t tap, const real *given,
                    real *line) {
  const size_t step = p->to_image ? 1 : p->from_step[2], channels = p->to_channels;
  const size_t width = real_padded(channels), row = row_size(p);
  size_t x = f->begin, o = 0;
  while (x < f->end && !output_of(p, 2, x, tap, &o)) x++;
  if (x >= f->end) return;
  const size_t left = (f->end - x + step - 1) / step;
  const size_t count = least(left, (p->to[2] - o + p->to_step[2] - 1) / p->to_step[2]);
  given += (x - f->begin) * row;
  line += o * width;
  if (channels == 1)
    for (size_t i = 0; i < count; i++) line[i * p->to_step[2] * width] += given[i * step * row];
  else
    for (size_t i = 0; i < count; i++)
      add_row(channels, given + i * step * row, line + i * p->to_step[2] * width);
}

static void add_fragment(const struct pass *p, const struct fragment *f, real *to) {
  const size_t *kernel = p->c->kernel, width = real_padded(p->to_channels);
  size_t z, y;
  for (size_t i = 0; i < kernel[0]; i++) {
    if (!output_of(p, 0, f->z, i, &z)) continue;
    for (size_t j = 0; j < kernel[1]; j++) {
      if (!output_of(p, 1, f->y, j, &y)) continue;
      real *line = to + ((f->sample * p->to[0] + z) * p->to[1] + y) * p->to[2] * width;
      for (size_t k = 0; k < kernel[2]; k++) {
        const size_t tap = p->to_image ? kernel[2] - 1 - k : k;  // sources in their order
        add_tap(p, f, tap, f->given + ((i * kernel[1] + j) * kernel[2] + tap) * p->to_channels,
                line);
      }
    }
  }
}

static void begin_sample(const struct pass *p, const struct convolution_rows *rows, size_t sample) {
  const size_t width = real_padded(p->to_channels), count = positions(p->to);
  real *to = rows->to + sample * count * width;
  if (rows->add) return;
  if (rows->bias == NULL) {
    memset(to, 0, count * width * sizeof *to);
    return;
  }
  for (size_t i = 0; i < count; i++) memcpy(to + i * width, rows->bias, width * sizeof *to);
}

// Outputs of a sample that no source from `next` on reaches: lines or planes across the first axis
// that there is.
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
  const struct product_matrix m = {p->from_channels, positions(p->c->kernel) * p->to_channels,
                                   panels};
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
      if (rows->finish != NULL && now > done)
        rows->finish->act(rows->finish->context, done, now - done, 0, real_padded(p->to_channels));
      done = now;
    }
  }
}
