// Decoders, predictors and dictionaries in HDF5 files. HDF5 itself does not survive every damaged
// file, so the bytes of an input are not the file: they choose what HDF5 is asked to write into it,
// which groups, attributes, types, shapes and values, all of them valid HDF5 and many of them wrong
// for the program. Bytes that are 0, or missing, choose what is right.
#include <hdf5.h>
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "files/decoder_file.h"
#include "files/dictionary_file.h"
#include "files/predictor_file.h"
#include "fuzz_hdf5.h"
#include "ground/memory.h"
#include "input/config_table.h"

// An array, or what stands in its place: nothing, a group, a link to nowhere.
static void write_array(struct fuzz_bytes *bytes, hid_t group, const char *name, int axes,
                        const hsize_t right[2]) {
  hsize_t lengths[AXES] = {right[0], right[1], right[1], 1, 1, 1, 1, 1, 1, 1};
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

// A dictionary of `count` latents of length `d`, or something like it.
static void write_dictionary(struct fuzz_bytes *bytes, hid_t file, hsize_t d) {
  const hsize_t count = 1 + fuzz_next(bytes) % 4;
  const hsize_t latents[] = {count, d}, origins[] = {count, 1}, latent[] = {d, 1},
                square[] = {d, d};
  const hid_t group = H5Gcreate2(file, "dictionary", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  number_attribute(bytes, group, "trained_loss", 0.25);
  write_array(bytes, group, "z", 2, latents);
  write_array(bytes, group, "origin", 1, origins);
  if (choose(bytes, 2) == 0) {
    write_array(bytes, group, "mean", 1, latent);
    write_array(bytes, group, "covariance", 2, square);
    number_attribute(bytes, group, "latents", 10.0);
  }
  if (choose(bytes, 2) == 1) write_array(bytes, group, "metric", 3, latents);
  if (choose(bytes, 2) == 1) number_attribute(bytes, group, "held_out_loss", 0.5);
  H5Gclose(group);
}

// Returns the path of the file.
static const char *write_file(struct fuzz_bytes *bytes) {
  enum { COUNTS = 16 };
  static const unsigned counts[COUNTS] = {
      1, 2, 3, 0, 1, 2, 3, 5, 1, 2, 3, 4, 1, 2, CONFIG_LAYERS, CONFIG_LAYERS + 1};
  const hid_t file = create_file();
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
  if (fuzz_next(bytes) % 2 == 1) write_dictionary(bytes, file, d);
  return store_file(file, 0);
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

// The dictionary of the file: finite, whole, or refused.
static void check_dictionary(const struct config *config, size_t d) {
  struct error error = {""};
  const int64_t count = dictionary_count_in(config->decoder.file);
  FUZZ_CHECK(count >= 0 && count <= DICTIONARY_ENTRIES, "%lld entries", (long long)count);
  if (count == 0) return;
  struct dictionary *dictionary = dictionary_create(d, count);
  if (!dictionary_read(config->decoder.file, dictionary, &error)) {
    fuzz_check_message(&error, "decoder.file");
  } else {
    FUZZ_CHECK(!error_is_set(&error), "%s", error.text);
    FUZZ_CHECK(dictionary->trained_loss >= 0.0, "a loss of %g", dictionary->trained_loss);
    FUZZ_CHECK(dictionary->latents >= 1, "of %lld latents", (long long)dictionary->latents);
    dictionary_complete(dictionary);
    for (size_t k = 0; k < (size_t)dictionary->count * d; k++)
      FUZZ_CHECK(isfinite(dictionary->z[k / d * real_padded(d) + k % d]) &&
                     isfinite(dictionary->standardised[k]),
                 "number %zu", k);
    for (size_t k = 0; k < d * d; k++)
      FUZZ_CHECK(isfinite(dictionary->covariance[k]) && isfinite(dictionary->latent_mean[k % d]),
                 "moment %zu", k);
  }
  dictionary_destroy(&dictionary);
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
    check_dictionary(config, decoder->d);
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
