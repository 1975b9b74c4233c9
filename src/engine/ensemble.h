// Many flows advanced together. Samples wait in a queue; each evaluation of the objective takes all
// active samples in as few full rows as the rule of placement (placement.h) allows, and a sample
// that is done makes room for a waiting one at once. So products stay full, and what is computed
// for a sample does not depend on its batch-mates.
#ifndef GFE_ENCODER_H
#define GFE_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/decoder.h"
#include "decoder/placement.h"
#include "flow/solver.h"
#include "platform/comm.h"

// Samples to encode, on this rank (all borrowed).
struct samples {
  int64_t count;
  const real *y;             // [count][real_padded(n)]
  const real *w;             // the same, or NULL
  const double *weight_sum;  // [count]
  const int64_t *position;  // [count] place in the whole batch or data set; decides the row's class
  int64_t position_first;   // if position is NULL: those of samples are position_first + i
  int64_t total;            // samples on all ranks
};

// The position of sample i of these.
int64_t samples_position(const struct samples *samples, int64_t i);

// Results, one element per sample, owned by the caller.
struct encoding {
  real *z;  // [count][real_padded(d)]; in: where flows begin; out: the latents
  double *loss;
  int64_t *evaluations, *iterations, *rejected;
  int8_t *status;  // enum solver_status
  // NULL, or one per sample (borrowed): where steps are recorded, and whose steps are replayed.
  struct trajectory *const *trajectories;
  struct trajectory *const *replays;
  const real *metric;  // of all samples' problems (struct solver_problem), borrowed, or NULL
};

// Zero latents, and every sample still to be encoded (STATUS_RUNNING).
struct encoding *encoding_create(int64_t count, size_t d);
void encoding_destroy(struct encoding **encoding);

struct ensemble;  // owned by the caller of ensemble_create()

// An ensemble for `decoder` (borrowed) in products of up to rule->most rows.
struct ensemble *ensemble_create(struct comm *comm, const struct decoder *decoder,
                                 const struct solver_options *options,
                                 const struct placement_rule *rule);
void ensemble_destroy(struct ensemble **ensemble);

// Encodes all samples. If options->coupling is COUPLING_BATCH, samples whose positions lie in the
// same group of `group` share one step, as in the paper, and the call is collective; else `group`
// is not looked at.
void ensemble_run(struct ensemble *ensemble, const struct samples *samples, int64_t group,
                  struct encoding *encoding);

// The same bit by bit. ensemble_begin() takes up the samples whose status is STATUS_RUNNING, which
// must be whole groups if these share a step; ensemble_advance() works for about `seconds` (one
// step of all groups if coupled) and returns whether flows are left, on this rank (on any rank if
// coupled). A sample's results stand in `encoding` once its status is another than STATUS_RUNNING.
// ensemble_end() drops the flows that are left. All are collective if coupled.
void ensemble_begin(struct ensemble *ensemble, const struct samples *samples, int64_t group,
                    struct encoding *encoding);
bool ensemble_advance(struct ensemble *ensemble, double seconds);
void ensemble_end(struct ensemble *ensemble);

// The rows of products that suit the decoder's size: `rows` at most, fewer if it is very wide.
size_t ensemble_rows(const struct decoder *decoder, size_t rows);

#endif
