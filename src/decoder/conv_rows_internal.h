// What the files of conv_rows share: the geometry of one direction, and frames.
#ifndef GFE_CONV_ROWS_INTERNAL_H
#define GFE_CONV_ROWS_INTERNAL_H

#include "decoder/conv_rows.h"

// One direction of the map. Along an axis its outputs fall into `to_step` residue classes, r = 0
// ... to_step - 1, which see different taps; output q of class r is q to_step + r - before, and
// sees the sources q from_step - lead + j, where j counts its taps (struct view).
struct pass {
  const struct convolution *c;
  bool to_image;
  size_t from_channels, to_channels;
  size_t from[CONVOLUTION_AXES], to[CONVOLUTION_AXES];  // positions
  size_t from_step[CONVOLUTION_AXES], to_step[CONVOLUTION_AXES], before[CONVOLUTION_AXES];
  size_t begin[CONVOLUTION_AXES], end[CONVOLUTION_AXES];  // of q, over all classes
  size_t lead[CONVOLUTION_AXES], span[CONVOLUTION_AXES];  // what the classes see together
};
struct pass pass_of(const struct convolution *c, bool to_image);

// What class r sees along an axis.
struct view {
  size_t taps, lead;
};
struct view pass_view(const struct pass *p, size_t axis, size_t r);

// The tap of the kernel that is number j of class r.
size_t pass_tap(const struct pass *p, size_t axis, size_t r, size_t j);

// The q of class r whose outputs are there, within begin ... end - 1.
struct range {
  size_t begin, end;
};
struct range pass_range(const struct pass *p, size_t axis, size_t r, struct range within);

// Whether the product is with the sources where they stand: every output sees one of them, in
// order.
bool pass_is_trivial(const struct pass *p);

// Whether it is spread, source by source (conv_rows_spread.c).
bool pass_is_spread(const struct pass *p);
size_t spread_work(const struct pass *p);
void spread(const struct pass *p, const real *panels, const struct convolution_rows *rows,
            real *work);

// Elements of work space of convolution_to_weight().
size_t derivative_work(const struct convolution *c);

static inline size_t positions(const size_t size[CONVOLUTION_AXES]) {
  return size[0] * size[1] * size[2];
}
static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }

// A part of a field, with zeros where it reaches beyond, without the padding of its channels.
struct frame {
  size_t channels, size[CONVOLUTION_AXES];
};

// What a box of q sees, and where that begins.
struct frame frame_of(const struct pass *p, const size_t extent[CONVOLUTION_AXES]);
ptrdiff_t frame_origin(const struct pass *p, size_t axis, size_t begin);

size_t frame_size(const struct frame *frame);
static inline size_t frame_line(const struct frame *f) { return f->size[2] * f->channels; }
static inline size_t frame_plane(const struct frame *f) { return f->size[1] * frame_line(f); }

void frame_fill(const struct pass *p, const struct frame *frame,
                const size_t begin[CONVOLUTION_AXES], const real *field, real *to);

// Parts of an axis whose lengths differ by one at the most.
struct parts {
  size_t begin, count, length;
};
static inline struct parts parts_of(size_t begin, size_t end, size_t most) {
  return (struct parts){begin, (end - begin + most - 1) / most, end - begin};
}
static inline struct range part_of(const struct parts *parts, size_t part) {
  return (struct range){parts->begin + part * parts->length / parts->count,
                        parts->begin + (part + 1) * parts->length / parts->count};
}

#endif
