// Uncertainties of the latents and reconstructions of a set.
#include <assert.h>
#include <math.h>

#include "engine/evaluation.h"
#include "engine/modes.h"
#include "engine/observation.h"
#include "engine/posterior.h"
#include "engine/uncertainty.h"
#include "ground/clock.h"
#include "ground/memory.h"

// A row with its tangent takes twice the space of one without.
static size_t rows_of(const struct run *run) {
  return run->evaluation_rows > 1 ? run->evaluation_rows / 2 : 1;
}

// The posterior of the flows, or one that none of them needed.
static const struct posterior *posterior_of(const struct evaluation *evaluation) {
  return evaluation->posterior != NULL ? evaluation->posterior : evaluation->bars;
}

void evaluation_measure_uncertainty(struct evaluation *evaluation) {
  struct run *run = evaluation->run;
  const enum uncertainty_kind wanted = run->config.evaluation.uncertainty;
  const size_t d = run->decoder->d, count = (size_t)evaluation->samples.count;
  const bool is_new = evaluation->set == SET_TEST || evaluation->set == SET_ENCODE;
  if (wanted == UNCERTAINTY_NONE || !is_new) return;
  posterior_destroy(&evaluation->bars);
  if (evaluation->posterior == NULL)
    evaluation->bars = posterior_create(run, evaluation->set, &evaluation->samples,
                                        run->config.evaluation.prior != PRIOR_NONE);
  const struct posterior *posterior = posterior_of(evaluation);
  if (posterior == NULL) return;
  const enum phase before = clock_enter(PHASE_FLOW);
  modes_destroy(&evaluation->modes);
  if (evaluation->posterior != NULL && posterior->prior != NULL && run->config.evaluation.modes > 1)
    evaluation->modes =
        modes_find(run, posterior, evaluation->encoding, (size_t)run->config.evaluation.modes);
  clock_enter(before);
  memory_free(&evaluation->z_std);
  memory_free(&evaluation->z_covariance);
  evaluation->z_std = memory_new(double, count *d);
  if (wanted == UNCERTAINTY_COVARIANCE) evaluation->z_covariance = memory_new(double, count *d *d);
  struct observation *part = observation_create(run->decoder, &posterior->samples);
  struct uncertainty *u = uncertainty_create(part != NULL ? part->decoder : run->decoder,
                                             part != NULL ? &part->samples : &posterior->samples,
                                             posterior->variance, rows_of(run));
  for (size_t i = 0; i < count; i++) {
    const double *covariance =
        uncertainty_of(u, (int64_t)i, evaluation->encoding->z + i * real_padded(d));
    for (size_t k = 0; k < d; k++) evaluation->z_std[i * d + k] = sqrt(covariance[k * d + k]);
    for (size_t k = 0; k < d * d && evaluation->z_covariance != NULL; k++)
      evaluation->z_covariance[i * d * d + k] = covariance[k];
  }
  uncertainty_destroy(&u);
  observation_destroy(&part);
}

void evaluation_spread(const struct evaluation *evaluation, int64_t first, int64_t count, real *x) {
  const struct run *run = evaluation->run;
  assert(evaluation->z_std != NULL && first + count <= evaluation->samples.count);
  const size_t d = real_padded(run->decoder->d), n = real_padded(run->decoder->n);
  const struct posterior *posterior = posterior_of(evaluation);
  struct uncertainty *u =
      uncertainty_create(run->decoder, &posterior->samples, posterior->variance, rows_of(run));
  for (int64_t i = first; i < first + count; i++) {
    uncertainty_of(u, i, evaluation->encoding->z + (size_t)i * d);
    uncertainty_of_output(u, x + (size_t)(i - first) * n);
  }
  uncertainty_destroy(&u);
}

void evaluation_mix(const struct evaluation *evaluation, int64_t first, int64_t count, real *mean,
                    real *deviation) {
  const struct run *run = evaluation->run;
  assert(evaluation->modes != NULL && first + count <= evaluation->samples.count);
  const size_t n = real_padded(run->decoder->n);
  const struct posterior *posterior = evaluation->posterior;
  struct uncertainty *u =
      uncertainty_create(run->decoder, &posterior->samples, posterior->variance, rows_of(run));
  for (int64_t i = first; i < first + count; i++)
    modes_mix(evaluation->modes, posterior, u, i, mean + (size_t)(i - first) * n,
              deviation + (size_t)(i - first) * n);
  uncertainty_destroy(&u);
}
