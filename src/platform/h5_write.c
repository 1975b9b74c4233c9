#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hdf5_hl.h"
#include "platform/h5.h"
#include "platform/h5_file.h"

static const hsize_t transfer_bytes = (hsize_t)1 << 30;  // written in one call by a rank

// Ends the job unless a call of HDF5 succeeded; `action` and `object` say what was being done.
static hid_t check(const struct h5_file *file, hid_t result, const char *action,
                   const char *object) {
  char cause[H5_TEXT];
  if (result < 0)
    error_fatal("cannot %s %s in %s: %s%s", action, object, file->path, h5_cause(cause),
                h5_no_space(file));
  return result;
}

static _Noreturn void fail_to_open(const char *action, const char *path) {
  char cause[H5_TEXT];
  h5_cause(cause);
  error_fatal("cannot %s %s: %s%s", action, path, cause, h5_lock_hint(cause));
}

// ---- creating ----

static hid_t tracked(hid_t class) {
  const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  const hid_t properties = H5Pcreate(class);
  H5Pset_attr_creation_order(properties, order);
  if (class != H5P_DATASET_CREATE) H5Pset_link_creation_order(properties, order);
  H5Pset_obj_track_times(properties, false);
  return properties;
}

struct h5_file *h5_create(const char *path, size_t user_block) {
  struct h5_file *file = h5_new(path, true);
  const hid_t creation = tracked(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_userblock(creation, user_block);
  H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
  file->id = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
  if (file->id < 0) fail_to_open("create", path);
  H5Pclose(creation);
  H5Pclose(access);
  return file;
}

void h5_group(struct h5_file *file, const char *path, const char *description) {
  const hid_t creation = tracked(H5P_GROUP_CREATE);
  const hid_t group = H5Gcreate2(file->id, path, H5P_DEFAULT, creation, H5P_DEFAULT);
  H5Gclose(check(file, group, "create group", path));
  H5Pclose(creation);
  h5_write_text(file, path, "description", description);
}

static hid_t open_group(const struct h5_file *file, const char *path) {
  return check(file, H5Gopen2(file->id, path, H5P_DEFAULT), "open group", path);
}

// Also closes `space`.
static void write_array(struct h5_file *file, const char *object, const char *name, hid_t type,
                        hid_t space, const void *value) {
  const hid_t attribute =
      H5Acreate_by_name(file->id, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  check(file, attribute, "create attribute", name);
  check(file, H5Awrite(attribute, type, value), "write attribute", name);
  H5Aclose(attribute);
  H5Sclose(space);
}

static void write_attribute(struct h5_file *file, const char *object, const char *name, hid_t type,
                            const void *value) {
  write_array(file, object, name, type, H5Screate(H5S_SCALAR), value);
}

// Of UTF-8 texts of any length; to be closed.
static hid_t text_type(void) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

void h5_write_text(struct h5_file *file, const char *object, const char *name, const char *text) {
  const hid_t type = text_type();
  write_attribute(file, object, name, type, &text);
  H5Tclose(type);
}

void h5_write_number(struct h5_file *file, const char *object, const char *name, double value) {
  write_attribute(file, object, name, H5T_NATIVE_DOUBLE, &value);
}

void h5_write_integer(struct h5_file *file, const char *object, const char *name, int64_t value) {
  write_attribute(file, object, name, H5T_NATIVE_INT64, &value);
}

void h5_write_numbers(struct h5_file *file, const char *object, const char *name, int64_t count,
                      const double *values) {
  const hsize_t length = (hsize_t)count;
  write_array(file, object, name, H5T_NATIVE_DOUBLE, H5Screate_simple(1, &length, NULL), values);
}

// netCDF-4's form of a dimension: a scale, and a number that is the dimension's own in the whole
// file. To be closed.
static hid_t create_scale(struct h5_file *file, const char *group, const char *name, hid_t type,
                          int64_t length, const char *title) {
  const hid_t parent = open_group(file, group), creation = tracked(H5P_DATASET_CREATE);
  const hsize_t lengths[] = {(hsize_t)length};
  const hid_t space = H5Screate_simple(1, lengths, NULL);
  const hid_t scale = H5Dcreate2(parent, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  check(file, scale, "create dimension", name);
  check(file, H5DSset_scale(scale, title), "create dimension", name);
  const int number = file->dimensions++;
  const hid_t scalar = H5Screate(H5S_SCALAR);
  const hid_t attribute =
      H5Acreate2(scale, "_Netcdf4Dimid", H5T_NATIVE_INT, scalar, H5P_DEFAULT, H5P_DEFAULT);
  check(file, H5Awrite(attribute, H5T_NATIVE_INT, &number), "create dimension", name);
  H5Aclose(attribute);
  H5Sclose(scalar);
  H5Sclose(space);
  H5Pclose(creation);
  H5Gclose(parent);
  return scale;
}

// Without coordinates the values are never stored, and the title says so.
void h5_dimension(struct h5_file *file, const char *group, const char *name, int64_t length) {
  char title[64];
  snprintf(title, sizeof title, "This is a netCDF dimension but not a netCDF variable.%10lld",
           (long long)length);
  H5Dclose(create_scale(file, group, name, H5T_IEEE_F32BE, length, title));
}

// As for a dataset in h5_dataset().
static void describe(struct h5_file *file, const char *group, const char *name, const char *units,
                     const char *description) {
  char path[H5_TEXT];
  snprintf(path, sizeof path, "%s/%s", group, name);
  h5_write_text(file, path, "long_name", description);
  h5_write_text(file, path, "units", units);
}

static void write_scale(struct h5_file *file, hid_t scale, const char *name, hid_t type,
                        const void *values) {
  check(file, H5Dwrite(scale, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), "write coordinates of",
        name);
  H5Dclose(scale);
}

void h5_coordinate(struct h5_file *file, const char *group, const char *name, int64_t length,
                   const double *values, const char *units, const char *description) {
  const hid_t scale = create_scale(file, group, name, H5T_IEEE_F64LE, length, name);
  write_scale(file, scale, name, H5T_NATIVE_DOUBLE, values);
  describe(file, group, name, units, description);
}

void h5_place_names(struct h5_file *file, const char *group, const char *name, int64_t length,
                    const char *const *names, const char *description) {
  const hid_t type = text_type();
  write_scale(file, create_scale(file, group, name, type, length, name), name, type, names);
  H5Tclose(type);
  describe(file, group, name, "1", description);
}

static hid_t stored_type(enum h5_type type) {
  switch (type) {
    case H5_REAL:
      return sizeof(real) == sizeof(double) ? H5T_IEEE_F64LE : H5T_IEEE_F32LE;
    case H5_DOUBLE:
      return H5T_IEEE_F64LE;
    case H5_INT64:
      return H5T_STD_I64LE;
    case H5_INT8:
      return H5T_STD_I8LE;
  }
  error_fatal("unknown element type %d", (int)type);
}

static hid_t open_scale(const struct h5_file *file, hid_t group, const char *name) {
  return check(file, H5Dopen2(group, name, H5P_DEFAULT), "open dimension", name);
}

static hid_t create_dataset(const struct h5_file *file, hid_t group, const char *name,
                            enum h5_type type, int axes, const hsize_t *lengths) {
  const hid_t space = H5Screate_simple(axes, lengths, NULL);
  const hid_t creation = tracked(H5P_DATASET_CREATE);
  H5Pset_layout(creation, H5D_CONTIGUOUS);
  H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
  const hid_t dataset =
      H5Dcreate2(group, name, stored_type(type), space, H5P_DEFAULT, creation, H5P_DEFAULT);
  check(file, dataset, "create dataset", name);
  H5Pclose(creation);
  H5Sclose(space);
  return dataset;
}

void h5_dataset(struct h5_file *file, const char *group, const char *name, enum h5_type type,
                int axes, const char *const *dimensions, const char *units,
                const char *description) {
  const hid_t parent = open_group(file, group);
  hid_t scales[H5_AXES];
  hsize_t lengths[H5_AXES];
  for (int a = 0; a < axes; a++) {
    int one = 0;
    scales[a] = open_scale(file, parent, dimensions[a]);
    check(file, h5_extent(scales[a], &one, lengths + a) ? 0 : -1, "read dimension", dimensions[a]);
  }
  const hid_t dataset = create_dataset(file, parent, name, type, axes, lengths);
  for (int a = 0; a < axes; a++) {
    check(file, H5DSattach_scale(dataset, scales[a], (unsigned)a), "use dimension", dimensions[a]);
    H5Dclose(scales[a]);
  }
  H5Dclose(dataset);
  H5Gclose(parent);
  describe(file, group, name, units, description);
}

// ---- writing in parallel ----

// The path of a file by way of its directory, which remains open as long as the file: every rank
// finds the file even if the directory is renamed meanwhile, and Open MPI 4, which puts the path
// and a suffix into 256 bytes, unchecked, is given a short one.
static void hold_directory(struct h5_file *file, char held[H5_HELD]) {
  const char *slash = strrchr(file->path, '/');
  char directory[H5_PATH] = ".";
  if (slash != NULL)
    snprintf(directory, sizeof directory, "%.*s", (int)(slash - file->path + 1), file->path);
  file->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file->directory < 0) error_fatal("cannot open %s: %s", directory, strerror(errno));
  if (access("/proc/self/fd", X_OK) == 0)
    snprintf(held, H5_HELD, "/proc/self/fd/%d/%s", file->directory,
             slash != NULL ? slash + 1 : file->path);
  else
    snprintf(held, H5_HELD, "%s", file->path);
}

struct h5_file *h5_open_parallel(const char *path, struct comm *comm) {
  char held[H5_HELD];
  struct h5_file *file = h5_new(path, true);
  file->comm = comm;
  comm_barrier(comm);  // rank 0 may just have closed it
  hold_directory(file, held);
  const int reason = h5_probe(held);
  if (reason != 0) error_fatal("cannot write %s: %s", path, strerror(reason));
  comm_barrier(comm);  // every rank can open it: Open MPI waits for ever where only some can
  const MPI_Comm *handle = comm_handle(comm);
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_mpio(access, *handle, MPI_INFO_NULL);
  h5_watch(file);
  file->id = H5Fopen(held, H5F_ACC_RDWR, access);
  h5_unwatch();
  if (file->id < 0) fail_to_open("write", path);
  H5Pclose(access);
  return file;
}

void h5_write_rows(struct h5_file *file, const char *dataset, enum h5_type type, int64_t first,
                   int64_t count, const void *data) {
  assert(first >= 0 && count >= 0);
  struct h5_rows rows;
  check(file, h5_open_rows(file, dataset, type, &rows) ? 0 : -1, "open dataset", dataset);
  const hid_t properties = H5Pcreate(H5P_DATASET_XFER);
  H5Pset_dxpl_mpio(properties, H5FD_MPIO_COLLECTIVE);
  int64_t most = rows.row_bytes > 0 ? count : 0;
  comm_max_int64(file->comm, &most, 1);
  const int64_t block = rows.row_bytes > 0 && rows.row_bytes < transfer_bytes
                            ? (int64_t)(transfer_bytes / rows.row_bytes)
                            : 1;
  for (int64_t done = 0; done < most; done += block) {
    const int64_t left = count > done ? count - done : 0, now = left < block ? left : block;
    const char *from = now > 0 ? (const char *)data + (hsize_t)done * rows.row_bytes : "";
    const struct h5_selection selection = h5_select(&rows, (hsize_t)(first + done), (hsize_t)now);
    check(file,
          H5Dwrite(rows.dataset, rows.type, selection.memory, selection.file, properties, from),
          "write dataset", dataset);
    h5_deselect(selection);
  }
  H5Pclose(properties);
  H5Dclose(rows.dataset);
}
