// The linear map of a convolution, its transpose and its derivative, with the patches P of an image
// (patches.h) and a weight W [outputs][channels][kernel]:
//
//   grid = W P(image),   image = P^T(W^T grid),   dW = sum over samples of grid P(image)^T,
//
// over whole blocks of LAYER_ROWS samples (layer.h). All blocks are treated alike, whatever their
// number, so that a sample's bits depend on nothing but its place in the block.
#ifndef GFE_CONVOLUTION_H
#define GFE_CONVOLUTION_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/patches.h"
#include "ground/real.h"

struct convolution {
  const struct patches *patches;  // borrowed
  size_t outputs;                 // channels of the grid
};

// A way to compute it, for `rows` samples in whole blocks; `add`: added to what is there. `work`
// has work() elements.
struct convolution_ops {
  size_t (*work)(const struct convolution *c);
  void (*to_grid)(const struct convolution *c, const real *weight, size_t rows, const real *image,
                  bool add, real *grid, real *work);
  void (*to_image)(const struct convolution *c, const real *weight, size_t rows, const real *grid,
                   bool add, real *image, real *work);
  void (*to_weight)(const struct convolution *c, size_t rows, const real *grid, const real *image,
                    bool add, real *gradient, real *work);
};

// By products with the matrix of patches; by sums of shifted lines, for strides of 1 and paddings
// less than the kernel.
extern const struct convolution_ops convolution_product, convolution_direct;

// The faster way: direct where it can be, unless the matrix of patches is the image itself or the
// build is a portable one.
const struct convolution_ops *convolution_ops(const struct convolution *c);

// Numbers from a sample's image, or grid, to the next one's.
size_t convolution_image(const struct convolution *c);
size_t convolution_grid(const struct convolution *c);

#endif
