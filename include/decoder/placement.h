// Where samples stand in a matrix product, so that their bits do not depend on it.
#ifndef GFE_PLACEMENT_H
#define GFE_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ground/real.h"

// Which products give a sample's row the same bits wherever and beside whatever it stands. OpenBLAS
// treats rows in groups, so the rule depends on kernel and shapes, and it is found by trial: a
// product may have any multiple of PLACEMENT_ROWS rows from `least` to `most`, and a sample that
// once stood in a row of one class must always stand in one of that class.
enum { PLACEMENT_ROWS = 12 };
struct placement_rule {
  size_t least, most;
  size_t classes;  // 1: any row; 2: alternate groups of six; PLACEMENT_ROWS: row mod 12; `most`:
                   // that row
};

// The class of row `row`, and the row of the k-th sample of a class.
size_t placement_class(const struct placement_rule *rule, size_t row);
size_t placement_row(const struct placement_rule *rule, size_t class, size_t k);

// The rows a product needs for `per_class` samples in the fullest class.
size_t placement_rows_needed(const struct placement_rule *rule, size_t per_class);

// Narrows *rule (begin with least = PLACEMENT_ROWS, classes = 1 and the most rows wanted, a
// multiple of PLACEMENT_ROWS) until it holds for products c = a op(b) with op(b) of k x n. Not
// collective; the ranks must then agree on the most restrictive rule.
void placement_narrow(struct placement_rule *rule, bool transpose_b, size_t n, size_t k);

// The rows of one product as samples take their places in it.
struct placement {
  const struct placement_rule *rule;  // borrowed
  size_t *filled;                     // [classes] samples placed so far, owned
  size_t fullest;                     // the largest of them
};

struct placement *placement_create(const struct placement_rule *rule);
void placement_destroy(struct placement **placement);

// Empties the rows.
void placement_begin(struct placement *placement);

// Gives the sample at `position` of the whole batch or data set a row of its class, which is
// position mod classes. False if there is none left in this product.
bool placement_take(struct placement *placement, int64_t position, size_t *row);

// Rows of the product as filled so far; 0 if nobody has been placed.
size_t placement_rows(const struct placement *placement);

#endif
