#include "engine/first_guess.h"

#include <math.h>
#include <string.h>

#include "decoder/tangent.h"
#include "engine/pod_branch.h"
#include "engine/predictor.h"
#include "ground/clock.h"
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

// This rank's part of the samples that are fitted to: copies, from evenly spaced places.
struct choice {
  struct samples samples;
  real *y, *w;
  double *weight_sum;
  int64_t *number;  // among all that are fitted to
};

// The place among this rank's samples of the j-th that is fitted to, or -1.
static int64_t place_of(const struct dataset *data, int64_t total, int64_t j) {
  const int64_t i = j * data->count / total - data->local_first;
  return i >= 0 && i < data->local_count ? i : -1;
}

static struct choice choose(const struct run *run) {
  const struct dataset *data = run->sets[SET_TRAIN];
  const int64_t total = fitted(&run->shapes[SET_TRAIN]);
  const size_t stride = data->stride;
  int64_t mine = 0, count = 0;
  for (int64_t j = 0; j < total; j++) mine += place_of(data, total, j) >= 0;
  struct choice choice = {.y = memory_new(real, (size_t)mine * stride),
                          .w = data->w == NULL ? NULL : memory_new(real, (size_t)mine * stride),
                          .weight_sum = memory_new(double, mine),
                          .number = memory_new(int64_t, mine)};
  for (int64_t j = 0; j < total; j++) {
    const int64_t i = place_of(data, total, j);
    if (i < 0) continue;
    const size_t from = (size_t)i * stride, to = (size_t)count * stride;
    memcpy(choice.y + to, data->y + from, stride * sizeof(real));
    if (data->w != NULL) memcpy(choice.w + to, data->w + from, stride * sizeof(real));
    choice.weight_sum[count] = data->weight_sum[i];
    choice.number[count++] = j;
  }
  choice.samples = (struct samples){.count = count,
                                    .y = choice.y,
                                    .w = choice.w,
                                    .weight_sum = choice.weight_sum,
                                    .position = choice.number,
                                    .total = total};
  return choice;
}

static void choice_free(struct choice *choice) {
  memory_free(&choice->y);
  memory_free(&choice->w);
  memory_free(&choice->weight_sum);
  memory_free(&choice->number);
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

static struct predictor *fit(struct run *run) {
  const struct decoder *decoder = run->decoder;
  struct solver_options options = run->config.evaluation.solver;
  if (solver_ops(&options)->takes_metric && options.max_iterations > FITTED_ITERATIONS)
    options.max_iterations = FITTED_ITERATIONS;
  struct choice choice = choose(run);
  struct encoding *encoding = encoding_create(choice.samples.count, decoder->d);
  struct ensemble *ensemble =
      ensemble_create(comm_ranks(run->comm), decoder, &options, run->evaluation_rows);
  ensemble_run(ensemble, &choice.samples, 0, encoding);
  for (int64_t i = 0; i < choice.samples.count; i++)  // a flow that was lost tells nothing
    if (encoding->status[i] == STATUS_NONFINITE)
      memset(encoding->z + (size_t)i * real_padded(decoder->d), 0, decoder->d * sizeof(real));
  struct predictor *predictor =
      predictor_fit(comm_ranks(run->comm), &choice.samples, decoder->d, decoder->n, encoding->z);
  add_metric(run, predictor, &choice, encoding);
  ensemble_destroy(&ensemble);
  encoding_destroy(&encoding);
  choice_free(&choice);
  return predictor;
}

void first_guess_prepare(struct run *run) {
  if (run->config.evaluation.start != START_PREDICTOR || run->predictor != NULL) return;
  const enum phase before = clock_enter(PHASE_FLOW);
  run->predictor = fit(run);
  clock_enter(before);
}

// Codes of the samples whose flows are to begin, for which the decoder's linear layer alone is
// best.
static void start_at_codes(const struct run *run, const struct samples *samples,
                           struct encoding *encoding) {
  const size_t d = real_padded(run->decoder->d), n = real_padded(run->decoder->n);
  struct pod *pod = pod_branch_take(run->decoder);
  for (int64_t first = 0, next; first < samples->count; first = next) {
    const bool starts = encoding->status[first] == STATUS_RUNNING;
    for (next = first + 1; next < samples->count;) {
      if ((encoding->status[next] == STATUS_RUNNING) != starts) break;
      next++;
    }
    if (starts)
      pod_encode(pod, (size_t)(next - first), samples->y + (size_t)first * n,
                 samples->w == NULL ? NULL : samples->w + (size_t)first * n,
                 encoding->z + (size_t)first * d);
  }
  pod_destroy(&pod);
}

void first_guess_start(struct run *run, const struct samples *samples, struct encoding *encoding) {
  const size_t stride = real_padded(run->decoder->d);
  for (int64_t i = 0; i < samples->count; i++)
    if (encoding->status[i] == STATUS_RUNNING)
      memset(encoding->z + (size_t)i * stride, 0, stride * sizeof *encoding->z);
  if (run->config.evaluation.start == START_POD) start_at_codes(run, samples, encoding);
  first_guess_prepare(run);
  if (run->predictor != NULL) predictor_apply(run->predictor, samples, encoding);
}

uint64_t first_guess_identity(const struct run *run) {
  if (run->config.evaluation.start != START_PREDICTOR) return 0;
  return run->predictor_checksum != 0 ? run->predictor_checksum : run->data_checksum[SET_TRAIN];
}

double first_guess_bytes(const struct run *run) {
  const double d = (double)run->decoder->d, n = (double)run->decoder->n;
  double bytes = (d * n + n + d * (d + 1.0)) * (double)sizeof(real);
  if (!run->used[SET_TRAIN]) return bytes;
  const double m = (double)fitted(&run->shapes[SET_TRAIN]);
  if (d <= CURVED_LATENT) bytes += (double)tangent_bytes(run->decoder, columns_at_once(run), false);
  return bytes + m * (m + 2.0 * d) * (double)sizeof(double) +
         (2.0 * ceil(m / comm_size(run->comm)) * n + CURVED * d * d) * (double)sizeof(real);
}
