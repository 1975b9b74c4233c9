// Fields in HDF5 files: layouts, attributes, dimension scales, virtual and external datasets. An
// input chooses which layout HDF5 is asked to write, what is wrong with it, and what is requested.
#include <hdf5_hl.h>

#include "data/layout.h"
#include "fuzz_hdf5.h"

enum { TIMES = 3, ROWS = 4, COLUMNS = 5, SAMPLES = 2, READ_MAX = 1 << 16 };

// ---- datasets ----

static void packing_attributes(struct fuzz_bytes *bytes, hid_t dataset) {
  static const struct {
    const char *name;
    double value;
  } numbers[] = {{"scale_factor", 0.5},  {"add_offset", 10.0}, {"_FillValue", -3.0},
                 {"missing_value", 2.0}, {"valid_min", -2.0},  {"valid_max", 2.0}};
  const unsigned given = fuzz_next(bytes);
  for (unsigned i = 0; i < 6; i++)
    if (given >> i & 1) number_attribute(bytes, dataset, numbers[i].name, numbers[i].value);
  if (given >> 6 & 1) {
    const double ends[][3] = {{-2.0, 2.0, 0.0}, {2.0, -2.0, 0.0}, {NAN, 1.0, 0.0}};
    const hsize_t count = 2 + choose(bytes, 2);
    write_attribute(dataset, "valid_range", H5T_NATIVE_DOUBLE, H5Screate_simple(1, &count, NULL),
                    ends[choose(bytes, 3)]);
  }
  if (given >> 7) {
    text_attribute(bytes, dataset, "_Unsigned", "true");
    text_attribute(bytes, dataset, "units", "m s-1");
    text_attribute(bytes, dataset, "standard_name", "eastward_wind");
    text_attribute(bytes, dataset, "MATLAB_class", choose(bytes, 2) ? "char" : "double");
  }
}

// A dataset of `axes` lengths, or what an input makes of it; the caller closes it.
static hid_t put(struct fuzz_bytes *bytes, hid_t group, const char *name, int axes,
                 const hsize_t *right) {
  hsize_t lengths[AXES];
  for (int a = 0; a < AXES; a++) lengths[a] = a < axes ? right[a] : 1;
  const unsigned stands = choose(bytes, 4);
  if (stands == 1) return H5I_INVALID_HID;
  if (stands == 2)
    close_all(H5Gcreate2(group, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), -1, -1);
  if (stands == 3) H5Lcreate_soft("/nowhere", group, name, H5P_DEFAULT, H5P_DEFAULT);
  if (stands >= 2) return H5I_INVALID_HID;
  const hid_t type = choose_type(bytes), space = choose_space(bytes, &axes, lengths);
  const hid_t properties = choose_layout(bytes, axes);
  const hid_t dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  if (dataset >= 0) {
    write_values(bytes, dataset, space);
    packing_attributes(bytes, dataset);
  }
  close_all(type, space, properties);
  return dataset;
}

static void put_closed(struct fuzz_bytes *bytes, hid_t group, const char *name, int axes,
                       const hsize_t *right) {
  close_all(put(bytes, group, name, axes, right), -1, -1);
}

// ---- dimension scales ----

// An attribute DIMENSION_LIST that is none.
static void wrong_list(struct fuzz_bytes *bytes, hid_t file, hid_t dataset) {
  const unsigned form = choose(bytes, 6);
  const hsize_t counts[] = {3, 1, 12};
  const hsize_t count = counts[choose(bytes, 3)];
  hobj_ref_t reference[12] = {0};
  hvl_t lists[12] = {{0, NULL}};
  H5Rcreate(&reference[0], file, "/", H5R_OBJECT, -1);
  const hid_t base = form == 1 ? H5Tcopy(H5T_NATIVE_INT) : H5Tcopy(H5T_STD_REF_OBJ);
  const hid_t list = H5Tvlen_create(base), space = H5Screate_simple(1, &count, NULL);
  for (int i = 0; i < 12; i++) lists[i] = (hvl_t){form == 2 ? 0 : 1, &reference[form == 3 ? i : 0]};
  if (form == 4)
    write_attribute(dataset, "DIMENSION_LIST", H5T_STD_REF_OBJ, space, reference);
  else
    write_attribute(dataset, "DIMENSION_LIST", list, space, form == 5 ? NULL : lists);
  close_all(base, list, H5I_INVALID_HID);
}

static hid_t put_scale(struct fuzz_bytes *bytes, hid_t file, const char *name, hsize_t length) {
  const hid_t scale = put(bytes, file, name, 1, &length);
  if (scale < 0) return scale;
  const unsigned form = choose(bytes, 3);
  H5DSset_scale(scale, form == 1   ? "This is a netCDF dimension but not a netCDF variable"
                       : form == 2 ? NULL
                                   : name);
  text_attribute(bytes, scale, "axis", "T");
  if (choose(bytes, 2)) text_attribute(bytes, scale, "bounds", "u");
  return scale;
}

static void write_netcdf(struct fuzz_bytes *bytes, hid_t file) {
  const hsize_t lengths[] = {TIMES, ROWS, COLUMNS};
  const char *const names[] = {"time", "lat", "lon"};
  hid_t scales[3];
  for (int a = 0; a < 3; a++) scales[a] = put_scale(bytes, file, names[a], lengths[a]);
  for (int v = 0; v < 2; v++) {
    const hid_t variable = put(bytes, file, v == 0 ? "u" : "v", 3, lengths);
    if (variable < 0) continue;
    const unsigned form = choose(bytes, 3);
    for (unsigned a = 0; a < 3 && form != 1; a++)
      if (scales[a] >= 0) H5DSattach_scale(variable, scales[choose(bytes, 2) ? 0 : a], a);
    if (form == 1) wrong_list(bytes, file, variable);
    if (form == 2) text_attribute(bytes, variable, "DIMENSION_LABELS", "a");
    if (form != 2 && choose(bytes, 2)) H5DSset_label(variable, 0, "sample");
    close_all(variable, -1, -1);
  }
  close_all(scales[0], scales[1], scales[2]);
}

// ---- the other layouts ----

static void write_pdebench(struct fuzz_bytes *bytes, hid_t file) {
  const hsize_t lengths[] = {SAMPLES, TIMES, ROWS, COLUMNS}, more = TIMES + 1;
  const int axes = 2 + (int)(fuzz_next(bytes) % 3);
  put_closed(bytes, file, choose(bytes, 2) ? "density" : "tensor", axes, lengths);
  if (choose(bytes, 2)) put_closed(bytes, file, "nu", 3, lengths);
  put_closed(bytes, file, "x-coordinate", 1, &lengths[2]);
  if (axes == 4) put_closed(bytes, file, "y-coordinate", 1, &lengths[3]);
  put_closed(bytes, file, "t-coordinate", 1, &more);
}

static void write_groups(struct fuzz_bytes *bytes, hid_t file) {
  const hsize_t lengths[] = {TIMES, ROWS, COLUMNS, 1};
  const char *const names[] = {"0", "1", "10", "x",
                               "a name of a group that is longer than any name "
                               "of a sample that anybody would give to one of them"};
  const unsigned count = fuzz_next(bytes) % 4;
  for (unsigned g = 0; g < count; g++) {
    const hid_t group =
        H5Gcreate2(file, names[(g + choose(bytes, 5)) % 5], H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group < 0) continue;
    const hid_t grid = H5Gcreate2(group, "grid", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put_closed(bytes, group, "data", 4, lengths);
    put_closed(bytes, grid, "x", 1, &lengths[1]);
    put_closed(bytes, grid, "y", 1, &lengths[2]);
    if (choose(bytes, 2)) put_closed(bytes, grid, "t", 1, lengths);
    close_all(grid, group, -1);
  }
}

static void write_well(struct fuzz_bytes *bytes, hid_t file) {
  const hsize_t lengths[] = {SAMPLES, TIMES, ROWS, COLUMNS, 2, 2}, two = 2;
  const char *const groups[] = {"t0_fields", "t1_fields", "t2_fields"};
  const char *const names[] = {"x", choose(bytes, 2) ? "x" : "y"};
  const hid_t dimensions = H5Gcreate2(file, "dimensions", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t string = H5Tcopy(H5T_C_S1);
  H5Tset_size(string, H5T_VARIABLE);
  if (choose(bytes, 2))
    text_attribute(bytes, dimensions, "spatial_dims", "x");
  else
    write_attribute(dimensions, "spatial_dims", string, H5Screate_simple(1, &two, NULL), names);
  put_closed(bytes, dimensions, "time", 1, &lengths[1]);
  put_closed(bytes, dimensions, "x", 1, &lengths[2]);
  put_closed(bytes, dimensions, "y", 1, &lengths[3]);
  for (int k = 0; k < 3; k++) {
    const hid_t group = H5Gcreate2(file, groups[k], H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t field = put(bytes, group, "f", 4 + k - (int)choose(bytes, 3), lengths);
    if (field >= 0) {
      number_attribute(bytes, field, "sample_varying", choose(bytes, 2) ? 0.0 : 1.0);
      number_attribute(bytes, field, "time_varying", choose(bytes, 2) ? 0.0 : 1.0);
      if (choose(bytes, 2)) number_attribute(bytes, field, "dim_varying", 0.0);
    }
    close_all(field, group, -1);
  }
  close_all(dimensions, string, -1);
}

// ---- numbers in other files ----

// A selection of a space, or something else.
static void choose_selection(struct fuzz_bytes *bytes, hid_t space) {
  const hsize_t start[] = {0, choose(bytes, 2)}, stride[] = {1 + choose(bytes, 2), 1};
  const hsize_t all[] = {2, 3}, endless[] = {H5S_UNLIMITED, 1}, block[] = {1, 3};
  switch (choose(bytes, 4)) {
    case 1:
      H5Sselect_hyperslab(space, H5S_SELECT_SET, start, stride, endless, block);
      break;
    case 2:
      H5Sselect_none(space);
      break;
    case 3:
      H5Sselect_hyperslab(space, H5S_SELECT_SET, start, stride, all, NULL);
      break;
    default:
      break;  // all of it
  }
}

static void write_virtual(struct fuzz_bytes *bytes, hid_t file) {
  const hsize_t lengths[] = {2, 3}, most[] = {H5S_UNLIMITED, 3};
  const char *const datasets[] = {"u", "v", "%b", "part", "/", ""};
  const char *const files[] = {".", "input_1", "input_2", "input_%b", "", "/dev/null"};
  put_closed(bytes, file, "u", 2, lengths);
  const bool grows = choose(bytes, 2);
  const hid_t space = H5Screate_simple(2, lengths, grows ? most : NULL);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  const unsigned mappings = 1 + choose(bytes, 3);
  for (unsigned i = 0; i < mappings; i++) {
    const hid_t target = H5Scopy(space), source = H5Screate_simple(2, lengths, grows ? most : NULL);
    choose_selection(bytes, target);
    choose_selection(bytes, source);
    H5Pset_virtual(properties, target, files[choose(bytes, 6)], datasets[choose(bytes, 6)], source);
    close_all(target, source, -1);
  }
  close_all(H5Dcreate2(file, "v", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, properties, H5P_DEFAULT),
            space, properties);
}

// The file that virtual and external datasets lead to.
static void write_part(struct fuzz_bytes *bytes) {
  const hsize_t lengths[] = {2, 3};
  const hid_t file = create_file();
  put_closed(bytes, file, "u", 2, lengths);
  put_closed(bytes, file, "part", 2, lengths);
  store_file(file, 1);
}

// ---- reading ----

static bool is_plain_text(const char *text) {
  for (; *text != '\0'; text++)
    if ((unsigned char)*text < ' ' || *text == 0x7F) return false;
  return true;
}

static void check_axes(struct h5_file *file, const struct layout_array *array) {
  FUZZ_CHECK(array->axes > 0 && array->axes <= SOURCE_AXES, "%d axes", array->axes);
  FUZZ_CHECK(is_plain_text(array->name) && is_plain_text(array->units), "the texts of a field");
  for (int a = 0; a < array->axes; a++) {
    const struct layout_axis *axis = &array->axis[a];
    FUZZ_CHECK(axis->length >= 0 && is_plain_text(axis->name) && is_plain_text(axis->units) &&
                   is_plain_text(axis->standard_name),
               "axis %d", a);
    for (int b = 0; b < a; b++)
      FUZZ_CHECK(strcmp(axis->name, array->axis[b].name) != 0, "two axes %s", axis->name);
    double *coordinates = layout_coordinates(file, axis);
    for (int64_t i = 0; coordinates != NULL && i < axis->length; i++)
      FUZZ_CHECK(isfinite(coordinates[i]), "coordinate %lld", (long long)i);
    memory_free(&coordinates);
  }
}

static bool is_missing(const struct packing *packing, double raw) {
  bool missing = isnan(raw) || raw < packing->valid_min || raw > packing->valid_max;
  for (int i = 0; i < packing->missing_count; i++) missing = missing || raw == packing->missing[i];
  return missing;
}

// Reads a field whole, or refuses it; unpacked numbers are what the packing says of raw ones.
static void check_values(struct h5_file *file, const char *path, const struct packing *packing) {
  struct error error = {""};
  int64_t start[H5_AXES] = {0}, stride[H5_AXES], shape[H5_AXES], total = 1;
  int axes = 0;
  FUZZ_CHECK(h5_shape(file, path, "data.train", &axes, shape, &error), "%s", error.text);
  for (int a = 0; a < axes; a++) {
    stride[a] = 1;
    if (__builtin_mul_overflow(total, shape[a], &total) || total > READ_MAX) return;
  }
  FUZZ_CHECK(packing->factor != 0.0 && isfinite(packing->factor) && isfinite(packing->offset) &&
                 packing->valid_min <= packing->valid_max && packing->missing_count >= 0 &&
                 packing->missing_count <= PACKING_MISSING,
             "a packing that cannot be undone");
  double *raw = memory_new(double, 2 * total), *values = raw + total;
  if (h5_read_block(file, path, axes, start, stride, shape, raw, &error)) {
    memcpy(values, raw, (size_t)total * sizeof *raw);
    packing_apply(packing, (size_t)total, values);
    for (int64_t i = 0; i < total && packing->wrap == 0.0; i++)
      FUZZ_CHECK(is_missing(packing, raw[i])
                     ? isnan(values[i])
                     : values[i] == raw[i] * packing->factor + packing->offset,
                 "%g became %g", raw[i], values[i]);
  } else {
    fuzz_check_message(&error, path);
  }
  memory_free(&raw);
}

static void read_file(struct fuzz_bytes *bytes, const char *path) {
  static const char *const kinds[] = {"auto", "netcdf", "pdebench", "well", "matlab", "plain"};
  static const char *const names[] = {
      "u",       "/v",      "tensor", "data", "/*/data", "/t0_fields/f", "/t1_fields/f",
      "/0/data", "nothing", "/",      ""};
  const char *field[3];
  struct error error = {""};
  const char *kind = kinds[choose(bytes, 6)];
  const int fields = (int)(fuzz_next(bytes) % 4);
  for (int i = 0; i < fields; i++) field[i] = names[fuzz_next(bytes) % 11];
  struct h5_file *file = h5_open(path, "data.train.file", &error);
  FUZZ_CHECK(file != NULL, "%s", error.text);
  struct layout layout;
  if (layout_recognise(file, kind, "data.train.fields", fields, field, &layout, &error)) {
    FUZZ_CHECK(layout.count > 0 && layout.name[0] != '\0', "nothing was found");
    for (int i = 0; i < layout.count; i++) {
      check_axes(file, &layout.array[i]);
      for (int64_t g = 0; g < (layout.groups > 0 ? layout.groups : 1); g++) {
        char inside[CONFIG_TEXT];
        layout_path(&layout, &layout.array[i], g, inside);
        check_values(file, inside, &layout.array[i].packing);
      }
    }
    layout_free(&layout);
  } else {
    fuzz_check_message(&error, "data.train.fields");
  }
  h5_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_bytes bytes = {data, size};
  void (*const writers[])(struct fuzz_bytes *, hid_t) = {write_netcdf, write_pdebench, write_groups,
                                                         write_well, write_virtual};
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  fuzz_comm();
  const unsigned writer = fuzz_next(&bytes) % 5;
  if (writer == 4) write_part(&bytes);
  const hid_t file = create_file();
  writers[writer](&bytes, file);
  read_file(&bytes, store_file(file, 0));
  return 0;
}
