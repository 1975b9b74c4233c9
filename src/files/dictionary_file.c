#include "files/dictionary_file.h"

#include <math.h>

#include "ground/memory.h"

static const char group[] = "/dictionary";
static const char z_path[] = "/dictionary/z", origin_path[] = "/dictionary/origin";
static const char metric_path[] = "/dictionary/metric";
static const char mean_path[] = "/dictionary/mean", covariance_path[] = "/dictionary/covariance";

static int64_t trained(const struct dictionary *dictionary) {
  return dictionary->count - DICTIONARY_TRAINED;
}

void dictionary_declare(struct h5_file *file, const struct dictionary *dictionary,
                        double held_out_loss) {
  if (trained(dictionary) == 0) return;
  h5_group(file, group,
           "latents of training samples at which flows of new samples may begin, ranked by the "
           "loss "
           "on the observed entries of a sample");
  h5_write_number(file, group, "trained_loss", dictionary->trained_loss);
  if (isfinite(held_out_loss)) h5_write_number(file, group, "held_out_loss", held_out_loss);
  h5_dimension(file, group, "entry", trained(dictionary));
  h5_dimension(file, group, "latent", (int64_t)dictionary->d);
  h5_dataset(file, group, "z", H5_REAL, 2, (const char *const[]){"entry", "latent"}, "1",
             "latent of each entry, the end of its flow with this decoder");
  h5_dataset(file, group, "origin", H5_INT64, 1, (const char *const[]){"entry"}, "1",
             "checksum of the scaled sample to which an entry belongs");
  h5_write_integer(file, group, "latents", dictionary->latents);
  h5_dataset(file, group, "mean", H5_DOUBLE, 1, (const char *const[]){"latent"}, "1",
             "mean of all trained latents; also that of the prior (evaluation.prior = gaussian)");
  h5_dataset(file, group, "covariance", H5_DOUBLE, 2, (const char *const[]){"latent", "latent"},
             "1", "their covariance");
  if (!dictionary->has_metrics) return;
  h5_dimension(file, group, "metric_entry", dictionary_metric_count(dictionary));
  h5_dataset(file, group, "metric", H5_REAL, 3,
             (const char *const[]){"metric_entry", "latent", "latent"}, "1",
             "inverse Gauss-Newton matrix of each entry, or one for all: the first metric of flows "
             "that begin there");
}

static void write_metrics(struct h5_file *file, const struct dictionary *dictionary, int rank) {
  const size_t d = dictionary->d, count = (size_t)dictionary_metric_count(dictionary);
  real *packed = memory_new(real, count * d * d);
  dictionary_get_metrics(dictionary, packed);
  h5_write_rows(file, metric_path, H5_REAL, 0, rank == 0 ? (int64_t)count : 0, packed);
  memory_free(&packed);
}

// A row at a time: they are padded in memory.
void dictionary_write(struct h5_file *file, const struct dictionary *dictionary, int rank) {
  const size_t d = dictionary->d, count = (size_t)trained(dictionary);
  if (count == 0) return;
  const int64_t rows = rank == 0 ? (int64_t)count : 0;
  real *z = memory_new(real, count * d);
  for (size_t k = 0; k < count * d; k++)
    z[k] = dictionary->z[(k / d + DICTIONARY_TRAINED) * real_padded(d) + k % d];
  h5_write_rows(file, z_path, H5_REAL, 0, rows, z);
  h5_write_rows(file, origin_path, H5_INT64, 0, rows, dictionary->origin + DICTIONARY_TRAINED);
  h5_write_rows(file, mean_path, H5_DOUBLE, 0, rank == 0 ? (int64_t)d : 0, dictionary->latent_mean);
  h5_write_rows(file, covariance_path, H5_DOUBLE, 0, rank == 0 ? (int64_t)d : 0,
                dictionary->covariance);
  if (dictionary->has_metrics) write_metrics(file, dictionary, rank);
  memory_free(&z);
}

// Its entries if the shape is right for latents of `d` numbers (0: any); else 0.
static int64_t count_entries(struct h5_file *file, size_t d) {
  int axes;
  int64_t shape[H5_AXES], origins[H5_AXES];
  struct error ignored = {""};
  if (!h5_exists(file, z_path) || !h5_exists(file, origin_path)) return 0;
  if (!h5_shape(file, z_path, "decoder.file", &axes, shape, &ignored) || axes != 2) return 0;
  if (d > 0 && shape[1] != (int64_t)d) return 0;
  if (!h5_shape(file, origin_path, "decoder.file", &axes, origins, &ignored) || axes != 1) return 0;
  return origins[0] == shape[0] && shape[0] <= DICTIONARY_ENTRIES ? shape[0] : 0;
}

int64_t dictionary_count_in(const char *path) {
  struct error ignored = {""};
  struct h5_file *file = h5_open(path, "decoder.file", &ignored);
  if (file == NULL) return 0;
  const int64_t count = count_entries(file, 0);
  h5_close(&file);
  return count;
}

// Mean and covariance, which files of earlier versions lack. False with a message if they are
// invalid.
static bool read_moments(struct h5_file *file, struct dictionary *dictionary, struct error *error) {
  const int64_t d = (int64_t)dictionary->d;
  int axes, square;
  int64_t mean[H5_AXES], covariance[H5_AXES];
  if (!h5_exists(file, mean_path) || !h5_exists(file, covariance_path)) return true;
  if (!h5_shape(file, mean_path, "decoder.file", &axes, mean, error) ||
      !h5_shape(file, covariance_path, "decoder.file", &square, covariance, error))
    return false;
  if (axes != 1 || mean[0] != d || square != 2 || covariance[0] != d || covariance[1] != d)
    return error_set(error, "%s and %s must have the shapes (%lld,) and (%lld, %lld)", mean_path,
                     covariance_path, (long long)d, (long long)d, (long long)d);
  double latents = 0.0;
  if (!h5_read_rows(file, mean_path, H5_DOUBLE, 0, d, dictionary->latent_mean, error) ||
      !h5_read_rows(file, covariance_path, H5_DOUBLE, 0, d, dictionary->covariance, error))
    return false;
  h5_read_number(file, group, "latents", &latents);
  dictionary->latents = latents >= 1.0 ? (int64_t)latents : trained(dictionary);
  return true;
}

// They are optional.
static bool read_metrics(struct h5_file *file, struct dictionary *dictionary, struct error *error) {
  const size_t d = dictionary->d, count = (size_t)dictionary_metric_count(dictionary);
  int axes;
  int64_t shape[H5_AXES];
  if (!h5_exists(file, metric_path)) return true;
  if (!h5_shape(file, metric_path, "decoder.file", &axes, shape, error)) return false;
  if (axes != 3 || shape[0] != (int64_t)count || shape[1] != (int64_t)d || shape[2] != (int64_t)d)
    return false;
  real *packed = memory_new(real, count * d * d);
  bool good = h5_read_rows(file, metric_path, H5_REAL, 0, (int64_t)count, packed, error);
  for (size_t k = 0; k < count * d * d && good; k++) good = isfinite(packed[k]);
  if (good) dictionary_set_metrics(dictionary, packed);
  memory_free(&packed);
  return good;
}

static bool is_sound(const struct dictionary *dictionary) {
  if (dictionary->held_out_loss < 0.0 || isinf(dictionary->held_out_loss)) return false;
  if (!(dictionary->trained_loss >= 0.0) || !isfinite(dictionary->trained_loss)) return false;
  const size_t count = (size_t)dictionary->count * real_padded(dictionary->d);
  for (size_t k = 0; k < count; k++)
    if (!isfinite(dictionary->z[k])) return false;
  const size_t d = dictionary->d;
  for (size_t k = 0; k < d * d; k++)
    if (!isfinite(dictionary->covariance[k]) || !isfinite(dictionary->latent_mean[k % d]))
      return false;
  return true;
}

bool dictionary_read(const char *path, struct dictionary *dictionary, struct error *error) {
  struct h5_file *file = h5_open(path, "decoder.file", error);
  if (file == NULL) return false;
  const size_t d = dictionary->d, count = (size_t)trained(dictionary);
  if (count_entries(file, d) != (int64_t)count) {
    h5_close(&file);
    return error_set(error,
                     "decoder.file = %s: %s does not fit the decoder of the same file: it needs z "
                     "of the shape (%zu, %zu) and origin of (%zu,)",
                     path, group, count, d, count);
  }
  real *z = memory_new(real, count * d);
  bool good = h5_read_number(file, group, "trained_loss", &dictionary->trained_loss) &&
              h5_read_rows(file, z_path, H5_REAL, 0, (int64_t)count, z, error) &&
              h5_read_rows(file, origin_path, H5_INT64, 0, (int64_t)count,
                           dictionary->origin + DICTIONARY_TRAINED, error);
  for (size_t k = 0; k < count * d; k++)
    dictionary->z[(k / d + DICTIONARY_TRAINED) * real_padded(d) + k % d] = z[k];
  memory_free(&z);
  h5_read_number(file, group, "held_out_loss", &dictionary->held_out_loss);  // where there is one
  good = good && read_moments(file, dictionary, error) && read_metrics(file, dictionary, error);
  h5_close(&file);
  if (!error_is_set(error) && !(good && is_sound(dictionary)))
    error_set(error,
              "decoder.file = %s: a number in its %s is missing or not finite, or a shape is wrong",
              path, group);
  return !error_is_set(error);
}
