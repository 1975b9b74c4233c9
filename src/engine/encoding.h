// What is known about encoded samples: one table of columns, which allocation, checkpoints, results
// and memory estimates iterate over. A new column is a row of the table in encoding.c, a member of
// the struct, and the place where its value is computed.
#ifndef GFE_ENCODING_H
#define GFE_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ground/real.h"
#include "ground/state.h"

struct carry;
struct starts;
struct trajectory;

// The source of the latents: a flow, or the encoder of an autoencoder.
enum encoding_source { ENCODING_BY_FLOW, ENCODING_BY_ENCODER, ENCODING_SOURCES };

// One element per sample; columns that its source does not provide are NULL.
struct encoding {
  enum encoding_source source;
  // The columns, owned:
  real *z;                   // [count][real_padded(d)]; in: where flows begin; out: the latents
  double *loss, *objective;  // loss of the data; what was minimised, including the prior's part
  int64_t *evaluations, *iterations, *rejected;
  int8_t *status;      // enum solver_status
  int8_t *start;       // enum start of the flow that was kept
  int64_t *tries;      // flows
  double *loss_other;  // the smallest loss at the end of another try; NaN if none
  // NULL, or one per sample (borrowed): where steps are recorded, and whose steps are replayed.
  struct trajectory *const *trajectories;
  struct trajectory *const *replays;
  struct starts *starts;  // the flows' starts, borrowed; NULL: z alone
  struct carry *carry;    // what the flows take up and leave behind, borrowed, or NULL
  const real *metric;     // of all samples' problems (struct solver_problem), borrowed, or NULL
};

// An encoding with zero latents and every sample still to be encoded (STATUS_RUNNING), by flows or
// by the other source. Owned by the caller.
struct encoding *encoding_create(int64_t count, size_t d);
struct encoding *encoding_create_by(enum encoding_source source, int64_t count, size_t d);
void encoding_destroy(struct encoding **encoding);

// Adds all columns to a state, in the order of the table. by[source]: the encodings of the same
// samples by each source, NULL where there is none. `samples` gives what the columns have in
// common: group, dimension, total, first and count.
void encoding_fields(struct encoding *const by[ENCODING_SOURCES], size_t d,
                     struct state_field samples, struct state *state);

// Bytes of a sample's columns in a file, and in memory, where latents are padded.
size_t encoding_file_bytes(enum encoding_source source, size_t d);
size_t encoding_memory_bytes(enum encoding_source source, size_t d);

#endif
