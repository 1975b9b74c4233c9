// How a decoder's data were scaled: a pair of constants for all of them as attributes of /decoder,
// a pair per channel or entry as two datasets in it.
#include <math.h>

#include "files/decoder_file.h"

static const char decoder_group[] = "/decoder";
static const char offset_path[] = "/decoder/scale_offset", factor_path[] = "/decoder/scale_factor";

// One constant per channel or entry: datasets, both of the same length.
static bool read_constants(struct h5_file *file, const char *name, size_t n,
                           struct scaling **scaling, struct error *error) {
  const char *const paths[] = {offset_path, factor_path};
  int64_t counts[2] = {0};
  for (int i = 0; i < 2; i++) {
    int axes = 0;
    int64_t shape[H5_AXES] = {0};
    if (!h5_shape(file, paths[i], "decoder.file", &axes, shape, error)) return false;
    counts[i] = axes == 1 ? shape[0] : 0;
  }
  if (counts[0] < 1 || counts[1] != counts[0] || n % (size_t)counts[0] != 0)
    return error_set(error,
                     "decoder.file = %s: %s and %s must have one number per channel or entry of a "
                     "sample, which has %zu entries",
                     name, paths[0], paths[1], n);
  *scaling = scaling_create(n, (size_t)counts[0]);
  return h5_read_rows(file, paths[0], H5_DOUBLE, 0, counts[0], (*scaling)->offset, error) &&
         h5_read_rows(file, paths[1], H5_DOUBLE, 0, counts[0], (*scaling)->scale, error);
}

bool decoder_file_read_scaling(struct h5_file *file, const char *name, size_t n,
                               struct scaling **scaling, struct error *error) {
  double offset, scale;
  *scaling = NULL;
  if (h5_read_number(file, decoder_group, "scale_offset", &offset) &&
      h5_read_number(file, decoder_group, "scale_factor", &scale)) {
    *scaling = scaling_create(n, 1);
    (*scaling)->offset[0] = offset;
    (*scaling)->scale[0] = scale;
  } else if (h5_exists(file, offset_path) || h5_exists(file, factor_path)) {
    if (!read_constants(file, name, n, scaling, error)) return false;
  }
  for (size_t k = 0; *scaling != NULL && k < (*scaling)->count; k++) {
    offset = (*scaling)->offset[k];
    scale = (*scaling)->scale[k];
    if (!isfinite(offset) || !isfinite(scale) || scale <= 0.0)
      return error_set(error,
                       "decoder.file = %s: /decoder has scale_offset %g and scale_factor %g; they "
                       "must be finite, the factor above 0",
                       name, offset, scale);
  }
  return true;
}

void decoder_file_declare_scaling(struct h5_file *file, const struct scaling *scaling) {
  h5_write_text(file, decoder_group, "scaling",
                "the decoder works on (data - scale_offset) / scale_factor");
  if (scaling->count == 1) {
    h5_write_number(file, decoder_group, "scale_offset", scaling->offset[0]);
    h5_write_number(file, decoder_group, "scale_factor", scaling->scale[0]);
    return;
  }
  const char *const axis[] = {scaling->count == scaling->n ? "entry" : "channel"};
  h5_dimension(file, decoder_group, axis[0], (int64_t)scaling->count);
  h5_dataset(file, decoder_group, "scale_offset", H5_DOUBLE, 1, axis, "1",
             "what is subtracted from the data, in the data's units");
  h5_dataset(file, decoder_group, "scale_factor", H5_DOUBLE, 1, axis, "1",
             "what the difference is divided by, in the data's units");
}

void decoder_file_write_scaling(struct h5_file *file, const struct scaling *scaling, int rank) {
  const int64_t count = rank == 0 ? (int64_t)scaling->count : 0;
  if (scaling->count == 1) return;
  h5_write_rows(file, offset_path, H5_DOUBLE, 0, count, scaling->offset);
  h5_write_rows(file, factor_path, H5_DOUBLE, 0, count, scaling->scale);
}
