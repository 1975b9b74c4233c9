#include "engine/predictor.h"

#include <assert.h>
#include <string.h>

#include "engine/curvature.h"
#include "ground/checksum.h"
#include "ground/memory.h"
#include "numerics/dense.h"
#include "numerics/reduction.h"

static const double ridge = 0.3;  // of the mean variance of an entry times the number of samples

struct predictor *predictor_create(size_t d, size_t n) {
  struct predictor *p = memory_new(struct predictor, 1);
  assert(d > 0 && n > 0);
  p->d = d;
  p->n = n;
  p->mean_latent = memory_new(real, d);
  p->mean_sample = memory_new(real, n);
  p->matrix = memory_new(real, d * n);
  return p;
}

void predictor_destroy(struct predictor **predictor) {
  if (*predictor == NULL) return;
  memory_free(&(*predictor)->mean_latent);
  memory_free(&(*predictor)->mean_sample);
  memory_free(&(*predictor)->matrix);
  memory_free(&(*predictor)->metric);
  memory_free(predictor);
}

static double dot(size_t n, const real *a, const real *b) {
  enum { LANES = 16 };
  double lane[LANES] = {0.0};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t j = 0; j < LANES; j++) lane[j] += (double)a[i + j] * (double)b[i + j];
  double sum = 0.0;
  for (; i < n; i++) sum += (double)a[i] * (double)b[i];
  for (size_t j = 0; j < LANES; j++) sum += lane[j];
  return sum;
}

static bool is_observed(const struct predictor *p, const struct samples *samples, int64_t i,
                        size_t entry) {
  return samples->w == NULL || samples->w[(size_t)i * real_padded(p->n) + entry] > 0;
}

// y - mean_sample of sample i, 0 where it is missing.
static void centre(const struct predictor *p, const struct samples *samples, int64_t i,
                   real *centred) {
  const real *y = samples->y + (size_t)i * real_padded(p->n);
  for (size_t k = 0; k < p->n; k++)
    centred[k] = is_observed(p, samples, i, k) ? y[k] - p->mean_sample[k] : 0;
}

// A fit in progress. The samples of all ranks are numbered consecutively; each is broadcast to
// every rank, in this order, so that all ranks add the same numbers in the same order.
struct fit {
  const struct ranks *ranks;
  const struct samples *samples;
  struct predictor *predictor;
  int64_t total;
  int64_t *first;   // [ranks + 1] the number of a rank's first sample
  real *shared;     // [n] the sample being broadcast
  double *latents;  // [d][total] centred, then the coefficients of the samples
};

static struct fit fit_begin(const struct ranks *ranks, const struct samples *samples, size_t d,
                            size_t n) {
  const int size = ranks_size(ranks);
  struct fit fit = {.ranks = ranks, .samples = samples, .predictor = predictor_create(d, n)};
  fit.first = memory_new(int64_t, size + 1);
  fit.first[ranks_rank(ranks) + 1] = samples->count;
  ranks_sum_int64(ranks, fit.first, (size_t)size + 1);
  for (int r = 0; r < size; r++) fit.first[r + 1] += fit.first[r];
  fit.total = fit.first[size];
  fit.shared = memory_new(real, n);
  fit.latents = memory_new(double, d *(size_t)fit.total);
  return fit;
}

static void fit_end(struct fit *fit) {
  memory_free(&fit->first);
  memory_free(&fit->shared);
  memory_free(&fit->latents);
}

// This rank's number of sample j, or -1; *owner gets the rank that has it.
static int64_t place_of(const struct fit *fit, int64_t j, int *owner) {
  for (*owner = 0; j >= fit->first[*owner + 1];) (*owner)++;
  return *owner == ranks_rank(fit->ranks) ? j - fit->first[*owner] : -1;
}

// Sample j, centred, on all ranks.
static void pass_by(struct fit *fit, int64_t j) {
  int owner;
  const int64_t i = place_of(fit, j, &owner);
  if (i >= 0) centre(fit->predictor, fit->samples, i, fit->shared);
  ranks_broadcast(fit->ranks, fit->shared, fit->predictor->n * sizeof(real), owner);
}

static void find_mean_sample(struct fit *fit) {
  struct predictor *p = fit->predictor;
  double *sum = memory_new(double, p->n);
  int64_t *observed = memory_new(int64_t, p->n);
  for (int64_t i = 0; i < fit->samples->count; i++)
    for (size_t k = 0; k < p->n; k++) observed[k] += is_observed(p, fit->samples, i, k);
  ranks_sum_int64(fit->ranks, observed, p->n);
  for (int64_t j = 0; j < fit->total; j++) {
    pass_by(fit, j);  // the mean is still zero
    for (size_t k = 0; k < p->n; k++) sum[k] += (double)fit->shared[k];
  }
  for (size_t k = 0; k < p->n; k++)
    if (observed[k] > 0) p->mean_sample[k] = (real)(sum[k] / (double)observed[k]);
  memory_free(&sum);
  memory_free(&observed);
}

static void find_latents(struct fit *fit, const real *z) {
  struct predictor *p = fit->predictor;
  const int64_t m = fit->total, first = fit->first[ranks_rank(fit->ranks)];
  for (int64_t i = 0; i < fit->samples->count; i++)
    for (size_t k = 0; k < p->d; k++)
      fit->latents[(int64_t)k * m + first + i] = (double)z[(size_t)i * real_padded(p->d) + k];
  ranks_sum_double(fit->ranks, fit->latents, p->d * (size_t)m);  // of one number and zeros
  for (size_t k = 0; k < p->d; k++) {
    double *row = fit->latents + (int64_t)k * m, sum = 0.0;
    for (int64_t j = 0; j < m; j++) sum += row[j];
    p->mean_latent[k] = (real)(sum / (double)m);
    for (int64_t j = 0; j < m; j++) row[j] -= sum / (double)m;
  }
}

// The scalar products of all pairs of samples, the lower triangle of [total][total], owned by the
// caller; each is made by one rank.
static double *find_products(struct fit *fit) {
  const struct predictor *p = fit->predictor;
  const int64_t m = fit->total, count = fit->samples->count;
  const int64_t first = fit->first[ranks_rank(fit->ranks)];
  double *products = memory_new(double, m *m);
  real *mine = memory_new(real, (size_t)count * p->n);
  for (int64_t i = 0; i < count; i++) centre(p, fit->samples, i, mine + (size_t)i * p->n);
  for (int64_t j = 0; j < m; j++) {
    pass_by(fit, j);
    for (int64_t i = 0; i < count && first + i <= j; i++)
      products[j * m + first + i] = dot(p->n, mine + (size_t)i * p->n, fit->shared);
  }
  memory_free(&mine);
  ranks_sum_double(fit->ranks, products, (size_t)(m * m));
  return products;
}

// (Y Y^T + lambda I) C = Z, the regression in its dual form: C takes the place of the latents. Rank
// 0 solves for all.
static void solve(struct fit *fit, double *products) {
  const size_t m = (size_t)fit->total, d = fit->predictor->d;
  double trace = 0.0;
  for (size_t j = 0; j < m; j++) trace += products[j * m + j];
  const double lambda = ridge * trace / (double)fit->predictor->n;
  for (size_t j = 0; j < m; j++) products[j * m + j] += lambda;
  if (ranks_rank(fit->ranks) == 0) {
    if (dense_cholesky(m, products))
      dense_cholesky_solve(m, products, d, fit->latents);
    else
      memset(fit->latents, 0, d * m * sizeof *fit->latents);  // all samples are equal
  }
  ranks_broadcast(fit->ranks, fit->latents, d * m * sizeof *fit->latents, 0);
}

// matrix = C^T Y.
static void find_matrix(struct fit *fit) {
  struct predictor *p = fit->predictor;
  for (int64_t j = 0; j < fit->total; j++) {
    pass_by(fit, j);
    for (size_t k = 0; k < p->d; k++) {
      const real c = (real)fit->latents[(int64_t)k * fit->total + j];
      real *restrict row = p->matrix + k * p->n;
      const real *restrict y = fit->shared;
      for (size_t i = 0; i < p->n; i++) row[i] += c * y[i];
    }
  }
}

struct predictor *predictor_fit(const struct ranks *ranks, const struct samples *samples, size_t d,
                                size_t n, const real *z) {
  struct fit fit = fit_begin(ranks, samples, d, n);
  find_mean_sample(&fit);
  find_latents(&fit, z);
  double *products = find_products(&fit);
  solve(&fit, products);
  find_matrix(&fit);
  memory_free(&products);
  fit_end(&fit);
  return fit.predictor;
}

void predictor_add_metric(struct predictor *p, const struct ranks *ranks, int64_t count,
                          const real *hessians) {
  const size_t d = p->d, stride = real_padded(d);
  int64_t total = count;
  ranks_sum_int64(ranks, &total, 1);
  real *mean = memory_new(real, d * stride);
  struct reduction *reduction = reduction_create(1, &(size_t){d * stride});
  do {
    reduction_begin(reduction, total);
    reduction_add(reduction, (size_t)count, hessians);
  } while (!reduction_finish(reduction, ranks, NULL, 1.0 / (double)total, mean));
  double *a = memory_new(double, d *d);
  real *metric = memory_new(real, d * stride);
  for (size_t i = 0; i < d; i++)
    for (size_t k = 0; k < d; k++) a[i * d + k] = (double)mean[i * stride + k];
  int64_t good = ranks_rank(ranks) == 0 && curvature_invert(d, a, 0.0, metric);
  ranks_max_int64(ranks, &good, 1);
  ranks_broadcast(ranks, metric, d * stride * sizeof(real), 0);
  if (good)
    p->metric = metric;
  else
    memory_free(&metric);
  reduction_destroy(&reduction);
  memory_free(&mean);
  memory_free(&a);
}

void predictor_broadcast(struct predictor *p, const struct ranks *ranks) {
  ranks_broadcast(ranks, p->mean_latent, p->d * sizeof(real), 0);
  ranks_broadcast(ranks, p->mean_sample, p->n * sizeof(real), 0);
  ranks_broadcast(ranks, p->matrix, p->d * p->n * sizeof(real), 0);
  const size_t metric = p->d * real_padded(p->d);
  bool there = p->metric != NULL;
  ranks_broadcast(ranks, &there, sizeof there, 0);
  if (!there) return;
  if (p->metric == NULL) p->metric = memory_new(real, metric);
  ranks_broadcast(ranks, p->metric, metric * sizeof(real), 0);
}

uint64_t predictor_checksum(const struct predictor *p) {
  const size_t metric = p->metric != NULL ? p->d * real_padded(p->d) : 0;
  const uint64_t parts[] = {checksum(p->mean_latent, p->d * sizeof(real), 0),
                            checksum(p->mean_sample, p->n * sizeof(real), 0),
                            checksum(p->matrix, p->d * p->n * sizeof(real), 0),
                            checksum(p->metric, metric * sizeof(real), 0)};
  const uint64_t sum = checksum(parts, sizeof parts, 0);
  return sum != 0 ? sum : 1;
}

void predictor_apply(const struct predictor *p, const struct samples *samples,
                     struct encoding *encoding) {
  assert(encoding->source == ENCODING_BY_FLOW);
  real *centred = memory_new(real, p->n);
  encoding->metric = p->metric;
  for (int64_t i = 0; i < samples->count; i++) {
    if (encoding->status[i] != STATUS_RUNNING) continue;
    real *z = encoding->z + (size_t)i * real_padded(p->d);
    centre(p, samples, i, centred);
    for (size_t k = 0; k < p->d; k++)
      z[k] = p->mean_latent[k] + (real)dot(p->n, p->matrix + k * p->n, centred);
  }
  memory_free(&centred);
}
