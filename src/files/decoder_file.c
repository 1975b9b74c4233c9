#include "files/decoder_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/loss.h"
#include "flow/adjoint.h"
#include "ground/memory.h"
#include "input/config_layers.h"
#include "input/config_table.h"

enum { NAME = 64 };  // bytes of a text

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

static bool read_sizes(struct h5_file *file, const char *path, const char *name,
                       struct config_range range, struct layer_sizes *sizes) {
  char text[NAME], *at = text;
  if (!h5_read_text(file, path, name, text, sizeof text)) return false;
  *sizes = (struct layer_sizes){.count = 0};
  while (*at != '\0') {
    char *end;
    const long long value = strtoll(at, &end, 10);
    if (end == at || (double)value < range.lower || (double)value > range.upper ||
        sizes->count == LAYER_AXES)
      return false;
    sizes->value[sizes->count++] = value;
    for (at = end; *at == ' ';) at++;
  }
  return sizes->count > 0;
}

// ---- describing ----

// A network in a file that is being read.
struct source {
  struct h5_file *file;
  const char *name;
  const char *group;
  const char *key;  // of the input file, which may give its layers, too
};

static const char *attribute_of(const struct config_row *row) {
  return row->attribute != NULL ? row->attribute : row->key;
}

// An attribute with sizes, which must exist.
static bool need_sizes(const struct source *source, const char *path, const char *name,
                       struct config_range range, struct layer_sizes *sizes, struct error *error) {
  if (read_sizes(source->file, path, name, range, sizes)) return true;
  return error_set(error,
                   "decoder.file = %s: %s lacks the text attribute '%s', integers from %lld on",
                   source->name, path, name, (long long)range.lower);
}

// An attribute with a name, which must exist.
static bool need_choice(const struct source *source, const char *path, const char *attribute,
                        const char *(*name)(int), int *choice, struct error *error) {
  char word[NAME];
  if (!h5_read_text(source->file, path, attribute, word, sizeof word))
    return error_set(error, "decoder.file = %s: %s lacks the text attribute '%s'", source->name,
                     path, attribute);
  *choice = find_name(name, word);
  return *choice >= 0 || error_set(error, "decoder.file = %s: %s has the unknown %s '%s'",
                                   source->name, path, attribute, word);
}

// An attribute with a number, which must exist.
static bool need_number(const struct source *source, const char *path, const char *attribute,
                        struct config_range range, double *value, struct error *error) {
  if (h5_read_number(source->file, path, attribute, value) && *value >= range.lower &&
      *value <= range.upper)
    return true;
  return error_set(error, "decoder.file = %s: %s needs the attribute '%s', a number from %g to %g",
                   source->name, path, attribute, range.lower, range.upper);
}

static bool is_absent(const struct source *source, const char *path, const char *attribute) {
  char word[NAME];
  double number;
  return !h5_read_text(source->file, path, attribute, word, sizeof word) &&
         !h5_read_number(source->file, path, attribute, &number);
}

// The value of a row of the table of layers. The width follows from the parameters.
static bool describe_value(const struct source *source, const char *path,
                           const struct config_row *row, struct layer_spec *spec,
                           struct error *error) {
  static const struct config_range lengths = {0, CONFIG_LAYERS, CLOSED};
  const char *attribute = attribute_of(row);
  void *value = (char *)spec + row->offset;
  if (row->newer && is_absent(source, path, attribute))
    return config_value_read(row, row->otherwise, &(struct config_place){.key = row->key}, value,
                             error);
  if (row->type == TYPE_NUMBER)
    return need_number(source, path, attribute, row->range, value, error);
  if (row->type == TYPE_CHOICE)
    return need_choice(source, path, attribute, row->name, value, error);
  if (row->type == TYPE_SIZES) return need_sizes(source, path, attribute, row->range, value, error);
  if (row->type == TYPE_BRANCHES) {
    struct layer_sizes branches = {0};
    if (!need_sizes(source, path, attribute, lengths, &branches, error)) return false;
    memcpy(value, branches.value, sizeof spec->branch);
  }
  return true;
}

// The largest number of inputs or outputs of a layer: the largest width of a dense one.
static double largest_width(void) {
  for (size_t r = 0; r < config_layer_row_count; r++)
    if (config_layer_rows[r].type == TYPE_INTEGER &&
        config_layer_has(&config_layer_rows[r], LAYER_DENSE))
      return config_layer_rows[r].range.upper;
  return 0.0;
}

// Width and inputs from the shapes of a layer's parameters.
static bool describe_parameters(const struct source *source, size_t l, struct layer_spec *spec,
                                int64_t *inputs, struct error *error) {
  int axes = 0, bias_axes = 0;
  int64_t shape[H5_AXES] = {0}, bias_shape[H5_AXES] = {0};
  char path[NAME], bias[NAME];
  layer_path(path, source->group, l, "/weight");
  layer_path(bias, source->group, l, "/bias");
  if (!h5_shape(source->file, path, "decoder.file", &axes, shape, error) ||
      !h5_shape(source->file, bias, "decoder.file", &bias_axes, bias_shape, error))
    return false;
  const bool in_out = layer_ops(spec->kind)->weight_in_out;
  spec->width = bias_axes == 1 ? bias_shape[0] : 0;
  *inputs = shape[in_out ? 0 : 1];
  if (axes < 2 || bias_axes != 1 || shape[in_out ? 1 : 0] != spec->width || spec->width < 1 ||
      *inputs < 1)
    return error_set(error, "decoder.file = %s: %s must be (%s%s) and %s (out)", source->name, path,
                     in_out ? "in, out" : "out, in", axes > 2 ? ", kernel" : "", bias);
  const double largest = largest_width();
  if ((double)spec->width > largest || (double)*inputs > largest)
    return error_set(error, "decoder.file = %s: %s is (%lld, %lld); at most %.0f are allowed",
                     source->name, path, (long long)shape[0], (long long)shape[1], largest);
  return true;
}

// One layer and, if it is dense, its inputs.
static bool describe_layer(const struct source *source, size_t l, struct layer_spec *spec,
                           int64_t *inputs, struct error *error) {
  char path[NAME], word[NAME];
  layer_path(path, source->group, l, "");
  *spec = (struct layer_spec){.kind = LAYER_DENSE};
  int kind = LAYER_DENSE;  // of files that do not say
  if (h5_read_text(source->file, path, "kind", word, sizeof word) &&
      !need_choice(source, path, "kind", layer_name, &kind, error))
    return false;
  spec->kind = (enum layer_kind)kind;
  for (size_t r = 0; r < config_layer_row_count; r++)
    if (config_layer_uses(&config_layer_rows[r], spec) &&
        !describe_value(source, path, &config_layer_rows[r], spec, error))
      return false;
  return layer_ops(spec->kind)->bound == NULL ||
         describe_parameters(source, l, spec, inputs, error);
}

// Checks that a layer's weight has the shape required by the layers before it.
static bool check_weight(const struct source *source, const struct layer *layer,
                         struct error *error) {
  if (layer->weight_count == 0) return true;
  int axes = 0;
  int64_t shape[H5_AXES] = {0};
  char path[NAME];
  layer_path(path, source->group, layer->number, "/weight");
  if (!h5_shape(source->file, path, "decoder.file", &axes, shape, error)) return false;
  if (layer_ops(layer->kind)->flat && axes == 2 && shape[1] != (int64_t)layer->inputs)
    return error_set(
        error, "decoder.file = %s: %s has %lld inputs, but the layer before it has %zu outputs",
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
  struct network *network = network_create(inputs, count, layers->list, 0, 0);
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
  if (config_is_given(config, "decoder.loss") && (int)config->decoder.loss != loss)
    return error_set(error, "decoder.loss = %s, but decoder.file = %s was trained with %s",
                     loss_name(config->decoder.loss), config->decoder.file, word);
  config->decoder.loss = (enum loss_kind)loss;
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

// A POD remains one as long as nothing is trained.
static bool agree_on_pod(struct h5_file *file, struct config *config, struct error *error) {
  char word[NAME];
  const bool trains = config->run.task[TASK_TRAIN] || config->run.task[TASK_GRADIENT_CHECK];
  const bool there = h5_read_text(file, decoder_group, "model", word, sizeof word) &&
                     strcmp(word, model_name(MODEL_POD)) == 0;
  const bool given = config_is_given(config, "run.model");
  if (given && config->run.model == MODEL_POD && !there)
    return error_set(error, "run.model = %s: the decoder in decoder.file = %s is not one",
                     model_name(MODEL_POD), config->decoder.file);
  if (!given && there && !trains) config->run.model = MODEL_POD;
  return true;
}

// The encoder of an autoencoder, if requested.
static bool describe_encoder(struct h5_file *file, struct config *config, struct error *error) {
  const struct source source = {file, config->decoder.file, encoder_group, "encoder.layers"};
  const bool there = has_layers(file, encoder_group);
  if (!agree_on_pod(file, config, error)) return false;
  if (!config_is_given(config, "run.model") && config->run.model != MODEL_POD)
    config->run.model = there ? MODEL_AUTOENCODER : MODEL_GFE;
  if (config->run.model != MODEL_AUTOENCODER)
    return !config_is_given(config, "encoder.layers") ||
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
    return error_set(error, "decoder.file = %s: contains no decoder: there is no group %s/layer_0",
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
  if (good && config_is_given(config, "decoder.latent") && config->decoder.latent != latent)
    good = error_set(error, "decoder.latent = %lld, but the decoder in decoder.file = %s has %lld",
                     (long long)config->decoder.latent, name, (long long)latent);
  if (good) config->decoder.latent = latent;
  good = good && check_weights(&source, (size_t)latent, layers, error) &&
         agree_on_layers(&source, layers, &config->decoder.layers, error) &&
         agree_on_loss(file, config, error);
  memory_free(&layers);
  return good;
}

bool decoder_file_describe(struct config *config, struct scaling **scaling, struct error *error) {
  const struct config_decoder *decoder = &config->decoder;
  struct h5_file *file = h5_open(decoder->file, "decoder.file", error);
  if (file == NULL) return false;
  bool good = describe_decoder(file, config, error) && describe_encoder(file, config, error);
  if (good) {
    const size_t n = network_outputs((size_t)decoder->latent, (size_t)decoder->layers.count,
                                     decoder->layers.list);
    good = decoder_file_read_scaling(file, decoder->file, n, scaling, error);
  }
  h5_close(&file);
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

// The value of a row of the table of layers.
static void declare_value(struct h5_file *file, const char *path, const struct config_row *row,
                          const struct layer_spec *spec) {
  const void *value = (const char *)spec + row->offset;
  const char *attribute = attribute_of(row);
  if (row->type == TYPE_INTEGER)
    h5_write_integer(file, path, attribute, *(const int64_t *)value);
  else if (row->type == TYPE_NUMBER)
    h5_write_number(file, path, attribute, *(const double *)value);
  else if (row->type == TYPE_CHOICE)
    h5_write_text(file, path, attribute, row->name(*(const int *)value));
  else if (row->type == TYPE_SIZES)
    write_sizes(file, path, attribute, value);
  else if (row->type == TYPE_BRANCHES)
    write_sizes(file, path, attribute,
                &(struct layer_sizes){2, {spec->branch[0], spec->branch[1]}});
}

static void declare_kind(struct h5_file *file, const char *path, const struct layer *layer) {
  h5_write_text(file, path, "kind", layer_name(layer->kind));
  for (size_t r = 0; r < config_layer_row_count; r++)
    if (config_layer_uses(&config_layer_rows[r], &layer->spec))
      declare_value(file, path, &config_layer_rows[r], &layer->spec);
  struct layer_sizes shape = {.count = (int64_t)layer->to.axes};
  for (int64_t axis = 0; axis < shape.count; axis++)
    shape.value[axis] = (int64_t)layer->to.size[axis];
  write_sizes(file, path, "output_shape", &shape);
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
                          const struct scaling *scaling, const char *shape) {
  h5_group(file, decoder_group,
           "trained decoder: x = layer_L(... layer_0(z)); "
           "layer(a) = activation(weight a + bias); see each layer's kind");
  h5_write_integer(file, decoder_group, "latent", (int64_t)decoder->d);
  h5_write_integer(file, decoder_group, "n", (int64_t)decoder->n);
  h5_write_text(file, decoder_group, "loss", loss_name(decoder->loss));
  h5_write_text(file, decoder_group, "shape", shape);
  decoder_file_declare_scaling(file, scaling);
  declare_network(file, decoder_group, decoder->network, "one layer of the decoder");
  if (decoder->encoder == NULL) return;
  h5_group(file, encoder_group,
           "encoder trained with the decoder: z = layer_L(... layer_0(y)) of scaled data y");
  declare_network(file, encoder_group, decoder->encoder, "one layer of the encoder");
}

void decoder_file_declare_layer(struct h5_file *file, const char *group, const struct layer *layer,
                                const char *description) {
  enum { AXES = LAYER_AXES + 1 };
  const bool in_out = layer_ops(layer->kind)->weight_in_out;
  char path[NAME], kernel[AXES][NAME];
  const char *names[AXES] = {in_out ? "in" : "out", in_out ? "out" : "in"};
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
