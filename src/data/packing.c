#include "data/packing.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "ground/text.h"

struct packing packing_none(void) {
  return (struct packing){.factor = 1.0, .valid_min = -INFINITY, .valid_max = INFINITY};
}

bool packing_is_none(const struct packing *packing) {
  const bool valid = packing->valid_min == -INFINITY && packing->valid_max == INFINITY;
  return packing->factor == 1.0 && packing->offset == 0.0 && packing->wrap == 0.0 && valid &&
         packing->missing_count == 0;
}

// ---- reading ----

// The dataset whose attributes are read, and how its numbers are stored.
struct variable {
  struct h5_file *file;
  const char *dataset, *key;
  char kind;
  int bytes;
};

static double unwrap(const struct packing *packing, double raw) {
  if (packing->wrap > 0 && raw < 0) return raw + packing->wrap;
  if (packing->wrap < 0 && raw >= -packing->wrap / 2) return raw + packing->wrap;
  return raw;
}

// The number of an attribute as a number of the dataset's own type: for floats, 1e20 becomes the
// nearest float.
static double as_stored(const struct variable *variable, const struct packing *packing,
                        double number) {
  if (variable->kind == 'f' && variable->bytes == 4) return (double)(float)number;
  return unwrap(packing, number);
}

// How many numbers an attribute has, at most `size`; 0 if it does not exist. -1 with a message if
// it holds something else.
static int64_t read_attribute(const struct variable *variable, const char *name, int64_t size,
                              double *numbers, char *kind, struct error *error) {
  if (!h5_has_attribute(variable->file, variable->dataset, name)) return 0;
  const int64_t count =
      h5_read_numbers(variable->file, variable->dataset, name, size, numbers, kind);
  if (count >= 1 && count <= size) return count;
  error_set(error, "%s: attribute %s of dataset %s must be a number%s", variable->key, name,
            variable->dataset, size > 1 ? " or a few" : "");
  return -1;
}

static bool read_scale(const struct variable *variable, struct packing *packing,
                       struct error *error) {
  if (read_attribute(variable, "scale_factor", 1, &packing->factor, NULL, error) < 0 ||
      read_attribute(variable, "add_offset", 1, &packing->offset, NULL, error) < 0)
    return false;
  char text[TEXT_NUMBER];
  if (packing->factor == 0.0 || !isfinite(packing->factor))
    return error_set(error,
                     "%s: attribute scale_factor = %s of dataset %s: must be finite and not 0",
                     variable->key, text_number(packing->factor, text), variable->dataset);
  return isfinite(packing->offset) ||
         error_set(error, "%s: attribute add_offset = %s of dataset %s: must be finite",
                   variable->key, text_number(packing->offset, text), variable->dataset);
}

// Among netCDF's classic types, only bytes can be unsigned; the attribute _Unsigned says what is
// meant.
static void read_sign(const struct variable *variable, struct packing *packing) {
  char text[H5_NAME] = "";
  if (variable->bytes > 4 ||
      h5_read_texts(variable->file, variable->dataset, "_Unsigned", 1, &text) != 1)
    return;
  const double range = (double)((int64_t)1 << 8 * variable->bytes);
  if (variable->kind == 'i' && text_same_word(text, "true")) packing->wrap = range;
  if (variable->kind == 'u' && text_same_word(text, "false")) packing->wrap = -range;
}

static void add_missing(const struct variable *variable, struct packing *packing, double number) {
  const double raw = as_stored(variable, packing, number);
  if (isnan(raw)) return;  // NaN is missing anyway
  for (int i = 0; i < packing->missing_count; i++)
    if (packing->missing[i] == raw) return;
  if (packing->missing_count < PACKING_MISSING) packing->missing[packing->missing_count++] = raw;
}

// The value with which netCDF fills a variable that has no _FillValue; none for bytes.
static bool is_netcdf_fill(const struct variable *variable, double value) {
  static const double fill[2][3] = {{-32767.0, -2147483647.0, -9223372036854775806.0},
                                    {65535.0, 4294967295.0, 18446744073709551614.0}};
  if (variable->kind == 'f') return value == 9.9692099683868690e+36;
  const int place = variable->bytes == 2 ? 0 : variable->bytes == 4 ? 1 : 2;
  return variable->bytes > 1 && value == fill[variable->kind == 'u'][place];
}

static bool read_missing(const struct variable *variable, struct packing *packing,
                         struct error *error) {
  double numbers[PACKING_MISSING], fill;
  const int64_t fills = read_attribute(variable, "_FillValue", 1, numbers, NULL, error);
  if (fills < 0) return false;
  if (fills > 0) add_missing(variable, packing, numbers[0]);
  if (fills == 0 && h5_fill_value(variable->file, variable->dataset, &fill) &&
      is_netcdf_fill(variable, fill))
    add_missing(variable, packing, fill);
  const int64_t count =
      read_attribute(variable, "missing_value", PACKING_MISSING - 1, numbers, NULL, error);
  for (int64_t i = 0; i < count; i++) add_missing(variable, packing, numbers[i]);
  return count >= 0;
}

// Whether bounds of this kind refer to unpacked numbers, according to netCDF's attribute
// conventions: floats for integers that are to be unpacked.
static bool bounds_are_unpacked(const struct variable *variable, const struct packing *packing,
                                char kind) {
  return kind == 'f' && variable->kind != 'f' && (packing->factor != 1.0 || packing->offset != 0.0);
}

// The raw number closest to the meaning of a bound, which may be off by the rounding of factor and
// offset.
static double pack(const struct packing *packing, double bound) {
  return rint((bound - packing->offset) / packing->factor);
}

static void set_range(const struct variable *variable, struct packing *packing, char kind,
                      double low, double high) {
  if (!bounds_are_unpacked(variable, packing, kind)) {
    packing->valid_min = isinf(low) ? low : as_stored(variable, packing, low);
    packing->valid_max = isinf(high) ? high : as_stored(variable, packing, high);
  } else {
    const bool falling = packing->factor < 0;
    packing->valid_min = pack(packing, falling ? high : low);
    packing->valid_max = pack(packing, falling ? low : high);
  }
}

static bool read_range(const struct variable *variable, struct packing *packing,
                       struct error *error) {
  double range[2] = {-INFINITY, INFINITY};
  char kind = 0;
  const int64_t both = read_attribute(variable, "valid_range", 2, range, &kind, error);
  if (both < 0) return false;
  if (both == 1)
    return error_set(error, "%s: attribute valid_range of dataset %s must be two numbers",
                     variable->key, variable->dataset);
  if (both == 0 && (read_attribute(variable, "valid_min", 1, &range[0], &kind, error) < 0 ||
                    read_attribute(variable, "valid_max", 1, &range[1], &kind, error) < 0))
    return false;
  set_range(variable, packing, kind, range[0], range[1]);
  return packing->valid_min <= packing->valid_max ||
         error_set(error, "%s: the valid range of dataset %s is empty (%s)", variable->key,
                   variable->dataset, both == 2 ? "valid_range" : "valid_min, valid_max");
}

bool packing_read(struct h5_file *file, const char *dataset, const char *key,
                  struct packing *packing, struct error *error) {
  struct variable variable = {file, dataset, key, 0, 0};
  *packing = packing_none();
  variable.kind = h5_number_kind(file, dataset, &variable.bytes);
  read_sign(&variable, packing);
  return read_scale(&variable, packing, error) && read_missing(&variable, packing, error) &&
         read_range(&variable, packing, error);
}

// ---- unpacking ----

static bool is_missing(const struct packing *packing, double raw) {
  for (int i = 0; i < packing->missing_count; i++)
    if (raw == packing->missing[i]) return true;
  return !(raw >= packing->valid_min && raw <= packing->valid_max);
}

void packing_apply(const struct packing *packing, size_t count, double *values) {
  if (packing_is_none(packing)) return;
  for (size_t i = 0; i < count; i++) {
    const double raw = unwrap(packing, values[i]);
    values[i] = is_missing(packing, raw) ? NAN : raw * packing->factor + packing->offset;
  }
}
