#include "engine/evaluation.h"
#include "ground/clock.h"
#include "ground/memory.h"

static void by_flow(const void *context, int64_t first, int64_t count, real *x) {
  evaluation_decode(context, ENCODING_BY_FLOW, first, count, x);
}

static void by_encoder(const void *context, int64_t first, int64_t count, real *x) {
  evaluation_decode(context, ENCODING_BY_ENCODER, first, count, x);
}

void evaluation_measure(struct evaluation *evaluation) {
  const enum phase before = clock_enter(PHASE_FLOW);
  const struct run *run = evaluation->run;
  real *mean = errors_mean_sample(run, evaluation->set);
  struct errors **errors = evaluation->errors;
  errors[ERRORS_BY_FLOW] = errors_measure(run, evaluation->set, mean, by_flow, evaluation);
  if (evaluation->by_encoder != NULL)
    errors[ERRORS_BY_ENCODER] = errors_measure(run, evaluation->set, mean, by_encoder, evaluation);
  memory_free(&mean);
  clock_enter(before);
}
