// Many flows advanced together. Each evaluation of the objective takes all flows in progress as
// rows of the same products, and when a flow is done, its place goes to a waiting sample. What is
// computed for a sample does not depend on any other sample (product.h).
#ifndef GFE_ENSEMBLE_H
#define GFE_ENSEMBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/decoder.h"
#include "engine/encoding.h"
#include "engine/samples.h"
#include "flow/solver.h"
#include "ground/ranks.h"

struct ensemble;  // owned by the caller of ensemble_create()

// An ensemble for `decoder` (borrowed) with products of up to `rows` rows. `ranks` (borrowed; NULL:
// a single process) matter only if samples on several of them share a step. Ensembles are
// independent of each other: each thread may have one, even for the same decoder.
struct ensemble *ensemble_create(const struct ranks *ranks, const struct decoder *decoder,
                                 const struct solver_options *options, size_t rows);
void ensemble_destroy(struct ensemble **ensemble);

// Prepares for flows that leave their last passes behind (encoding.carry); before any of them, and
// at the cost of memory.
void ensemble_leave_passes(struct ensemble *ensemble);

// Encodes all samples. If options->coupling is COUPLING_BATCH, samples whose positions lie in the
// same group of `group` share one step, as in the paper, and the call is collective; else `group`
// is ignored.
void ensemble_run(struct ensemble *ensemble, const struct samples *samples, int64_t group,
                  struct encoding *encoding);

// The same in slices. ensemble_begin() accepts the samples whose status is STATUS_RUNNING, which
// must be whole groups if these share a step; ensemble_advance() works for about `seconds` (one
// step of all groups if coupled) and returns whether flows are left, on this rank (on any rank if
// coupled). A sample's results are in `encoding` once its status is no longer STATUS_RUNNING.
// ensemble_end() drops the remaining flows. Samples and encoding are borrowed in between. All
// are collective if coupled.
void ensemble_begin(struct ensemble *ensemble, const struct samples *samples, int64_t group,
                    struct encoding *encoding);
bool ensemble_advance(struct ensemble *ensemble, double seconds);
void ensemble_end(struct ensemble *ensemble);

// Bytes that an ensemble takes with its flows under way; `passes`: they leave their last passes.
double ensemble_bytes(const struct decoder *decoder, const struct solver_options *options,
                      size_t rows, bool passes);

// The rows of products that suit the decoder's size: `rows` at most, fewer if its activations are
// large.
size_t ensemble_rows(const struct decoder *decoder, size_t rows);

#endif
