// Convolutions: a linear map from an image to a grid of positions, each of which sees a patch of
// the image as large as the kernel; its transpose; and its derivative. With W [grid channels][image
// channels][kernel], as PyTorch keeps it, and grid position g, image position g stride - padding +
// t of tap t (nothing outside of the image):
//
//   to_grid     grid[g]  = bias + sum over t of W[t] image[g stride - padding + t]
//   to_image    image[i] = bias + sum over g, t with g stride - padding + t = i of W[t]^T grid[g]
//   to_weight   dW[t]    = sum over samples and g of grid[g] image[g stride - padding + t]^T
//
// A convolution is to_grid, with to_image as its backward pass; for a transposed one it is the
// reverse.
//
// Fields are stored channels last: [position][real_padded(channels)], positions in C order,
// channels beyond the last one zero. Samples follow one another, so that a row of a dense layer is
// a field with one position, and the positions of all samples are rows of a product.
//
// As in product.h, bits follow from a prescribed order and the geometry; those of a sample do not
// depend on any other sample. An output is a chain over the taps that reach it, in the order in
// which the positions they come from lie in memory, and over the channels of each; a position
// outside the field counts as zero. If that would take at least twice as many products as there are
// pairs of a source and a tap (a few sources and a large kernel), an output instead begins with the
// bias, to which the chains over the channels of one source after another are added. Chains end
// after PRODUCT_CHAIN terms, and their sums are added in order.
//
// The derivative is summed over boxes of the grid of at most CONVOLUTION_BOX positions: as long as
// possible along the last axis, then along the one before, with lengths that differ by at most one;
// if a sample fits into a box, the box contains as many samples as there is room for. A chain goes
// through a box, sample by sample and position by position, and the sums of boxes are added in
// order.
#ifndef GFE_CONVOLUTION_H
#define GFE_CONVOLUTION_H

#include <stdbool.h>
#include <stddef.h>

#include "ground/real.h"
#include "numerics/product.h"

enum { CONVOLUTION_AXES = 3 };  // spatial axes; absent ones come first and have length 1
enum { CONVOLUTION_BOX = 128 };

// Plain data.
struct convolution {
  size_t image_channels, grid_channels;
  size_t image[CONVOLUTION_AXES], grid[CONVOLUTION_AXES];
  size_t kernel[CONVOLUTION_AXES], stride[CONVOLUTION_AXES], padding[CONVOLUTION_AXES];
};

static inline size_t convolution_positions(const size_t size[CONVOLUTION_AXES]) {
  return size[0] * size[1] * size[2];
}

// Weights for both directions in the form in which products read them: their number of elements,
// and packing, which is needed whenever the weight has changed.
size_t convolution_packed_size(const struct convolution *c);
void convolution_pack(const struct convolution *c, const real *weight, real *packed, real *work);

// Elements of `work`, for any number of samples.
size_t convolution_work(const struct convolution *c);

// Samples that go from one side to the other.
struct convolution_rows {
  size_t samples;
  const real *from;
  const real *bias;  // [real_padded(channels)]; NULL: none
  bool add;          // to the contents of `to`, instead of the bias
  real *to;
  // Acts on rows, the positions of all samples counted through, once they are complete and while
  // they are in the cache, over all channels. NULL: nothing.
  const struct product_finish *finish;
};
void convolution_to_grid(const struct convolution *c, const real *packed,
                         const struct convolution_rows *rows, real *work);
void convolution_to_image(const struct convolution *c, const real *packed,
                          const struct convolution_rows *rows, real *work);

// The gradient of the weight, in the layout of the weight; `add`: added to the existing contents.
void convolution_to_weight(const struct convolution *c, size_t samples, const real *grid,
                           const real *image, bool add, real *gradient, real *work);

// The gradient of a bias [real_padded(channels)]: the sum of `rows` positions of all samples,
// PRODUCT_CHAIN of them at a time one after the other, and these sums in order.
void convolution_to_bias(size_t channels, size_t rows, const real *delta, bool add, real *gradient);

#endif
