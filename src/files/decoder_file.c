#include "files/decoder_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "flow/adjoint.h"
#include "ground/memory.h"
#include "input/config_layers.h"

enum {
  NAME = 64,
  NUMBER_MAX = 1000000000,
  WIDTH_MAX = 100000000
};  // bytes of a text; the largest sizes

static int find_name(const char *(*name)(int), const char *word) {
  for (int i = 0; name(i) != NULL; i++)
    if (strcmp(name(i), word) == 0) return i;
  return -1;
}

static const char decoder_group[] = "/decoder", encoder_group[] = "/encoder";

static void layer_path(char *path, const char *group, size_t layer, const char *member) {
  snprintf(path, NAME, "%s/layer_%zu%s", group, layer, member);
}

static bool has_layers(struct h5_file *file, const char *group) {
  char path[NAME];
  layer_path(path, group, 0, "");
  return h5_exists(file, path);
}

// ---- sizes as texts such as "3 3" ----

static void write_sizes(struct h5_file *file, const char *path, const char *name,
                        const struct layer_sizes *sizes) {
  char text[NAME] = "";
  for (int64_t i = 0, at = 0; i < sizes->count && at < NAME; i++)
    at += snprintf(text + at, (size_t)(NAME - at), "%s%lld", i > 0 ? " " : "",
                   (long long)sizes->value[i]);
  h5_write_text(file, path, name, text);
}

static bool read_sizes(struct h5_file *file, const char *path, const char *name, int64_t least,
                       struct layer_sizes *sizes) {
  char text[NAME], *at = text;
  if (!h5_read_text(file, path, name, text, sizeof text)) return false;
  *sizes = (struct layer_sizes){.count = 0};
  while (*at != '\0') {
    char *end;
    const long long value = strtoll(at, &end, 10);
    if (end == at || value < least || value > NUMBER_MAX || sizes->count == LAYER_AXES)
      return false;
    sizes->value[sizes->count++] = value;
    for (at = end; *at == ' ';) at++;
  }
  return sizes->count > 0;
}

// ---- describing ----

// A network in a file while it is read.
struct source {
  struct h5_file *file;
  const char *name;
  const char *group;
  const char *key;  // of the input file, where its layers may stand too
};

// One attribute of sizes, which must be there.
static bool need_sizes(const struct source *source, const char *path, const char *name,
                       int64_t least, struct layer_sizes *sizes, struct error *error) {
  if (read_sizes(source->file, path, name, least, sizes)) return true;
  return error_set(error,
                   "decoder.file = %s: %s lacks the text attribute '%s', integers from %lld on",
                   source->name, path, name, (long long)least);
}

// What the weight of a layer does not tell.
static bool describe_kind(const struct source *source, const char *path, struct layer_spec *spec,
                          struct error *error) {
  struct layer_sizes branches = {0};
  switch (spec->kind) {
    case LAYER_RESHAPE:
    case LAYER_UPSAMPLE:
      return need_sizes(source, path, "sizes", 1, &spec->sizes, error);
    case LAYER_RESIDUAL:
      if (!need_sizes(source, path, "branches", 0, &branches, error)) return false;
      for (int b = 0; b < 2; b++) spec->branch[b] = branches.value[b];
      return true;
    case LAYER_CONV:
    case LAYER_CONV_TRANSPOSE:
      return need_sizes(source, path, "kernel", 1, &spec->kernel, error) &&
             need_sizes(source, path, "stride", 1, &spec->stride, error) &&
             need_sizes(source, path, "padding", 0, &spec->padding, error) &&
             (spec->kind == LAYER_CONV ||
              need_sizes(source, path, "output_padding", 0, &spec->output_padding, error));
    default:
      return true;
  }
}

// Kind, activation and sizes of one layer; of a dense one with its inputs.
static bool describe_layer(const struct source *source, size_t l, struct layer_spec *spec,
                           int64_t *inputs, struct error *error) {
  char path[NAME], word[NAME];
  struct h5_file *file = source->file;
  layer_path(path, source->group, l, "");
  *spec = (struct layer_spec){.kind = LAYER_DENSE, .activation = ACTIVATION_IDENTITY};
  if (h5_read_text(file, path, "kind", word, sizeof word)) {
    spec->kind = find_name(layer_name, word);
    if (spec->kind < 0)
      return error_set(error, "decoder.file = %s: %s has the unknown kind '%s'", source->name, path,
                       word);
  }
  if (!h5_read_text(file, path, "activation", word, sizeof word))
    return error_set(error, "decoder.file = %s: %s lacks the text attribute 'activation'",
                     source->name, path);
  spec->activation = find_name(activation_name, word);
  if (spec->activation < 0)
    return error_set(error, "decoder.file = %s: %s has the unknown activation '%s'", source->name,
                     path, word);
  if (!describe_kind(source, path, spec, error)) return false;
  if (layer_ops(spec->kind)->bound == NULL) return true;  // no parameters
  int axes = 0, bias_axes = 0;
  int64_t shape[H5_AXES] = {0}, bias_shape[H5_AXES] = {0};
  char bias[NAME];
  layer_path(path, source->group, l, "/weight");
  layer_path(bias, source->group, l, "/bias");
  if (!h5_shape(file, path, "decoder.file", &axes, shape, error) ||
      !h5_shape(file, bias, "decoder.file", &bias_axes, bias_shape, error))
    return false;
  const bool transposed = spec->kind == LAYER_CONV_TRANSPOSE;
  spec->width = bias_axes == 1 ? bias_shape[0] : 0;
  *inputs = shape[transposed ? 0 : 1];
  if (axes < 2 || bias_axes != 1 || shape[transposed ? 1 : 0] != spec->width || spec->width < 1 ||
      *inputs < 1)
    return error_set(error, "decoder.file = %s: %s must be (%s%s) and %s (out)", source->name, path,
                     transposed ? "in, out" : "out, in", axes > 2 ? ", kernel" : "", bias);
  if (spec->width > WIDTH_MAX || *inputs > WIDTH_MAX)
    return error_set(error, "decoder.file = %s: %s is (%lld, %lld); at most %d are allowed",
                     source->name, path, (long long)shape[0], (long long)shape[1], WIDTH_MAX);
  return true;
}

// That a layer's weight has the shape that the layers before it ask for.
static bool check_weight(const struct source *source, const struct layer *layer,
                         struct error *error) {
  if (layer->weight_count == 0) return true;
  int axes = 0;
  int64_t shape[H5_AXES] = {0};
  char path[NAME];
  layer_path(path, source->group, layer->number, "/weight");
  if (!h5_shape(source->file, path, "decoder.file", &axes, shape, error)) return false;
  const bool dense = layer->kind == LAYER_DENSE;
  if (dense && axes == 2 && shape[1] != (int64_t)layer->inputs)
    return error_set(error, "decoder.file = %s: %s has %lld inputs, the layer below %zu outputs",
                     source->name, path, (long long)shape[1], layer->inputs);
  struct layer_shape wanted;
  layer_weight_shape(layer, &wanted);
  bool same = axes == (int)wanted.axes;
  for (size_t axis = 0; axis < wanted.axes && same; axis++)
    same = shape[axis] == (int64_t)wanted.size[axis];
  char text[LAYER_SHAPE_TEXT];
  if (same) return true;
  return error_set(error, "decoder.file = %s: %s must be %s for an input of its layer's shape",
                   source->name, path, layer_shape_text(&wanted, text));
}

static bool check_weights(const struct source *source, size_t inputs,
                          const struct config_layers *layers, struct error *error) {
  struct error reason = {""};
  const size_t count = (size_t)layers->count;
  const size_t wrong = network_check(inputs, count, layers->list, &reason);
  if (wrong < count)
    return error_set(error, "decoder.file = %s: %s/layer_%zu, %s: %s", source->name, source->group,
                     wrong, layer_name(layers->list[wrong].kind), reason.text);
  struct network *network = network_create(inputs, count, layers->list, 0);
  bool good = true;
  for (size_t l = 0; l < network->layer_count && good; l++)
    good = check_weight(source, &network->layers[l], error);
  network_destroy(&network);
  return good;
}

// Takes the file's layers unless the input file has its own, which must be the same.
static bool agree_on_layers(const struct source *source, const struct config_layers *layers,
                            struct config_layers *own, struct error *error) {
  if (own->count == 0) {
    *own = *layers;
    return true;
  }
  if (own->count != layers->count)
    return error_set(error, "%s has %lld layers, but decoder.file = %s has %lld", source->key,
                     (long long)own->count, source->name, (long long)layers->count);
  for (int64_t l = 0; l < layers->count; l++) {
    char text[2][CONFIG_LAYER_TEXT];
    if (!layer_spec_equal(&own->list[l], &layers->list[l]))
      return error_set(error, "%s: layer %lld is %s, but in decoder.file = %s it is %s",
                       source->key, (long long)l, config_layer_text(&own->list[l], text[0]),
                       source->name, config_layer_text(&layers->list[l], text[1]));
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

// The layers of a network; *inputs are those of the first one if it is dense.
static bool describe_layers(const struct source *source, struct config_layers *layers,
                            int64_t *inputs, struct error *error) {
  for (layers->count = 0;; layers->count++) {
    char path[NAME];
    int64_t ignored = 0;
    const size_t l = (size_t)layers->count;
    layer_path(path, source->group, l, "");
    if (!h5_exists(source->file, path)) return true;
    if (layers->count == CONFIG_LAYERS)
      return error_set(error, "decoder.file = %s: more than %d layers", source->name,
                       CONFIG_LAYERS);
    if (!describe_layer(source, l, &layers->list[l], l == 0 ? inputs : &ignored, error))
      return false;
  }
}

// The encoder of an autoencoder, if that is what is wanted.
static bool describe_encoder(struct h5_file *file, struct config *config, struct error *error) {
  const struct source source = {file, config->decoder.file, encoder_group, "encoder.layers"};
  const bool there = has_layers(file, encoder_group);
  if (!config->run.model_given) config->run.model = there ? MODEL_AUTOENCODER : MODEL_GFE;
  if (config->run.model != MODEL_AUTOENCODER)
    return !config->encoder.layers_given ||
           error_set(error,
                     "encoder.layers: decoder.file = %s has no encoder; set run.model = %s to "
                     "train one",
                     source.name, model_name(MODEL_AUTOENCODER));
  if (config->training.adjoint != ADJOINT_NONE)
    return error_set(error,
                     "training.adjoint = %s needs run.model = %s, but decoder.file = %s has an "
                     "encoder",
                     adjoint_name(config->training.adjoint), model_name(MODEL_GFE), source.name);
  if (!there)
    return config->run.task[TASK_TRAIN] || config->run.task[TASK_GRADIENT_CHECK] ||
           error_set(error, "run.model = %s: decoder.file = %s has no encoder, and none is trained",
                     model_name(MODEL_AUTOENCODER), source.name);
  struct config_layers *layers = memory_new(struct config_layers, 1);
  const struct config_layers *decoder = &config->decoder.layers;
  const size_t n =
      network_outputs((size_t)config->decoder.latent, (size_t)decoder->count, decoder->list);
  int64_t inputs = 0;
  const bool good = describe_layers(&source, layers, &inputs, error) &&
                    check_weights(&source, n, layers, error) &&
                    agree_on_layers(&source, layers, &config->encoder.layers, error);
  memory_free(&layers);
  return good;
}

static bool describe_decoder(struct h5_file *file, struct config *config, struct error *error) {
  const char *name = config->decoder.file;
  const struct source source = {file, name, decoder_group, "decoder.layers"};
  if (!has_layers(file, decoder_group))
    return error_set(error, "decoder.file = %s: no decoder in it: there is no group %s/layer_0",
                     name, decoder_group);
  struct config_layers *layers = memory_new(struct config_layers, 1);
  int64_t latent = 0;
  bool good = describe_layers(&source, layers, &latent, error);
  double given;
  if (good && layers->list[0].kind != LAYER_DENSE) {
    good = h5_read_number(file, decoder_group, "latent", &given) && given >= 1 && given <= 65536;
    if (good)
      latent = (int64_t)given;
    else
      error_set(error, "decoder.file = %s: %s lacks the number latent", name, decoder_group);
  }
  if (good && config->decoder.latent_given && config->decoder.latent != latent)
    good = error_set(error, "decoder.latent = %lld, but the decoder in decoder.file = %s has %lld",
                     (long long)config->decoder.latent, name, (long long)latent);
  if (good) config->decoder.latent = latent;
  good = good && check_weights(&source, (size_t)latent, layers, error) &&
         agree_on_layers(&source, layers, &config->decoder.layers, error) &&
         agree_on_loss(file, config, error);
  memory_free(&layers);
  return good;
}

bool decoder_file_describe(struct config *config, struct scaling *scaling, bool *scaled,
                           struct error *error) {
  struct h5_file *file = h5_open(config->decoder.file, "decoder.file", error);
  if (file == NULL) return false;
  const bool good = describe_decoder(file, config, error) && describe_encoder(file, config, error);
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

static bool read_network(struct h5_file *file, const char *group, const struct network *network,
                         real *theta, struct error *error) {
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    if (layer->weight_count == 0) continue;
    char weight[NAME], bias[NAME];
    layer_path(weight, group, layer->number, "/weight");
    layer_path(bias, group, layer->number, "/bias");
    if (!h5_read_rows(file, weight, H5_REAL, 0, (int64_t)layer->weight_rows, theta + layer->weight,
                      error) ||
        !h5_read_rows(file, bias, H5_REAL, 0, (int64_t)layer->bias_count, theta + layer->bias,
                      error))
      return false;
  }
  return true;
}

bool decoder_file_read(const char *path, struct decoder *decoder, struct error *error) {
  struct h5_file *file = h5_open(path, "decoder.file", error);
  if (file == NULL) return false;
  bool good = read_network(file, decoder_group, decoder->network, decoder->theta, error);
  if (good && decoder->encoder != NULL && has_layers(file, encoder_group))
    good = read_network(file, encoder_group, decoder->encoder, decoder->theta, error);
  h5_close(&file);
  for (size_t i = 0; i < decoder->count && good; i++)
    if (!isfinite(decoder->theta[i]))
      good = error_set(error, "decoder.file = %s: a parameter is not finite", path);
  return good;
}

// ---- writing ----

static void declare_kind(struct h5_file *file, const char *path, const struct layer *layer) {
  const struct layer_spec *spec = &layer->spec;
  struct layer_sizes sizes = {2, {spec->branch[0], spec->branch[1]}};
  h5_write_text(file, path, "kind", layer_name(spec->kind));
  h5_write_text(file, path, "activation", activation_name(spec->activation));
  if (layer->weight_count > 0) h5_write_integer(file, path, "width", spec->width);
  if (spec->kind == LAYER_RESHAPE || spec->kind == LAYER_UPSAMPLE)
    write_sizes(file, path, "sizes", &spec->sizes);
  if (spec->kind == LAYER_RESIDUAL) write_sizes(file, path, "branches", &sizes);
  if (spec->kind == LAYER_CONV_TRANSPOSE)
    write_sizes(file, path, "output_padding", &spec->output_padding);
  if (spec->kind == LAYER_CONV || spec->kind == LAYER_CONV_TRANSPOSE) {
    write_sizes(file, path, "kernel", &spec->kernel);
    write_sizes(file, path, "stride", &spec->stride);
    write_sizes(file, path, "padding", &spec->padding);
  }
  sizes = (struct layer_sizes){.count = (int64_t)layer->to.axes};
  for (int64_t axis = 0; axis < sizes.count; axis++)
    sizes.value[axis] = (int64_t)layer->to.size[axis];
  write_sizes(file, path, "output_shape", &sizes);
}

static void declare_network(struct h5_file *file, const char *group, const struct network *network,
                            const char *description) {
  int64_t count = 0;
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    if (layer->number == LAYER_NONE) continue;
    char path[NAME];
    layer_path(path, group, layer->number, "");
    if (layer->weight_count > 0)
      decoder_file_declare_layer(file, group, layer, description);
    else
      h5_group(file, path, description);
    declare_kind(file, path, layer);
    count++;
  }
  h5_write_integer(file, group, "layers", count);
}

void decoder_file_declare(struct h5_file *file, const struct decoder *decoder,
                          struct scaling scaling, const char *shape) {
  h5_group(file, decoder_group,
           "trained decoder: x = layer_L(... layer_0(z)); "
           "layer(a) = activation(weight a + bias); see each layer's kind");
  h5_write_integer(file, decoder_group, "latent", (int64_t)decoder->d);
  h5_write_integer(file, decoder_group, "n", (int64_t)decoder->n);
  h5_write_text(file, decoder_group, "loss", loss_name(decoder->loss));
  h5_write_text(file, decoder_group, "shape", shape);
  h5_write_number(file, decoder_group, "scale_offset", scaling.offset);
  h5_write_number(file, decoder_group, "scale_factor", scaling.scale);
  h5_write_text(file, decoder_group, "scaling",
                "the decoder works on (data - scale_offset) / scale_factor");
  declare_network(file, decoder_group, decoder->network, "one layer of the decoder");
  if (decoder->encoder == NULL) return;
  h5_group(file, encoder_group,
           "encoder trained with the decoder: z = layer_L(... layer_0(y)) of scaled data y");
  declare_network(file, encoder_group, decoder->encoder, "one layer of the encoder");
}

void decoder_file_declare_layer(struct h5_file *file, const char *group, const struct layer *layer,
                                const char *description) {
  enum { AXES = LAYER_AXES + 1 };
  const bool transposed = layer->kind == LAYER_CONV_TRANSPOSE;
  char path[NAME], kernel[AXES][NAME];
  const char *names[AXES] = {transposed ? "in" : "out", transposed ? "out" : "in"};
  struct layer_shape shape;
  layer_weight_shape(layer, &shape);
  snprintf(path, sizeof path, "%s/layer_%zu", group, layer->number);
  h5_group(file, path, description);
  for (size_t axis = 0; axis < shape.axes; axis++) {
    snprintf(kernel[axis], NAME, "kernel_%zu", axis - 2);
    if (axis >= 2) names[axis] = kernel[axis];
    h5_dimension(file, path, names[axis], (int64_t)shape.size[axis]);
  }
  h5_dataset(file, path, "weight", H5_REAL, (int)shape.axes, names, "1", "weights");
  h5_dataset(file, path, "bias", H5_REAL, 1, (const char *const[]){"out"}, "1", "biases");
}

void decoder_file_write(struct h5_file *file, const char *group, const struct network *network,
                        const real *values, int rank) {
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    if (layer->weight_count == 0) continue;
    const bool here = rank == 0;
    char path[NAME];
    snprintf(path, sizeof path, "%s/layer_%zu/weight", group, layer->number);
    h5_write_rows(file, path, H5_REAL, 0, here ? (int64_t)layer->weight_rows : 0,
                  values + layer->weight);
    snprintf(path, sizeof path, "%s/layer_%zu/bias", group, layer->number);
    h5_write_rows(file, path, H5_REAL, 0, here ? (int64_t)layer->bias_count : 0,
                  values + layer->bias);
  }
}
