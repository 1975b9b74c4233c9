// Frames: the part of a field that a box of outputs sees.
#include <string.h>

#include "decoder/convolution_internal.h"

struct frame frame_of(const struct pass *p, const size_t extent[CONVOLUTION_AXES]) {
  struct frame frame = {.channels = p->from_channels};
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++)
    frame.size[axis] = (extent[axis] - 1) * p->from_step[axis] + p->span[axis];
  return frame;
}

size_t frame_size(const struct frame *frame) {
  return real_padded(frame->size[0] * frame_plane(frame)) + REAL_PAD;
}

// Positions of a field without the padding of their channels. REAL_PAD elements beyond the last one
// may be overwritten.
static void copy_positions(size_t count, size_t channels, const real *restrict from,
                           real *restrict to) {
  const size_t stride = real_padded(channels);
  if (channels == stride) {
    memcpy(to, from, count * channels * sizeof *to);
  } else if (channels == 1) {
    for (size_t i = 0; i < count; i++) to[i] = from[i * stride];
  } else if (channels <= 4) {
    for (size_t i = 0; i < count; i++, from += stride, to += channels)
      memcpy(to, from, 4 * sizeof *to);
  } else {
    for (size_t i = 0; i < count; i++, from += stride, to += channels)
      for (size_t k = 0; k < channels; k += REAL_PAD)
        memcpy(to + k, from + k, REAL_PAD * sizeof *to);
  }
}

// Those of the `size` positions from `origin` on that are inside a field of `length`.
static struct range inside(ptrdiff_t origin, size_t size, size_t length) {
  const size_t begin = origin < 0 ? least((size_t)-origin, size) : 0;
  const ptrdiff_t left = (ptrdiff_t)length - origin;
  const size_t end = left < 0 ? 0 : least((size_t)left, size);
  return (struct range){begin, end > begin ? end : begin};
}

static bool is_in(struct range range, size_t i) { return i >= range.begin && i < range.end; }

void frame_fill(const struct pass *p, const struct frame *frame,
                const size_t begin[CONVOLUTION_AXES], const real *field, real *to) {
  const size_t channels = frame->channels, line = frame_line(frame);
  struct range in[CONVOLUTION_AXES];
  ptrdiff_t origin[CONVOLUTION_AXES];
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++) {
    origin[axis] = (ptrdiff_t)(begin[axis] * p->from_step[axis]) - (ptrdiff_t)p->lead[axis];
    in[axis] = inside(origin[axis], frame->size[axis], p->from[axis]);
  }
  const struct range x = in[2];
  for (size_t i = 0; i < frame->size[0]; i++)
    for (size_t j = 0; j < frame->size[1]; j++, to += line) {
      if (!is_in(in[0], i) || !is_in(in[1], j) || x.begin == x.end) {
        memset(to, 0, line * sizeof *to);
        continue;
      }
      const size_t z = (size_t)(origin[0] + (ptrdiff_t)i), y = (size_t)(origin[1] + (ptrdiff_t)j);
      const size_t first = (size_t)(origin[2] + (ptrdiff_t)x.begin);
      memset(to, 0, x.begin * channels * sizeof *to);
      copy_positions(range_length(x), channels,
                     field + ((z * p->from[1] + y) * p->from[2] + first) * real_padded(channels),
                     to + x.begin * channels);
      memset(to + x.end * channels, 0, (frame->size[2] - x.end) * channels * sizeof *to);
    }
}

// Lines are copied in units of `width` elements, a constant at each call; the next line overwrites
// the excess.
static inline __attribute__((always_inline)) void gather(const size_t width,
                                                         const struct gathering *g,
                                                         const real *frame, real *to) {
  for (size_t z = 0; z < g->count[0]; z++)
    for (size_t y = 0; y < g->count[1]; y++) {
      const real *row = frame + z * g->step[0] + y * g->step[1];
      for (size_t x = 0; x < g->count[2]; x++, row += g->step[2])
        for (size_t i = 0; i < g->lines[0]; i++)
          for (size_t j = 0; j < g->lines[1]; j++, to += g->line)
            memcpy(to, row + i * g->line_step[0] + j * g->line_step[1], width * sizeof *to);
    }
}

void frame_gather(const struct gathering *gathering, const real *frame, real *to) {
  if (gathering->line <= 4)
    gather(4, gathering, frame, to);
  else if (gathering->line <= 8)
    gather(8, gathering, frame, to);
  else
    gather(REAL_PAD, gathering, frame, to);
}
