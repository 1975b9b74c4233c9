#include "files/predictor_file.h"

#include <math.h>
#include <stdio.h>

#include "ground/memory.h"
#include "platform/h5.h"

static const char group[] = "/predictor";

void predictor_declare(struct h5_file *file, const struct predictor *p) {
  h5_group(file, group,
           "ridge regression of latents on scaled samples, where flows may begin: "
           "z0 = mean_latent + matrix (y - mean_sample), a missing entry counting as its mean");
  h5_dimension(file, group, "latent", (int64_t)p->d);
  h5_dimension(file, group, "entry", (int64_t)p->n);
  h5_dataset(file, group, "matrix", H5_REAL, 2, (const char *const[]){"latent", "entry"}, "1",
             "regression coefficients");
  h5_dataset(file, group, "mean_latent", H5_REAL, 1, (const char *const[]){"latent"}, "1",
             "mean of the latents used in the fit");
  h5_dataset(file, group, "mean_sample", H5_REAL, 1, (const char *const[]){"entry"}, "1",
             "mean of the samples used in the fit, with entries in the order of a sample");
  if (p->metric == NULL) return;
  h5_dimension(file, group, "component", (int64_t)p->d);
  h5_dataset(file, group, "metric", H5_REAL, 2, (const char *const[]){"latent", "component"}, "1",
             "inverse of the mean Hessian of the loss, the initial metric of lbfgs");
}

void predictor_write(struct h5_file *file, const struct predictor *p, int rank) {
  const int64_t d = rank == 0 ? (int64_t)p->d : 0, n = rank == 0 ? (int64_t)p->n : 0;
  h5_write_rows(file, "/predictor/matrix", H5_REAL, 0, d, p->matrix);
  h5_write_rows(file, "/predictor/mean_latent", H5_REAL, 0, d, p->mean_latent);
  h5_write_rows(file, "/predictor/mean_sample", H5_REAL, 0, n, p->mean_sample);
  for (int64_t row = 0; p->metric != NULL && row < (int64_t)p->d; row++)
    h5_write_rows(file, "/predictor/metric", H5_REAL, row, rank == 0,
                  p->metric + (size_t)row * real_padded(p->d));
}

// Whether a dataset of `path` has `rows` rows of `columns` numbers; columns 0: it is a vector.
static bool has_shape(struct h5_file *file, const char *path, const char *dataset, size_t rows,
                      size_t columns, struct error *error) {
  int axes;
  int64_t shape[H5_AXES];
  if (!h5_shape(file, dataset, "decoder.file", &axes, shape, error)) return false;
  const bool vector = columns == 0;
  if (axes == (vector ? 1 : 2) && shape[0] == (int64_t)rows &&
      (vector || shape[1] == (int64_t)columns))
    return true;
  char wanted[64];
  snprintf(wanted, sizeof wanted, vector ? "(%zu,)" : "(%zu, %zu)", rows, columns);
  return error_set(error,
                   "decoder.file = %s: %s does not fit the decoder of the same file, which needs "
                   "the shape %s",
                   path, dataset, wanted);
}

static bool is_finite(const real *x, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!isfinite(x[i])) return false;
  return true;
}

static bool read_metric(struct h5_file *file, const char *path, struct predictor *p,
                        struct error *error) {
  if (!h5_exists(file, "/predictor/metric")) return true;
  if (!has_shape(file, path, "/predictor/metric", p->d, p->d, error)) return false;
  p->metric = memory_new(real, p->d * real_padded(p->d));
  for (size_t row = 0; row < p->d; row++)
    if (!h5_read_rows(file, "/predictor/metric", H5_REAL, (int64_t)row, 1,
                      p->metric + row * real_padded(p->d), error))
      return false;
  return true;
}

bool predictor_is_in(const char *path) {
  struct error ignored = {""};
  struct h5_file *file = h5_open(path, "decoder.file", &ignored);
  if (file == NULL) return false;
  const bool is_in = h5_exists(file, group);
  h5_close(&file);
  return is_in;
}

struct predictor *predictor_read(const char *path, size_t d, size_t n, struct error *error) {
  struct h5_file *file = h5_open(path, "decoder.file", error);
  if (file == NULL) return NULL;
  struct predictor *p = NULL;
  bool good = has_shape(file, path, "/predictor/matrix", d, n, error) &&
              has_shape(file, path, "/predictor/mean_latent", d, 0, error) &&
              has_shape(file, path, "/predictor/mean_sample", n, 0, error);
  if (good) {
    p = predictor_create(d, n);
    good = h5_read_rows(file, "/predictor/matrix", H5_REAL, 0, (int64_t)d, p->matrix, error) &&
           h5_read_rows(file, "/predictor/mean_latent", H5_REAL, 0, (int64_t)d, p->mean_latent,
                        error) &&
           h5_read_rows(file, "/predictor/mean_sample", H5_REAL, 0, (int64_t)n, p->mean_sample,
                        error) &&
           read_metric(file, path, p, error);
  }
  if (good && !(is_finite(p->matrix, d * n) && is_finite(p->mean_latent, d) &&
                is_finite(p->mean_sample, n) &&
                (p->metric == NULL || is_finite(p->metric, d * real_padded(d)))))
    good = error_set(error, "decoder.file = %s: a number of its predictor is not finite", path);
  h5_close(&file);
  if (!good) predictor_destroy(&p);
  return p;
}
