// The geometry of convolutions: a grid of positions, each of which sees a patch of an image as
// large as the kernel. Whatever is computed of patches is a product with a matrix that holds them
// all.
//
// Images and grids are those of `block` samples at once, with the samples innermost.
#ifndef GFE_PATCHES_H
#define GFE_PATCHES_H

#include <stdbool.h>
#include <stddef.h>

#include "ground/real.h"

enum { PATCHES_AXES = 3 };  // of space; those that are not there have length 1

// The patch of grid position g covers g stride - padding + 0 ... kernel - 1 along every axis; what
// lies outside of the image is zero.
struct patches {
  size_t channels;
  size_t image[PATCHES_AXES], grid[PATCHES_AXES];
  size_t kernel[PATCHES_AXES], stride[PATCHES_AXES], padding[PATCHES_AXES];
};

size_t patches_kernel(const struct patches *patches);  // positions in a patch
size_t patches_image(const struct patches *patches);   // positions in the image
size_t patches_grid(const struct patches *patches);    // positions of the grid

// Whether the matrix is the image itself: patches of one position, one after the other.
bool patches_trivial(const struct patches *patches);

// Lines of the grid, along its last axis, from `begin` on: matrices may hold a few at a time.
struct patches_lines {
  size_t begin, end;
};
size_t patches_line_count(const struct patches *patches);

// matrix [channels][kernel][lines][line][block] = the patches of image [channels][image][block].
void patches_gather(const struct patches *patches, struct patches_lines lines, size_t block,
                    const real *image, real *matrix);

// The transposed map: adds the patches to the image where they lie.
void patches_scatter(const struct patches *patches, struct patches_lines lines, size_t block,
                     const real *matrix, real *image);

#endif
