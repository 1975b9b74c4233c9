#include "engine/evaluation.h"
#include "ground/clock.h"
#include "ground/memory.h"

static void by_flow(const void *context, int64_t first, int64_t count, real *x) {
  evaluation_decode(context, ENCODING_BY_FLOW, first, count, x);
}

static void by_encoder(const void *context, int64_t first, int64_t count, real *x) {
  evaluation_decode(context, ENCODING_BY_ENCODER, first, count, x);
}

// POD of the samples of a set.
struct projection {
  const struct pod *pod;
  const struct dataset *data;
};

static void by_pod(const void *context, int64_t first, int64_t count, real *x) {
  const struct projection *projection = context;
  const struct dataset *data = projection->data;
  const struct pod *pod = projection->pod;
  const size_t at = (size_t)first * data->stride;
  real *z = memory_new(real, (size_t)count * real_padded(pod->d));
  pod_encode(pod, (size_t)count, data->y + at, data->w != NULL ? data->w + at : NULL, z);
  pod_decode(pod, (size_t)count, z, x);
  loss_output(pod->loss, (size_t)count * data->stride, x);
  memory_free(&z);
}

void evaluation_measure(struct evaluation *evaluation, const struct pod *pod) {
  const enum phase before = clock_enter(PHASE_FLOW);
  const struct run *run = evaluation->run;
  const enum set set = evaluation->set;
  const struct projection projection = {.pod = pod, .data = run->sets[set]};
  real *mean = errors_mean_sample(run, set);
  struct errors **errors = evaluation->errors;
  errors[ERRORS_BY_FLOW] = errors_measure(run, set, mean, by_flow, evaluation);
  if (evaluation->by_encoder != NULL)
    errors[ERRORS_BY_ENCODER] = errors_measure(run, set, mean, by_encoder, evaluation);
  if (pod != NULL) errors[ERRORS_BY_POD] = errors_measure(run, set, mean, by_pod, &projection);
  memory_free(&mean);
  clock_enter(before);
}
