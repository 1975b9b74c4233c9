#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ground/memory.h"
#include "platform/h5.h"
#include "platform/h5_file.h"

static const hsize_t transfer_bytes = (hsize_t)1 << 28;  // read in one call

// ---- files ----

bool h5_is_hdf5(const char *path) {
  h5_silence();
  return H5Fis_hdf5(path) > 0;
}

struct h5_file *h5_open(const char *path, const char *key, struct error *error) {
  FILE *stream = fopen(path, "rb");
  if (stream == NULL) {
    error_set(error, "%s = %s: cannot open the file: %s", key, path, strerror(errno));
    return NULL;
  }
  fclose(stream);
  if (!h5_is_hdf5(path)) {
    error_set(error, "%s = %s: not an HDF5 file", key, path);
    return NULL;
  }
  struct h5_file *file = h5_new(path, false);
  snprintf(file->key, sizeof file->key, "%s", key);
  h5_guard(file);
  file->id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  char cause[H5_TEXT];
  if (file->id < 0) h5_cause(cause);
  h5_unguard(file);
  if (file->id >= 0) return file;
  const char *hint = h5_lock_hint(cause);
  error_set(error, "%s = %s: %s: %s%s", key, path,
            hint[0] != '\0' ? "cannot be opened" : "damaged or not readable as HDF5", cause, hint);
  memory_free(&file);
  return NULL;
}

bool h5_exists(struct h5_file *file, const char *path) {
  h5_guard(file);
  const hid_t object = H5Oopen(file->id, path, H5P_DEFAULT);
  if (object >= 0) H5Oclose(object);
  h5_unguard(file);
  return object >= 0;
}

// ---- the datasets of a file, for messages ----

enum { LISTED = 12, COLLECTED = 1000, LINK_TEXT = 2048 };

struct listing {
  size_t count;
  char *names[COLLECTED];  // owned, NULL after the last
};

static herr_t collect(hid_t group, const char *name, const H5L_info_t *info, void *data) {
  (void)info;
  struct listing *listing = data;
  const hid_t object = H5Oopen(group, name, H5P_DEFAULT);
  if (object < 0) return 0;  // a dangling link
  const bool wanted = H5Iget_type(object) == H5I_DATASET;
  H5Oclose(object);
  if (!wanted) return 0;
  char *path = memory_new(char, strlen(name) + 2);
  path[0] = '/';
  strcpy(path + 1, name);
  listing->names[listing->count++] = path;
  return listing->count == COLLECTED;
}

static void append(char *text, size_t size, const char *part) {
  const size_t length = strlen(text);
  snprintf(text + length, size - length, "%s", part);
}

void h5_list(struct h5_file *file, const char *wanted, char *text, size_t size) {
  struct listing *listing = memory_new(struct listing, 1);
  h5_guard(file);
  H5Lvisit(file->id, H5_INDEX_NAME, H5_ITER_INC, collect, listing);
  h5_unguard(file);
  const char *nearest = error_nearest(wanted, (const char *const *)listing->names, listing->count);
  snprintf(text, size, "%s%s%s", nearest != NULL ? "did you mean " : "",
           nearest != NULL ? nearest : "", nearest != NULL ? "? " : "");
  append(text, size, listing->count == 0 ? "the file has no datasets" : "the file has ");
  for (size_t i = 0; i < listing->count; i++) {
    if (i < LISTED) {
      append(text, size, i == 0 ? "" : ", ");
      append(text, size, listing->names[i]);
    }
    memory_free(&listing->names[i]);
  }
  if (listing->count > LISTED) append(text, size, " and others");
  memory_free(&listing);
}

// ---- datasets ----

static bool is_numeric(hid_t dataset, bool *integer) {
  int bytes = 0;
  const hid_t type = H5Dget_type(dataset);
  const char kind = h5_kind_of(type, &bytes);
  H5Tclose(type);
  *integer = kind == 'i' || kind == 'u';
  return kind != 0;
}

// False with a message if the dataset is compressed by a filter that this HDF5 does not have.
static bool can_decode(const struct h5_file *file, hid_t dataset, const char *path,
                       struct error *error) {
  const hid_t properties = H5Dget_create_plist(dataset);
  const int filters = H5Pget_nfilters(properties);
  bool good = true;
  for (int i = 0; i < filters && good; i++) {
    char name[64] = "";
    unsigned flags = 0, configuration = 0;
    size_t values = 0;
    const H5Z_filter_t filter = H5Pget_filter2(properties, (unsigned)i, &flags, &values, NULL,
                                               sizeof name, name, &configuration);
    if (filter >= 0 && H5Zfilter_avail(filter) > 0) continue;
    good = error_set(
        error,
        "%s: dataset %s is compressed with filter %s (number %d), which this HDF5 does "
        "not have; where it is installed, make an uncompressed copy: h5repack -f NONE %s "
        "plain.h5 (for lzf, copy the dataset with h5py)",
        file->path, path, name[0] == '\0' ? "without a name" : name, (int)filter, file->path);
  }
  H5Pclose(properties);
  return good;
}

static bool check_dataset(const struct h5_file *file, hid_t id, const char *dataset,
                          const char *key, int *axes, hsize_t lengths[H5_AXES],
                          struct error *error) {
  bool integer = false;
  if (!is_numeric(id, &integer))
    return error_set(error,
                     "%s: dataset %s in %s does not hold numbers; integers or floats can be "
                     "read",
                     key, dataset, file->path);
  if (!h5_extent(id, axes, lengths))
    return error_set(error, "%s: dataset %s in %s has more than %d axes", key, dataset, file->path,
                     H5_AXES);
  struct error cause = {""};
  return can_decode(file, id, dataset, &cause) || error_set(error, "%s: %s", key, cause.text);
}

// Describes the target of a soft or external link; false if `path` is not a link.
static bool describe_link(const struct h5_file *file, const char *path, char text[LINK_TEXT]) {
  H5L_info_t info;
  if (H5Lget_info(file->id, path, &info, H5P_DEFAULT) < 0 ||
      (info.type != H5L_TYPE_SOFT && info.type != H5L_TYPE_EXTERNAL))
    return false;
  char *value = memory_new(char, info.u.val_size + 1);
  const char *target = "", *object = value;
  bool good = H5Lget_val(file->id, path, value, info.u.val_size, H5P_DEFAULT) >= 0;
  if (good && info.type == H5L_TYPE_EXTERNAL)
    good = H5Lunpack_elink_val(value, info.u.val_size, NULL, &target, &object) >= 0;
  if (good && info.type == H5L_TYPE_EXTERNAL)
    snprintf(text, LINK_TEXT, "an external link to %s in the file %s", object, target);
  else if (good)
    snprintf(text, LINK_TEXT, "a soft link to %s", object);
  memory_free(&value);
  return good;
}

// Finds the first prefix of a path that is a dangling link, and describes its target.
static bool find_broken_link(const struct h5_file *file, const char *dataset, char part[H5_TEXT],
                             char text[LINK_TEXT]) {
  for (size_t end = 1; end <= strlen(dataset) && end < H5_TEXT; end++) {
    if (dataset[end] != '/' && dataset[end] != '\0') continue;
    snprintf(part, H5_TEXT, "%.*s", (int)end, dataset);
    const hid_t object = H5Oopen(file->id, part, H5P_DEFAULT);
    if (object < 0) return describe_link(file, part, text);
    H5Oclose(object);
  }
  return false;
}

static bool complain_of_dataset(struct h5_file *file, const char *dataset, const char *key,
                                struct error *error) {
  char list[2048], part[H5_TEXT], link[LINK_TEXT];
  h5_guard(file);
  const bool broken = find_broken_link(file, dataset, part, link);
  h5_unguard(file);
  if (broken)
    return error_set(error, "%s: %s in %s is %s, which does not exist or cannot be opened", key,
                     part, file->path, link);
  h5_list(file, dataset, list, sizeof list);
  return error_set(error, "%s: there is no dataset %s in %s; %s", key, dataset, file->path, list);
}

bool h5_shape(struct h5_file *file, const char *dataset, const char *key, int *axes,
              int64_t shape[H5_AXES], struct error *error) {
  h5_guard(file);
  const hid_t id = h5_open_dataset(file, dataset);
  h5_unguard(file);
  if (id < 0) return complain_of_dataset(file, dataset, key, error);
  h5_guard(file);
  hsize_t lengths[H5_AXES];
  const bool good = check_dataset(file, id, dataset, key, axes, lengths, error);
  for (int a = 0; good && a < *axes; a++) shape[a] = (int64_t)lengths[a];
  H5Dclose(id);
  h5_unguard(file);
  return good;
}

bool h5_is_integer(struct h5_file *file, const char *dataset) {
  h5_guard(file);
  const hid_t id = H5Dopen2(file->id, dataset, H5P_DEFAULT);
  bool integer = false;
  if (id >= 0) {
    is_numeric(id, &integer);
    H5Dclose(id);
  }
  h5_unguard(file);
  return integer;
}

// ---- rows ----

// Rows of a chunk, 1 for a dataset without chunks.
static hsize_t chunk_rows(hid_t dataset) {
  const hid_t properties = H5Dget_create_plist(dataset);
  hsize_t chunk[H5_AXES] = {1};
  if (H5Pget_layout(properties) == H5D_CHUNKED) H5Pget_chunk(properties, H5_AXES, chunk);
  H5Pclose(properties);
  return chunk[0];
}

// Reads in blocks that end where chunks end: within one call HDF5 decodes every chunk just once, so
// that none is decoded twice whatever the size of its cache. False with HDF5's reason in `cause`.
static bool read_blocks(const struct h5_file *file, const struct h5_rows *rows, hsize_t first,
                        hsize_t count, char *data, char cause[H5_TEXT]) {
  const hsize_t band = chunk_rows(rows->dataset), bands = transfer_bytes / rows->row_bytes / band;
  const hsize_t most = (bands > 0 ? bands : 1) * band, end = first + count;
  bool good = true;
  for (hsize_t row = first, next; good && row < end; row = next) {
    next = (row / band) * band + most;
    if (next > end) next = end;
    const struct h5_selection selection = h5_select(rows, row, next - row);
    h5_guard(file);
    good = H5Dread(rows->dataset, rows->type, selection.memory, selection.file, H5P_DEFAULT,
                   data + (row - first) * rows->row_bytes) >= 0;
    h5_unguard(file);
    if (!good) h5_cause(cause);  // before the next call forgets it
    h5_deselect(selection);
  }
  return good;
}

// How the numbers of a dataset are stored, where HDF5's conversion is unsuitable: it has none for
// bit fields, and clamps unsigned integers that do not fit.
enum storage { PLAIN, BITS, UNSIGNED };

static enum storage storage_of(hid_t dataset) {
  const hid_t type = H5Dget_type(dataset);
  const H5T_class_t class = H5Tget_class(type);
  const bool large = class == H5T_INTEGER && H5Tget_size(type) == sizeof(uint64_t) &&
                     H5Tget_sign(type) == H5T_SGN_NONE;
  H5Tclose(type);
  return class == H5T_BITFIELD ? BITS : large ? UNSIGNED : PLAIN;
}

// Reads bytes, and makes them numbers of `type`.
static bool read_bits(const struct h5_file *file, const struct h5_rows *rows, enum h5_type type,
                      hsize_t first, hsize_t count, void *data, char cause[H5_TEXT]) {
  const size_t size = H5Tget_size(rows->type), total = (size_t)(count * rows->row_bytes) / size;
  struct h5_rows bytes = *rows;
  bytes.type = H5T_NATIVE_B8;
  bytes.row_bytes = rows->row_bytes / size;
  unsigned char *raw = memory_new(unsigned char, total);
  const bool good = read_blocks(file, &bytes, first, count, (char *)raw, cause);
  for (size_t i = 0; i < total && good; i++) {
    if (type == H5_REAL) ((real *)data)[i] = raw[i];
    if (type == H5_DOUBLE) ((double *)data)[i] = raw[i];
    if (type == H5_INT64) ((int64_t *)data)[i] = raw[i];
    if (type == H5_INT8) ((int8_t *)data)[i] = (int8_t)raw[i];
  }
  memory_free(&raw);
  return good;
}

// Reads unsigned integers unchanged; one that does not fit an int64_t is an error.
static bool read_unsigned(const struct h5_file *file, const struct h5_rows *rows, hsize_t first,
                          hsize_t count, int64_t *data, char cause[H5_TEXT]) {
  struct h5_rows same = *rows;
  same.type = H5T_NATIVE_UINT64;
  if (!read_blocks(file, &same, first, count, (char *)data, cause)) return false;
  const size_t width = (size_t)rows->row_bytes / sizeof *data;
  for (size_t i = 0; i < (size_t)count * width; i++) {
    if (data[i] >= 0) continue;
    snprintf(cause, H5_TEXT, "%llu in row %llu is larger than %lld", (unsigned long long)data[i],
             (unsigned long long)(first + i / width), (long long)INT64_MAX);
    return false;
  }
  return true;
}

static bool read_stored(const struct h5_file *file, const struct h5_rows *rows, enum h5_type type,
                        hsize_t first, hsize_t count, void *data, char cause[H5_TEXT]) {
  const enum storage storage = storage_of(rows->dataset);
  if (storage == BITS) return read_bits(file, rows, type, first, count, data, cause);
  if (storage == UNSIGNED && type == H5_INT64)
    return read_unsigned(file, rows, first, count, data, cause);
  return read_blocks(file, rows, first, count, data, cause);
}

static bool read_rows(const struct h5_file *file, const char *name, const struct h5_rows *rows,
                      enum h5_type type, int64_t first, int64_t count, void *data,
                      struct error *error) {
  const int64_t held = (int64_t)rows->lengths[0], last = first + count - 1;
  char cause[H5_TEXT];
  if (first < 0 || first > held || count > held - first)
    return error_set(error, "dataset %s in %s has no rows %lld to %lld", name, file->path,
                     (long long)first, (long long)last);
  if (!can_decode(file, rows->dataset, name, error)) return false;
  return count <= 0 || rows->row_bytes == 0 ||
         read_stored(file, rows, type, (hsize_t)first, (hsize_t)count, data, cause) ||
         error_set(error, "cannot read rows %lld to %lld of dataset %s in %s: %s", (long long)first,
                   (long long)last, name, file->path, cause);
}

bool h5_read_rows(struct h5_file *file, const char *dataset, enum h5_type type, int64_t first,
                  int64_t count, void *data, struct error *error) {
  assert(first >= 0 && count >= 0);
  struct h5_rows rows;
  h5_guard(file);
  const bool opened = h5_open_rows(file, dataset, type, &rows);
  h5_unguard(file);
  if (!opened)
    return error_set(error, "there is no dataset %s with 1 to %d axes in %s", dataset, H5_AXES,
                     file->path);
  const bool good = read_rows(file, dataset, &rows, type, first, count, data, error);
  H5Dclose(rows.dataset);
  return good;
}

// ---- blocks ----

// Whether the places lie in the dataset.
static bool is_inside(const struct h5_rows *rows, const int64_t *start, const int64_t *stride,
                      const int64_t *count) {
  for (int a = 0; a < rows->axes; a++) {
    const int64_t length = (int64_t)rows->lengths[a];
    if (start[a] < 0 || stride[a] < 1 || count[a] < 0 || start[a] > length) return false;
    if (count[a] > 0 && (start[a] == length || count[a] - 1 > (length - 1 - start[a]) / stride[a]))
      return false;
  }
  return true;
}

// Replaces bytes by the corresponding doubles.
static void widen(double *values, size_t count) {
  const unsigned char *bytes = (const unsigned char *)values;
  for (size_t i = count; i-- > 0;) {
    const unsigned char byte = bytes[i];
    values[i] = byte;
  }
}

static bool read_places(const struct h5_file *file, const struct h5_rows *rows,
                        const int64_t *start, const int64_t *stride, const int64_t *count,
                        double *values, char cause[H5_TEXT]) {
  hsize_t first[H5_AXES], step[H5_AXES], number[H5_AXES], total = 1;
  for (int a = 0; a < rows->axes; a++) {
    first[a] = (hsize_t)start[a];
    step[a] = (hsize_t)stride[a];
    number[a] = (hsize_t)count[a];
    total *= number[a];
  }
  const bool bits = storage_of(rows->dataset) == BITS;
  const hid_t from = H5Dget_space(rows->dataset), to = H5Screate_simple(1, &total, NULL);
  h5_guard(file);
  const bool good =
      H5Sselect_hyperslab(from, H5S_SELECT_SET, first, step, number, NULL) >= 0 &&
      H5Dread(rows->dataset, bits ? H5T_NATIVE_B8 : rows->type, to, from, H5P_DEFAULT, values) >= 0;
  h5_unguard(file);
  if (!good) h5_cause(cause);
  H5Sclose(from);
  H5Sclose(to);
  if (good && bits) widen(values, (size_t)total);
  return good;
}

// In pieces of the first axis, so that no call takes long. Of an empty block other axes may be of
// any length.
static bool read_pieces(const struct h5_file *file, const struct h5_rows *rows,
                        const int64_t *start, const int64_t *stride, const int64_t *count,
                        double *values, char cause[H5_TEXT]) {
  int64_t row = 1, begin[H5_AXES], part[H5_AXES];
  memcpy(begin, start, (size_t)rows->axes * sizeof *begin);
  memcpy(part, count, (size_t)rows->axes * sizeof *part);
  for (int a = 0; a < rows->axes; a++)
    if (count[a] == 0) return true;
  for (int a = 1; a < rows->axes; a++) row *= count[a];
  const int64_t held = (int64_t)(transfer_bytes / sizeof *values) / row, most = held > 0 ? held : 1;
  bool good = true;
  for (int64_t done = 0; good && done < count[0]; done += most) {
    part[0] = count[0] - done < most ? count[0] - done : most;
    begin[0] = start[0] + done * stride[0];
    good = read_places(file, rows, begin, stride, part, values + done * row, cause);
  }
  return good;
}

bool h5_read_block(struct h5_file *file, const char *dataset, int axes, const int64_t *start,
                   const int64_t *stride, const int64_t *count, double *values,
                   struct error *error) {
  struct h5_rows rows;
  h5_guard(file);
  const bool opened = h5_open_rows(file, dataset, H5_DOUBLE, &rows);
  h5_unguard(file);
  if (!opened)
    return error_set(error, "there is no dataset %s with 1 to %d axes in %s", dataset, H5_AXES,
                     file->path);
  char cause[H5_TEXT];
  bool good = true;
  if (rows.axes != axes || !is_inside(&rows, start, stride, count))
    good = error_set(error, "dataset %s in %s has no such block", dataset, file->path);
  else if (!can_decode(file, rows.dataset, dataset, error))
    good = false;
  else if (!read_pieces(file, &rows, start, stride, count, values, cause))
    good = error_set(error, "cannot read dataset %s in %s: %s", dataset, file->path, cause);
  H5Dclose(rows.dataset);
  return good;
}
