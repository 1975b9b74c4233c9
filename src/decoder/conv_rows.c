// The map of a convolution and its transpose: products with what a box of outputs sees, a frame
// that stays in the cache. Within a frame the taps of a line of the kernel lie side by side, so
// that they need not be gathered (numerics/product_pieces.h).
#include "decoder/conv_rows.h"

#include "decoder/conv_rows_internal.h"
#include "numerics/product_pieces.h"

enum { FRAMES = 1 << 15 };  // elements of frames at a time, if a line has no more
enum { TRIVIAL_ROWS = 240 };

// ---- packing ----

// One residue class of each axis.
struct class {
  size_t r[CONVOLUTION_AXES];
  struct view view[CONVOLUTION_AXES];
  size_t terms;
};

static size_t class_count(const struct pass *p) { return positions(p->to_step); }

static struct class class_of(const struct pass *p, size_t number) {
  struct class class = {.terms = p->from_channels};
  for (size_t axis = CONVOLUTION_AXES; axis-- > 0; number /= p->to_step[axis]) {
    class.r[axis] = number % p->to_step[axis];
    class.view[axis] = pass_view(p, axis, class.r[axis]);
    class.terms *= class.view[axis].taps;
  }
  return class;
}

static size_t pass_packed_size(const struct pass *p) {
  const size_t kernel = positions(p->c->kernel);
  if (pass_is_spread(p)) return product_panels_size(p->from_channels, kernel * p->to_channels);
  size_t size = 0;
  for (size_t i = 0; i < class_count(p); i++)
    size += product_panels_size(class_of(p, i).terms, p->to_channels);
  return size;
}

size_t convolution_packed_size(const struct convolution *c) {
  const struct pass grid = pass_of(c, false), image = pass_of(c, true);
  return pass_packed_size(&grid) + pass_packed_size(&image);
}

// The weights of a tap between all channels, rows of `stride` outputs.
static void put_tap(const struct pass *p, const real *weight, size_t tap, real *to, size_t stride) {
  const struct convolution *c = p->c;
  const size_t kernel = positions(c->kernel), row = c->image_channels * kernel;
  const size_t from_stride = p->to_image ? row : kernel, to_stride = p->to_image ? kernel : row;
  for (size_t i = 0; i < p->from_channels; i++)
    for (size_t o = 0; o < p->to_channels; o++)
      to[i * stride + o] = weight[i * from_stride + o * to_stride + tap];
}

static void pack_class(const struct pass *p, const struct class *class, const real *weight,
                       real *panels, real *work) {
  const size_t *kernel = p->c->kernel;
  size_t tap[CONVOLUTION_AXES], j[CONVOLUTION_AXES];
  real *to = work;
  for (j[0] = 0; j[0] < class->view[0].taps; j[0]++)
    for (j[1] = 0; j[1] < class->view[1].taps; j[1]++)
      for (j[2] = 0; j[2] < class->view[2].taps; j[2]++) {
        for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++)
          tap[axis] = pass_tap(p, axis, class->r[axis], j[axis]);
        put_tap(p, weight, (tap[0] * kernel[1] + tap[1]) * kernel[2] + tap[2], to, p->to_channels);
        to += p->from_channels * p->to_channels;
      }
  product_pack(class->terms, p->to_channels, work, p->to_channels, 1, panels);
}

static void pass_pack(const struct pass *p, const real *weight, real *panels, real *work) {
  const size_t kernel = positions(p->c->kernel), outputs = kernel * p->to_channels;
  if (pass_is_spread(p)) {
    for (size_t tap = 0; tap < kernel; tap++)
      put_tap(p, weight, tap, work + tap * p->to_channels, outputs);
    product_pack(p->from_channels, outputs, work, outputs, 1, panels);
    return;
  }
  for (size_t i = 0; i < class_count(p); i++) {
    const struct class class = class_of(p, i);
    pack_class(p, &class, weight, panels, work);
    panels += product_panels_size(class.terms, p->to_channels);
  }
}

void convolution_pack(const struct convolution *c, const real *weight, real *packed, real *work) {
  const struct pass grid = pass_of(c, false), image = pass_of(c, true);
  pass_pack(&grid, weight, packed, work);
  pass_pack(&image, weight, packed + pass_packed_size(&grid), work);
}

// ---- boxes of outputs ----

// How large boxes are, and how many samples they take.
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

// The outputs at hand: whose frames are in `frames`, one sample after the other.
struct box {
  const struct pass *pass;
  const struct convolution_rows *rows;
  struct frame frame;
  const real *frames;
  size_t sample, samples;
  struct range q[CONVOLUTION_AXES];
};

// ---- products ----

// A class's part of a box.
struct part {
  struct range q[CONVOLUTION_AXES];
  size_t a, c;  // where its first row begins, in the first frame and in a sample's outputs
};

static bool part_within(const struct box *box, const struct class *class, struct part *part) {
  const struct pass *p = box->pass;
  size_t a = 0, c = 0;
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++) {
    const struct range q = pass_range(p, axis, class->r[axis], box->q[axis]);
    if (q.begin == q.end) return false;
    part->q[axis] = q;
    a = a * box->frame.size[axis] + (q.begin - box->q[axis].begin) * p->from_step[axis] +
        p->lead[axis] - class->view[axis].lead;
    c = c * p->to[axis] + q.begin * p->to_step[axis] + class->r[axis] - p->before[axis];
  }
  part->a = a * p->from_channels;
  part->c = c * real_padded(p->to_channels);
  return true;
}

// Whether tap j of outputs q.begin ... q.end - 1 meets any source along an axis.
static bool meets(const struct pass *p, size_t axis, struct view view, struct range q, size_t j) {
  const size_t last = (q.end - 1) * p->from_step[axis] + j;
  return last >= view.lead && q.begin * p->from_step[axis] + j < p->from[axis] + view.lead;
}

// The pieces of the chain from term `begin` on, for a plane of a part; returns their number.
static size_t pieces_of(const struct box *box, const struct class *class, const struct part *part,
                        size_t plane, size_t begin, struct product_piece piece[PRODUCT_CHAIN]) {
  const struct pass *p = box->pass;
  const size_t line = class->view[2].taps * p->from_channels, end = begin + PRODUCT_CHAIN;
  if (line == 0) return 0;
  size_t count = 0;
  for (size_t i = begin / line; i * line < end && i * line < class->terms; i++) {
    const size_t z = i / class->view[1].taps, y = i % class->view[1].taps;
    const size_t first = i * line < begin ? begin - i * line : 0;
    if (!meets(p, 0, class->view[0], (struct range){plane, plane + 1}, z) ||
        !meets(p, 1, class->view[1], part->q[1], y))
      continue;
    piece[count++] = (struct product_piece){
        .count = least(line, end - i * line) - first,
        .a = z * frame_plane(&box->frame) + y * frame_line(&box->frame) + first,
        .b = i * line + first};
  }
  return count;
}

static void multiply_class(const struct box *box, const struct class *class, const real *panels) {
  const struct pass *p = box->pass;
  const struct convolution_rows *rows = box->rows;
  const size_t width = real_padded(p->to_channels), sample = positions(p->to) * width;
  const size_t frame = frame_size(&box->frame);
  const struct product_matrix m = {class->terms, p->to_channels, panels};
  struct product_piece piece[PRODUCT_CHAIN];
  struct part part;
  if (!part_within(box, class, &part)) return;
  const size_t planes = part.q[0].end - part.q[0].begin, lines = part.q[1].end - part.q[1].begin;
  const bool flat = planes == 1 && lines == 1;  // then samples are lines
  struct product_lines product = {
      .m = &m,
      .piece = piece,
      .lines = flat ? box->samples : lines,
      .rows = part.q[2].end - part.q[2].begin,
      .a_line = flat ? frame : p->from_step[1] * frame_line(&box->frame),
      .a_stride = p->from_step[2] * p->from_channels,
      .bias = rows->bias,
      .c_line = flat ? sample : p->to_step[1] * p->to[2] * width,
      .c_stride = p->to_step[2] * width};
  for (size_t k = 0; k == 0 || k < class->terms; k += PRODUCT_CHAIN)
    for (size_t z = 0; z < planes; z++) {
      product.pieces = pieces_of(box, class, &part, part.q[0].begin + z, k, piece);
      product.add = rows->add || k > 0;
      if (product.pieces == 0 && k > 0) continue;
      for (size_t i = 0; i < (flat ? 1 : box->samples); i++) {
        product.a =
            box->frames + i * frame + part.a + z * p->from_step[0] * frame_plane(&box->frame);
        product.c = rows->to + (box->sample + i) * sample + part.c +
                    z * p->to_step[0] * p->to[1] * p->to[2] * width;
        product_multiply_lines(&product);
      }
    }
}

static void finish_rows(const struct pass *p, const struct convolution_rows *rows, size_t row,
                        size_t count) {
  if (rows->finish != NULL && count > 0)
    rows->finish->act(rows->finish->context, row, count, 0, real_padded(p->to_channels));
}

// All outputs of a box, in rows that follow each other.
static void finish_box(const struct box *box, size_t sample) {
  const struct pass *p = box->pass;
  size_t begin[CONVOLUTION_AXES], end[CONVOLUTION_AXES];
  if (box->rows->finish == NULL) return;
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++) {
    const size_t step = p->to_step[axis], before = p->before[axis];
    const size_t first = box->q[axis].begin * step, last = box->q[axis].end * step;
    begin[axis] = first > before ? first - before : 0;
    end[axis] = least(last > before ? last - before : 0, p->to[axis]);
  }
  const bool whole = end[2] - begin[2] == p->to[2];
  const size_t lines = end[1] - begin[1], length = end[2] - begin[2];
  for (size_t z = begin[0]; z < end[0]; z++)
    for (size_t y = begin[1]; y < end[1]; y += whole ? lines : 1)
      finish_rows(p, box->rows, ((sample * p->to[0] + z) * p->to[1] + y) * p->to[2] + begin[2],
                  whole ? lines * length : length);
}

static void multiply_box(struct box *box, const real *panels, real *frames) {
  const struct pass *p = box->pass;
  const size_t begin[] = {box->q[0].begin, box->q[1].begin, box->q[2].begin};
  const size_t sample = positions(p->from) * real_padded(p->from_channels);
  for (size_t i = 0; i < box->samples; i++)
    frame_fill(p, &box->frame, begin, box->rows->from + (box->sample + i) * sample,
               frames + i * frame_size(&box->frame));
  for (size_t i = 0; i < class_count(p); i++) {
    const struct class class = class_of(p, i);
    multiply_class(box, &class, panels);
    panels += product_panels_size(class.terms, p->to_channels);
  }
  for (size_t i = 0; i < box->samples; i++) finish_box(box, box->sample + i);
}

static void multiply(const struct pass *p, const real *panels, const struct convolution_rows *rows,
                     real *work) {
  const struct extent extent = extent_of(p);
  struct parts parts[CONVOLUTION_AXES];
  struct box box = {p, rows, extent.frame, work, .sample = 0};
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++)
    parts[axis] = parts_of(p->begin[axis], p->end[axis], extent.q[axis]);
  for (; box.sample < rows->samples; box.sample += box.samples) {
    box.samples = least(extent.samples, rows->samples - box.sample);
    for (size_t i = 0; i < parts[0].count * parts[1].count * parts[2].count; i++) {
      box.q[0] = part_of(&parts[0], i / parts[2].count / parts[1].count);
      box.q[1] = part_of(&parts[1], i / parts[2].count % parts[1].count);
      box.q[2] = part_of(&parts[2], i % parts[2].count);
      multiply_box(&box, panels, work);
    }
  }
}

static void multiply_trivial(const struct pass *p, const real *panels,
                             const struct convolution_rows *rows) {
  const struct product_matrix m = {p->from_channels, p->to_channels, panels};
  const size_t from = real_padded(p->from_channels), to = real_padded(p->to_channels);
  const size_t count = rows->samples * positions(p->to);
  for (size_t row = 0; row < count; row += TRIVIAL_ROWS) {
    const struct product_rows product = {.rows = least(TRIVIAL_ROWS, count - row),
                                         .a = rows->from + row * from,
                                         .a_stride = from,
                                         .bias = rows->bias,
                                         .add = rows->add,
                                         .c = rows->to + row * to,
                                         .c_stride = to};
    product_multiply(&m, &product);
    finish_rows(p, rows, row, product.rows);
  }
}

static void go(const struct pass *p, const real *panels, const struct convolution_rows *rows,
               real *work) {
  if (pass_is_spread(p))
    spread(p, panels, rows, work);
  else if (pass_is_trivial(p))
    multiply_trivial(p, panels, rows);
  else
    multiply(p, panels, rows, work);
}

void convolution_to_grid(const struct convolution *c, const real *packed,
                         const struct convolution_rows *rows, real *work) {
  const struct pass p = pass_of(c, false);
  go(&p, packed, rows, work);
}

void convolution_to_image(const struct convolution *c, const real *packed,
                          const struct convolution_rows *rows, real *work) {
  const struct pass grid = pass_of(c, false), p = pass_of(c, true);
  go(&p, packed + pass_packed_size(&grid), rows, work);
}

// ---- work space ----

static size_t pass_work(const struct pass *p) {
  if (pass_is_spread(p)) return spread_work(p);
  const struct extent extent = extent_of(p);
  return extent.samples * frame_size(&extent.frame);
}

size_t convolution_work(const struct convolution *c) {
  const struct pass grid = pass_of(c, false), image = pass_of(c, true);
  const size_t sizes[] = {positions(c->kernel) * c->image_channels * c->grid_channels,  // packing
                          pass_work(&grid), pass_work(&image), derivative_work(c)};
  size_t most = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (sizes[i] > most) most = sizes[i];
  return most;
}
