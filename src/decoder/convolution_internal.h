// Definitions shared by the files of convolution: the geometry of one direction, frames, and the
// methods.
#ifndef GFE_CONVOLUTION_INTERNAL_H
#define GFE_CONVOLUTION_INTERNAL_H

#include "decoder/convolution.h"
#include "ground/least.h"
#include "numerics/product_pieces.h"

static inline size_t positions(const size_t size[CONVOLUTION_AXES]) {
  return size[0] * size[1] * size[2];
}

struct range {
  size_t begin, end;
};
static inline size_t range_length(struct range range) { return range.end - range.begin; }

// Parts of an axis whose lengths differ by at most one.
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

// ---- geometry (convolution_pass.c) ----

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

// A residue class of each axis; terms of one of its outputs.
struct class {
  size_t r[CONVOLUTION_AXES];
  struct view view[CONVOLUTION_AXES];
  size_t terms;
};
static inline size_t class_count(const struct pass *p) { return positions(p->to_step); }
struct class class_of(const struct pass *p, size_t number);

// The tap of the kernel that is number j of a class.
size_t class_tap(const struct pass *p, const struct class *class, const size_t j[CONVOLUTION_AXES]);

// The q of a class within begin ... end - 1 whose outputs exist.
struct range class_range(const struct pass *p, const struct class *class, size_t axis,
                         struct range within);

// Whether tap j of outputs q.begin ... q.end - 1 meets any source along an axis.
bool class_meets(const struct pass *p, const struct class *class, size_t axis, struct range q,
                 size_t j);

// Reports complete rows, which number the positions of all samples consecutively.
static inline void pass_finish(const struct pass *p, const struct convolution_rows *rows,
                               size_t begin, size_t end) {
  if (rows->finish != NULL && end > begin)
    rows->finish->act(rows->finish->context, begin, end - begin, 0, real_padded(p->to_channels));
}

// ---- frames (convolution_frame.c) ----

// A part of a field, with zeros beyond its ends, and without the padding of its channels.
struct frame {
  size_t channels, size[CONVOLUTION_AXES];
};

// What a box of q sees.
struct frame frame_of(const struct pass *p, const size_t extent[CONVOLUTION_AXES]);

// Elements, with REAL_PAD to spare.
size_t frame_size(const struct frame *frame);
static inline size_t frame_line(const struct frame *f) { return f->size[2] * f->channels; }
static inline size_t frame_plane(const struct frame *f) { return f->size[1] * frame_line(f); }

// The frame of the box that begins at q = begin.
void frame_fill(const struct pass *p, const struct frame *frame,
                const size_t begin[CONVOLUTION_AXES], const real *field, real *to);

// Rows of a frame that lie in `count` per axis, `step` elements apart, and in each of them lines of
// `line` elements, `lines` and `line_step` per axis: to [row][line][element]. REAL_PAD elements
// beyond the last one may be overwritten.
struct gathering {
  size_t count[CONVOLUTION_AXES], step[CONVOLUTION_AXES];
  size_t lines[2], line_step[2], line;
};
void frame_gather(const struct gathering *gathering, const real *frame, real *to);

// Whether lines of the kernel are too short to be multiplied individually.
static inline bool line_is_thin(size_t line, size_t lines) { return line < REAL_PAD && lines > 1; }

// ---- the methods ----

// A box of outputs, of some samples whose frames follow each other.
struct box {
  const struct pass *pass;
  const struct convolution_rows *rows;
  struct frame frame;
  const real *frames;
  size_t sample, samples;
  struct range q[CONVOLUTION_AXES];
};

// A class's share of a box.
struct share {
  struct range q[CONVOLUTION_AXES];
  size_t at[CONVOLUTION_AXES];  // its first row in the frame, by positions,
  size_t to[CONVOLUTION_AXES];  // and in the outputs
};
bool class_share(const struct box *box, const struct class *class, struct share *share);

// For few output channels (convolution_few.c): vectors run along the positions.
bool pass_is_few(const struct pass *p);
size_t few_work(const struct pass *p, const struct frame *frame);
void few_multiply(const struct box *box, const real *weights, real *work);

// Source by source (convolution_spread.c).
bool pass_is_spread(const struct pass *p);
size_t spread_work(const struct pass *p);
void spread(const struct pass *p, const real *panels, const struct convolution_rows *rows,
            real *work);

// Every output sees one source, and both are in the same order.
bool pass_is_trivial(const struct pass *p);

// All other cases, and few, box by box (convolution_multiply.c).
size_t multiply_work(const struct pass *p);
void multiply(const struct pass *p, const real *packed, const struct convolution_rows *rows,
              real *work);

// Elements of a class's packed weights.
size_t class_packed_size(const struct pass *p, const struct class *class);

// Elements of work space of convolution_to_weight() (convolution_derivative.c).
size_t derivative_work(const struct convolution *c);

#endif
