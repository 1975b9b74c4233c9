#include "engine/predictor_fit.h"

#include <math.h>
#include <string.h>

#include "decoder/tangent.h"
#include "engine/choice.h"
#include "engine/ensemble.h"
#include "ground/memory.h"

enum {
  FITTED = 1000,             // samples that the predictor is fitted to, at the most,
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

// Columns of a Hessian that are found at once. With its tangent a row takes twice the space.
static size_t columns_at_once(const struct run *run) {
  const size_t d = run->decoder->d, most = run->evaluation_rows / 2;
  return most < 1 ? 1 : most < d ? most : d;
}

// The Hessian of a sample's loss at z, [d][real_padded(d)], in sweeps of as many columns as `rows`
// has room for.
static void find_hessian(const struct run *run, struct tangent *tangent,
                         struct objective_row sample, const real *z, struct objective_row *rows,
                         real *hessian) {
  const size_t d = run->decoder->d, stride = real_padded(d), most = columns_at_once(run);
  real *latents = tangent_latents(tangent), *directions = tangent_directions(tangent);
  for (size_t first = 0; first < d; first += most) {
    const size_t count = d - first < most ? d - first : most;
    memset(directions, 0, count * stride * sizeof *directions);
    for (size_t i = 0; i < count; i++) {
      rows[i] = sample;
      memcpy(latents + i * stride, z, stride * sizeof *z);
      directions[i * stride + first + i] = 1;
    }
    memcpy(hessian + first * stride, tangent_sweep(tangent, count, rows),
           count * stride * sizeof *hessian);
  }
}

// The metric by the Hessians of every few of the samples.
static void add_metric(struct run *run, struct predictor *predictor, const struct choice *choice,
                       const struct encoding *encoding) {
  const size_t d = run->decoder->d, stride = real_padded(d);
  if (d > CURVED_LATENT) return;
  const int64_t every = (choice->samples.total + CURVED - 1) / CURVED;
  real *hessians = memory_new(real, CURVED * d * stride);
  struct tangent *tangent = tangent_create(run->decoder, columns_at_once(run), false);
  struct objective_row *rows = memory_new(struct objective_row, columns_at_once(run));
  int64_t count = 0;
  for (int64_t i = 0; i < choice->samples.count; i++) {
    if (choice->number[i] % every != 0 || !isfinite(encoding->loss[i])) continue;
    find_hessian(run, tangent, samples_row(&choice->samples, run->decoder->n, i),
                 encoding->z + (size_t)i * stride, rows, hessians + (size_t)count++ * d * stride);
  }
  predictor_add_metric(predictor, comm_ranks(run->comm), count, hessians);
  tangent_destroy(&tangent);
  memory_free(&rows);
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
  for (int64_t i = 0; i < choice->samples.count; i++)  // a flow that was lost tells nothing
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
  if (d <= CURVED_LATENT) bytes += (double)tangent_bytes(run->decoder, columns_at_once(run), false);
  return bytes + m * (m + 2.0 * d) * (double)sizeof(double) +
         (2.0 * ceil(m / comm_size(run->comm)) * n + CURVED * d * d) * (double)sizeof(real);
}
