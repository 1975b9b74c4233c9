#include "engine/dictionary_metric.h"

#include <string.h>

#include "engine/curvature.h"
#include "ground/memory.h"

static const double ridge = 1e-6;  // of the mean curvature: latents may be unused

struct dictionary_metric {
  const struct decoder *decoder;
  struct dictionary *dictionary;
  struct objective *objective;
  struct curvature *curvature;
  real *hessian;  // [d][real_padded(d)]
  double *sum;    // [d][d]
};

static bool applies(const struct run *run) {
  return solver_ops(&run->config.evaluation.solver)->takes_metric &&
         run->decoder->d <= METRIC_LATENT_MOST;
}

struct dictionary_metric *dictionary_metric_begin(struct run *run) {
  if (!applies(run)) return NULL;
  const size_t d = run->decoder->d;
  struct dictionary_metric *work = memory_new(struct dictionary_metric, 1);
  work->decoder = run->decoder;
  work->dictionary = run->dictionary;
  work->objective = objective_create(run->decoder, 1, false);
  work->curvature = curvature_create(run->decoder, run->evaluation_rows);
  work->hessian = memory_new(real, d * real_padded(d));
  work->sum = memory_new(double, d *d);
  return work;
}

void dictionary_metric_end(struct dictionary_metric **work) {
  if (*work == NULL) return;
  objective_destroy(&(*work)->objective);
  curvature_destroy(&(*work)->curvature);
  memory_free(&(*work)->hessian);
  memory_free(&(*work)->sum);
  memory_free(work);
}

// Adds the Hessian of what an entry decodes to.
static void add_entry(struct dictionary_metric *work, int64_t entry) {
  const size_t d = work->decoder->d, stride = real_padded(d);
  const real *z = work->dictionary->z + (size_t)entry * stride;
  memcpy(objective_latents(work->objective), z, stride * sizeof *z);
  const struct objective_row decoded = {.y = objective_decode(work->objective, 1),
                                        .weight_sum = (double)work->decoder->n};
  curvature_hessian(work->curvature, &decoded, z, work->hessian);
  for (size_t i = 0; i < d; i++)
    for (size_t k = 0; k < d; k++) work->sum[i * d + k] += (double)work->hessian[i * stride + k];
}

static void add_some(struct dictionary_metric *work) {
  const int64_t trained = work->dictionary->count - DICTIONARY_TRAINED;
  const int64_t every = (trained + METRIC_ENTRIES - 1) / METRIC_ENTRIES;
  int64_t count = 0;
  for (int64_t k = 0; k < trained; k += every, count++) add_entry(work, DICTIONARY_TRAINED + k);
  const size_t d = work->decoder->d;
  for (size_t k = 0; k < d * d; k++) work->sum[k] /= (double)count;
}

const real *dictionary_metric_of(struct dictionary_metric *work, int64_t entry) {
  const size_t d = work->decoder->d;
  struct dictionary *dictionary = work->dictionary;
  const bool own = d <= METRIC_LATENT;
  if (dictionary->metric == NULL) dictionary->metric = memory_new(real *, dictionary->count);
  real **metric = &dictionary->metric[own ? entry : DICTIONARY_MEAN];
  if (*metric != NULL) return *metric;
  memset(work->sum, 0, d * d * sizeof *work->sum);
  if (own)
    add_entry(work, entry);
  else
    add_some(work);
  *metric = memory_new(real, d * real_padded(d));
  if (!curvature_invert(d, work->sum, ridge, *metric)) memory_free(metric);
  return *metric;
}

double dictionary_metric_bytes(const struct run *run) {
  if (!applies(run)) return 0.0;
  const double d = (double)run->decoder->d, stride = (double)real_padded(run->decoder->d);
  const double entries =
      run->decoder->d <= METRIC_LATENT ? (double)dictionary_most(run->decoder) : 1;
  return (double)objective_bytes(run->decoder, 1, false) +
         (double)curvature_bytes(run->decoder, run->evaluation_rows) +
         (entries + 1.0) * d * stride * (double)sizeof(real) + d * d * (double)sizeof(double);
}
