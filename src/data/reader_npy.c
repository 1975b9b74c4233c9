// NumPy's .npy: a magic string and version, the length of a header, the header (a Python dictionary
// with descr, fortran_order and shape), the numbers.
// https://numpy.org/neps/nep-0001-npy-format.html
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/reader.h"
#include "ground/memory.h"

static const char magic[] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};
enum { HEADER_MAX = 1 << 20, BLOCK = 1 << 20 };  // bytes

// What is kept of the header.
struct npy {
  struct element_format format;
  int64_t offset;  // of the first number in the file
};

static bool matches(const char *path, const unsigned char *head, size_t size) {
  (void)path;
  return size >= sizeof magic && memcmp(head, magic, sizeof magic) == 0;
}

// ---- the header ----

static const char *skip_space(const char *text) {
  while (isspace((unsigned char)*text)) text++;
  return text;
}

// The value that follows 'key': or "key": in the dictionary, or NULL.
static const char *find_value(const char *header, const char *key) {
  char quoted[32];
  const char *place = NULL;
  const int length = snprintf(quoted, sizeof quoted, "'%s'", key);
  for (const char *quote = "'\""; place == NULL && *quote != '\0'; quote++) {
    quoted[0] = quoted[length - 1] = *quote;
    place = strstr(header, quoted);
  }
  if (place == NULL) return NULL;
  place = skip_space(place + length);
  return *place == ':' ? skip_space(place + 1) : NULL;
}

static bool parse_shape(const char *text, struct source *source, struct error *error) {
  if (text == NULL || *text != '(')
    return error_set(error, "%s: the header has no shape", source->label);
  text = skip_space(text + 1);
  source->axes = 0;
  while (*text != ')') {
    char *end;
    errno = 0;
    const long long length = strtoll(text, &end, 10);
    if (end == text || errno != 0 || length < 0)
      return error_set(error, "%s: the shape in the header makes no sense", source->label);
    if (source->axes == SOURCE_AXES)
      return error_set(error, "%s: the array has more than %d axes", source->label, SOURCE_AXES);
    source->shape[source->axes++] = length;
    text = skip_space(*end == 'L' ? end + 1 : end);  // Python 2 wrote 10L
    if (*text != ',' && *text != ')')
      return error_set(error, "%s: the shape in the header makes no sense", source->label);
    if (*text == ',') text = skip_space(text + 1);
  }
  return true;
}

static bool parse_type(const char *text, struct source *source, struct npy *npy,
                       struct error *error) {
  static const char *const types = "i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 b1";
  char quote[2] = "", name[3] = "", order = 0, end = 0;
  if (text == NULL) return error_set(error, "%s: the header has no descr", source->label);
  if (sscanf(text, "%1[\"']%c%2[a-z0-9]%c", quote, &order, name, &end) != 4 || quote[0] != end ||
      strchr("<>|=", order) == NULL || strlen(name) != 2 || strstr(types, name) == NULL)
    return error_set(error,
                     "%s: numbers of type %.*s cannot be read; known are %s, in either byte "
                     "order",
                     source->label, (int)strcspn(text, ","), text, types);
  const uint16_t one = 1;
  const bool host_is_big = *(const unsigned char *)&one == 0;
  npy->format =
      (struct element_format){.kind = name[0] == 'b' ? 'u' : name[0],
                              .bytes = name[1] - '0',
                              .big_endian = order == '>' || (order == '=' && host_is_big)};
  source->integer = name[0] != 'f';
  return true;
}

static bool parse_header(const char *header, struct source *source, struct npy *npy,
                         struct error *error) {
  if (!parse_type(find_value(header, "descr"), source, npy, error) ||
      !parse_shape(find_value(header, "shape"), source, error))
    return false;
  const char *order = find_value(header, "fortran_order");
  if (order == NULL || (strncmp(order, "True", 4) != 0 && strncmp(order, "False", 5) != 0))
    return error_set(error, "%s: the header has no fortran_order", source->label);
  if (order[0] == 'T' && source->axes > 1)
    return error_set(error,
                     "%s: the array is stored in Fortran order; save it with "
                     "numpy.save(file, numpy.ascontiguousarray(array))",
                     source->label);
  return true;
}

// An owned text, NULL with a message if the file is cut off before its end; sets npy->offset.
static char *read_header(FILE *stream, const struct source *source, struct npy *npy,
                         struct error *error) {
  unsigned char start[12];
  size_t length = 0;
  if (fread(start, 1, 10, stream) == 10) {
    const bool wide = start[6] >= 2;  // version: 1 has 2 bytes for the length, later ones 4
    length = (size_t)start[8] | (size_t)start[9] << 8;
    if (wide && fread(start + 10, 1, 2, stream) == 2)
      length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    npy->offset = (int64_t)length + (wide ? 12 : 10);
  }
  char *header = length > 0 && length <= HEADER_MAX ? memory_new(char, length + 1) : NULL;
  if (header != NULL && fread(header, 1, length, stream) == length) return header;
  memory_free(&header);
  error_set(error, "%s: the file ends within its header, or the header is damaged", source->label);
  return NULL;
}

static bool check_size(FILE *stream, const struct source *source, const struct npy *npy,
                       struct error *error) {
  const int64_t bytes = source_bytes(source, npy->format.bytes);
  if (bytes < 0)
    return error_set(error, "%s: the shape in the header is impossibly large", source->label);
  if (fseeko(stream, 0, SEEK_END) != 0)
    return error_set(error, "%s: %s", source->label, strerror(errno));
  const int64_t held = (int64_t)ftello(stream) - npy->offset;
  if (held < bytes)
    return error_set(error,
                     "%s: the file is truncated: it holds %lld bytes of numbers, the header "
                     "promises %lld",
                     source->label, (long long)held, (long long)bytes);
  return true;
}

static bool open_array(struct source *source, struct error *error) {
  FILE *stream = fopen(source->path, "rb");
  if (stream == NULL) return error_set(error, "%s: %s", source->label, strerror(errno));
  struct npy npy = {.offset = 0};
  char *header = read_header(stream, source, &npy, error);
  const bool good = header != NULL && parse_header(header, source, &npy, error) &&
                    check_size(stream, source, &npy, error);
  source_keep(source, &npy, sizeof npy);
  memory_free(&header);
  fclose(stream);
  return good;
}

// ---- the numbers ----

// `raw` has room for a block, or for all that is wanted of the file.
static bool read_numbers(FILE *stream, const struct npy *npy, int64_t first, size_t count,
                         enum element element, unsigned char *raw, char *values) {
  const size_t bytes = (size_t)npy->format.bytes;
  bool good = fseeko(stream, npy->offset + first * (int64_t)bytes, SEEK_SET) == 0;
  while (good && count > 0) {
    const size_t block = count < BLOCK / bytes ? count : BLOCK / bytes;
    good = fread(raw, bytes, block, stream) == block;
    if (good) element_convert(npy->format, raw, block, element, values);
    values += block * element_size(element);
    count -= block;
  }
  return good;
}

// Labels are signed; those of uint64 may not fit.
static bool check_labels(const struct source *source, const struct npy *npy,
                         const struct source_rows *rows, const int64_t *values,
                         struct error *error) {
  for (int64_t i = 0; npy->format.kind == 'u' && i < rows->count; i++)
    if (values[i] < 0)
      return error_set(error, "%s: the label %llu of sample %lld is larger than %lld",
                       source->label, (unsigned long long)values[i], (long long)rows->index[i],
                       (long long)INT64_MAX);
  return true;
}

static void read_rows(struct comm *comm, const struct source *source,
                      const struct source_rows *rows, enum element element, void *values,
                      struct error *error) {
  (void)comm;
  if (rows->count == 0) return;
  FILE *stream = fopen(source->path, "rb");
  if (stream == NULL) {
    error_set(error, "%s: %s", source->label, strerror(errno));
    return;
  }
  struct npy npy;
  source_recall(source, &npy, sizeof npy);
  const int64_t row = source_row(source);
  const size_t bytes = source_row_bytes(source, element);
  const size_t all = (size_t)(rows->count * row) * (size_t)npy.format.bytes;
  unsigned char *raw = memory_new(unsigned char, all < BLOCK ? all : BLOCK);
  bool good = true;
  for (int64_t i = 0, run; good && i < rows->count; i += run) {
    const int64_t first = rows->index[i];
    run = source_run(rows, i);
    errno = 0;
    good = read_numbers(stream, &npy, first * row, (size_t)(run * row), element, raw,
                        (char *)values + (size_t)i * bytes);
    if (!good)
      error_set(error, "%s: cannot read samples %lld to %lld: %s", source->label, (long long)first,
                (long long)(first + run - 1),
                errno != 0 ? strerror(errno) : "the file has become shorter");
  }
  if (good && element == ELEMENT_INT64) check_labels(source, &npy, rows, values, error);
  memory_free(&raw);
  fclose(stream);
}

// ---- blocks ----

// An array while blocks of it are read.
struct opened {
  FILE *stream;
  struct npy npy;
  struct source source;
};

static void end(void *file) {
  struct opened *opened = file;
  if (opened->stream != NULL) fclose(opened->stream);
  memory_free(&opened);
}

static void *begin(const struct source *source, const char *path, struct error *error) {
  struct opened *opened = memory_new(struct opened, 1);
  opened->source = *source;
  snprintf(opened->source.path, sizeof opened->source.path, "%s", path);
  snprintf(opened->source.label, sizeof opened->source.label, "%s = %s", source->file_key, path);
  bool good = open_array(&opened->source, error);
  if (good) opened->stream = source_file(&opened->source, path, error);
  good = good && opened->stream != NULL;
  if (good)
    source_recall(&opened->source, &opened->npy, sizeof opened->npy);
  else
    end(opened);
  return good ? opened : NULL;
}

// Reads along the last axis, place by place along the others. Numbers that are not contiguous are
// read together with those between them.
static bool read_part(void *file, const char *name, int axes, const int64_t *start,
                      const int64_t *stride, const int64_t *count, double *values,
                      struct error *error) {
  (void)name;
  struct opened *opened = file;
  const struct source *source = &opened->source;
  bool good = axes == source->axes;
  for (int a = 0; good && a < axes; a++)
    good = start[a] >= 0 && start[a] + (count[a] - 1) * stride[a] < source->shape[a];
  if (!good) return error_set(error, "%s: the file has changed its shape", source->label);
  const int64_t inner = axes > 0 ? count[axes - 1] : 1, step = axes > 0 ? stride[axes - 1] : 1;
  const size_t span = (size_t)((inner - 1) * step + 1),
               all = span * (size_t)opened->npy.format.bytes;
  unsigned char *raw = memory_new(unsigned char, all < BLOCK ? all : BLOCK);
  double *line = step > 1 ? memory_new(double, span) : values;
  int64_t at[SOURCE_AXES] = {0};
  for (int a = 0; good && a >= 0;) {
    int64_t first = 0;
    for (int b = 0; b < axes; b++) first = first * source->shape[b] + start[b] + at[b] * stride[b];
    if (step == 1) line = values;
    errno = 0;
    good =
        read_numbers(opened->stream, &opened->npy, first, span, ELEMENT_DOUBLE, raw, (char *)line);
    for (int64_t j = 0; step > 1 && j < inner; j++) values[j] = line[j * step];
    values += inner;
    for (a = axes - 2; a >= 0 && ++at[a] == count[a]; a--) at[a] = 0;
  }
  if (!good)
    error_set(error, "%s: cannot read the array: %s", source->label,
              errno != 0 ? strerror(errno) : "the file has become shorter");
  if (step > 1) memory_free(&line);
  memory_free(&raw);
  return good;
}

const struct reader reader_npy = {
    .name = "NumPy .npy",
    .matches = matches,
    .open = open_array,
    .read = read_rows,
    .begin = begin,
    .block = read_part,
    .end = end,
};
