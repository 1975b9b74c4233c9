// The order in which training takes the samples of a set; batches are stretches of it. Any rank can
// tell which sample is at a given place; each rank has a list of the places of its own samples.
#ifndef GFE_SAMPLE_ORDER_H
#define GFE_SAMPLE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "data/dataset.h"

// A sample that this rank holds.
struct own_sample {
  int64_t place;  // in the order
  int64_t local;  // among this rank's
};

struct sample_order;  // owned by the caller of sample_order_create()

// The file's order of `data` (borrowed); or a random one, determined by `seed` and `key` (say, the
// epoch). Takes time and memory for each sample of this rank, not for the whole set.
struct sample_order *sample_order_in_file(const struct dataset *data);
struct sample_order *sample_order_shuffled(const struct dataset *data, uint64_t seed, uint64_t key);

// `count` different ones of the first `loaded` samples of another order (borrowed), drawn at
// random; `seed` and `key` determine the draw. Takes time for each of them.
struct sample_order *sample_order_drawn(const struct sample_order *from, int64_t loaded,
                                        int64_t count, uint64_t seed, uint64_t key);
void sample_order_destroy(struct sample_order **order);

// Whose order it is (borrowed).
const struct dataset *sample_order_data(const struct sample_order *order);

// The set index of the sample at a place.
int64_t sample_order_at(const struct sample_order *order, int64_t place);

// This rank's samples at the places first ... first + count - 1, in that order: returns their
// number; *own (borrowed) points to the first of them.
int64_t sample_order_own(const struct sample_order *order, int64_t first, int64_t count,
                         const struct own_sample **own);

#endif
