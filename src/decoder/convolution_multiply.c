// Products with the part of a field that a box of outputs sees, a frame that stays in the cache.
// The taps of a line of the kernel are contiguous in it, so they need not be gathered unless they
// are very few.
#include "decoder/convolution_internal.h"

enum { FRAMES = 1 << 15 };  // elements of frames at a time, if a line has no more

// ---- boxes ----

// The size of boxes, and how many samples they cover.
struct extent {
  size_t q[CONVOLUTION_AXES], samples;
  struct frame frame;
};

static struct extent extent_of(const struct pass *p) {
  struct extent extent = {.samples = 1};
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++)
    extent.q[axis] = p->end[axis] - p->begin[axis];
  extent.frame = frame_of(p, extent.q);
  if (frame_size(&extent.frame) <= FRAMES) extent.samples = FRAMES / frame_size(&extent.frame);
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++)
    while (frame_size(&extent.frame) > FRAMES && extent.q[axis] > 1) {
      extent.q[axis] = (extent.q[axis] + 1) / 2;
      extent.frame = frame_of(p, extent.q);
    }
  return extent;
}

bool class_share(const struct box *box, const struct class *class, struct share *share) {
  const struct pass *p = box->pass;
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++) {
    const struct range q = class_range(p, class, axis, box->q[axis]);
    if (range_length(q) == 0) return false;
    share->q[axis] = q;
    share->at[axis] = (q.begin - box->q[axis].begin) * p->from_step[axis] + p->lead[axis] -
                      class->view[axis].lead;
    share->to[axis] = q.begin * p->to_step[axis] + class->r[axis] - p->before[axis];
  }
  return true;
}

// ---- one class ----

// The rows of a class in place: elements from one sample, plane, line or position to the next.
struct standing {
  const real *first;
  size_t sample, plane, line, position;
  bool gathered;  // all terms of a row side by side
};

static bool is_thin(const struct pass *p, const struct class *class) {
  return class->terms > 0 && line_is_thin(class->view[2].taps * p->from_channels,
                                          class->view[0].taps * class->view[1].taps);
}

static size_t gathered_size(const struct pass *p, const struct extent *extent) {
  size_t most = 0;
  for (size_t i = 0; i < class_count(p); i++) {
    const struct class class = class_of(p, i);
    if (is_thin(p, &class) && class.terms > most) most = class.terms;
  }
  return most == 0 ? 0 : extent->samples * positions(extent->q) * most + REAL_PAD;
}

static struct standing rows_of(const struct box *box, const struct class *class,
                               const struct share *share, real *gathered) {
  const struct pass *p = box->pass;
  const size_t plane = frame_plane(&box->frame), line = frame_line(&box->frame);
  const struct standing in_frames = {.first = box->frames + share->at[0] * plane +
                                              share->at[1] * line + share->at[2] * p->from_channels,
                                     .sample = frame_size(&box->frame),
                                     .plane = p->from_step[0] * plane,
                                     .line = p->from_step[1] * line,
                                     .position = p->from_step[2] * p->from_channels};
  if (!is_thin(p, class)) return in_frames;
  struct standing rows = {.first = gathered, .position = class->terms, .gathered = true};
  rows.line = range_length(share->q[2]) * rows.position;
  rows.plane = range_length(share->q[1]) * rows.line;
  rows.sample = range_length(share->q[0]) * rows.plane;
  const struct gathering gathering = {
      .count = {range_length(share->q[0]), range_length(share->q[1]), range_length(share->q[2])},
      .step = {in_frames.plane, in_frames.line, in_frames.position},
      .lines = {class->view[0].taps, class->view[1].taps},
      .line_step = {plane, line},
      .line = class->view[2].taps * p->from_channels};
  for (size_t i = 0; i < box->samples; i++)
    frame_gather(&gathering, in_frames.first + i * in_frames.sample, gathered + i * rows.sample);
  return rows;
}

// The pieces of the chain from term `begin` on, one per line of the kernel, for a plane of outputs;
// returns their number.
static size_t pieces_of(const struct box *box, const struct class *class, const struct share *share,
                        size_t plane, size_t begin, struct product_piece piece[PRODUCT_CHAIN]) {
  const struct pass *p = box->pass;
  const size_t line = class->view[2].taps * p->from_channels;
  const size_t end = least(begin + PRODUCT_CHAIN, class->terms);
  size_t count = 0;
  for (size_t term = begin; term < end;) {
    const size_t z = term / line / class->view[1].taps, y = term / line % class->view[1].taps;
    const size_t first = term % line, length = least(line - first, end - term);
    if (class_meets(p, class, 0, (struct range){plane, plane + 1}, z) &&
        class_meets(p, class, 1, share->q[1], y))
      piece[count++] = (struct product_piece){
          .count = length,
          .a = z * frame_plane(&box->frame) + y * frame_line(&box->frame) + first,
          .b = term};
    term += length;
  }
  return count;
}

// Samples with a single line count as lines; consecutive lines count as one.
static void join_lines(const struct box *box, const struct standing *rows, size_t planes,
                       size_t sample, struct product_lines *product) {
  if (planes == 1 && product->lines == 1) {
    product->lines = box->samples;
    product->a_line = rows->sample;
    product->c_line = sample;
  }
  if (product->a_line == product->rows * product->a_stride &&
      product->c_line == product->rows * product->c_stride) {
    product->rows *= product->lines;
    product->lines = 1;
  }
}

static void multiply_class(const struct box *box, const struct class *class, const real *panels,
                           real *gathered) {
  const struct pass *p = box->pass;
  const size_t width = real_padded(p->to_channels), sample = positions(p->to) * width;
  const struct product_matrix m = {
      .terms = class->terms, .outputs = p->to_channels, .panels = panels};
  struct product_piece piece[PRODUCT_CHAIN];
  struct share share;
  if (!class_share(box, class, &share)) return;
  const struct standing rows = rows_of(box, class, &share, gathered);
  const size_t planes = range_length(share.q[0]), lines = range_length(share.q[1]);
  const size_t samples = planes == 1 && lines == 1 ? 1 : box->samples;
  struct product_lines product = {.m = &m,
                                  .piece = piece,
                                  .lines = lines,
                                  .rows = range_length(share.q[2]),
                                  .a_line = rows.line,
                                  .a_stride = rows.position,
                                  .bias = box->rows->bias,
                                  .c_line = p->to_step[1] * p->to[2] * width,
                                  .c_stride = p->to_step[2] * width};
  real *to = box->rows->to + box->sample * sample +
             ((share.to[0] * p->to[1] + share.to[1]) * p->to[2] + share.to[2]) * width;
  join_lines(box, &rows, planes, sample, &product);
  for (size_t k = 0; k == 0 || k < class->terms; k += PRODUCT_CHAIN)
    for (size_t z = 0; z < planes; z++) {
      product.pieces = 1;
      piece[0] = (struct product_piece){least(PRODUCT_CHAIN, class->terms - k), k, k};
      if (!rows.gathered)
        product.pieces = pieces_of(box, class, &share, share.q[0].begin + z, k, piece);
      product.add = box->rows->add || k > 0;
      if (product.pieces == 0 && k > 0) continue;
      for (size_t i = 0; i < samples; i++) {
        product.a = rows.first + i * rows.sample + z * rows.plane;
        product.c = to + i * sample + z * p->to_step[0] * p->to[1] * p->to[2] * width;
        product_multiply_lines(&product);
      }
    }
}

// ---- all boxes ----

// All outputs of a box, in rows that follow each other.
static void finish(const struct box *box, size_t sample) {
  const struct pass *p = box->pass;
  struct range to[CONVOLUTION_AXES];
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++) {
    const size_t step = p->to_step[axis], before = p->before[axis];
    const size_t first = box->q[axis].begin * step, last = box->q[axis].end * step;
    to[axis].begin = first > before ? first - before : 0;
    to[axis].end = least(last > before ? last - before : 0, p->to[axis]);
  }
  const size_t length = range_length(to[2]);
  const size_t lines = length == p->to[2] ? range_length(to[1]) : 1;
  for (size_t z = to[0].begin; z < to[0].end; z++)
    for (size_t y = to[1].begin; y < to[1].end; y += lines) {
      const size_t row = ((sample * p->to[0] + z) * p->to[1] + y) * p->to[2] + to[2].begin;
      pass_finish(p, box->rows, row, row + lines * length);
    }
}

static void multiply_box(const struct box *box, const real *packed, real *frames, real *work) {
  const struct pass *p = box->pass;
  const size_t begin[] = {box->q[0].begin, box->q[1].begin, box->q[2].begin};
  const size_t sample = positions(p->from) * real_padded(p->from_channels);
  for (size_t i = 0; i < box->samples; i++)
    frame_fill(p, &box->frame, begin, box->rows->from + (box->sample + i) * sample,
               frames + i * frame_size(&box->frame));
  if (pass_is_few(p)) {
    few_multiply(box, packed, work);
  } else {
    for (size_t i = 0; i < class_count(p); i++) {
      const struct class class = class_of(p, i);
      multiply_class(box, &class, packed, work);
      packed += class_packed_size(p, &class);
    }
  }
  for (size_t i = 0; i < box->samples; i++) finish(box, box->sample + i);
}

void multiply(const struct pass *p, const real *packed, const struct convolution_rows *rows,
              real *work) {
  const struct extent extent = extent_of(p);
  struct parts parts[CONVOLUTION_AXES];
  struct box box = {p, rows, extent.frame, work, .sample = 0};
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++)
    parts[axis] = parts_of(p->begin[axis], p->end[axis], extent.q[axis]);
  real *beside = work + extent.samples * frame_size(&extent.frame);
  for (; box.sample < rows->samples; box.sample += box.samples) {
    box.samples = least(extent.samples, rows->samples - box.sample);
    for (size_t i = 0; i < parts[0].count * parts[1].count * parts[2].count; i++) {
      box.q[0] = part_of(&parts[0], i / parts[2].count / parts[1].count);
      box.q[1] = part_of(&parts[1], i / parts[2].count % parts[1].count);
      box.q[2] = part_of(&parts[2], i % parts[2].count);
      multiply_box(&box, packed, work, beside);
    }
  }
}

size_t multiply_work(const struct pass *p) {
  const struct extent extent = extent_of(p);
  return extent.samples * frame_size(&extent.frame) +
         (pass_is_few(p) ? few_work(p, &extent.frame) : gathered_size(p, &extent));
}
