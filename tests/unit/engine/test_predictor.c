// The predictor must find a linear relation, tolerate missing entries, have the same bits on any
// number of ranks, and be read from a file as it was written.
#include <math.h>
#include <string.h>

#include "files/predictor_file.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "platform/h5.h"
#include "support/mpi_test.h"
#include "support/scratch.h"

enum { LATENT = 3, ENTRIES = 37, SAMPLES = 200 };

static double uniform(uint64_t i, uint64_t k) { return rng_uniform(9, RNG_TEST, i, k) - 0.5; }

// This rank's part of samples that are linear in their latents, some of their entries missing.
struct given {
  struct samples samples;
  real *y, *w, *z;
  struct encoding *encoding;
};

static struct given given_create(struct comm *comm, double missing) {
  const int ranks = comm_size(comm), rank = comm_rank(comm);
  const int64_t first = SAMPLES * rank / ranks, count = SAMPLES * (rank + 1) / ranks - first;
  const size_t n = real_padded(ENTRIES), d = real_padded(LATENT);
  struct given g = {.y = memory_new(real, (size_t)count * n),
                    .w = missing > 0.0 ? memory_new(real, (size_t)count * n) : NULL,
                    .z = memory_new(real, (size_t)count * d),
                    .encoding = encoding_create(count, LATENT)};
  for (int64_t i = 0; i < count; i++) {
    const uint64_t sample = (uint64_t)(first + i);
    for (size_t k = 0; k < LATENT; k++) g.z[(size_t)i * d + k] = (real)(2 + uniform(sample, k));
    for (size_t e = 0; e < ENTRIES; e++) {
      double y = 1.0;
      for (size_t k = 0; k < LATENT; k++)
        y += uniform(1000 + e, k) * (double)g.z[(size_t)i * d + k];
      const bool there = uniform(sample, 100 + e) + 0.5 >= missing;
      g.y[(size_t)i * n + e] = there ? (real)y : 0;
      if (g.w != NULL) g.w[(size_t)i * n + e] = there;
    }
  }
  g.samples = (struct samples){
      .count = count, .y = g.y, .w = g.w, .position_first = first, .total = SAMPLES};
  return g;
}

static void given_free(struct given *g) {
  memory_free(&g->y);
  memory_free(&g->w);
  memory_free(&g->z);
  encoding_destroy(&g->encoding);
}

// The largest error of a guess, for latents that differ by at most 1.
static double worst_guess(const struct given *g, const struct predictor *p) {
  double worst = 0.0;
  predictor_apply(p, &g->samples, g->encoding);
  for (int64_t i = 0; i < g->samples.count; i++)
    for (size_t k = 0; k < LATENT; k++) {
      const size_t at = (size_t)i * real_padded(LATENT) + k;
      worst = fmax(worst, fabs((double)g->encoding->z[at] - (double)g->z[at]));
    }
  return worst;
}

static struct predictor *fit(struct comm *comm, const char *name, double missing, double allowed) {
  struct given g = given_create(comm, missing);
  struct predictor *p = predictor_fit(comm_ranks(comm), &g.samples, LATENT, ENTRIES, g.z);
  const double worst = worst_guess(&g, p);
  CHECK(worst < allowed, "%s: a guess is wrong by %g", name, worst);
  CHECK(p->metric == NULL && g.encoding->metric == NULL, "%s: no metric yet", name);
  mpi_test_same_bits(comm, name, p->matrix, LATENT * ENTRIES * sizeof(real));
  given_free(&g);
  return p;
}

static void only_flows_that_run(struct comm *comm, const struct predictor *p) {
  struct given g = given_create(comm, 0.0);
  memset(g.encoding->status, STATUS_CONVERGED, (size_t)g.samples.count);
  predictor_apply(p, &g.samples, g.encoding);
  double largest = 0.0;
  for (size_t i = 0; i < (size_t)g.samples.count * real_padded(LATENT); i++)
    largest = fmax(largest, fabs((double)g.encoding->z[i]));
  CHECK(largest == 0.0, "a flow that has ended stays where it is");
  given_free(&g);
}

static void equal_samples(struct comm *comm) {
  struct given g = given_create(comm, 0.0);
  memset(g.y, 0, (size_t)g.samples.count * real_padded(ENTRIES) * sizeof *g.y);
  struct predictor *p = predictor_fit(comm_ranks(comm), &g.samples, LATENT, ENTRIES, g.z);
  const double worst = worst_guess(&g, p);
  CHECK(worst < 0.6, "samples without differences: the mean latent is the guess: %g", worst);
  predictor_destroy(&p);
  given_free(&g);
}

// Hessians of the samples k = 0 ... 9 that this rank has: diagonal, of mean 1, 2, 3; or negative.
static void add_metric(struct comm *comm, struct predictor *p, real sign) {
  enum { COUNT = 10 };
  const size_t stride = real_padded(LATENT);
  real *hessians = memory_new(real, COUNT * LATENT * stride);
  int64_t count = 0;
  for (int k = 0; k < COUNT; k++) {
    if (k % comm_size(comm) != comm_rank(comm)) continue;
    real *hessian = hessians + (size_t)count++ * LATENT * stride;
    for (size_t i = 0; i < LATENT; i++)
      hessian[i * stride + i] = sign * (real)(i + 1) * (k % 2 == 0 ? (real)0.5 : (real)1.5);
  }
  predictor_add_metric(p, comm_ranks(comm), count, hessians);
  memory_free(&hessians);
}

static void metric(struct comm *comm, struct predictor *p) {
  add_metric(comm, p, -1);
  CHECK(p->metric == NULL, "no metric of Hessians that are negative");
  add_metric(comm, p, 1);
  CHECK(p->metric != NULL, "a metric of Hessians that are positive");
  if (p->metric == NULL) return;
  for (size_t i = 0; i < LATENT; i++)
    for (size_t k = 0; k < real_padded(LATENT); k++) {
      const double found = (double)p->metric[i * real_padded(LATENT) + k];
      const double wanted = i == k ? 1.0 / (double)(i + 1) : 0.0;
      CHECK(fabs(found - wanted) < 1e-6, "metric[%zu][%zu] = %g, not %g", i, k, found, wanted);
    }
}

static bool equal(const real *a, const real *b, size_t count) {
  return memcmp(a, b, count * sizeof *a) == 0;
}

static void through_a_file(struct comm *comm, const struct predictor *p) {
  const char *path = scratch_path("predictor.h5");
  const int rank = comm_rank(comm);
  struct error error = {""};
  if (rank == 0) {
    struct h5_file *file = h5_create(path, 0);
    predictor_declare(file, p);
    h5_close(&file);
  }
  comm_barrier(comm);
  struct h5_file *file = h5_open_parallel(path, comm);
  predictor_write(file, p, rank);
  h5_close(&file);
  comm_barrier(comm);
  CHECK(predictor_is_in(path), "the file has a predictor");
  CHECK(predictor_read(path, LATENT + 1, ENTRIES, &error) == NULL && error_is_set(&error),
        "not for another decoder");
  CHECK(strstr(error.text, "/predictor/matrix does not fit") != NULL &&
            strstr(error.text, path) != NULL && strstr(error.text, "(4, 37)") != NULL,
        "%s", error.text);
  error = (struct error){""};
  struct predictor *q = predictor_read(path, LATENT, ENTRIES, &error);
  CHECK(q != NULL && q->metric != NULL, "read: %s", error.text);
  if (q != NULL && q->metric != NULL)
    CHECK(equal(p->matrix, q->matrix, LATENT * ENTRIES) &&
              equal(p->mean_latent, q->mean_latent, LATENT) &&
              equal(p->mean_sample, q->mean_sample, ENTRIES) &&
              equal(p->metric, q->metric, LATENT * real_padded(LATENT)),
          "what is read is what was written");
  predictor_destroy(&q);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  scratch_make(comm);
  struct predictor *gaps = fit(comm, "with gaps", 0.2, 0.3);
  struct predictor *p = fit(comm, "complete", 0.0, 0.05);
  only_flows_that_run(comm, p);
  equal_samples(comm);
  metric(comm, p);
  through_a_file(comm, p);
  predictor_destroy(&gaps);
  predictor_destroy(&p);
  scratch_remove(comm);
  return mpi_test_summary(&comm);
}
