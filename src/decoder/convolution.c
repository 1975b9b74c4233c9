#include "decoder/convolution.h"

// A portable build has narrow vectors only: there OpenBLAS, which chooses its kernel at run time,
// is faster.
enum { WIDE = __BIGGEST_ALIGNMENT__ >= 32 };

const struct convolution_ops *convolution_ops(const struct convolution *c) {
  const struct patches *p = c->patches;
  if (!WIDE || patches_trivial(p)) return &convolution_product;
  for (size_t axis = 0; axis < PATCHES_AXES; axis++)
    if (p->stride[axis] != 1 || p->padding[axis] >= p->kernel[axis]) return &convolution_product;
  return &convolution_direct;
}

size_t convolution_image(const struct convolution *c) {
  return real_padded(c->patches->channels * patches_image(c->patches));
}

size_t convolution_grid(const struct convolution *c) {
  return real_padded(c->outputs * patches_grid(c->patches));
}
