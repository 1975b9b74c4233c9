#include "evaluation.h"

#include <string.h>

#include "clock.h"
#include "memory.h"
#include "objective.h"
#include "reduction.h"

// A sample's class of rows follows its place in the file, so that its latent does not depend on the
// range encoded; groups that share a step are counted from the set's own beginning.
static int64_t position_first(const struct run *run, const struct dataset *data) {
  const bool coupled = run->config.evaluation.solver.coupling == COUPLING_BATCH;
  return (coupled ? 0 : data->index_first) + data->local_first;
}

struct evaluation *evaluation_run(struct run *run, int set, const char *progress) {
  const enum phase before = clock_enter(PHASE_FLOW);
  const struct dataset *data = run->sets[set];
  const struct solver_options *options = &run->config.evaluation.solver;
  struct evaluation *evaluation = memory_new(struct evaluation, 1);
  evaluation->set = set;
  evaluation->encoding = encoding_create(data->local_count, run->decoder->d);

  const struct encoder_samples samples = {.count = data->local_count,
                                          .y = data->y,
                                          .w = data->w,
                                          .weight_sum = data->weight_sum,
                                          .position_first = position_first(run, data),
                                          .total = data->count};
  struct encoder *encoder =
      encoder_create(run->comm, run->decoder, options, &run->evaluation_rule, progress);
  encoder_run(encoder, &samples, run->config.training.batch, evaluation->encoding);
  encoder_destroy(&encoder);

  evaluation->loss =
      reduction_sum(run->comm, evaluation->encoding->loss, (size_t)data->local_count) /
      (double)data->count;
  tally_clear(&evaluation->tally);
  tally_add(&evaluation->tally, evaluation->encoding, data->local_count);
  tally_combine(&evaluation->tally, run->comm);
  clock_enter(before);
  return evaluation;
}

real *evaluation_decode(const struct run *run, const struct evaluation *evaluation, int64_t count) {
  const struct dataset *data = run->sets[evaluation->set];
  const size_t d = real_padded(run->decoder->d), most = run->evaluation_rule.most;
  struct objective *objective = objective_create(run->decoder, most);
  struct placement *placement = placement_create(&run->evaluation_rule);
  size_t *rows = memory_new(size_t, most);
  real *images = memory_new(real, (size_t)count * data->stride);
  for (int64_t first = 0, end = 0; first < count; first = end) {
    placement_begin(placement);
    for (size_t row; end < count; end++) {
      if (!placement_take(placement, position_first(run, data) + end, &row)) break;
      memcpy(objective_latents(objective) + row * d, evaluation->encoding->z + (size_t)end * d,
             d * sizeof(real));
      rows[end - first] = row;
    }
    const real *decoded = objective_decode(objective, placement_rows(placement));
    for (int64_t i = first; i < end; i++)
      memcpy(images + (size_t)i * data->stride, decoded + rows[i - first] * data->stride,
             data->stride * sizeof(real));
  }
  objective_destroy(&objective);
  placement_destroy(&placement);
  memory_free(&rows);
  return images;
}

void evaluation_destroy(struct evaluation **evaluation) {
  if (*evaluation == NULL) return;
  encoding_destroy(&(*evaluation)->encoding);
  memory_free(evaluation);
}
