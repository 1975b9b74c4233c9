#include <assert.h>
#include <string.h>

#include "engine/evaluation.h"
#include "engine/pod_codes.h"
#include "engine/rows_sweep.h"
#include "ground/clock.h"
#include "ground/memory.h"

// By the decoder, from latents of all samples.
static void decode(const struct evaluation *evaluation, const real *latents, int64_t first,
                   int64_t count, real *x) {
  assert(first + count <= evaluation->samples.count && evaluation->flows_ended);
  const struct run *run = evaluation->run;
  const size_t d = real_padded(run->decoder->d), n = real_padded(run->decoder->n);
  struct objective *objective = objective_create(run->decoder, run->evaluation_rows, false);
  struct rows_sweep *sweep = rows_sweep_create(run->evaluation_rows);
  real *z = objective_latents(objective);
  rows_sweep_begin(sweep, &evaluation->samples, run->decoder->n, first, first + count, NULL, NULL);
  while (rows_sweep_next(sweep)) {
    for (size_t row = 0; row < sweep->rows; row++)
      memcpy(z + row * d, latents + (size_t)sweep->occupant[row] * d, d * sizeof *z);
    const real *decoded = objective_decode(objective, sweep->rows);
    for (size_t row = 0; row < sweep->rows; row++)
      memcpy(x + (size_t)(sweep->occupant[row] - first) * n, decoded + row * n, n * sizeof *x);
  }
  objective_destroy(&objective);
  rows_sweep_destroy(&sweep);
}

// By POD, from its codes of the samples.
static void project(const struct evaluation *evaluation, int64_t first, int64_t count, real *x) {
  const struct dataset *data = evaluation->run->sets[evaluation->set];
  const size_t at = (size_t)first * data->stride;
  real *z = memory_new(real, (size_t)count * real_padded(evaluation->run->decoder->d));
  pod_codes_find(evaluation->pod, (size_t)count, data->y + at,
                 data->w != NULL ? data->w + at : NULL, z);
  pod_codes_decode(evaluation->pod, (size_t)count, z, x);
  loss_output(evaluation->run->decoder->loss, (size_t)count * data->stride, x);
  memory_free(&z);
}

void evaluation_reconstruct(const struct evaluation *evaluation, enum errors_source source,
                            int64_t first, int64_t count, real *x) {
  switch (source) {
    case ERRORS_BY_FLOW:
      decode(evaluation, evaluation->encoding->z, first, count, x);
      break;
    case ERRORS_BY_ENCODER:
      decode(evaluation, evaluation->by_encoder->z, first, count, x);
      break;
    default:
      project(evaluation, first, count, x);
  }
}

struct source {
  const struct evaluation *evaluation;
  enum errors_source source;
};

static void reconstruct(const void *context, int64_t first, int64_t count, real *x) {
  const struct source *source = context;
  evaluation_reconstruct(source->evaluation, source->source, first, count, x);
}

void evaluation_measure(struct evaluation *evaluation, const struct pod *pod) {
  const enum phase before = clock_enter(PHASE_FLOW);
  const bool there[] = {[ERRORS_BY_FLOW] = true,
                        [ERRORS_BY_ENCODER] = evaluation->by_encoder != NULL,
                        [ERRORS_BY_POD] = pod != NULL};
  if (pod != NULL) evaluation->pod = pod_codes_create(pod);
  real *mean = errors_mean_sample(evaluation->run, evaluation->set);
  for (int kind = 0; kind < ERRORS_SOURCES; kind++) {
    const struct source source = {evaluation, kind};
    if (there[kind])
      evaluation->errors[kind] =
          errors_measure(evaluation->run, evaluation->set, mean, reconstruct, &source);
  }
  memory_free(&mean);
  clock_enter(before);
}
