// The geometry of a direction, and frames.
#include <string.h>

#include "decoder/conv_rows_internal.h"

static size_t divide_up(size_t a, size_t b) { return (a + b - 1) / b; }

struct pass pass_of(const struct convolution *c, bool to_image) {
  struct pass p = {.c = c,
                   .to_image = to_image,
                   .from_channels = to_image ? c->grid_channels : c->image_channels,
                   .to_channels = to_image ? c->image_channels : c->grid_channels};
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++) {
    const size_t stride = c->stride[axis], padding = c->padding[axis];
    p.from[axis] = to_image ? c->grid[axis] : c->image[axis];
    p.to[axis] = to_image ? c->image[axis] : c->grid[axis];
    p.from_step[axis] = to_image ? 1 : stride;
    p.to_step[axis] = to_image ? stride : 1;
    p.before[axis] = to_image ? padding : 0;
    p.begin[axis] = to_image ? padding / stride : 0;
    p.end[axis] = to_image ? (c->image[axis] - 1 + padding) / stride + 1 : c->grid[axis];
    p.span[axis] = to_image ? divide_up(c->kernel[axis], stride) : c->kernel[axis];
    p.lead[axis] = to_image ? p.span[axis] - 1 : padding;
  }
  return p;
}

struct view pass_view(const struct pass *p, size_t axis, size_t r) {
  const size_t kernel = p->c->kernel[axis];
  if (!p->to_image) return (struct view){kernel, p->lead[axis]};
  const size_t taps = r < kernel ? divide_up(kernel - r, p->to_step[axis]) : 0;
  return (struct view){taps, taps > 0 ? taps - 1 : 0};
}

size_t pass_tap(const struct pass *p, size_t axis, size_t r, size_t j) {
  return p->to_image ? r + p->to_step[axis] * (pass_view(p, axis, r).taps - 1 - j) : j;
}

struct range pass_range(const struct pass *p, size_t axis, size_t r, struct range within) {
  const size_t step = p->to_step[axis], before = p->before[axis], end = p->to[axis] + before;
  const size_t first = r < before ? divide_up(before - r, step) : 0;
  const size_t last = r < end ? divide_up(end - r, step) : 0;
  if (within.begin < first) within.begin = first;
  if (within.end > last) within.end = last;
  if (within.end < within.begin) within.end = within.begin;
  return within;
}

bool pass_is_trivial(const struct pass *p) {
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++)
    if (p->c->kernel[axis] != 1 || p->c->stride[axis] != 1 || p->c->padding[axis] != 0)
      return false;
  return true;
}

// The narrowest vectors and panels are REAL_PAD outputs wide; so much is multiplied if an output
// takes its sources and if a source gives to its outputs. The latter also moves more.
bool pass_is_spread(const struct pass *p) {
  double taken = (double)real_padded(p->to_channels), given = 1;
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++) {
    double pairs = 0;
    for (size_t r = 0; r < p->to_step[axis]; r++) {
      const struct range q = pass_range(p, axis, r, (struct range){p->begin[axis], p->end[axis]});
      pairs += (double)(q.end - q.begin) * (double)pass_view(p, axis, r).taps;
    }
    taken *= pairs;
    given *= (double)p->from[axis];
  }
  given *= (double)real_padded(positions(p->c->kernel) * p->to_channels);
  return 2 * given <= taken;
}

// ---- frames ----

struct frame frame_of(const struct pass *p, const size_t extent[CONVOLUTION_AXES]) {
  struct frame frame = {.channels = p->from_channels};
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++)
    frame.size[axis] = (extent[axis] - 1) * p->from_step[axis] + p->span[axis];
  return frame;
}

ptrdiff_t frame_origin(const struct pass *p, size_t axis, size_t begin) {
  return (ptrdiff_t)(begin * p->from_step[axis]) - (ptrdiff_t)p->lead[axis];
}

// Whole vectors may be read from, and written to, its last elements on.
size_t frame_size(const struct frame *frame) {
  return real_padded(frame->size[0] * frame_plane(frame)) + REAL_PAD;
}

// Positions of a field without the padding of their channels. Beyond the last one REAL_PAD elements
// may be overwritten.
static void copy_positions(size_t count, size_t channels, const real *restrict from,
                           real *restrict to) {
  const size_t stride = real_padded(channels);
  if (channels == stride) {
    memcpy(to, from, count * channels * sizeof *to);
    return;
  }
  if (channels < 4) {
    for (size_t i = 0; i < count; i++, from += stride, to += channels)
      for (size_t k = 0; k < channels; k++) to[k] = from[k];
    return;
  }
  for (size_t i = 0; i < count; i++, from += stride, to += channels)
    for (size_t k = 0; k < channels; k += REAL_PAD) memcpy(to + k, from + k, REAL_PAD * sizeof *to);
}

// Which of `size` positions from `origin` on lie in a field of `length`.
static struct range inside(ptrdiff_t origin, size_t size, size_t length) {
  const size_t begin = origin < 0 ? least((size_t)-origin, size) : 0;
  const ptrdiff_t left = (ptrdiff_t)length - origin;
  const size_t end = left < 0 ? 0 : least((size_t)left, size);
  return (struct range){begin, end > begin ? end : begin};
}

void frame_fill(const struct pass *p, const struct frame *frame,
                const size_t begin[CONVOLUTION_AXES], const real *field, real *to) {
  const size_t channels = frame->channels, line = frame_line(frame);
  struct range in[CONVOLUTION_AXES];
  ptrdiff_t origin[CONVOLUTION_AXES];
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++) {
    origin[axis] = frame_origin(p, axis, begin[axis]);
    in[axis] = inside(origin[axis], frame->size[axis], p->from[axis]);
  }
  const struct range x = in[2];
  for (size_t i = 0; i < frame->size[0]; i++)
    for (size_t j = 0; j < frame->size[1]; j++, to += line) {
      if (i < in[0].begin || i >= in[0].end || j < in[1].begin || j >= in[1].end ||
          x.begin == x.end) {
        memset(to, 0, line * sizeof *to);
        continue;
      }
      const size_t z = (size_t)(origin[0] + (ptrdiff_t)i), y = (size_t)(origin[1] + (ptrdiff_t)j);
      const size_t first = (size_t)(origin[2] + (ptrdiff_t)x.begin);
      memset(to, 0, x.begin * channels * sizeof *to);
      copy_positions(x.end - x.begin, channels,
                     field + ((z * p->from[1] + y) * p->from[2] + first) * real_padded(channels),
                     to + x.begin * channels);
      memset(to + x.end * channels, 0, (frame->size[2] - x.end) * channels * sizeof *to);
    }
}
