// Affine scaling y = (raw - offset) / scale of the entries of a sample: one pair of constants for
// all of them, one per channel, or one per entry.
#ifndef GFE_SCALING_H
#define GFE_SCALING_H

#include <stdbool.h>
#include <stddef.h>

#include "platform/comm.h"

struct scaling {
  size_t n;                // entries of a sample
  size_t count;            // pairs: 1, the number of channels or n; divides n
  double *offset, *scale;  // [count], owned
};

// Offset 0, scale 1.
struct scaling *scaling_create(size_t n, size_t count);
void scaling_destroy(struct scaling **scaling);

// Gives all ranks the scaling of rank 0, or NULL if it has none; owned. Collective.
struct scaling *scaling_broadcast(struct comm *comm, struct scaling *scaling);

// The index of an entry's pair.
size_t scaling_place(const struct scaling *scaling, size_t entry);

// (raw - offset) / scale, and back, of entry `entry`, in double.
double scaling_apply(const struct scaling *scaling, size_t entry, double raw);
double scaling_undo(const struct scaling *scaling, size_t entry, double y);

// All constants are finite and no scale is 0.
bool scaling_is_sound(const struct scaling *scaling);

#endif
