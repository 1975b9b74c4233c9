#include "decoder/patches.h"

#include <string.h>

static size_t product(const size_t size[PATCHES_AXES]) { return size[0] * size[1] * size[2]; }

size_t patches_kernel(const struct patches *patches) { return product(patches->kernel); }
size_t patches_image(const struct patches *patches) { return product(patches->image); }
size_t patches_grid(const struct patches *patches) { return product(patches->grid); }

size_t patches_line_count(const struct patches *patches) {
  return patches->grid[0] * patches->grid[1];
}

bool patches_trivial(const struct patches *p) {
  for (size_t axis = 0; axis < PATCHES_AXES; axis++)
    if (p->kernel[axis] != 1 || p->stride[axis] != 1 || p->padding[axis] != 0) return false;
  return true;
}

// Grid positions begin ... end - 1 along an axis whose patches' k-th position lies in the image,
// and where it lies for the first of them.
struct range {
  size_t begin, end, at;
};

static struct range range_of(const struct patches *p, size_t axis, size_t k) {
  const size_t stride = p->stride[axis], padding = p->padding[axis], image = p->image[axis];
  struct range range = {0, 0, 0};
  if (k < padding) range.begin = (padding - k + stride - 1) / stride;
  if (image + padding > k) range.end = (image + padding - k - 1) / stride + 1;
  if (range.end > p->grid[axis]) range.end = p->grid[axis];
  if (range.end < range.begin) range.end = range.begin;
  range.at = range.begin * stride + k - padding;
  return range;
}

// A line of the matrix and the line of the image that it is taken from, or added to: `count` groups
// of `block` numbers, those of the image `step` numbers apart.
struct line {
  size_t count, block, step;
};

static void copy_line(const struct line *line, const real *restrict image, real *restrict matrix) {
  if (line->step == line->block) {
    memcpy(matrix, image, line->count * line->block * sizeof *matrix);
    return;
  }
  for (size_t i = 0; i < line->count; i++, image += line->step, matrix += line->block)
    for (size_t j = 0; j < line->block; j++) matrix[j] = image[j];
}

static void add_line(const struct line *line, const real *restrict matrix, real *restrict image) {
  if (line->step == line->block) {
    for (size_t j = 0; j < line->count * line->block; j++) image[j] += matrix[j];
    return;
  }
  for (size_t i = 0; i < line->count; i++, image += line->step, matrix += line->block)
    for (size_t j = 0; j < line->block; j++) image[j] += matrix[j];
}

// One position of the kernel in one channel: a row of the matrix, [grid][block].
struct offset {
  const struct patches *patches;
  struct range range[PATCHES_AXES];
  struct line line;
};

static struct offset offset_of(const struct patches *p, size_t block, const size_t k[]) {
  struct offset offset = {.patches = p};
  for (size_t axis = 0; axis < PATCHES_AXES; axis++)
    offset.range[axis] = range_of(p, axis, k[axis]);
  offset.line =
      (struct line){offset.range[2].end - offset.range[2].begin, block, p->stride[2] * block};
  return offset;
}

// Where the line of grid position (z, y) begins in the image.
static size_t line_at(const struct offset *offset, size_t z, size_t y) {
  const struct patches *p = offset->patches;
  const struct range *range = offset->range;
  const size_t image_z = range[0].at + (z - range[0].begin) * p->stride[0];
  const size_t image_y = range[1].at + (y - range[1].begin) * p->stride[1];
  return ((image_z * p->image[1] + image_y) * p->image[2] + range[2].at) * offset->line.block;
}

static bool is_inside(struct range range, size_t at) { return at >= range.begin && at < range.end; }

static void gather_row(const struct offset *offset, struct patches_lines lines, const real *image,
                       real *row) {
  const struct patches *p = offset->patches;
  const struct range *range = offset->range;
  const size_t block = offset->line.block, length = p->grid[2] * block;
  const size_t before = range[2].begin * block, after = (p->grid[2] - range[2].end) * block;
  for (size_t line = lines.begin; line < lines.end; line++, row += length) {
    const size_t z = line / p->grid[1], y = line % p->grid[1];
    if (!is_inside(range[0], z) || !is_inside(range[1], y) || offset->line.count == 0) {
      memset(row, 0, length * sizeof *row);
      continue;
    }
    memset(row, 0, before * sizeof *row);
    copy_line(&offset->line, image + line_at(offset, z, y), row + before);
    memset(row + length - after, 0, after * sizeof *row);
  }
}

static void scatter_row(const struct offset *offset, struct patches_lines lines, const real *row,
                        real *image) {
  const struct patches *p = offset->patches;
  const struct range *range = offset->range;
  const size_t block = offset->line.block;
  for (size_t line = lines.begin; line < lines.end; line++, row += p->grid[2] * block) {
    const size_t z = line / p->grid[1], y = line % p->grid[1];
    if (is_inside(range[0], z) && is_inside(range[1], y) && offset->line.count > 0)
      add_line(&offset->line, row + range[2].begin * block, image + line_at(offset, z, y));
  }
}

void patches_gather(const struct patches *p, struct patches_lines lines, size_t block,
                    const real *image, real *matrix) {
  const size_t row = (lines.end - lines.begin) * p->grid[2] * block;
  const size_t channel = patches_image(p) * block;
  size_t k[PATCHES_AXES];
  for (size_t c = 0; c < p->channels; c++, image += channel)
    for (k[0] = 0; k[0] < p->kernel[0]; k[0]++)
      for (k[1] = 0; k[1] < p->kernel[1]; k[1]++)
        for (k[2] = 0; k[2] < p->kernel[2]; k[2]++, matrix += row) {
          const struct offset offset = offset_of(p, block, k);
          gather_row(&offset, lines, image, matrix);
        }
}

void patches_scatter(const struct patches *p, struct patches_lines lines, size_t block,
                     const real *matrix, real *image) {
  const size_t row = (lines.end - lines.begin) * p->grid[2] * block;
  const size_t channel = patches_image(p) * block;
  size_t k[PATCHES_AXES];
  for (size_t c = 0; c < p->channels; c++, image += channel)
    for (k[0] = 0; k[0] < p->kernel[0]; k[0]++)
      for (k[1] = 0; k[1] < p->kernel[1]; k[1]++)
        for (k[2] = 0; k[2] < p->kernel[2]; k[2]++, matrix += row) {
          const struct offset offset = offset_of(p, block, k);
          scatter_row(&offset, lines, matrix, image);
        }
}
