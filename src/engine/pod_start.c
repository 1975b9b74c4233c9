#include "engine/pod_start.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decoder/activation.h"
#include "engine/pod.h"
#include "engine/pod_branch.h"
#include "engine/pod_codes.h"
#include "engine/pod_samples.h"
#include "engine/predictor.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "input/config_table.h"
#include "numerics/dense.h"
#include "numerics/portable.h"

enum { FEW = 5000 };             // samples from which on a random start is as good
static const double gain = 1.4;  // of hidden weights: their deviation times the root of the fan-in

// Defined here, because `run` may include `pod`, but not the reverse.
struct pod *pod_fit(struct run *run, size_t d) {
  return pod_fit_set(run->comm, run->sets[SET_TRAIN], run->config.decoder.loss, d);
}

bool pod_start_wanted(const struct run *run) {
  const struct config *config = &run->config;
  return run->used[SET_TRAIN] && config->decoder.file[0] == '\0' &&
         (config->run.model == MODEL_POD || config->decoder.initial == INITIAL_POD);
}

// ---- layers ----

static bool is_zero_at_zero(enum activation_kind kind) {
  return kind != ACTIVATION_SIGMOID && kind != ACTIVATION_SOFTPLUS;
}

// Whether the output of layer l can be made 0 by the parameters of the last layers; if `theta` is
// given, sets these to 0.
static bool end_at_zero(const struct network *network, size_t l, real *theta) {
  if (l == LAYER_NONE) return false;
  const struct layer *layer = &network->layers[l];
  if (!is_zero_at_zero(layer->activation)) return false;
  if (layer->weight_count > 0) {
    if (theta == NULL) return true;
    memset(theta + layer->weight, 0, layer->weight_count * sizeof *theta);
    memset(theta + layer->bias, 0, layer->bias_count * sizeof *theta);
    return true;
  }
  bool good = true;
  for (size_t k = 0; k < layer->sources; k++)
    good = end_at_zero(network, layer->source[k], theta) && good;
  return good;
}

static bool list_ends_at_zero(size_t inputs, const struct config_layers *layers) {
  struct network *network = network_create(inputs, (size_t)layers->count, layers->list, 0, 0);
  const bool good = end_at_zero(network, network->layer_count - 1, NULL);
  network_destroy(&network);
  return good;
}

static struct layer_spec linear(size_t width) {
  return (struct layer_spec){
      .kind = LAYER_DENSE, .width = (int64_t)width, .activation = ACTIVATION_IDENTITY};
}

// Adds a linear layer in parallel to a list of valid layers, if there is none.
static bool put_beside(size_t inputs, const char *key, struct config_layers *layers,
                       struct error *error) {
  if (pod_branch_beside(layers->count, layers->list) > 0) return true;
  if (layers->count + 3 > CONFIG_LAYERS)
    return error_set(error, "%s: with decoder.initial = pod at most %d layers are allowed", key,
                     CONFIG_LAYERS - 3);
  struct network *network = network_create(inputs, (size_t)layers->count, layers->list, 0, 0);
  const struct layer_shape *shape = network_shape(network);
  const int64_t first = layers->count;
  layers->list[layers->count++] = linear(network->outputs);
  if (layer_is_field(shape)) {
    struct layer_spec *reshape = &layers->list[layers->count++];
    *reshape = (struct layer_spec){.kind = LAYER_RESHAPE, .activation = ACTIVATION_IDENTITY};
    reshape->sizes.count = (int64_t)shape->axes;
    for (size_t axis = 0; axis < shape->axes; axis++)
      reshape->sizes.value[axis] = (int64_t)shape->size[axis];
  }
  const int64_t second = layers->count - first;
  layers->list[layers->count++] = (struct layer_spec){
      .kind = LAYER_RESIDUAL, .activation = ACTIVATION_IDENTITY, .branch = {first, second}};
  network_destroy(&network);
  return true;
}

// The layers that are trained in addition to the linear one.
static struct config_layers without_branch(const struct config_layers *layers) {
  struct config_layers others = *layers;
  const int64_t first = pod_branch_beside(layers->count, layers->list);
  if (first > 0) others.count = first;
  return others;
}

// Whether the layers can be used in parallel to the POD; if not, the reason is in *error.
static bool may_begin_at_pod(size_t inputs, const char *key, const struct config_layers *layers,
                             struct error *error) {
  if (network_check(inputs, (size_t)layers->count, layers->list, error) < (size_t)layers->count)
    return error_set(error, "%s: %s", key, error->text);
  const struct config_layers others = without_branch(layers);
  return list_ends_at_zero(inputs, &others) ||
         error_set(error,
                   "%s: decoder.initial = %s needs layers whose output can begin at 0: not with a "
                   "last activation %s or %s, nor with a last residual that passes its input on; "
                   "use another, or decoder.initial: %s",
                   key, initial_name(INITIAL_POD), activation_name(ACTIVATION_SIGMOID),
                   activation_name(ACTIVATION_SOFTPLUS), initial_name(INITIAL_RANDOM));
}

static enum initial choose(const struct run *run) {
  struct error ignored = {""};
  const struct config_decoder *decoder = &run->config.decoder;
  const bool few = run->used[SET_TRAIN] && run->shapes[SET_TRAIN].count < FEW;
  return few && decoder->file[0] == '\0' &&
                 may_begin_at_pod((size_t)decoder->latent, "", &decoder->layers, &ignored)
             ? INITIAL_POD
             : INITIAL_RANDOM;
}

// The encoder's layers: those given, or the mirror of the decoder's, beside a linear one.
static void settle_encoder(struct run *run, struct error *error) {
  struct config *config = &run->config;
  struct config_layers *encoder = &config->encoder.layers;
  const struct config_layers others = without_branch(&config->decoder.layers);
  const size_t d = (size_t)config->decoder.latent;
  const size_t n = network_outputs(d, (size_t)others.count, others.list);
  if (encoder->count == 0 && decoder_mirror(d, (size_t)others.count, others.list, encoder->list))
    encoder->count = others.count;
  if (encoder->count == 0 || !may_begin_at_pod(n, "encoder.layers", encoder, error)) return;
  config->given[config_parameter_find("encoder.layers")] = true;
  put_beside(n, "encoder.layers", encoder, error);
}

void pod_start_settle(struct run *run, struct error *error) {
  struct config *config = &run->config;
  struct config_decoder *decoder = &config->decoder;
  if (config->run.model == MODEL_POD) {
    decoder->initial = INITIAL_RANDOM;
    if (!pod_start_wanted(run)) return;
    decoder->layers.count = 1;
    decoder->layers.list[0] = linear(run->shapes[SET_TRAIN].n);
    config->given[config_parameter_find("decoder.layers")] = true;
    return;
  }
  if (decoder->initial == INITIAL_AUTO) decoder->initial = choose(run);
  if (!pod_start_wanted(run)) return;
  const size_t d = (size_t)decoder->latent;
  if (!may_begin_at_pod(d, "decoder.layers", &decoder->layers, error)) return;
  if (config->run.model == MODEL_AUTOENCODER) settle_encoder(run, error);
  if (!error_is_set(error)) put_beside(d, "decoder.layers", &decoder->layers, error);
}

// ---- parameters ----

// From the normal distribution (Box and Muller 1958).
static double normal(uint64_t seed, uint64_t layer, uint64_t i) {
  const double u = rng_uniform(seed, RNG_POD, 2 * layer, i);
  const double v = rng_uniform(seed, RNG_POD, 2 * layer + 1, i);
  return sqrt(-2.0 * portable_log(u)) * portable_cos(6.283185307179586 * v);
}

// Hidden layers with normal weights, without biases; the last ones 0. `first` is the number of the
// network's first layer among those of decoder and encoder.
static void begin_layers(const struct network *network, uint64_t seed, uint64_t first,
                         real *theta) {
  const struct layer *branch = pod_branch_find(network);
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    if (layer->weight_count == 0 || layer == branch) continue;
    const double deviation = gain * layer_ops(layer->kind)->bound(layer);
    for (size_t i = 0; i < layer->weight_count; i++)
      theta[layer->weight + i] = (real)(deviation * normal(seed, first + layer->number, i));
    memset(theta + layer->bias, 0, layer->bias_count * sizeof *theta);
  }
  const struct layer *last = &network->layers[network->layer_count - 1];
  if (last->number == LAYER_NONE) last = &network->layers[last->source[0]];
  if (last->kind == LAYER_RESIDUAL) end_at_zero(network, last->source[0], theta);
}

static void set_decoder_branch(struct decoder *decoder, const struct pod *pod) {
  const struct layer *layer = pod_branch_find(decoder->network);
  real *weight = decoder->theta + layer->weight;
  for (size_t j = 0; j < pod->n; j++) {
    decoder->theta[layer->bias + j] = pod->mean[j];
    for (size_t k = 0; k < pod->d; k++)
      weight[j * pod->d + k] = (real)(pod->s[k] * (double)pod->modes[k * pod->stride + j]);
  }
}

// z = matrix y + shift, which gives the codes of samples.
static void set_encoder_branch(struct decoder *decoder, const double *matrix, const double *shift) {
  const struct layer *layer = pod_branch_find(decoder->encoder);
  for (size_t i = 0; i < decoder->d * decoder->n; i++)
    decoder->theta[layer->weight + i] = (real)matrix[i];
  for (size_t k = 0; k < decoder->d; k++) decoder->theta[layer->bias + k] = (real)shift[k];
}

// Least squares: (U^T U)^-1 U^T (y - mean) / s, 0 where s is 0.
static void find_codes_of_squares(const struct pod *pod, double *matrix, double *shift) {
  size_t active = 0;
  while (active < pod->d && pod->s[active] > 0.0) active++;
  double *products = memory_new(double, active *active), *column = memory_new(double, active);
  for (size_t i = 0; i < active; i++)
    for (size_t k = 0; k <= i; k++)
      for (size_t j = 0; j < pod->n; j++)
        products[i * active + k] +=
            (double)pod->modes[i * pod->stride + j] * (double)pod->modes[k * pod->stride + j];
  const bool good = dense_cholesky(active, products);
  for (size_t j = 0; j < pod->n && good; j++) {
    for (size_t k = 0; k < active; k++) column[k] = (double)pod->modes[k * pod->stride + j];
    dense_cholesky_solve(active, products, 1, column);
    for (size_t k = 0; k < active; k++) {
      matrix[k * pod->n + j] = column[k] / pod->s[k];
      shift[k] -= matrix[k * pod->n + j] * (double)pod->mean[j];
    }
  }
  memory_free(&products);
  memory_free(&column);
}

// Codes of logits are not linear in the data; a ridge regression comes close.
static void find_codes_of_logits(struct run *run, double *matrix, double *shift) {
  const size_t d = run->pod->d, n = run->pod->n;
  struct dataset *few = pod_samples_thin(run->comm, run->sets[SET_TRAIN], POD_LOGISTIC_MOST);
  real *z = memory_new(real, (size_t)few->local_count * real_padded(d));
  pod_encode(run->pod, (size_t)few->local_count, few->y, few->w, z);
  const struct samples samples = {.count = few->local_count,
                                  .y = few->y,
                                  .w = few->w,
                                  .position_first = few->local_first,
                                  .total = few->count};
  struct predictor *p = predictor_fit(comm_ranks(run->comm), &samples, d, n, z);
  for (size_t k = 0; k < d; k++) {
    shift[k] = (double)p->mean_latent[k];
    for (size_t j = 0; j < n; j++) {
      matrix[k * n + j] = (double)p->matrix[k * n + j];
      shift[k] -= matrix[k * n + j] * (double)p->mean_sample[j];
    }
  }
  predictor_destroy(&p);
  memory_free(&z);
  pod_samples_thin_free(&few);
}

static void begin_encoder(struct run *run) {
  struct decoder *decoder = run->decoder;
  double *matrix = memory_new(double, decoder->d * decoder->n);
  double *shift = memory_new(double, decoder->d);
  begin_layers(decoder->encoder, (uint64_t)run->config.run.seed, decoder->network->layer_count,
               decoder->theta);
  if (decoder->loss == LOSS_BCE)
    find_codes_of_logits(run, matrix, shift);
  else
    find_codes_of_squares(run->pod, matrix, shift);
  set_encoder_branch(decoder, matrix, shift);
  memory_free(&matrix);
  memory_free(&shift);
}

void pod_start_decoder(struct run *run) {
  struct decoder *decoder = run->decoder;
  run->pod = pod_fit(run, decoder->d);
  begin_layers(decoder->network, (uint64_t)run->config.run.seed, 0, decoder->theta);
  set_decoder_branch(decoder, run->pod);
  if (decoder->encoder != NULL) begin_encoder(run);
  decoder_pack(decoder);
}

void pod_start_latents(const struct run *run, real *latents) {
  const struct dataset *data = run->sets[SET_TRAIN];
  if (run->pod != NULL) pod_encode(run->pod, (size_t)data->local_count, data->y, data->w, latents);
}

double pod_start_bytes(const struct run *run) {
  return pod_bytes(comm_size(run->comm), &run->shapes[SET_TRAIN], run->config.decoder.loss,
                   run->decoder->d);
}
