// An open HDF5 file and rows of its datasets: what reading and writing (h5_read.c, h5_write.c)
// share. For h5_*.c only.
#ifndef GFE_H5_FILE_H
#define GFE_H5_FILE_H

#include <hdf5.h>

#include "platform/h5.h"

enum { H5_TEXT = 512, H5_PATH = 4096, H5_HELD = H5_PATH + 32 };

struct h5_file {
  hid_t id;
  char path[H5_PATH];
  char key[64];       // the input file's, of a file that is read
  struct comm *comm;  // borrowed; NULL if not opened in parallel
  int directory;      // its directory, if it is open; otherwise -1
  bool writes;        // closing it must not fail
  int dimensions;     // declared so far
};

// A struct for a file just opened; silences HDF5's own printing of errors.
struct h5_file *h5_new(const char *path, bool writes);
void h5_silence(void);

// Between h5_guard() and h5_unguard(), around a call of HDF5 that reads, a crash (on a damaged
// file) ends the job with a message that names the key in the input file and the path; so does more
// computing than it takes to read a block of rows. Does nothing for a file that is being written.
void h5_guard(const struct h5_file *file);
void h5_guard_attribute(const struct h5_file *file);  // of which the reading takes no time
void h5_unguard(const struct h5_file *file);

// The reason why this rank cannot open a file to write (errno), or 0.
int h5_probe(const char *path);

// Between h5_watch() and h5_unwatch(), while all ranks open a file together, this rank looks once a
// minute whether it can still open it alone; if not, or after ten minutes, the job ends.
void h5_watch(const struct h5_file *file);
void h5_unwatch(void);

// Copies what HDF5 says of its last failure, innermost cause first, to `text`; returns it.
const char *h5_cause(char text[H5_TEXT]);

// Advice to accompany a cause: empty unless the cause mentions locks, which another program may
// hold or the file system may lack.
const char *h5_lock_hint(const char *cause);

// After a failure to write a file, which is lost anyway: the system's reason if nothing more can be
// appended to it, such as "; No space left on device", otherwise empty. MPI-IO does not always give
// it.
const char *h5_no_space(const struct h5_file *file);

// 'i', 'u' or 'f' for a type of numbers, and their bytes; 0 for any other. h5py's bool is an enum,
// that of PyTables a bit field of a byte: 'u'.
char h5_kind_of(hid_t type, int *bytes);

// Opens a dataset; negative if it does not exist. If external raw files are named by a relative
// path, which HDF5 resolves from the working directory, and the first does not exist there, those
// beside the file are used.
hid_t h5_open_dataset(const struct h5_file *file, const char *dataset);

// A dataset opened to transfer whole rows of it.
struct h5_rows {
  hid_t dataset, type;  // the type in memory
  int axes;
  hsize_t lengths[H5_AXES];
  hsize_t row_bytes;  // in memory
};

// Fills the number of a dataset's axes and their lengths. False if there are more than H5_AXES or
// if they cannot be read.
bool h5_extent(hid_t dataset, int *axes, hsize_t lengths[H5_AXES]);

// False if there is no such dataset or h5_extent() fails; otherwise rows->dataset must be closed.
bool h5_open_rows(const struct h5_file *file, const char *dataset, enum h5_type type,
                  struct h5_rows *rows);

// Selects rows [first, first + count) in the file and, gap-free, in memory; nothing for count 0.
struct h5_selection {
  hid_t file, memory;
};
struct h5_selection h5_select(const struct h5_rows *rows, hsize_t first, hsize_t count);
void h5_deselect(struct h5_selection selection);

#endif
