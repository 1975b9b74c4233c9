// Samples passing through the decoder in blocks of rows:
//
//   rows_sweep_begin(sweep, samples, n, first, end, NULL, NULL);
//   while (rows_sweep_next(sweep)) {
//     for each row: fill the objective's latents with those of sample occupant[row];
//     objective_evaluate(objective, sweep->rows, sweep->row, sweep->loss);
//     for each row: take what belongs to sample occupant[row];
//   }
#ifndef GFE_ROWS_SWEEP_H
#define GFE_ROWS_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/samples.h"

// Whether sample i takes part.
typedef bool rows_sweep_wants(const void *context, int64_t i);

struct rows_sweep {
  // The current block:
  size_t rows;
  struct objective_row *row;  // [room]
  int64_t *occupant;          // [room] the sample in a row
  double *loss;               // [room] for whoever evaluates the block
  int64_t next;               // the first sample after those placed so far
  // The rest is rows_sweep.c's own.
  size_t room;
  const struct samples *samples;
  size_t n;
  int64_t end;
  rows_sweep_wants *wants;
  const void *context;
};

// A sweep in blocks of up to `room` rows; owned by the caller.
struct rows_sweep *rows_sweep_create(size_t room);
void rows_sweep_destroy(struct rows_sweep **sweep);

// Begins with samples first ... end - 1 (borrowed), of `n` entries; without `wants` (NULL) all take
// part.
void rows_sweep_begin(struct rows_sweep *sweep, const struct samples *samples, size_t n,
                      int64_t first, int64_t end, rows_sweep_wants *wants, const void *context);

// Places the next block. False if no sample is left.
bool rows_sweep_next(struct rows_sweep *sweep);

#endif
