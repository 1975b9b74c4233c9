#include "evaluation.h"

#include "clock.h"
#include "memory.h"
#include "reduction.h"

struct evaluation *evaluation_run(struct run *run, int set, const char *progress) {
  const enum phase before = clock_enter(PHASE_FLOW);
  const struct dataset *data = run->sets[set];
  const struct solver_options *options = &run->config.evaluation.solver;
  struct evaluation *evaluation = memory_new(struct evaluation, 1);
  evaluation->set = set;
  evaluation->encoding = encoding_create(data->local_count, run->decoder->d);

  // A sample's class of rows follows its place in the file, so that its latent does not depend on
  // the range encoded; groups that share a step are counted from the set's own beginning.
  const int64_t origin = options->coupling == COUPLING_BATCH ? 0 : data->index_first;
  const struct encoder_samples samples = {.count = data->local_count,
                                          .y = data->y,
                                          .w = data->w,
                                          .weight_sum = data->weight_sum,
                                          .position_first = origin + data->local_first,
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

void evaluation_destroy(struct evaluation **evaluation) {
  if (*evaluation == NULL) return;
  encoding_destroy(&(*evaluation)->encoding);
  memory_free(evaluation);
}
