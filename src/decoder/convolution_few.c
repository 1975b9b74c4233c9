// With few channels, most of a vector would be empty. Here vectors run along the positions of a
// box, in its transposed frame, where positions are contiguous. The chains are the same.
#include "decoder/convolution_internal.h"

// A row of the transposed frame, in which a vector may begin at any position.
static size_t row_size(const struct frame *frame) {
  return real_padded(positions(frame->size)) + REAL_PAD;
}

// Vectors of REAL_PAD that a term takes this way, against one per position.
bool pass_is_few(const struct pass *p) {
  size_t q[CONVOLUTION_AXES];
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++) {
    if (p->from_step[axis] != 1) return false;
    q[axis] = p->end[axis] - p->begin[axis];
  }
  const struct frame frame = frame_of(p, q);
  return 2 * p->to_channels * real_padded(q[1] * frame.size[2]) <= REAL_PAD * q[1] * q[2];
}

size_t few_work(const struct pass *p, const struct frame *frame) {
  return (p->from_channels + p->to_channels) * row_size(frame);
}

// The pieces of the chain from term `begin` on, one per tap; returns their number.
static size_t pieces_of(const struct box *box, const struct class *class, const struct share *share,
                        size_t plane, size_t begin, struct product_piece piece[PRODUCT_CHAIN]) {
  const struct pass *p = box->pass;
  const size_t channels = p->from_channels, end = least(begin + PRODUCT_CHAIN, class->terms);
  const size_t row = row_size(&box->frame);
  size_t count = 0;
  for (size_t term = begin; term < end;) {
    const size_t tap = term / channels, first = term % channels;
    const size_t x = tap % class->view[2].taps, line = tap / class->view[2].taps;
    const size_t y = line % class->view[1].taps, z = line / class->view[1].taps;
    const size_t length = least(channels - first, end - term);
    if (class_meets(p, class, 0, (struct range){plane, plane + 1}, z) &&
        class_meets(p, class, 1, share->q[1], y))
      piece[count++] = (struct product_piece){
          .count = length,
          .a = term * p->to_channels,
          .b = first * row + (z * box->frame.size[1] + y) * box->frame.size[2] + x};
    term += length;
  }
  return count;
}

// Outputs of a line from the rows in which they were summed.
static void put_line(const struct pass *p, bool add, size_t count, const real *sums, size_t row,
                     real *to) {
  const size_t stride = p->to_step[2] * REAL_PAD;
  if (!add) {
    product_put_columns(p->to_channels, count, sums, row, to, stride);
    return;
  }
  for (size_t x = 0; x < count; x++, to += stride)
    for (size_t o = 0; o < p->to_channels; o++) to[o] += sums[o * row + x];
}

static void put_plane(const struct box *box, const struct share *share, const real *sums,
                      real *to) {
  const struct pass *p = box->pass;
  for (size_t y = 0; y < range_length(share->q[1]); y++)
    put_line(p, box->rows->add, range_length(share->q[2]), sums + y * box->frame.size[2],
             row_size(&box->frame), to + (y * p->to_step[1] * p->to[2]) * REAL_PAD);
}

// The plane of one sample. Sums that are added to existing contents are added chain by chain.
static void multiply_plane(const struct box *box, const struct class *class,
                           const struct share *share, size_t plane, const real *weights,
                           const real *frame, real *sums, real *to) {
  const struct pass *p = box->pass;
  const struct convolution_rows *rows = box->rows;
  struct product_piece piece[PRODUCT_CHAIN];
  struct product_pairs pairs = {
      .piece = piece,
      .rows = p->to_channels,
      .columns = (range_length(share->q[1]) - 1) * box->frame.size[2] + range_length(share->q[2]),
      .a = weights,
      .a_stride = p->to_channels,
      .b = frame,
      .b_stride = row_size(&box->frame),
      .bias = rows->add ? NULL : rows->bias,
      .c = sums,
      .c_stride = row_size(&box->frame)};
  for (size_t k = 0; k == 0 || k < class->terms; k += PRODUCT_CHAIN) {
    pairs.pieces = pieces_of(box, class, share, share->q[0].begin + plane, k, piece);
    pairs.add = k > 0 && !rows->add;
    product_sum_pairs(&pairs);
    if (rows->add) put_plane(box, share, sums, to);
  }
  if (!rows->add) put_plane(box, share, sums, to);
}

static void multiply_class(const struct box *box, size_t sample, const struct class *class,
                           const real *weights, const real *frame, real *sums) {
  const struct pass *p = box->pass;
  struct share share;
  if (!class_share(box, class, &share)) return;
  for (size_t z = 0; z < range_length(share.q[0]); z++) {
    const size_t at = (share.at[0] + z) * box->frame.size[1] + share.at[1];
    const size_t to =
        ((sample * p->to[0] + share.to[0] + z * p->to_step[0]) * p->to[1] + share.to[1]) *
            p->to[2] +
        share.to[2];
    multiply_plane(box, class, &share, z, weights, frame + at * box->frame.size[2] + share.at[2],
                   sums, box->rows->to + to * REAL_PAD);
  }
}

void few_multiply(const struct box *box, const real *weights, real *work) {
  const struct pass *p = box->pass;
  const size_t row = row_size(&box->frame);
  for (size_t i = 0; i < box->samples; i++) {
    const real *of_class = weights;
    product_transpose(positions(box->frame.size), p->from_channels,
                      box->frames + i * frame_size(&box->frame), p->from_channels, work, row);
    for (size_t k = 0; k < class_count(p); k++) {
      const struct class class = class_of(p, k);
      multiply_class(box, box->sample + i, &class, of_class, work, work + p->from_channels * row);
      of_class += class_packed_size(p, &class);
    }
  }
}
