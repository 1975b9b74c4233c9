// HDF5: the one module that calls it. Writing follows the one pattern that is safe with parallel
// HDF5 1.10: rank 0 alone creates the file with every group, dataset and attribute through the
// serial driver and closes it; then all ranks reopen it with MPI-IO and write gap-free blocks of
// rows collectively. Files have HDF5 dimension scales as netCDF-4 requires them, so that xarray
// opens every group with named dimensions.
#ifndef GFE_H5_H
#define GFE_H5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ground/error.h"
#include "ground/real.h"
#include "platform/comm.h"

enum { H5_AXES = 8 };

// Element types of our datasets, in memory and in the file.
enum h5_type { H5_REAL, H5_DOUBLE, H5_INT64, H5_INT8 };

struct h5_file;  // owned by the caller of an open or create

// ---- reading, by any rank on its own through the serial driver ----

// NULL with a message in *error (which names `key`, the key in the input file, and the path) if the
// file cannot be opened or is not HDF5.
struct h5_file *h5_open(const char *path, const char *key, struct error *error);

// The path by which the file was opened, owned by it.
const char *h5_path(const struct h5_file *file);

// Rank and lengths of a dataset. A missing dataset is an error that names the nearest existing one
// in the file; so are more than H5_AXES axes, or a type that is not numeric (integer or float).
bool h5_shape(struct h5_file *file, const char *dataset, const char *key, int *axes,
              int64_t shape[H5_AXES], struct error *error);
bool h5_exists(struct h5_file *file, const char *path);

// Whether a file has the HDF5 signature, also behind a user block (MATLAB).
bool h5_is_hdf5(const char *path);

// Whether a dataset's type is integer (or h5py's bool).
bool h5_is_integer(struct h5_file *file, const char *dataset);

// For messages: "did you mean /NEAREST? the file has /A, /B".
void h5_list(struct h5_file *file, const char *wanted, char *text, size_t size);

// Rows [first, first + count) along the first axis, all of every other axis, converted to `type`,
// into `data` (gap-free). False with a message if the library fails (for instance an unknown
// filter: the message then names it and gives the h5repack command that removes it).
bool h5_read_rows(struct h5_file *file, const char *dataset, enum h5_type type, int64_t first,
                  int64_t count, void *data, struct error *error);

// `count[a]` places along each of the dataset's axes, from start[a] on and stride[a] >= 1 apart, as
// doubles into `values`, gap-free, the last axis fastest. False with a message if the dataset has
// other axes, the places are not in it, or the library fails.
bool h5_read_block(struct h5_file *file, const char *dataset, int axes, const int64_t *start,
                   const int64_t *stride, const int64_t *count, double *values,
                   struct error *error);

// Whether the numbers of a dataset that are stored elsewhere, in external raw files or, for a
// virtual dataset, in other HDF5 files, are all available: where they are not, HDF5 itself reads
// zeros. False with a message that names what is missing or too short.
bool h5_check_sources(struct h5_file *file, const char *dataset, const char *key,
                      struct error *error);

// How a dataset's numbers are stored: 'i', 'u' or 'f' as in NumPy ('u' also for bools), 0 if there
// is no such dataset or it does not contain numbers; and in how many bytes.
char h5_number_kind(struct h5_file *file, const char *dataset, int *bytes);

// The names of the members of a group, sorted, in an owned array; *count 0 and NULL if there are
// none. `datasets`: those of its datasets, otherwise of its groups. Longer names are left out.
enum { H5_NAME = 256 };
char (*h5_members(struct h5_file *file, const char *group, bool datasets, int64_t *count))[H5_NAME];

// What a file says about an axis of a dataset, as in netCDF-4 by dimension scales: `scale` is the
// path of the first dataset attached to it, "" if there is none; `values` says whether that
// contains coordinates or only names the axis (by the last part of its path); `label` is the label
// of the axis, or "". False if there is no such axis.
struct h5_axis {
  char scale[1024], label[64];
  bool values;
};
bool h5_read_axis(struct h5_file *file, const char *dataset, int axis, struct h5_axis *found);

// Whether a dataset is itself a dimension scale.
bool h5_is_scale(struct h5_file *file, const char *dataset);

// The fill value that the file declares for entries never written; false if it declares none.
bool h5_fill_value(struct h5_file *file, const char *dataset, double *value);

// Whether `object` has an attribute.
bool h5_has_attribute(struct h5_file *file, const char *object, const char *name);

// The numbers of an attribute of any shape, at most `size`; returns how many it has, -1 if it is
// absent or not numeric. `kind` (may be NULL): as h5_number_kind().
int64_t h5_read_numbers(struct h5_file *file, const char *object, const char *name, int64_t size,
                        double *values, char *kind);

// The texts of an attribute that is a list of them (or one), of fixed or variable length, at most
// `size`, cut to H5_NAME; returns how many it has, -1 if it is absent or has none.
int64_t h5_read_texts(struct h5_file *file, const char *object, const char *name, int64_t size,
                      char (*texts)[H5_NAME]);

// Attributes of `object` ("/" or a group or dataset). False if absent, of another kind or, for
// texts, longer than `size`.
bool h5_read_text(struct h5_file *file, const char *object, const char *name, char *text,
                  size_t size);
bool h5_read_number(struct h5_file *file, const char *object, const char *name, double *value);

// ---- creating, by rank 0 alone; failures are the environment's errors (error_fatal) ----

// `user_block`: bytes at the beginning of the file that HDF5 leaves to the caller; 0, or a power of
// two that is at least 512.
struct h5_file *h5_create(const char *path, size_t user_block);
void h5_group(struct h5_file *file, const char *path, const char *description);

// Declares a named dimension in a group, with no coordinate values, once.
void h5_dimension(struct h5_file *file, const char *group, const char *name, int64_t length);

// The same with the coordinates of its places, in `units`, or with a name for each place.
void h5_coordinate(struct h5_file *file, const char *group, const char *name, int64_t length,
                   const double *values, const char *units, const char *description);
void h5_place_names(struct h5_file *file, const char *group, const char *name, int64_t length,
                    const char *const *names, const char *description);

// A contiguous dataset whose axes are named dimensions declared before in `group` (the group that
// holds the dataset). `units` is "1" for a pure number; `description` becomes `long_name`.
void h5_dataset(struct h5_file *file, const char *group, const char *name, enum h5_type type,
                int axes, const char *const *dimensions, const char *units,
                const char *description);

void h5_write_text(struct h5_file *file, const char *object, const char *name, const char *text);
void h5_write_number(struct h5_file *file, const char *object, const char *name, double value);
void h5_write_integer(struct h5_file *file, const char *object, const char *name, int64_t value);
void h5_write_numbers(struct h5_file *file, const char *object, const char *name, int64_t count,
                      const double *values);

// ---- writing, collectively ----

// Reopens a file with MPI-IO. Collective.
struct h5_file *h5_open_parallel(const char *path, struct comm *comm);

// Rows [first, first + count) along the first axis from `data`; a rank with nothing to write calls
// with count 0. Collective, same dataset on all ranks.
void h5_write_rows(struct h5_file *file, const char *dataset, enum h5_type type, int64_t first,
                   int64_t count, const void *data);

// Flushes and closes; *file becomes NULL. Collective if opened with h5_open_parallel.
void h5_close(struct h5_file **file);

const char *h5_library(void);  // version, static

#endif
