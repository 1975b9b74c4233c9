// Decoders and predictors in HDF5 files. HDF5 itself does not survive every damaged file, so the
// bytes of an input are not the file: they choose what HDF5 is asked to write into it, which
// groups, attributes, types, shapes and values, all of them in order and many of them wrong. Bytes
// that are 0, or missing, choose what is right.
#include <hdf5.h>
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "files/decoder_file.h"
#include "files/predictor_file.h"
#include "fuzz.h"
#include "ground/memory.h"
#include "input/config_table.h"

enum { LONG_TEXT = 64, WRITTEN = 4096, AXES = 10 };

// One of `count` choices, of which the first takes half of all bytes.
static unsigned choose(struct fuzz_bytes *bytes, unsigned count) {
  const unsigned byte = fuzz_next(bytes);
  return byte % 2 == 0 ? 0 : byte / 2 % count;
}

static void close_all(hid_t a, hid_t b, hid_t c) {
  const hid_t ids[] = {a, b, c};
  for (size_t i = 0; i < 3; i++)
    if (ids[i] >= 0) H5Idec_ref(ids[i]);
}

// ---- attributes ----

static void write_attribute(hid_t object, const char *name, hid_t type, hid_t space,
                            const void *value) {
  const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute >= 0 && value != NULL) H5Awrite(attribute, type, value);
  close_all(attribute, space, H5I_INVALID_HID);
}

// A text, its own or another, as a string of some type; or no text at all.
static void text_attribute(struct fuzz_bytes *bytes, hid_t object, const char *name,
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

static void number_attribute(struct fuzz_bytes *bytes, hid_t object, const char *name,
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
static hid_t choose_type(struct fuzz_bytes *bytes) {
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
static hid_t choose_space(struct fuzz_bytes *bytes, int *axes, hsize_t lengths[AXES]) {
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

static hid_t choose_layout(struct fuzz_bytes *bytes, int axes) {
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

static void write_values(struct fuzz_bytes *bytes, hid_t dataset, hid_t space) {
  static double values[WRITTEN];
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count <= 0 || count > WRITTEN || choose(bytes, 4) == 3) return;
  for (hssize_t i = 0; i < count; i++) values[i] = (double)(i % 7) - 3.0;
  const unsigned special = choose(bytes, 5), place = fuzz_next(bytes);
  const double specials[] = {0.0, NAN, INFINITY, 1e300, 1e-300};
  if (special > 0) values[place % count] = specials[special];
  H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
}

// An array, or what stands in its place: nothing, a group, a link to nowhere.
static void write_array(struct fuzz_bytes *bytes, hid_t group, const char *name, int axes,
                        const hsize_t right[2]) {
  hsize_t lengths[AXES] = {right[0], right[1], 1, 1, 1, 1, 1, 1, 1, 1};
  const unsigned stands = choose(bytes, 5);
  if (stands == 1) return;
  if (stands == 2)
    close_all(H5Gcreate2(group, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), -1, -1);
  if (stands == 3) H5Lcreate_soft("/nowhere", group, name, H5P_DEFAULT, H5P_DEFAULT);
  if (stands == 4) H5Lcreate_external("/dev/null", "/x", group, name, H5P_DEFAULT, H5P_DEFAULT);
  if (stands >= 2) return;
  const hid_t type = choose_type(bytes), space = choose_space(bytes, &axes, lengths);
  const hid_t properties = choose_layout(bytes, axes);
  const hid_t dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  if (dataset >= 0) write_values(bytes, dataset, space);
  close_all(dataset, type, space);
  H5Pclose(properties);
}

// ---- the file ----

// What the layers other than dense ones say in texts.
static void sizes_attributes(struct fuzz_bytes *bytes, hid_t layer) {
  static const char *const names[] = {"sizes",   "kernel",         "stride",
                                      "padding", "output_padding", "branches"};
  static const char *const sizes[] = {"1",
                                      "0",
                                      "2",
                                      "1 1",
                                      "2 1",
                                      "1 2 1",
                                      "3 2",
                                      "0 1",
                                      "2 2",
                                      "1 1 1 1",
                                      "1 1 1 1 1 1 1",
                                      "-1",
                                      "3,3",
                                      "1e3",
                                      " 2",
                                      "1000000000",
                                      "99999999999999999999",
                                      "1000000000 1000000000 1000000000",
                                      "64 64"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    text_attribute(bytes, layer, names[i],
                   sizes[fuzz_next(bytes) % (sizeof sizes / sizeof *sizes)]);
}

// Layer `l` with `in` inputs below `decoder`; returns its outputs.
static hsize_t write_layer(struct fuzz_bytes *bytes, hid_t decoder, unsigned l, hsize_t in) {
  char name[32];
  snprintf(name, sizeof name, "layer_%u", l);
  const unsigned stands = choose(bytes, 5);
  const hsize_t out = 1 + fuzz_next(bytes) % 6, shape[] = {out, in};
  hid_t layer = H5I_INVALID_HID;
  if (stands == 0) layer = H5Gcreate2(decoder, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (stands == 1) write_array(bytes, decoder, name, 2, shape);
  if (stands == 2) H5Lcreate_soft(name, decoder, name, H5P_DEFAULT, H5P_DEFAULT);
  if (stands == 3) {
    const hid_t type = H5Tcopy(H5T_NATIVE_INT);
    H5Tcommit2(decoder, name, type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(type);
  }
  if (layer >= 0) {
    const int kind = (int)choose(bytes, LAYER_KINDS);
    const bool space = kind == LAYER_CONV || kind == LAYER_CONV_TRANSPOSE;
    const int axes = 2 + (space ? (int)(fuzz_next(bytes) % 4) : 0);
    text_attribute(bytes, layer, "kind", layer_name(kind));
    if (kind != LAYER_DENSE) sizes_attributes(bytes, layer);
    const unsigned said = fuzz_next(bytes);
    if (said < 192) {
      text_attribute(bytes, layer, "activation", activation_name((int)(said % 3)));
    } else {
      text_attribute(bytes, layer, "activation", activation_name(ACTIVATION_LEAKY_RELU));
      text_attribute(bytes, layer, "padding_mode", padding_mode_name((int)(said % 4)));
      number_attribute(bytes, layer, "slope", said / 4 % 8 == 7 ? NAN : said / 4 % 8 / 4.0 - 0.25);
    }
    write_array(bytes, layer, "weight", axes, shape);
    write_array(bytes, layer, "bias", 1, shape);
    H5Gclose(layer);
  }
  return out;
}

// A predictor for latents of length `d` and samples of `n` entries, or something like it.
static void write_predictor(struct fuzz_bytes *bytes, hid_t file, hsize_t d, hsize_t n) {
  const hsize_t matrix[] = {d, n}, latent[] = {d, 1}, sample[] = {n, 1}, metric[] = {d, d};
  const hid_t group = H5Gcreate2(file, "predictor", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  write_array(bytes, group, "matrix", 2, matrix);
  write_array(bytes, group, "mean_latent", 1, latent);
  write_array(bytes, group, "mean_sample", 1, sample);
  if (choose(bytes, 2) == 1) write_array(bytes, group, "metric", 2, metric);
  H5Gclose(group);
}

// Has HDF5 make the file in its own memory; returns the path of a copy.
static const char *write_file(struct fuzz_bytes *bytes) {
  enum { COUNTS = 16 };
  static const unsigned counts[COUNTS] = {
      1, 2, 3, 0, 1, 2, 3, 5, 1, 2, 3, 4, 1, 2, CONFIG_LAYERS, CONFIG_LAYERS + 1};
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, 1 << 16, false);
  const hid_t file = H5Fcreate("fuzz", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  const hid_t decoder = H5Gcreate2(file, "decoder", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const unsigned layers = counts[fuzz_next(bytes) % COUNTS];
  text_attribute(bytes, decoder, "loss", loss_name((int)(fuzz_next(bytes) % 2)));
  number_attribute(bytes, decoder, "scale_offset", 0.0);
  number_attribute(bytes, decoder, "scale_factor", 255.0);
  number_attribute(bytes, decoder, "latent", 1.0 + fuzz_next(bytes) % 6);
  const hsize_t d = 1 + fuzz_next(bytes) % 6;
  hsize_t width = d;
  for (unsigned l = 0; l < layers; l++) width = write_layer(bytes, decoder, l, width);
  H5Gclose(decoder);
  if (fuzz_next(bytes) % 2 == 1) write_predictor(bytes, file, d, width);
  H5Fflush(file, H5F_SCOPE_LOCAL);
  const ssize_t size = H5Fget_file_image(file, NULL, 0);
  FUZZ_CHECK(size > 0, "HDF5 made no file");
  char *image = memory_new(char, (size_t)size);
  H5Fget_file_image(file, image, (size_t)size);
  const char *path = fuzz_file(0, image, (size_t)size);
  memory_free(&image);
  H5Pclose(access);
  FUZZ_CHECK(H5Fclose(file) >= 0, "HDF5 cannot close its file");
  return path;
}

// ---- reading ----

// What the input file said before the decoder file was opened.
static void choose_config(struct fuzz_bytes *bytes, struct config *config) {
  const unsigned said = fuzz_next(bytes);
  memset(config, 0, sizeof *config);
  config->given[config_parameter_find("decoder.latent")] = said & 1;
  config->decoder.latent = 1 + (said & 1);
  config->given[config_parameter_find("decoder.loss")] = said & 2;
  config->decoder.layers.count = said & 4 ? 1 + (said & 8) / 8 : 0;
  for (int l = 0; l < config->decoder.layers.count; l++)
    config->decoder.layers.list[l] = (struct layer_spec){.kind = 0, .width = 1 + (said >> 6)};
}

// The predictor of the file, for its decoder: finite, or refused.
static void check_predictor(const struct config *config, size_t d, size_t n) {
  struct error error = {""};
  struct predictor *p = predictor_read(config->decoder.file, d, n, &error);
  if (p == NULL) {
    fuzz_check_message(&error, "decoder.file");
    return;
  }
  FUZZ_CHECK(p->d == d && p->n == n, "a predictor of %zu, %zu", p->d, p->n);
  for (size_t i = 0; i < d * n; i++) FUZZ_CHECK(isfinite(p->matrix[i]), "coefficient %zu", i);
  for (size_t i = 0; i < d; i++) FUZZ_CHECK(isfinite(p->mean_latent[i]), "latent %zu", i);
  for (size_t i = 0; i < n; i++) FUZZ_CHECK(isfinite(p->mean_sample[i]), "entry %zu", i);
  predictor_destroy(&p);
}

// A decoder as described, with its parameters; one that is too large for a machine is not read.
static void check_parameters(const struct config *config) {
  enum { MOST = 1 << 22 };
  struct error error = {""};
  struct decoder *decoder =
      decoder_layout((size_t)config->decoder.latent, (size_t)config->decoder.layers.count,
                     config->decoder.layers.list, config->decoder.loss);
  for (size_t l = 0; l < decoder->network->layer_count; l++) {
    const struct layer *layer = &decoder->network->layers[l];
    FUZZ_CHECK(layer->kind != LAYER_DENSE ||
                   (layer->weight_count / layer->outputs == layer->inputs &&
                    layer->bias >= layer->weight && layer->bias <= decoder->count),
               "layer %zu overflows", l);
  }
  if (decoder->count < MOST) {
    decoder_allocate(decoder);
    if (decoder_file_read(config->decoder.file, decoder, &error))
      for (size_t i = 0; i < decoder->count; i++)
        FUZZ_CHECK(isfinite(decoder->theta[i]), "parameter %zu", i);
    else
      fuzz_check_message(&error, "decoder.file");
    if (predictor_is_in(config->decoder.file)) check_predictor(config, decoder->d, decoder->n);
  }
  decoder_destroy(&decoder);
}

// The file's layers are all there.
static void check_count(const struct config *config) {
  struct error error = {""};
  char next[64];
  snprintf(next, sizeof next, "/decoder/layer_%lld", (long long)config->decoder.layers.count);
  struct h5_file *file = h5_open(config->decoder.file, "decoder.file", &error);
  FUZZ_CHECK(file != NULL && !h5_exists(file, next), "%s is left out", next);
  h5_close(&file);
}

static void check_description(const struct config *config, const struct scaling *scaling) {
  FUZZ_CHECK(config->decoder.layers.count > 0 && config->decoder.layers.count <= CONFIG_LAYERS,
             "%lld layers", (long long)config->decoder.layers.count);
  FUZZ_CHECK(config->decoder.latent > 0, "latent %lld", (long long)config->decoder.latent);
  FUZZ_CHECK(loss_name(config->decoder.loss) != NULL, "loss %d", config->decoder.loss);
  for (int l = 0; l < config->decoder.layers.count; l++) {
    const struct layer_spec *layer = &config->decoder.layers.list[l];
    FUZZ_CHECK(layer_name(layer->kind) != NULL && activation_name(layer->activation) != NULL &&
                   padding_mode_name((int)layer->padding_mode) != NULL,
               "layer %d", l);
    FUZZ_CHECK(layer->width > 0 || layer_ops(layer->kind)->bound == NULL, "no width in layer %d",
               l);
    FUZZ_CHECK(layer->slope >= 0 && layer->slope <= 1, "slope %g in layer %d", layer->slope, l);
  }
  FUZZ_CHECK(scaling == NULL || (scaling_is_sound(scaling) && scaling->scale[0] > 0),
             "scaling %g, %g", scaling->offset[0], scaling->scale[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct config config;
  struct fuzz_bytes bytes = {data, size};
  struct error error = {""};
  struct scaling *scaling = NULL;
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  choose_config(&bytes, &config);
  snprintf(config.decoder.file, sizeof config.decoder.file, "%s", write_file(&bytes));
  if (decoder_file_describe(&config, &scaling, &error)) {
    FUZZ_CHECK(!error_is_set(&error), "%s", error.text);
    check_description(&config, scaling);
    check_count(&config);
    check_parameters(&config);
  } else {
    fuzz_check_message(&error, "decoder.");
  }
  scaling_destroy(&scaling);
  return 0;
}
