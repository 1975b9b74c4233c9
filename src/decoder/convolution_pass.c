// The geometry of one direction of a convolution.
#include "decoder/convolution_internal.h"

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

static struct view view_of(const struct pass *p, size_t axis, size_t r) {
  const size_t kernel = p->c->kernel[axis];
  if (!p->to_image) return (struct view){kernel, p->lead[axis]};
  const size_t taps = r < kernel ? divide_up(kernel - r, p->to_step[axis]) : 0;
  return (struct view){taps, taps > 0 ? taps - 1 : 0};
}

struct class class_of(const struct pass *p, size_t number) {
  struct class class = {.terms = p->from_channels};
  for (size_t axis = CONVOLUTION_AXES; axis-- > 0; number /= p->to_step[axis]) {
    class.r[axis] = number % p->to_step[axis];
    class.view[axis] = view_of(p, axis, class.r[axis]);
    class.terms *= class.view[axis].taps;
  }
  return class;
}

size_t class_tap(const struct pass *p, const struct class *class,
                 const size_t j[CONVOLUTION_AXES]) {
  size_t tap = 0;
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++)
    tap = tap * p->c->kernel[axis] +
          (p->to_image ? class->r[axis] + p->to_step[axis] * (class->view[axis].taps - 1 - j[axis])
                       : j[axis]);
  return tap;
}

struct range class_range(const struct pass *p, const struct class *class, size_t axis,
                         struct range within) {
  const size_t step = p->to_step[axis], before = p->before[axis], r = class->r[axis];
  const size_t end = p->to[axis] + before;
  const size_t first = r < before ? divide_up(before - r, step) : 0;
  const size_t last = r < end ? divide_up(end - r, step) : 0;
  if (within.begin < first) within.begin = first;
  if (within.end > last) within.end = last;
  if (within.end < within.begin) within.end = within.begin;
  return within;
}

bool class_meets(const struct pass *p, const struct class *class, size_t axis, struct range q,
                 size_t j) {
  const size_t last = (q.end - 1) * p->from_step[axis] + j, lead = class->view[axis].lead;
  return last >= lead && q.begin * p->from_step[axis] + j < p->from[axis] + lead;
}

bool pass_is_trivial(const struct pass *p) {
  for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++)
    if (p->c->kernel[axis] != 1 || p->c->stride[axis] != 1 || p->c->padding[axis] != 0)
      return false;
  return true;
}

// Pairs of an output and a tap of its class, against pairs of a source and a tap of the kernel.
bool pass_is_spread(const struct pass *p) {
  double taken = 0, given = (double)positions(p->from) * (double)positions(p->c->kernel);
  for (size_t i = 0; i < class_count(p); i++) {
    const struct class class = class_of(p, i);
    double pairs = 1;
    for (size_t axis = 0; axis < CONVOLUTION_AXES; axis++) {
      const struct range all = {p->begin[axis], p->end[axis]};
      pairs *=
          (double)range_length(class_range(p, &class, axis, all)) * (double)class.view[axis].taps;
    }
    taken += pairs;
  }
  return 2 * given <= taken;
}
