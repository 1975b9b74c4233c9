// What the targets for HDF5 files share. HDF5 itself does not survive every damaged file, so the
// bytes of an input are not the file: they choose what HDF5 is asked to write into it, all of it
// valid HDF5 and much of it wrong for the program. Bytes that are 0, or missing, choose what is
// right.
#ifndef GFE_FUZZ_HDF5_H
#define GFE_FUZZ_HDF5_H

#include <hdf5.h>
#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "ground/memory.h"

enum { LONG_TEXT = 64, WRITTEN = 4096, AXES = 10 };

// One of `count` choices, of which the first takes half of all bytes.
static inline unsigned choose(struct fuzz_bytes *bytes, unsigned count) {
  const unsigned byte = fuzz_next(bytes);
  return byte % 2 == 0 ? 0 : byte / 2 % count;
}

static inline void close_all(hid_t a, hid_t b, hid_t c) {
  const hid_t ids[] = {a, b, c};
  for (size_t i = 0; i < 3; i++)
    if (ids[i] >= 0) H5Idec_ref(ids[i]);
}

// ---- attributes ----

static inline void write_attribute(hid_t object, const char *name, hid_t type, hid_t space,
                                   const void *value) {
  const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute >= 0 && value != NULL) H5Awrite(attribute, type, value);
  close_all(attribute, space, H5I_INVALID_HID);
}

// A text, its own or another, as a string of some type; or no text at all.
static inline void text_attribute(struct fuzz_bytes *bytes, hid_t object, const char *name,
                                  const char *text) {
  static const char long_text[LONG_TEXT + 1] =
      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
  const char *const texts[] = {text,   "",         "nonsense",    "two\nlines\x1b[2J",
                               "%s%n", "\xFF\xFE", long_text + 1, long_text,
                               "elu ", "DENSE"};
  text = texts[choose(bytes, sizeof texts / sizeof *texts)];
  const unsigned form = choose(bytes, 9);
  const hid_t string = H5Tcopy(H5T_C_S1);
  const hsize_t two = 2;
  const char *const both[] = {text, text};
  const double number = 1.0;
  switch (form) {
    case 0:
    case 1:
      H5Tset_size(string, H5T_VARIABLE);
      if (form == 0)
        write_attribute(object, name, string, H5Screate(H5S_SCALAR), both);
      else
        write_attribute(object, name, string, H5Screate_simple(1, &two, NULL), both);
      break;
    case 2:
    case 3:
    case 4:
      H5Tset_size(string, strlen(text) + (form == 2));
      H5Tset_strpad(string, form == 2   ? H5T_STR_NULLTERM
                            : form == 3 ? H5T_STR_NULLPAD
                                        : H5T_STR_SPACEPAD);
      write_attribute(object, name, string, H5Screate(H5S_SCALAR), text);
      break;
    case 5:
      write_attribute(object, name, H5T_NATIVE_DOUBLE, H5Screate(H5S_SCALAR), &number);
      break;
    case 6:
      write_attribute(object, name, string, H5Screate(H5S_NULL), NULL);
      break;
    case 7:
      H5Tset_size(string, H5T_VARIABLE);
      write_attribute(object, name, string, H5Screate(H5S_SCALAR), NULL);
      break;
    default:
      break;  // none
  }
  H5Tclose(string);
}

static inline void number_attribute(struct fuzz_bytes *bytes, hid_t object, const char *name,
                                    double value) {
  const double values[] = {value, 0.0, -1.0, NAN, INFINITY, 1e308, 1e-320, 2.5};
  const double pair[] = {values[choose(bytes, 8)], 1.0};
  const int whole[] = {3, 4};
  const hsize_t two = 2;
  switch (choose(bytes, 6)) {
    case 0:
      write_attribute(object, name, H5T_NATIVE_DOUBLE, H5Screate(H5S_SCALAR), pair);
      break;
    case 1:
      break;
    case 2:
      write_attribute(object, name, H5T_NATIVE_INT, H5Screate(H5S_SCALAR), whole);
      break;
    case 3:
      write_attribute(object, name, H5T_NATIVE_DOUBLE, H5Screate_simple(1, &two, NULL), pair);
      break;
    case 4:
      write_attribute(object, name, H5T_NATIVE_DOUBLE, H5Screate(H5S_NULL), NULL);
      break;
    default:
      text_attribute(bytes, object, name, "1.0");
  }
}

// ---- arrays ----

// The type of an array in the file; the caller closes it.
static inline hid_t choose_type(struct fuzz_bytes *bytes) {
  hid_t type, native[] = {H5T_NATIVE_DOUBLE, H5T_NATIVE_FLOAT, H5T_IEEE_F64BE,     H5T_NATIVE_INT8,
                          H5T_NATIVE_UINT64, H5T_STD_I32BE,    H5T_NATIVE_LDOUBLE, H5T_STD_B16LE,
                          H5T_UNIX_D32LE,    H5T_C_S1,         H5T_STD_REF_OBJ};
  const unsigned natives = sizeof native / sizeof *native, form = choose(bytes, natives + 5);
  const hsize_t two = 2;
  const int zero = 0, one = 1;
  if (form < natives) return H5Tcopy(native[form]);
  switch (form - natives) {
    case 0:  // half precision
      type = H5Tcopy(H5T_IEEE_F32LE);
      H5Tset_fields(type, 15, 10, 5, 0, 10);
      H5Tset_size(type, 2);
      return type;
    case 1:
      type = H5Tcreate(H5T_COMPOUND, 8);
      H5Tinsert(type, "r", 0, H5T_NATIVE_FLOAT);
      H5Tinsert(type, "i", 4, H5T_NATIVE_FLOAT);
      return type;
    case 2:
      type = H5Tenum_create(H5T_NATIVE_INT8);
      H5Tenum_insert(type, "FALSE", &zero);
      H5Tenum_insert(type, "TRUE", &one);
      return type;
    case 3:
      return H5Tarray_create2(H5T_NATIVE_FLOAT, 1, &two);
    default:
      return H5Tvlen_create(H5T_NATIVE_DOUBLE);
  }
}

// A space of `axes` right lengths, or a wrong one; `lengths` becomes what it is.
static inline hid_t choose_space(struct fuzz_bytes *bytes, int *axes, hsize_t lengths[AXES]) {
  static const hsize_t others[] = {1,
                                   0,
                                   2,
                                   3,
                                   17,
                                   1000,
                                   65537,
                                   100000001,
                                   (hsize_t)1 << 31,
                                   (hsize_t)1 << 32,
                                   (hsize_t)1 << 40,
                                   (hsize_t)1 << 61,
                                   (hsize_t)1 << 63};
  switch (choose(bytes, 7)) {
    case 1:
      return H5Screate(H5S_NULL);
    case 2:
      return H5Screate(H5S_SCALAR);
    case 3:
      lengths[(*axes)++] = 1;
      break;
    case 4:
      *axes = 9;
      break;
    case 5:
      *axes -= *axes > 1;
      break;
    default:
      break;
  }
  for (int a = 0; a < *axes; a++) {
    const unsigned other = choose(bytes, 1 + sizeof others / sizeof *others);
    if (other > 0) lengths[a] = others[other - 1];
  }
  return H5Screate_simple(*axes, lengths, NULL);
}

static inline hid_t choose_layout(struct fuzz_bytes *bytes, int axes) {
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk[AXES] = {2, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  const double fills[] = {0.0, NAN, INFINITY, 1e300, -3.5};
  const unsigned layout = choose(bytes, 6);
  if (layout == 1) H5Pset_layout(properties, H5D_COMPACT);
  if (layout >= 2 && layout < 5) H5Pset_chunk(properties, axes > 0 ? axes : 1, chunk);
  if (layout == 3) H5Pset_deflate(properties, 1);
  if (layout == 4) H5Pset_scaleoffset(properties, H5Z_SO_INT, 4);
  if (layout == 5) H5Pset_external(properties, "/dev/null", 0, H5F_UNLIMITED);
  const unsigned fill = choose(bytes, 5);
  if (fill > 0) H5Pset_fill_value(properties, H5T_NATIVE_DOUBLE, &fills[fill]);
  return properties;
}

static inline void write_values(struct fuzz_bytes *bytes, hid_t dataset, hid_t space) {
  static double values[WRITTEN];
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count <= 0 || count > WRITTEN || choose(bytes, 4) == 3) return;
  for (hssize_t i = 0; i < count; i++) values[i] = (double)(i % 7) - 3.0;
  const unsigned special = choose(bytes, 5), place = fuzz_next(bytes);
  const double specials[] = {0.0, NAN, INFINITY, 1e300, 1e-300};
  if (special > 0) values[place % count] = specials[special];
  H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
}

// ---- files ----

// A file that HDF5 makes in its own memory.
static inline hid_t create_file(void) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, 1 << 16, false);
  const hid_t file = H5Fcreate("fuzz", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  H5Pclose(access);
  return file;
}

// Closes it; returns the path of its copy, file `number` of fuzz_file().
static inline const char *store_file(hid_t file, int number) {
  H5Fflush(file, H5F_SCOPE_LOCAL);
  const ssize_t size = H5Fget_file_image(file, NULL, 0);
  FUZZ_CHECK(size > 0, "HDF5 made no file");
  char *image = memory_new(char, (size_t)size);
  H5Fget_file_image(file, image, (size_t)size);
  const char *path = fuzz_file(number, image, (size_t)size);
  memory_free(&image);
  FUZZ_CHECK(H5Fclose(file) >= 0, "HDF5 cannot close its file");
  return path;
}

#endif
