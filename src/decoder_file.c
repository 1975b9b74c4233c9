#include "decoder_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "activation.h"
#include "loss.h"
#include "memory.h"

enum { NAME = 64, MOST_WIDTH = 100000000 };  // as wide as the input file allows

static int find_name(const char *(*name)(int), const char *word) {
  for (int i = 0; name(i) != NULL; i++)
    if (strcmp(name(i), word) == 0) return i;
  return -1;
}

static void layer_path(char *path, size_t layer, const char *member) {
  snprintf(path, NAME, "/decoder/layer_%zu%s", layer, member);
}

// One layer's kind, width and activation; *inputs is its number of inputs.
static bool describe_layer(struct h5_file *file, const char *name, size_t l,
                           struct layer_spec *spec, int64_t *inputs, struct error *error) {
  char path[NAME], word[NAME];
  layer_path(path, l, "");
  *spec = (struct layer_spec){.kind = LAYER_DENSE, .activation = ACTIVATION_IDENTITY};
  if (h5_read_text(file, path, "kind", word, sizeof word)) {
    spec->kind = find_name(layer_name, word);
    if (spec->kind < 0)
      return error_set(error, "decoder.file = %s: %s has the unknown kind '%s'", name, path, word);
  }
  if (!h5_read_text(file, path, "activation", word, sizeof word))
    return error_set(error, "decoder.file = %s: %s lacks the text attribute 'activation'", name,
                     path);
  spec->activation = find_name(activation_name, word);
  if (spec->activation < 0)
    return error_set(error, "decoder.file = %s: %s has the unknown activation '%s'", name, path,
                     word);
  int axes = 0, bias_axes = 0;
  int64_t shape[H5_AXES] = {0}, bias_shape[H5_AXES] = {0};
  char bias[NAME];
  layer_path(path, l, "/weight");
  layer_path(bias, l, "/bias");
  if (!h5_shape(file, path, "decoder.file", &axes, shape, error) ||
      !h5_shape(file, bias, "decoder.file", &bias_axes, bias_shape, error))
    return false;
  if (axes != 2 || bias_axes != 1 || shape[0] != bias_shape[0] || shape[0] < 1 || shape[1] < 1)
    return error_set(error, "decoder.file = %s: %s must be (out, in) and %s (out)", name, path,
                     bias);
  if (*inputs != 0 && shape[1] != *inputs)
    return error_set(error, "decoder.file = %s: %s has %lld inputs, the layer below %lld outputs",
                     name, path, (long long)shape[1], (long long)*inputs);
  if (shape[0] > MOST_WIDTH || shape[1] > MOST_WIDTH)
    return error_set(error, "decoder.file = %s: %s is (%lld, %lld); at most %d are allowed", name,
                     path, (long long)shape[0], (long long)shape[1], MOST_WIDTH);
  *inputs = shape[1];
  spec->width = shape[0];
  return true;
}

static bool agree_on_layers(struct config *config, const struct layer_spec *specs, int64_t count,
                            struct error *error) {
  const char *name = config->decoder.file;
  if (config->decoder.layer_count == 0) {
    memcpy(config->decoder.layers, specs, (size_t)count * sizeof *specs);
    config->decoder.layer_count = count;
    return true;
  }
  if (config->decoder.layer_count != count)
    return error_set(error, "decoder.layers has %lld layers, but decoder.file = %s has %lld",
                     (long long)config->decoder.layer_count, name, (long long)count);
  for (int64_t l = 0; l < count; l++) {
    const struct layer_spec *own = &config->decoder.layers[l];
    if (own->width != specs[l].width || own->activation != specs[l].activation ||
        own->kind != specs[l].kind)
      return error_set(error,
                       "decoder.layers: layer %lld is {%s: %lld, activation: %s}, but in "
                       "decoder.file = %s it is {%s: %lld, activation: %s}",
                       (long long)l, layer_name(own->kind), (long long)own->width,
                       activation_name(own->activation), name, layer_name(specs[l].kind),
                       (long long)specs[l].width, activation_name(specs[l].activation));
  }
  return true;
}

static bool agree_on_loss(struct h5_file *file, struct config *config, struct error *error) {
  char word[NAME];
  if (!h5_read_text(file, "/decoder", "loss", word, sizeof word)) return true;
  const int loss = find_name(loss_name, word);
  if (loss < 0)
    return error_set(error, "decoder.file = %s: /decoder has the unknown loss '%s'",
                     config->decoder.file, word);
  if (config->decoder.loss_given && config->decoder.loss != loss)
    return error_set(error, "decoder.loss = %s, but decoder.file = %s was trained with %s",
                     loss_name(config->decoder.loss), config->decoder.file, word);
  config->decoder.loss = loss;
  return true;
}

static bool describe(struct h5_file *file, struct config *config, struct error *error) {
  struct layer_spec specs[CONFIG_LAYERS];
  int64_t count = 0, inputs = 0, latent = 0;
  const char *name = config->decoder.file;
  char path[NAME];
  layer_path(path, 0, "");
  if (!h5_exists(file, path))
    return error_set(error, "decoder.file = %s: no decoder in it: there is no group %s", name,
                     path);
  for (;; count++) {
    layer_path(path, (size_t)count, "");
    if (!h5_exists(file, path)) break;
    if (count == CONFIG_LAYERS)
      return error_set(error, "decoder.file = %s: more than %d layers", name, CONFIG_LAYERS);
    if (!describe_layer(file, name, (size_t)count, &specs[count], &inputs, error)) return false;
    if (count == 0) latent = inputs;
    inputs = specs[count].width;
  }
  if (config->decoder.latent_given && config->decoder.latent != latent)
    return error_set(error, "decoder.latent = %lld, but the decoder in decoder.file = %s has %lld",
                     (long long)config->decoder.latent, name, (long long)latent);
  config->decoder.latent = latent;
  return agree_on_layers(config, specs, count, error) && agree_on_loss(file, config, error);
}

bool decoder_file_describe(struct config *config, struct scaling *scaling, bool *scaled,
                           struct error *error) {
  struct h5_file *file = h5_open(config->decoder.file, "decoder.file", error);
  if (file == NULL) return false;
  const bool good = describe(file, config, error);
  *scaled = h5_read_number(file, "/decoder", "scale_offset", &scaling->offset) &&
            h5_read_number(file, "/decoder", "scale_factor", &scaling->scale);
  h5_close(&file);
  if (good && *scaled &&
      !(isfinite(scaling->offset) && isfinite(scaling->scale) && scaling->scale > 0.0))
    return error_set(error,
                     "decoder.file = %s: /decoder has scale_offset %g and scale_factor %g; they "
                     "must be finite, the factor above 0",
                     config->decoder.file, scaling->offset, scaling->scale);
  return good;
}

bool decoder_file_read(const char *path, struct decoder *decoder, struct error *error) {
  struct h5_file *file = h5_open(path, "decoder.file", error);
  if (file == NULL) return false;
  bool good = true;
  for (size_t l = 0; l < decoder->network->layer_count && good; l++) {
    const struct layer *layer = &decoder->network->layers[l];
    char weight[NAME], bias[NAME];
    layer_path(weight, l, "/weight");
    layer_path(bias, l, "/bias");
    good = h5_read_rows(file, weight, H5_REAL, 0, (int64_t)layer->outputs,
                        decoder->theta + layer->weight, error) &&
           h5_read_rows(file, bias, H5_REAL, 0, (int64_t)layer->outputs,
                        decoder->theta + layer->bias, error);
  }
  h5_close(&file);
  for (size_t i = 0; i < decoder->count && good; i++)
    if (!isfinite(decoder->theta[i]))
      good = error_set(error, "decoder.file = %s: a parameter is not finite", path);
  return good;
}

void decoder_file_declare(struct h5_file *file, const struct decoder *decoder,
                          struct scaling scaling, const char *shape) {
  h5_group(file, "/decoder",
           "trained decoder: x = layer_L(... layer_0(z)); "
           "layer(a) = activation(weight a + bias)");
  h5_write_integer(file, "/decoder", "latent", (int64_t)decoder->d);
  h5_write_integer(file, "/decoder", "n", (int64_t)decoder->n);
  h5_write_integer(file, "/decoder", "layers", (int64_t)decoder->network->layer_count);
  h5_write_text(file, "/decoder", "loss", loss_name(decoder->loss));
  h5_write_text(file, "/decoder", "shape", shape);
  h5_write_number(file, "/decoder", "scale_offset", scaling.offset);
  h5_write_number(file, "/decoder", "scale_factor", scaling.scale);
  h5_write_text(file, "/decoder", "scaling",
                "the decoder works on (data - scale_offset) / scale_factor");
  for (size_t l = 0; l < decoder->network->layer_count; l++) {
    const struct layer *layer = &decoder->network->layers[l];
    char path[NAME];
    layer_path(path, l, "");
    decoder_file_declare_layer(file, "/decoder", decoder, l, "one layer of the decoder");
    h5_write_text(file, path, "kind", layer_name(layer->kind));
    h5_write_text(file, path, "activation", activation_name(layer->activation));
    h5_write_integer(file, path, "width", (int64_t)layer->outputs);
  }
}

void decoder_file_declare_layer(struct h5_file *file, const char *group,
                                const struct decoder *decoder, size_t l, const char *description) {
  const struct layer *layer = &decoder->network->layers[l];
  char path[NAME];
  snprintf(path, sizeof path, "%s/layer_%zu", group, l);
  h5_group(file, path, description);
  h5_dimension(file, path, "out", (int64_t)layer->outputs);
  h5_dimension(file, path, "in", (int64_t)layer->inputs);
  h5_dataset(file, path, "weight", H5_REAL, 2, (const char *const[]){"out", "in"}, "1", "weights");
  h5_dataset(file, path, "bias", H5_REAL, 1, (const char *const[]){"out"}, "1", "biases");
}

void decoder_file_write(struct h5_file *file, const char *group, const struct decoder *decoder,
                        const real *values, int rank) {
  for (size_t l = 0; l < decoder->network->layer_count; l++) {
    const struct layer *layer = &decoder->network->layers[l];
    const int64_t rows = rank == 0 ? (int64_t)layer->outputs : 0;
    char path[NAME];
    snprintf(path, sizeof path, "%s/layer_%zu/weight", group, l);
    h5_write_rows(file, path, H5_REAL, 0, rows, values + layer->weight);
    snprintf(path, sizeof path, "%s/layer_%zu/bias", group, l);
    h5_write_rows(file, path, H5_REAL, 0, rows, values + layer->bias);
  }
}
