#include "engine/dictionary_metric.h"

#include <math.h>
#include <string.h>

#include "engine/curvature.h"
#include "engine/gauss_newton.h"
#include "engine/ranking.h"
#include "ground/memory.h"

static const double ridge = 1e-6;  // of the mean curvature: latents may be unused

struct dictionary_metric {
  const struct decoder *decoder;
  struct dictionary *dictionary;
  struct gauss_newton *gauss_newton;
  double *sum;  // [d][d]
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
  work->gauss_newton = gauss_newton_create(run->decoder, run->evaluation_rows);
  work->sum = memory_new(double, d *d);
  return work;
}

void dictionary_metric_end(struct dictionary_metric **work) {
  if (*work == NULL) return;
  gauss_newton_destroy(&(*work)->gauss_newton);
  memory_free(&(*work)->sum);
  memory_free(work);
}

static void add_entry(struct dictionary_metric *work, int64_t entry) {
  const size_t stride = real_padded(work->decoder->d);
  gauss_newton_add(work->gauss_newton, work->dictionary->z + (size_t)entry * stride, work->sum);
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
  const bool own = d <= DICTIONARY_METRIC_LATENT;
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

// A dictionary fitted in this run to samples without weights.
static bool is_to_complete(const struct run *run) {
  const struct dictionary *dictionary = run->dictionary;
  if (dictionary == NULL || dictionary->has_metrics || run->dictionary_checksum != 0) return false;
  const struct dataset_shape *shape = &run->shapes[SET_TRAIN];
  return applies(run) && dictionary->count > DICTIONARY_TRAINED && !shape->weights &&
         !shape->missing && run->config.data.missing.kind == MISSING_ERROR;
}

// A rank makes its share of them.
void dictionary_metric_complete(struct run *run) {
  if (!is_to_complete(run)) return;
  struct dictionary *dictionary = run->dictionary;
  const size_t d = dictionary->d, count = (size_t)dictionary_metric_count(dictionary);
  const size_t size = (size_t)comm_size(run->comm), rank = (size_t)comm_rank(run->comm);
  const bool own = d <= DICTIONARY_METRIC_LATENT;
  struct dictionary_metric *work = dictionary_metric_begin(run);
  for (size_t k = rank; k < count; k += size)
    dictionary_metric_of(work, own ? (int64_t)(DICTIONARY_TRAINED + k) : DICTIONARY_TRAINED);
  dictionary_metric_end(&work);
  real *packed = memory_new(real, count * d * d);
  double *all = memory_new(double, count *d *d);
  dictionary_get_metrics(dictionary, packed);
  for (size_t k = 0; k < count * d * d; k++)
    if (k / (d * d) % size == rank) all[k] = (double)packed[k];
  ranks_sum_double(comm_ranks(run->comm), all, count * d * d);
  for (size_t k = 0; k < count * d * d; k++) packed[k] = (real)all[k];
  dictionary_set_metrics(dictionary, packed);
  memory_free(&packed);
  memory_free(&all);
}

double dictionary_metric_bytes(const struct run *run) {
  if (!applies(run)) return 0.0;
  const double d = (double)run->decoder->d, stride = (double)real_padded(run->decoder->d);
  const double most = fmax((double)ranking_most(run->decoder, false), (double)run->file_dictionary);
  const double entries = run->decoder->d <= DICTIONARY_METRIC_LATENT ? most : 1.0;
  return (double)gauss_newton_bytes(run->decoder, run->evaluation_rows) +
         (entries + 1.0) * d * (stride + 3.0 * d) * (double)sizeof(real) +
         d * d * (double)sizeof(double);
}
