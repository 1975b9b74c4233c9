// Many flows advanced together. Each evaluation of the objective takes all flows under way as rows
// of the same products, and the place of one that is done goes to a sample that waits. What is
// computed for a sample depends on no other sample (product.h).
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

// An ensemble for `decoder` (borrowed) in products of up to `rows` rows. `ranks` (borrowed;
// NULL: this process is alone) matter only where samples on several of them share a step. Ensembles
// know nothing of each other: threads may each have one, also of the same decoder.
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

// The same in slices. ensemble_begin() takes up the samples whose status is STATUS_RUNNING, which
// must be whole groups if these share a step; ensemble_advance() works for about `seconds` (one
// step of all groups if coupled) and returns whether flows are left, on this rank (on any rank if
// coupled). A sample's results stand in `encoding` once its status is another than STATUS_RUNNING.
// ensemble_end() drops the flows that are left. Samples and encoding are borrowed in between. All
// are collective if coupled.
void ensemble_begin(struct ensemble *ensemble, const struct samples *samples, int64_t group,
                    struct encoding *encoding);
bool ensemble_advance(struct ensemble *ensemble, double seconds);
void ensemble_end(struct ensemble *ensemble);

// Bytes that an ensemble takes with its flows under way; `passes`: which these leave behind.
double ensemble_bytes(const struct decoder *decoder, const struct solver_options *options,
                      size_t rows, bool passes);

// The rows of products that suit the decoder's size: `rows` at most, fewer if its activations are
// large.
size_t ensemble_rows(const struct decoder *decoder, size_t rows);

#endif
