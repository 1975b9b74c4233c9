// Attributes of the objects of an HDF5 file, in whatever shape and type a program may have written
// them.
#include <string.h>

#include "ground/memory.h"
#include "platform/h5.h"
#include "platform/h5_file.h"

// ---- one value ----

// Opens an attribute that holds one value; negative if there is none.
static hid_t open_attribute(const struct h5_file *file, const char *object, const char *name) {
  const hid_t attribute = H5Aopen_by_name(file->id, object, name, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute < 0) return attribute;
  const hid_t space = H5Aget_space(attribute);
  const bool single = H5Sget_simple_extent_npoints(space) == 1;
  H5Sclose(space);
  if (single) return attribute;
  H5Aclose(attribute);
  return H5I_INVALID_HID;
}

// An owned copy of a text attribute's value, NULL if it is not text.
static char *read_text(hid_t attribute, hid_t type) {
  if (H5Tget_class(type) != H5T_STRING) return NULL;
  if (H5Tis_variable_str(type) <= 0) {
    char *text = memory_new(char, H5Tget_size(type) + 1);
    if (H5Aread(attribute, type, text) < 0) text[0] = '\0';
    if (H5Tget_strpad(type) == H5T_STR_SPACEPAD)
      for (size_t end = strlen(text); end > 0 && text[end - 1] == ' '; end--) text[end - 1] = '\0';
    return text;
  }
  char *stored = NULL;
  if (H5Aread(attribute, type, &stored) < 0) return NULL;
  if (stored == NULL) return memory_new(char, 1);
  char *text = memory_new(char, strlen(stored) + 1);
  strcpy(text, stored);
  H5free_memory(stored);
  return text;
}

bool h5_read_text(struct h5_file *file, const char *object, const char *name, char *text,
                  size_t size) {
  char *stored = NULL;
  h5_guard_attribute(file);
  const hid_t attribute = open_attribute(file, object, name);
  if (attribute >= 0) {
    const hid_t type = H5Aget_type(attribute);
    stored = read_text(attribute, type);
    H5Tclose(type);
    H5Aclose(attribute);
  }
  h5_unguard(file);
  const bool fits = stored != NULL && strlen(stored) < size;
  if (fits) strcpy(text, stored);
  memory_free(&stored);
  return fits;
}

bool h5_read_number(struct h5_file *file, const char *object, const char *name, double *value) {
  h5_guard_attribute(file);
  const hid_t attribute = open_attribute(file, object, name);
  bool good = false;
  if (attribute >= 0) {
    const hid_t type = H5Aget_type(attribute);
    const H5T_class_t class = H5Tget_class(type);
    good = (class == H5T_INTEGER || class == H5T_FLOAT) &&
           H5Aread(attribute, H5T_NATIVE_DOUBLE, value) >= 0;
    H5Tclose(type);
    H5Aclose(attribute);
  }
  h5_unguard(file);
  return good;
}

// ---- lists ----

enum { ATTRIBUTE_MAX = 1 << 20 };  // bytes: HDF5 holds no larger one but in dense storage

// An attribute of any number of values, opened.
struct values {
  hid_t attribute, type;
  int64_t count;
};

// False if it does not exist, or has no values or too many.
static bool open_values(const struct h5_file *file, const char *object, const char *name,
                        struct values *values) {
  values->attribute = H5Aopen_by_name(file->id, object, name, H5P_DEFAULT, H5P_DEFAULT);
  if (values->attribute < 0) return false;
  values->type = H5Aget_type(values->attribute);
  const hid_t space = H5Aget_space(values->attribute);
  values->count = H5Sget_simple_extent_npoints(space);
  H5Sclose(space);
  const size_t bytes = H5Tget_size(values->type);
  if (values->count > 0 && bytes > 0 && bytes <= ATTRIBUTE_MAX &&
      values->count <= ATTRIBUTE_MAX / (int64_t)bytes)
    return true;
  H5Tclose(values->type);
  H5Aclose(values->attribute);
  return false;
}

static void close_values(struct values *values) {
  H5Tclose(values->type);
  H5Aclose(values->attribute);
}

bool h5_has_attribute(struct h5_file *file, const char *object, const char *name) {
  h5_guard_attribute(file);
  const bool there = H5Aexists_by_name(file->id, object, name, H5P_DEFAULT) > 0;
  h5_unguard(file);
  return there;
}

int64_t h5_read_numbers(struct h5_file *file, const char *object, const char *name, int64_t size,
                        double *numbers, char *kind) {
  struct values values;
  int64_t count = -1;
  h5_guard_attribute(file);
  if (open_values(file, object, name, &values)) {
    int bytes = 0;
    const char found = h5_kind_of(values.type, &bytes);
    double *all = memory_new(double, (size_t)values.count);
    if (found != 0 && H5Tget_class(values.type) != H5T_BITFIELD &&
        H5Aread(values.attribute, H5T_NATIVE_DOUBLE, all) >= 0) {
      count = values.count;
      if (kind != NULL) *kind = found;
      memcpy(numbers, all, (size_t)(count < size ? count : size) * sizeof *all);
    }
    memory_free(&all);
    close_values(&values);
  }
  h5_unguard(file);
  return count;
}

// Copies text number `i` of those that H5Aread() has given, of `bytes` each if not variable.
static void copy_text(const void *all, int64_t i, size_t bytes, bool variable, char text[H5_NAME]) {
  const char *from =
      variable ? ((const char *const *)all)[i] : (const char *)all + (size_t)i * bytes;
  size_t length = from == NULL ? 0 : variable ? strlen(from) : strnlen(from, bytes);
  if (length >= H5_NAME) length = H5_NAME - 1;
  if (length > 0) memcpy(text, from, length);
  while (!variable && length > 0 && text[length - 1] == ' ') length--;
  text[length] = '\0';
}

int64_t h5_read_texts(struct h5_file *file, const char *object, const char *name, int64_t size,
                      char (*texts)[H5_NAME]) {
  struct values values;
  int64_t count = -1;
  h5_guard_attribute(file);
  if (open_values(file, object, name, &values)) {
    const size_t bytes = H5Tget_size(values.type);
    const bool variable = H5Tis_variable_str(values.type) > 0;
    char *all = memory_new(char, (size_t)values.count *bytes);
    if (H5Tget_class(values.type) == H5T_STRING &&
        H5Aread(values.attribute, values.type, all) >= 0) {
      count = values.count;
      for (int64_t i = 0; i < count && i < size; i++) copy_text(all, i, bytes, variable, texts[i]);
      const hid_t space = H5Aget_space(values.attribute);
      if (variable) H5Dvlen_reclaim(values.type, space, H5P_DEFAULT, all);
      H5Sclose(space);
    }
    memory_free(&all);
    close_values(&values);
  }
  h5_unguard(file);
  return count;
}
