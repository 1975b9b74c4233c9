#include "decoder/convolution.h"

#include "decoder/convolution_internal.h"

enum { TRIVIAL_ROWS = 240 };  // at a time

// ---- packing ----

size_t class_packed_size(const struct pass *p, const struct class *class) {
  return pass_is_few(p) ? class->terms * p->to_channels
                        : product_panels_size(class->terms, p->to_channels);
}

static size_t pass_packed_size(const struct pass *p) {
  if (pass_is_spread(p))
    return product_panels_size(p->from_channels, positions(p->c->kernel) * p->to_channels);
  size_t size = 0;
  for (size_t i = 0; i < class_count(p); i++) {
    const struct class class = class_of(p, i);
    size += class_packed_size(p, &class);
  }
  return size;
}

size_t convolution_packed_size(const struct convolution *c) {
  const struct pass grid = pass_of(c, false), image = pass_of(c, true);
  return pass_packed_size(&grid) + pass_packed_size(&image);
}

// The weights of a tap between all channels, in rows of `stride` outputs.
static void put_tap(const struct pass *p, const real *weight, size_t tap, real *to, size_t stride) {
  const struct convolution *c = p->c;
  const size_t kernel = positions(c->kernel), row = c->image_channels * kernel;
  const size_t from_stride = p->to_image ? row : kernel, to_stride = p->to_image ? kernel : row;
  for (size_t i = 0; i < p->from_channels; i++)
    for (size_t o = 0; o < p->to_channels; o++)
      to[i * stride + o] = weight[i * from_stride + o * to_stride + tap];
}

// The weights of a class [tap][channel][output].
static void put_class(const struct pass *p, const struct class *class, const real *weight,
                      real *to) {
  size_t j[CONVOLUTION_AXES];
  for (j[0] = 0; j[0] < class->view[0].taps; j[0]++)
    for (j[1] = 0; j[1] < class->view[1].taps; j[1]++)
      for (j[2] = 0; j[2] < class->view[2].taps; j[2]++) {
        put_tap(p, weight, class_tap(p, class, j), to, p->to_channels);
        to += p->from_channels * p->to_channels;
      }
}

static void pass_pack(const struct pass *p, const real *weight, real *packed, real *work) {
  const size_t kernel = positions(p->c->kernel), outputs = kernel * p->to_channels;
  if (pass_is_spread(p)) {
    for (size_t tap = 0; tap < kernel; tap++)
      put_tap(p, weight, tap, work + tap * p->to_channels, outputs);
    product_pack(p->from_channels, outputs, work, outputs, 1, packed);
    return;
  }
  for (size_t i = 0; i < class_count(p); i++) {
    const struct class class = class_of(p, i);
    put_class(p, &class, weight, pass_is_few(p) ? packed : work);
    if (!pass_is_few(p)) product_pack(class.terms, p->to_channels, work, p->to_channels, 1, packed);
    packed += class_packed_size(p, &class);
  }
}

void convolution_pack(const struct convolution *c, const real *weight, real *packed, real *work) {
  const struct pass grid = pass_of(c, false), image = pass_of(c, true);
  pass_pack(&grid, weight, packed, work);
  pass_pack(&image, weight, packed + pass_packed_size(&grid), work);
}

// ---- the map ----

static void multiply_trivial(const struct pass *p, const real *panels,
                             const struct convolution_rows *rows) {
  const struct product_matrix m = {
      .terms = p->from_channels, .outputs = p->to_channels, .panels = panels};
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
    pass_finish(p, rows, row, row + product.rows);
  }
}

static void go(const struct pass *p, const real *packed, const struct convolution_rows *rows,
               real *work) {
  if (pass_is_spread(p))
    spread(p, packed, rows, work);
  else if (pass_is_trivial(p) && !pass_is_few(p))
    multiply_trivial(p, packed, rows);
  else
    multiply(p, packed, rows, work);
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
  return pass_is_spread(p) ? spread_work(p) : multiply_work(p);
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
