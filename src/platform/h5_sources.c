// Numbers stored outside their file: external raw files and the sources of virtual datasets. Where
// these are missing, renamed or too short, HDF5 silently reads fill values; so their presence is
// checked in the same places, before anything is read.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/h5.h"
#include "platform/h5_file.h"

enum { NESTED_MAX = 16, WHAT = 256 };  // virtual datasets of virtual datasets; bytes

// A dataset that refers to other files.
struct referrer {
  const char *key;   // the input file's
  const char *file;  // path of the HDF5 file
  const char *dataset;
  hid_t file_id, properties, space;  // of that file; creation; extent
  int depth;
};

// The directory of a file, "." if its path has none.
static void directory_of(const char *file, char directory[H5_PATH]) {
  const char *slash = strrchr(file, '/');
  if (slash == NULL)
    snprintf(directory, H5_PATH, ".");
  else
    snprintf(directory, H5_PATH, "%.*s", slash == file ? 1 : (int)(slash - file), file);
}

// `name` in `prefix`, which may begin with ${ORIGIN}, the directory of `file`. False if it is too
// long.
static bool in_directory(const char *prefix, size_t length, const char *file, const char *name,
                         char path[H5_PATH]) {
  static const char origin[] = "${ORIGIN}";
  char directory[H5_PATH] = "";
  if (length >= strlen(origin) && strncmp(prefix, origin, strlen(origin)) == 0) {
    directory_of(file, directory);
    prefix += strlen(origin);
    length -= strlen(origin);
  }
  return snprintf(path, H5_PATH, "%s%.*s/%s", directory, (int)length, prefix, name) < H5_PATH;
}

static bool is_regular(const char *path, struct stat *status) {
  return stat(path, status) == 0 && S_ISREG(status->st_mode);
}

// ---- external raw files ----

// Where HDF5 finds the raw file `name`: in HDF5_EXTFILE_PREFIX, or else in the working directory
// or, thanks to h5_open_dataset(), beside the HDF5 file.
static void locate_raw(const struct referrer *referrer, const char *name, bool beside,
                       char path[H5_PATH]) {
  const char *prefix = getenv("HDF5_EXTFILE_PREFIX");
  snprintf(path, H5_PATH, "%s", name);
  if (name[0] == '/') return;
  if (prefix != NULL && prefix[0] != '\0' && strcmp(prefix, ".") != 0)
    in_directory(prefix, strlen(prefix), referrer->file, name, path);
  else if (beside && (prefix == NULL || prefix[0] == '\0'))
    in_directory("${ORIGIN}", strlen("${ORIGIN}"), referrer->file, name, path);
}

static bool check_raw_file(const struct referrer *referrer, const char *path, hsize_t needed,
                           struct error *error) {
  struct stat status;
  if (!is_regular(path, &status))
    return error_set(error,
                     "%s: the numbers of dataset %s in %s are in the external raw file %s, which "
                     "is missing (HDF5_EXTFILE_PREFIX may name its directory)",
                     referrer->key, referrer->dataset, referrer->file, path);
  return (hsize_t)status.st_size >= needed ||
         error_set(error,
                   "%s: the numbers of dataset %s in %s are in the external raw file %s, which is "
                   "too short: %lld bytes of %llu",
                   referrer->key, referrer->dataset, referrer->file, path,
                   (long long)status.st_size, (unsigned long long)needed);
}

// Bytes of all numbers of the dataset, of `bytes` each; the largest number where that is too many.
static hsize_t bytes_of(const struct referrer *referrer, size_t bytes) {
  hsize_t total;
  const hssize_t count = H5Sget_simple_extent_npoints(referrer->space);
  return __builtin_mul_overflow((hsize_t)count, (hsize_t)bytes, &total) ? (hsize_t)-1 : total;
}

static bool check_external(const struct referrer *referrer, size_t bytes, struct error *error) {
  hsize_t left = bytes_of(referrer, bytes);
  const int count = H5Pget_external_count(referrer->properties);
  bool beside = false;
  for (int i = 0; i < count && left > 0; i++) {
    char name[H5_PATH] = "", path[H5_PATH];
    off_t offset = 0;
    hsize_t size = 0, needed;
    if (H5Pget_external(referrer->properties, (unsigned)i, sizeof name - 1, name, &offset, &size) <
        0)
      return error_set(error, "%s: dataset %s in %s: damaged list of external files", referrer->key,
                       referrer->dataset, referrer->file);
    if (i == 0) beside = access(name, F_OK) != 0;
    const hsize_t part = size < left ? size : left;
    if (offset < 0 || __builtin_add_overflow((hsize_t)offset, part, &needed)) needed = (hsize_t)-1;
    locate_raw(referrer, name, beside, path);
    if (part > 0 && !check_raw_file(referrer, path, needed, error)) return false;
    left -= part;
  }
  return true;
}

// ---- sources of virtual datasets ----

// A part of a virtual dataset.
struct mapping {
  char file[H5_PATH], dataset[H5_PATH];  // as stored, with "%b" for the number of the block
  hid_t target, source;                  // selections in the virtual dataset and in its source
};

static bool read_mapping(hid_t properties, size_t i, struct mapping *mapping) {
  memset(mapping->file, 0, sizeof mapping->file);
  memset(mapping->dataset, 0, sizeof mapping->dataset);
  mapping->target = mapping->source = -1;
  const ssize_t file = H5Pget_virtual_filename(properties, i, mapping->file, H5_PATH),
                dataset = H5Pget_virtual_dsetname(properties, i, mapping->dataset, H5_PATH);
  if (file < 0 || file >= H5_PATH || dataset < 0 || dataset >= H5_PATH) return false;
  mapping->target = H5Pget_virtual_vspace(properties, i);
  mapping->source = H5Pget_virtual_srcspace(properties, i);
  return mapping->target >= 0 && mapping->source >= 0;
}

static void close_mapping(struct mapping *mapping) {
  if (mapping->target >= 0) H5Sclose(mapping->target);
  if (mapping->source >= 0) H5Sclose(mapping->source);
}

// Puts the number of a block for "%b" and "%" for "%%".
static void number_name(const char *name, unsigned long long block, char numbered[H5_PATH]) {
  size_t length = 0;
  numbered[0] = '\0';
  for (const char *at = name; *at != '\0' && length + 32 < H5_PATH; at++) {
    if (at[0] == '%' && at[1] == 'b')
      length += (size_t)snprintf(numbered + length, H5_PATH - length, "%llu", block);
    else
      numbered[length++] = *at;
    if (at[0] == '%' && (at[1] == 'b' || at[1] == '%')) at++;
    numbered[length] = '\0';
  }
}

// Blocks of a mapping, each with a source of its own: more than one where names contain "%b" and
// the mapping extends as far as the dataset.
static hsize_t blocks_of(const struct referrer *referrer, const struct mapping *mapping) {
  hsize_t start[H5_AXES], stride[H5_AXES], count[H5_AXES], block[H5_AXES], held[H5_AXES];
  const int axes = H5Sget_simple_extent_ndims(referrer->space);
  if (strstr(mapping->file, "%b") == NULL && strstr(mapping->dataset, "%b") == NULL) return 1;
  if (axes < 1 || axes > H5_AXES || H5Sget_simple_extent_ndims(mapping->target) != axes ||
      H5Sis_regular_hyperslab(mapping->target) <= 0 ||
      H5Sget_regular_hyperslab(mapping->target, start, stride, count, block) < 0)
    return 1;
  H5Sget_simple_extent_dims(referrer->space, held, NULL);
  for (int a = 0; a < axes; a++)
    if (count[a] == H5S_UNLIMITED && stride[a] > 0)
      return held[a] > start[a] ? (held[a] - start[a] - 1) / stride[a] + 1 : 1;
  return 1;
}

// Opens a source's file if it is this one.
static hid_t try_source(const char *path, char found[H5_PATH]) {
  struct stat status;
  if (!is_regular(path, &status)) return -1;
  snprintf(found, H5_PATH, "%s", path);
  return H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
}

// Opens the file of a source, in the order in which HDF5 looks: by an absolute name; in the
// directories of HDF5_VDS_PREFIX; beside the virtual dataset's file; in the working directory.
// `found` is the last file that was there, "" if none was.
static hid_t open_source(const struct referrer *referrer, const char *name, char found[H5_PATH]) {
  char path[H5_PATH];
  found[0] = '\0';
  hid_t file = name[0] == '/' ? try_source(name, found) : -1;
  if (file < 0 && name[0] == '/') name = strrchr(name, '/') + 1;
  const char *prefixes = getenv("HDF5_VDS_PREFIX");
  for (const char *at = prefixes; file < 0 && at != NULL && *at != '\0';) {
    const size_t length = strcspn(at, ":");
    if (length > 0 && in_directory(at, length, referrer->file, name, path))
      file = try_source(path, found);
    at += length + (at[length] == ':');
  }
  if (file < 0 && in_directory("${ORIGIN}", strlen("${ORIGIN}"), referrer->file, name, path))
    file = try_source(path, found);
  return file < 0 ? try_source(name, found) : file;
}

static bool complain(const struct referrer *referrer, const char *dataset, const char *file,
                     const char *what, struct error *error) {
  return error_set(error, "%s: the virtual dataset %s in %s takes numbers from %s in %s, %s",
                   referrer->key, referrer->dataset, referrer->file, dataset, file, what);
}

static bool check_dataset(const char *key, const char *path, hid_t file, const char *name,
                          hid_t dataset, int depth, struct error *error);

// For a source that is used as a whole, the file does not store the shape, only how many numbers it
// had.
static bool has_numbers(const struct mapping *mapping, int axes, const hsize_t *held,
                        char what[WHAT]) {
  unsigned long long total = 1;
  const hssize_t taken = H5Sget_select_npoints(mapping->target);
  for (int a = 0; a < axes; a++) total *= held[a];
  if (taken < 0 || taken == (hssize_t)H5S_UNLIMITED || total >= (unsigned long long)taken)
    return true;
  snprintf(what, WHAT, "which is too short: %llu of %lld numbers", total, (long long)taken);
  return false;
}

// Whether a source is large enough for what is taken from it.
static bool is_large_enough(hid_t dataset, const struct mapping *mapping, char what[WHAT]) {
  hsize_t held[H5_AXES], first[H5_AXES], last[H5_AXES];
  int axes = 0;
  snprintf(what, WHAT, "whose number of axes has changed");
  if (!h5_extent(dataset, &axes, held)) return false;
  const H5S_sel_type selection = H5Sget_select_type(mapping->source);
  if (selection != H5S_SEL_HYPERSLABS && selection != H5S_SEL_POINTS)
    return has_numbers(mapping, axes, held, what);
  if (H5Sget_simple_extent_ndims(mapping->source) != axes) return false;
  if (H5Sget_select_bounds(mapping->source, first, last) < 0) return true;  // it has no end
  for (int a = 0; a < axes; a++)
    if (last[a] >= held[a]) {
      snprintf(what, WHAT, "which is too short: %llu of %llu entries along axis %d",
               (unsigned long long)held[a], (unsigned long long)last[a] + 1, a);
      return false;
    }
  return true;
}

static bool check_source_dataset(const struct referrer *referrer, const struct mapping *mapping,
                                 hid_t file, const char *path, const char *name,
                                 struct error *error) {
  char what[WHAT];
  const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  if (dataset < 0) return complain(referrer, name, path, "which has no such dataset", error);
  const bool good =
      is_large_enough(dataset, mapping, what)
          ? check_dataset(referrer->key, path, file, name, dataset, referrer->depth + 1, error)
          : complain(referrer, name, path, what, error);
  H5Dclose(dataset);
  return good;
}

static bool check_block(const struct referrer *referrer, const struct mapping *mapping,
                        unsigned long long block, struct error *error) {
  char file_name[H5_PATH], name[H5_PATH], found[H5_PATH], cause[H5_TEXT];
  number_name(mapping->file, block, file_name);
  number_name(mapping->dataset, block, name);
  if (strcmp(file_name, ".") == 0)  // the same file
    return check_source_dataset(referrer, mapping, referrer->file_id, referrer->file, name, error);
  const hid_t file = open_source(referrer, file_name, found);
  if (file < 0 && found[0] == '\0')
    return complain(referrer, name, file_name,
                    "which is missing (HDF5_VDS_PREFIX may name its directory)", error);
  if (file < 0) {
    char what[H5_TEXT + WHAT];
    h5_cause(cause);
    snprintf(what, sizeof what, "which cannot be opened: %s%s", cause, h5_lock_hint(cause));
    return complain(referrer, name, found, what, error);
  }
  const bool good = check_source_dataset(referrer, mapping, file, found, name, error);
  H5Fclose(file);
  return good;
}

static bool check_virtual(const struct referrer *referrer, struct error *error) {
  static struct mapping mappings[NESTED_MAX];
  struct mapping *mapping = &mappings[referrer->depth];
  size_t count = 0;
  bool good = H5Pget_virtual_count(referrer->properties, &count) >= 0;
  for (size_t i = 0; good && i < count; i++) {
    good = read_mapping(referrer->properties, i, mapping);
    const hsize_t blocks = good ? blocks_of(referrer, mapping) : 0;
    for (hsize_t b = 0; good && b < blocks; b++) good = check_block(referrer, mapping, b, error);
    close_mapping(mapping);
  }
  return good || error_set(error, "%s: the virtual dataset %s in %s is damaged", referrer->key,
                           referrer->dataset, referrer->file);
}

// ---- both ----

static bool check_dataset(const char *key, const char *path, hid_t file, const char *name,
                          hid_t dataset, int depth, struct error *error) {
  if (depth == NESTED_MAX)
    return error_set(error,
                     "%s: dataset %s in %s is virtual, and its sources lead back to "
                     "itself",
                     key, name, path);
  const struct referrer referrer = {
      key, path, name, file, H5Dget_create_plist(dataset), H5Dget_space(dataset), depth};
  bool good = true;
  if (H5Pget_layout(referrer.properties) == H5D_VIRTUAL) {
    good = check_virtual(&referrer, error);
  } else if (H5Pget_external_count(referrer.properties) > 0) {
    const hid_t type = H5Dget_type(dataset);
    good = check_external(&referrer, H5Tget_size(type), error);
    H5Tclose(type);
  }
  H5Pclose(referrer.properties);
  H5Sclose(referrer.space);
  return good;
}

bool h5_check_sources(struct h5_file *file, const char *dataset, const char *key,
                      struct error *error) {
  h5_guard(file);
  const hid_t id = H5Dopen2(file->id, dataset, H5P_DEFAULT);
  const bool good = id < 0 || check_dataset(key, file->path, file->id, dataset, id, 0, error);
  if (id >= 0) H5Dclose(id);
  h5_unguard(file);
  return good;
}
