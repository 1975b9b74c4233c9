// How a rank's memory is used, and how much of it products may have: before anything large is
// allocated, the tile of a batch and the rows of products are chosen so that a run fits into
// run.memory_limit. The number of rows does not change any bit of a result (product.h); the tile
// does, so it follows from batch and decoder alone.
#ifndef GFE_BUDGET_H
#define GFE_BUDGET_H

#include <stddef.h>

#include "engine/run.h"
#include "ground/error.h"

enum { BUDGET_PARTS = 15 };

// One item that takes memory, and what a user can do if it takes too much.
struct budget_part {
  const char *name, *remedy;  // static
  double bytes;
};

// The memory that a rank takes with run->training_rows and run->evaluation_rows. Returns the number
// of parts.
size_t budget_parts(const struct run *run, struct budget_part parts[BUDGET_PARTS]);

// Their sum.
double budget_bytes(const struct run *run);

// Samples per tile if the input file leaves this to the program: about a quarter of a small batch,
// so that several ranks share the gradient, within limits that follow from the decoder. Each tile
// costs a store and a conversion of all parameters: as much as the flows of two samples if a
// parameter is used once per pass (hence 10 to 24 samples per tile), and less if it is used at many
// positions, as in convolutions. Flows are not tied to tiles.
enum { TILES_PER_BATCH = 4 };
struct tile_limits {
  int64_t least, most;
};
struct tile_limits budget_tile_limits(const struct decoder *decoder);

// Chooses what the configuration leaves open, as well as run->tile, run->training_rows and
// run->evaluation_rows, for a run whose data and decoder are known. Sets a message in *error if not
// even one row fits. Collective.
void budget_settle(struct run *run, struct error *error);

#endif
