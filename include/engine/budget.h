// What a rank's memory goes to, and how much of it products may have: before anything large is
// allocated, the tile of a batch and the rows of products are chosen so that a run fits into
// run.memory_limit. Rows change no bit of a result (product.h); a tile does, so it follows from
// batch and decoder alone.
#ifndef GFE_BUDGET_H
#define GFE_BUDGET_H

#include <stddef.h>

#include "engine/run.h"
#include "ground/error.h"

enum { BUDGET_PARTS = 14 };

// One of the things that take memory, and what a user can do if it is too much.
struct budget_part {
  const char *name, *remedy;  // static
  double bytes;
};

// What a rank takes with run->training_rows and run->evaluation_rows. Returns how many parts there
// are.
size_t budget_parts(const struct run *run, struct budget_part parts[BUDGET_PARTS]);

// Their sum.
double budget_bytes(const struct run *run);

// Samples per tile where the input file leaves them to the program: about a quarter of a small
// batch, so that some ranks share the gradient, within limits that follow from the decoder. Each
// tile costs a store and a conversion of all parameters, as much as the flows of two samples if a
// parameter is used once in a pass (10 to 24 samples per tile, then), and less where it is used at
// many places, as in convolutions. Flows are not bound to tiles.
enum { TILES_PER_BATCH = 4 };
struct tile_limits {
  int64_t least, most;
};
struct tile_limits budget_tile_limits(const struct decoder *decoder);

// Chooses what the configuration leaves open, run->tile, run->training_rows and
// run->evaluation_rows, for a run whose data and decoder are laid out. A message in *error if not
// even one row fits. Collective.
void budget_settle(struct run *run, struct error *error);

#endif
