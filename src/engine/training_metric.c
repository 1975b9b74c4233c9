#include "engine/training_metric.h"

#include <math.h>
#include <string.h>

#include "engine/curvature.h"
#include "engine/dictionary_metric.h"
#include "engine/gauss_newton.h"
#include "ground/memory.h"

enum {
  INTERVAL = 8,  // times d, between the samples at which the matrix is found
  MEMORY = 100,  // samples over which the mean is taken, in effect
  LEAST = 4      // samples before there is a metric
};
static const double recent = 1.5;  // weight of a sample while there are few, times their number
static const double ridge = 1e-6;  // of the mean curvature: latents may be unused

struct training_metric {
  const struct run *run;
  struct gauss_newton *gauss_newton;
  double *mean;  // [d][d] of the matrices
  struct training_metric_counts {
    int64_t passed, taken;  // samples that have passed through training, and those of the mean
  } counts;
  real *metric;               // [d][real_padded(d)]
  bool inverted, invertible;  // whether `metric` belongs to `mean`; whether there is an inverse
};

bool training_metric_is_possible(const struct run *run) {
  return solver_ops(&run->config.encoding)->takes_metric && run->decoder->d <= METRIC_LATENT_MOST;
}

static bool is_wanted(const struct run *run) {
  return run->config.training.metric && run->config.run.model != MODEL_AUTOENCODER;
}

struct training_metric *training_metric_create(const struct run *run) {
  if (!is_wanted(run)) return NULL;
  const size_t d = run->decoder->d;
  struct training_metric *m = memory_new(struct training_metric, 1);
  *m = (struct training_metric){
      .run = run,
      .gauss_newton = gauss_newton_create(run->decoder, run->training_rows),
      .mean = memory_new(double, d *d),
      .metric = memory_new(real, d * real_padded(d))};
  return m;
}

void training_metric_destroy(struct training_metric **metric) {
  if (*metric == NULL) return;
  gauss_newton_destroy(&(*metric)->gauss_newton);
  memory_free(&(*metric)->mean);
  memory_free(&(*metric)->metric);
  memory_free(metric);
}

static void invert(struct training_metric *m) {
  const size_t d = m->run->decoder->d;
  double *copy = memory_new(double, d *d);
  memcpy(copy, m->mean, d * d * sizeof *copy);
  m->invertible = curvature_invert(d, copy, ridge, m->metric);
  m->inverted = true;
  memory_free(&copy);
}

const real *training_metric_now(struct training_metric *m, int64_t pass) {
  if (m == NULL || pass == 0 || m->counts.taken < LEAST) return NULL;
  if (!m->inverted) invert(m);
  return m->invertible ? m->metric : NULL;
}

static int64_t interval(const struct run *run) { return INTERVAL * (int64_t)run->decoder->d; }

// Multiples of `step` in [0, end).
static int64_t multiples(int64_t step, int64_t end) { return (end + step - 1) / step; }

// The matrices at the chosen samples of a batch of which this rank runs the flows, each at its
// place in `all` [d * d + 1 per sample], with 1 behind it. The others are left 0.
static void find_matrices(struct training_metric *m, const struct shard *shard, double *all) {
  const size_t d = m->run->decoder->d, size = d * d + 1;
  const int64_t step = interval(m->run), passed = m->counts.passed;
  for (int64_t i = 0; i < shard->samples.count; i++) {
    const int64_t place = passed + samples_position(&shard->samples, i);
    if (place % step != 0 || !isfinite(shard->encoding->loss[i])) continue;
    double *sum = all + (size_t)(place / step - multiples(step, passed)) * size;
    gauss_newton_add(m->gauss_newton, shard->encoding->z + (size_t)i * real_padded(d), sum);
    sum[d * d] = 1.0;
  }
}

// The mean moves towards that of `count` matrices, one after the other in `all`.
static void take(struct training_metric *m, const double *all, int64_t count) {
  const size_t d = m->run->decoder->d, size = d * d + 1;
  double good = 0.0;
  for (int64_t k = 0; k < count; k++) good += all[(size_t)k * size + d * d];
  if (good == 0.0) return;
  m->counts.taken += (int64_t)good;
  const double share = fmin(1.0, fmax(good / MEMORY, recent * good / (double)m->counts.taken));
  for (size_t k = 0; k < d * d; k++) {
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++) sum += all[(size_t)i * size + k];
    m->mean[k] = (1.0 - share) * m->mean[k] + share * sum / good;
  }
  m->inverted = false;
}

void training_metric_add(struct training_metric *m, const struct shard *shard) {
  if (m == NULL) return;
  const size_t d = m->run->decoder->d, size = d * d + 1;
  const int64_t step = interval(m->run), end = m->counts.passed + shard->size;
  const int64_t count = multiples(step, end) - multiples(step, m->counts.passed);
  if (count > 0) {
    double *all = memory_new(double, (size_t)count *size);
    find_matrices(m, shard, all);
    ranks_sum_double(comm_ranks(m->run->comm), all, (size_t)count * size);
    take(m, all, count);
    memory_free(&all);
  }
  m->counts.passed = end;
}

void training_metric_state(struct training_metric *m, struct state *state) {
  if (m == NULL) return;
  const int64_t d = (int64_t)m->run->decoder->d;
  state_add_numbers(state, "training", "metric_mean", STATE_DOUBLE, m->mean, d * d, "element",
                    "mean Gauss-Newton matrix of recent samples, row by row");
  state->fields[state->count - 1].newer = true;
  state_add_numbers(state, "training", "metric_counts", STATE_INT64, &m->counts, 2, "metric_count",
                    "samples that have passed through training; those in the mean");
  state->fields[state->count - 1].newer = true;
}

double training_metric_bytes(const struct run *run) {
  if (!is_wanted(run)) return 0.0;
  const double d = (double)run->decoder->d, stride = (double)real_padded(run->decoder->d);
  const double batch = (double)run->config.training.batch;
  return (double)gauss_newton_bytes(run->decoder, run->training_rows) +
         2.0 * d * d * (double)sizeof(double) + d * stride * (double)sizeof(real) +
         (batch / (INTERVAL * d) + 1.0) * (d * d + 1.0) * (double)sizeof(double);
}
