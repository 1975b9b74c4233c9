#include "engine/predictor_fit.h"

#include <math.h>
#include <string.h>

#include "engine/choice.h"
#include "engine/curvature.h"
#include "engine/ensemble.h"
#include "ground/memory.h"

enum {
  FITTED = 1000,             // samples that the predictor is fitted to, at most,
  FITTED_ENTRIES = 1 << 24,  // and their entries, unless that is less than
  FITTED_LEAST = 50,         // samples;
  FITTED_ITERATIONS = 30,    // near enough, by lbfgs
  CURVED = 30,               // samples of these whose Hessians make the metric,
  CURVED_LATENT = 256        // unless latents are longer
};

static int64_t fitted(const struct dataset_shape *shape) {
  int64_t most = FITTED_ENTRIES / (int64_t)shape->n;
  if (most < FITTED_LEAST) most = FITTED_LEAST;
  if (most > FITTED) most = FITTED;
  return most < shape->count ? most : shape->count;
}

// The number of the evenly spaced samples that are fitted to, -1 of the others.
static int64_t is_fitted(const void *context, int64_t sample) {
  const struct dataset_shape *shape = context;
  const int64_t total = fitted(shape);
  const int64_t j =
      (sample * total + shape->count - 1) / shape->count;  // the first at or behind it
  return j < total && j * shape->count / total == sample ? j : -1;
}

// The metric by the Hessians of every few of the samples.
static void add_metric(struct run *run, struct predictor *predictor, const struct choice *choice,
                       const struct encoding *encoding) {
  const size_t d = run->decoder->d, stride = real_padded(d);
  if (d > CURVED_LATENT) return;
  const int64_t every = (choice->samples.total + CURVED - 1) / CURVED;
  real *hessians = memory_new(real, CURVED * d * stride);
  struct curvature *curvature = curvature_create(run->decoder, run->evaluation_rows);
  int64_t count = 0;
  for (int64_t i = 0; i < choice->samples.count; i++) {
    if (choice->number[i] % every != 0 || !isfinite(encoding->loss[i])) continue;
    const struct objective_row row = samples_row(&choice->samples, run->decoder->n, i);
    curvature_hessian(curvature, &row, encoding->z + (size_t)i * stride,
                      hessians + (size_t)count++ * d * stride);
  }
  predictor_add_metric(predictor, comm_ranks(run->comm), count, hessians);
  curvature_destroy(&curvature);
  memory_free(&hessians);
}

struct predictor *predictor_fit_train(struct run *run) {
  const struct decoder *decoder = run->decoder;
  struct solver_options options = run->config.evaluation.solver;
  if (solver_ops(&options)->takes_metric && options.max_iterations > FITTED_ITERATIONS)
    options.max_iterations = FITTED_ITERATIONS;
  const struct dataset_shape *shape = &run->shapes[SET_TRAIN];
  struct choice *choice = choice_create(run->sets[SET_TRAIN], fitted(shape), is_fitted, shape);
  struct encoding *encoding = encoding_create(choice->samples.count, decoder->d);
  struct ensemble *ensemble =
      ensemble_create(comm_ranks(run->comm), decoder, &options, run->evaluation_rows);
  ensemble_run(ensemble, &choice->samples, 0, encoding);
  for (int64_t i = 0; i < choice->samples.count; i++)  // not of a flow that failed
    if (encoding->status[i] == STATUS_NONFINITE)
      memset(encoding->z + (size_t)i * real_padded(decoder->d), 0, decoder->d * sizeof(real));
  struct predictor *predictor =
      predictor_fit(comm_ranks(run->comm), &choice->samples, decoder->d, decoder->n, encoding->z);
  add_metric(run, predictor, choice, encoding);
  ensemble_destroy(&ensemble);
  encoding_destroy(&encoding);
  choice_destroy(&choice);
  return predictor;
}

double predictor_fit_bytes(const struct run *run) {
  const double d = (double)run->decoder->d, n = (double)run->decoder->n;
  double bytes = (d * n + n + d * (d + 1.0)) * (double)sizeof(real);
  if (!run->used[SET_TRAIN]) return bytes;
  const double m = (double)fitted(&run->shapes[SET_TRAIN]);
  if (d <= CURVED_LATENT) bytes += (double)curvature_bytes(run->decoder, run->evaluation_rows);
  return bytes + m * (m + 2.0 * d) * (double)sizeof(double) +
         (2.0 * ceil(m / comm_size(run->comm)) * n + CURVED * d * d) * (double)sizeof(real);
}
