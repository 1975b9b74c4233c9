// The first metric of the flows of training (training.metric): one for all samples, the inverse of
// the mean Gauss-Newton matrix (gauss_newton.h) at the ends of flows, over the last hundred samples
// at which it was found. It is found at every (8 d)-th sample that passes through training, where
// it costs as much as d / 2 evaluations: some hundredth of the flows' work. The samples are counted
// in the order of training, so the metric does not depend on the number of ranks.
//
// Without it, the first step of each flow has no scale, and flows that are cut short in every epoch
// (encoding.max_iterations) lag behind the decoder. src/engine/README.md has figures.
#ifndef GFE_TRAINING_METRIC_H
#define GFE_TRAINING_METRIC_H

#include "engine/run.h"
#include "engine/shard.h"
#include "ground/state.h"

struct training_metric;  // owned by the caller of training_metric_create()

// For run->decoder and its training (borrowed); NULL if the input file does not want it.
struct training_metric *training_metric_create(const struct run *run);
void training_metric_destroy(struct training_metric **metric);

// Whether the solver takes a metric, and latents are not too long for one.
bool training_metric_is_possible(const struct run *run);

// The metric for flows of pass `pass` (from 0), [d][real_padded(d)] (borrowed until the next
// samples are added); NULL: there is none, as in the first pass, whose flows do not continue
// earlier ones, and while too few samples are known. `metric` may be NULL.
const real *training_metric_now(struct training_metric *metric, int64_t pass);

// Takes the ends of a batch's flows into account. Collective. `metric` may be NULL.
void training_metric_add(struct training_metric *metric, const struct shard *shard);

// Adds what determines later metrics to a state. `metric` may be NULL.
void training_metric_state(struct training_metric *metric, struct state *state);

// Bytes that training_metric_create() takes, and those of a batch.
double training_metric_bytes(const struct run *run);

#endif
