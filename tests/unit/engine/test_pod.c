// Mode by mode, a POD must find the components of the samples: cosines, whose scalar products are
// known. Codes must solve their normal equations, whatever is missing.
#include <math.h>
#include <string.h>

#include "engine/pod_codes.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/mpi_test.h"

enum { PARTS = 12 };
static const double pi = 3.14159265358979323846;

static double accuracy(double in_double, double in_float) {
  return sizeof(real) == sizeof(double) ? in_double : in_float;
}

// Cosine k of `count` points: of mean 0, mean square 1, orthogonal to the others.
static double wave(size_t k, size_t i, size_t count) {
  return sqrt(2.0) * cos(pi * ((double)i + 0.5) * (double)(k + 1) / (double)count);
}

static double deviation(size_t k) { return 3.0 * pow(0.6, (double)k); }

// Sample m = 1 + sum_k deviation(k) wave_k(m) u_k with u_kj = wave_k(j) / sqrt(n).
static double cosines(size_t total, size_t n, size_t m, size_t j) {
  double y = 1.0;
  for (size_t k = 0; k < PARTS; k++)
    y += deviation(k) * wave(k, m, total) * wave(k, j, n) / sqrt((double)n);
  return y;
}

static double constant(size_t total, size_t n, size_t m, size_t j) {
  (void)total, (void)n, (void)m;
  return 0.1 + (double)j / 7.0;
}

static double noise(size_t total, size_t n, size_t m, size_t j) {
  (void)total, (void)n;
  return rng_uniform(3, RNG_TEST, m, j);
}

typedef double entry(size_t total, size_t n, size_t m, size_t j);

// This rank's share of a set; weights come from `weight`, unless NULL.
static struct dataset *set_create(struct comm *comm, size_t total, size_t n, entry *value,
                                  entry *weight) {
  struct dataset *set = memory_new(struct dataset, 1);
  const int ranks = comm_size(comm), rank = comm_rank(comm);
  set->count = (int64_t)total;
  set->local_first = comm_share_first(set->count, ranks, rank);
  set->local_count = comm_share_first(set->count, ranks, rank + 1) - set->local_first;
  set->n = n;
  set->stride = real_padded(n);
  set->y = memory_new(real, (size_t)set->local_count * set->stride);
  if (weight != NULL) set->w = memory_new(real, (size_t)set->local_count * set->stride);
  for (size_t i = 0; i < (size_t)set->local_count; i++)
    for (size_t j = 0; j < n; j++) {
      const size_t m = (size_t)set->local_first + i, at = i * set->stride + j;
      const double w = weight == NULL ? 1.0 : weight(total, n, m, j);
      set->y[at] = w > 0.0 ? (real)value(total, n, m, j) : 0;
      if (weight != NULL) set->w[at] = (real)w;
    }
  return set;
}

static void set_free(struct dataset **set) {
  memory_free(&(*set)->y);
  memory_free(&(*set)->w);
  memory_free(set);
}

static void same_bits(struct comm *comm, const char *name, const struct pod *pod) {
  mpi_test_same_bits(comm, name, pod->modes, pod->d * pod->stride * sizeof(real));
  mpi_test_same_bits(comm, name, pod->mean, pod->stride * sizeof(real));
  mpi_test_same_bits(comm, name, pod->s, pod->d * sizeof *pod->s);
}

static double dot(const struct pod *pod, size_t i, size_t k) {
  double sum = 0.0;
  for (size_t j = 0; j < pod->n; j++)
    sum += (double)pod->modes[i * pod->stride + j] * (double)pod->modes[k * pod->stride + j];
  return sum;
}

static void decode(const struct pod *pod, size_t count, const real *z, real *x) {
  struct pod_codes *codes = pod_codes_create(pod);
  pod_codes_decode(codes, count, z, x);
  pod_codes_destroy(&codes);
}

static void check_orthonormal(const char *name, const struct pod *pod) {
  double worst = 0.0;
  for (size_t i = 0; i < pod->d && i < pod->n; i++)
    for (size_t k = 0; k <= i; k++)
      worst = fmax(worst, fabs(dot(pod, i, k) - (i == k ? 1.0 : 0.0)));
  CHECK(worst < accuracy(1e-14, 1e-6), "%s: scalar products of modes are off by %g", name, worst);
}

// Against what the samples are made of.
static void known(struct comm *comm, const char *name, size_t total, size_t n, size_t d) {
  struct dataset *set = set_create(comm, total, n, cosines, NULL);
  struct pod *pod = pod_fit_set(comm, set, LOSS_MSE, d);
  const size_t stride = real_padded(d);
  real *z = memory_new(real, (size_t)set->local_count * stride);
  pod_encode(pod, (size_t)set->local_count, set->y, NULL, z);
  check_orthonormal(name, pod);
  double angle = 0.0, wrong = 0.0, off = 0.0;
  for (size_t k = 0; k < d; k++) {
    wrong = fmax(wrong, fabs(pod->s[k] / deviation(k) - 1.0));
    double sign = 0.0, most = 0.0, least = 0.0;
    for (size_t j = 0; j < n; j++) {
      const double u = (double)pod->modes[k * pod->stride + j];
      sign += u * wave(k, j, n);
      most = fmax(most, u);
      least = fmin(least, u);
    }
    sign = sign < 0.0 ? -1.0 : 1.0;
    CHECK(most >= -least - accuracy(1e-12, 1e-6), "%s: the largest entry of mode %zu is positive",
          name, k);
    double square = 0.0;
    for (size_t j = 0; j < n; j++) {
      const double u = sign * wave(k, j, n) / sqrt((double)n);
      const double difference = (double)pod->modes[k * pod->stride + j] - u;
      square += difference * difference;
    }
    angle = fmax(angle, sqrt(square));
    for (size_t i = 0; i < (size_t)set->local_count; i++)
      off = fmax(off, fabs((double)z[i * stride + k] -
                           sign * wave(k, (size_t)set->local_first + i, total)));
  }
  CHECK(wrong < accuracy(1e-10, 1e-5), "%s: a deviation is off by %g", name, wrong);
  CHECK(angle < accuracy(1e-6, 2e-5), "%s: a mode is off by %g", name, angle);
  CHECK(off < accuracy(1e-6, 1e-4), "%s: a code is off by %g", name, off);
  same_bits(comm, name, pod);
  memory_free(&z);
  pod_destroy(&pod);
  set_free(&set);
}

// More modes than samples have: what is there is found, the rest stands at right angles.
static void surplus(struct comm *comm, const char *name, size_t total, size_t n, size_t d,
                    entry *value, size_t there) {
  struct dataset *set = set_create(comm, total, n, value, NULL);
  struct pod *pod = pod_fit_set(comm, set, LOSS_MSE, d);
  real *z = memory_new(real, (size_t)set->local_count * real_padded(d));
  real *x = memory_new(real, (size_t)set->local_count * set->stride);
  check_orthonormal(name, pod);
  for (size_t k = 0; k < d; k++)
    CHECK((pod->s[k] > 0.0) == (k < there), "%s: s_%zu is %g", name, k, pod->s[k]);
  pod_encode(pod, (size_t)set->local_count, set->y, NULL, z);
  decode(pod, (size_t)set->local_count, z, x);
  double worst = 0.0;
  for (size_t i = 0; i < (size_t)set->local_count * set->stride; i++)
    worst = fmax(worst, fabs((double)x[i] - (double)set->y[i]));
  CHECK(worst < accuracy(1e-12, 1e-5), "%s: a sample comes back with an error of %g", name, worst);
  same_bits(comm, name, pod);
  memory_free(&z);
  memory_free(&x);
  pod_destroy(&pod);
  set_free(&set);
}

// ---- weights ----

// The same for all samples, some of them 0.
static double shared_weight(size_t total, size_t n, size_t m, size_t j) {
  (void)total, (void)n, (void)m;
  return j % 5 == 0 ? 0.0 : 0.25 + rng_uniform(4, RNG_TEST, 0, j);
}

static double own_weight(size_t total, size_t n, size_t m, size_t j) {
  (void)total, (void)n;
  return rng_uniform(5, RNG_TEST, m, j) < 0.3 ? 0.0 : 1.0;
}

// The largest derivative of a sample's weighted square by a code, over the sample's length.
static double slope_of(const struct pod *pod, const real *y, const real *w, const real *z) {
  double worst = 0.0, length = 0.0;
  for (size_t k = 0; k < pod->d; k++) {
    double slope = 0.0;
    for (size_t j = 0; j < pod->n; j++) {
      double x = (double)pod->mean[j];
      for (size_t i = 0; i < pod->d; i++)
        x += pod->s[i] * (double)z[i] * (double)pod->modes[i * pod->stride + j];
      slope += (double)w[j] * (x - (double)y[j]) * (double)pod->modes[k * pod->stride + j];
      length += (double)w[j] * (double)y[j] * (double)y[j];
    }
    worst = fmax(worst, fabs(slope));
  }
  return worst / sqrt(length);
}

// Codes solve the normal equations of their own weights.
static void gappy(struct comm *comm, const char *name, entry *weight, size_t d) {
  struct dataset *set = set_create(comm, 50, 37, noise, weight);
  struct pod *pod = pod_fit_set(comm, set, LOSS_MSE, d);
  const size_t count = (size_t)set->local_count;
  real *z = memory_new(real, count * real_padded(d));
  pod_encode(pod, count, set->y, set->w, z);
  double worst = 0.0;
  for (size_t i = 0; i < count; i++)
    worst = fmax(worst, slope_of(pod, set->y + i * set->stride, set->w + i * set->stride,
                                 z + i * real_padded(d)));
  CHECK(worst < accuracy(1e-13, 1e-5), "%s: a code is %g from least squares", name, worst);
  same_bits(comm, name, pod);
  memory_free(&z);
  pod_destroy(&pod);
  set_free(&set);
}

// The first three parts of those.
static double three(size_t total, size_t n, size_t m, size_t j) {
  double y = 1.0;
  for (size_t k = 0; k < 3; k++)
    y += deviation(k) * wave(k, m, total) * wave(k, j, n) / sqrt((double)n);
  return y;
}

// Samples of few modes come back although a part of them is missing; another one fits them best.
static void completed(struct comm *comm) {
  enum { D = 3 };
  struct dataset *set = set_create(comm, 60, 48, three, own_weight);
  struct dataset *whole = set_create(comm, 60, 48, three, NULL);
  struct pod *pod = pod_fit_set(comm, set, LOSS_MSE, D), *few = NULL;
  const size_t count = (size_t)set->local_count;
  real *z = memory_new(real, count * real_padded(D));
  real *x = memory_new(real, count * set->stride);
  pod_encode(pod, count, set->y, set->w, z);
  decode(pod, count, z, x);
  double worst = 0.0;
  for (size_t i = 0; i < count * set->stride; i++)
    worst = fmax(worst, fabs((double)x[i] - (double)whole->y[i]));
  CHECK(worst < 1e-3, "a missing entry is wrong by %g", worst);
  few = pod_fit_set(comm, set, LOSS_MSE, D - 1);
  same_bits(comm, "completed", pod);
  same_bits(comm, "completed, few", few);
  memory_free(&z);
  memory_free(&x);
  pod_destroy(&pod);
  pod_destroy(&few);
  set_free(&set);
  set_free(&whole);
}

static double zero_or_one(size_t total, size_t n, size_t m, size_t j) {
  if (j % 9 == 0) return 0.0;
  return cosines(total, n, m, j) > 1.0 + 0.4 * (rng_uniform(6, RNG_TEST, m, j) - 0.5) ? 1.0 : 0.0;
}

// Adds a sample's part of the derivatives of the mean regularised loss by the mean logit and the
// loadings, [n][d + 1]: with 1 % doubt in every target and a ridge of 1e-3 on logits.
static void add_derivatives(const struct pod *pod, const real *y, const real *z, double factor,
                            double *sums) {
  const size_t d = pod->d;
  for (size_t j = 0; j < pod->n; j++) {
    double p = 0.0;
    for (size_t k = 0; k < d; k++)
      p += pod->s[k] * (double)z[k] * (double)pod->modes[k * pod->stride + j];
    const double sigmoid = 1.0 / (1.0 + exp(-(p + (double)pod->mean[j])));
    const double off = sigmoid - (0.98 * (double)y[j] + 0.01);
    for (size_t k = 0; k < d; k++)
      sums[j * (d + 1) + k] += factor * (off + 1e-3 * p) * (double)z[k];
    sums[j * (d + 1) + d] += factor * off;
  }
}

static void logistic(struct comm *comm) {
  enum { D = 4, TOTAL = 70, N = 60 };
  struct dataset *set = set_create(comm, TOTAL, N, zero_or_one, NULL);
  struct pod *pod = pod_fit_set(comm, set, LOSS_BCE, D);
  const size_t count = (size_t)set->local_count, stride = real_padded(D);
  real *z = memory_new(real, count * stride);
  double *sums = memory_new(double, N *(D + 1)), square = 0.0, moments[D][D + 1] = {{0.0}};
  pod_encode(pod, count, set->y, NULL, z);
  for (size_t i = 0; i < count; i++) {
    add_derivatives(pod, set->y + i * set->stride, z + i * stride, 1.0 / (TOTAL * N), sums);
    for (size_t k = 0; k < D; k++) {
      for (size_t e = 0; e < D; e++)
        moments[k][e] += (double)z[i * stride + k] * (double)z[i * stride + e] / TOTAL;
      moments[k][D] += (double)z[i * stride + k] / TOTAL;
    }
  }
  comm_sum_double(comm, sums, N * (D + 1));
  comm_sum_double(comm, moments[0], D * (D + 1));
  for (size_t i = 0; i < N * (D + 1); i++) square += sums[i] * sums[i];
  CHECK(sqrt(square) < accuracy(1e-6, 2e-6), "the logistic form has a gradient of %g",
        sqrt(square));
  double worst = 0.0;
  for (size_t k = 0; k < D; k++)
    for (size_t e = 0; e <= D; e++) worst = fmax(worst, fabs(moments[k][e] - (k == e ? 1.0 : 0.0)));
  CHECK(worst < accuracy(1e-3, 2e-3), "mean or covariance of the codes is off by %g", worst);
  check_orthonormal("logistic", pod);
  same_bits(comm, "logistic", pod);
  memory_free(&z);
  memory_free(&sums);
  pod_destroy(&pod);
  set_free(&set);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  known(comm, "few samples", 40, 90, 5);
  known(comm, "few entries", 90, 40, 5);
  known(comm, "one sample more", 41, 40, 11);
  known(comm, "many samples and entries", 620, 700, 3);
  known(comm, "more samples than many entries", 1030, 620, 6);
  surplus(comm, "constant", 9, 20, 3, constant, 0);
  surplus(comm, "more modes than samples", 6, 30, 9, noise, 5);
  surplus(comm, "more modes than entries", 30, 6, 9, noise, 6);
  gappy(comm, "shared weights", shared_weight, 4);
  gappy(comm, "weights of each sample", own_weight, 4);
  completed(comm);
  logistic(comm);
  return mpi_test_summary(&comm);
}
