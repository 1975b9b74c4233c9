#include "decoder/network.h"

#include <assert.h>
#include <string.h>

#include "decoder/activation.h"
#include "ground/memory.h"

// ---- layout ----

// The layers whose outputs each layer takes, by their numbers; LAYER_NONE is the network's input.
struct sources {
  size_t count, source[2];
};

// A layer takes the output of the previous one, except that the second branch of a residual begins
// where the first one does, and the residual takes the ends of both. The list is traversed
// backwards, so that a residual is resolved before those inside it.
static void find_sources(size_t count, const struct layer_spec *specs, struct sources *sources) {
  for (size_t l = 0; l < count; l++)
    sources[l] = (struct sources){1, {l > 0 ? l - 1 : LAYER_NONE, LAYER_NONE}};
  for (size_t l = count; l-- > 0;) {
    if (specs[l].kind != LAYER_RESIDUAL) continue;
    const size_t length[] = {(size_t)specs[l].branch[0], (size_t)specs[l].branch[1]};
    const size_t second = l - length[1], first = second - length[0];
    const size_t begin = sources[first].source[0];
    if (length[1] > 0) sources[second].source[0] = begin;
    sources[l].count = 2;
    sources[l].source[0] = length[0] > 0 ? second - 1 : begin;
    sources[l].source[1] = length[1] > 0 ? l - 1 : begin;
  }
}

// Whether layers begin ... end - 1 are a branch: no residual among them reaches beyond it.
static bool is_branch(const struct layer_spec *specs, int64_t begin, int64_t end) {
  while (end > begin) {
    const struct layer_spec *last = &specs[end - 1];
    end -= 1 + (last->kind == LAYER_RESIDUAL ? last->branch[0] + last->branch[1] : 0);
  }
  return end == begin;
}

// The branches of a residual precede it; at least one of them is not empty.
static bool check_branches(const struct layer_spec *specs, size_t l, struct error *error) {
  const int64_t *branch = specs[l].branch, end = (int64_t)l;
  if (specs[l].kind != LAYER_RESIDUAL) return true;
  if (branch[0] + branch[1] > 0 && branch[0] + branch[1] <= end &&
      is_branch(specs, end - branch[1], end) &&
      is_branch(specs, end - branch[1] - branch[0], end - branch[1]))
    return true;
  return error_set(error, "the %lld and %lld layers before it are not two branches",
                   (long long)branch[0], (long long)branch[1]);
}

// Gives a layer the next stretches of the blocks of parameters and of packed weights.
static void place_parameters(struct network *network, struct layer *layer) {
  const struct layer_ops *ops = layer_ops(layer->kind);
  layer->weight = network->end;
  layer->bias = layer->weight + real_padded(layer->weight_count);
  network->end = layer->bias + real_padded(layer->bias_count);
  layer->packed = network->packed_end;
  if (ops->packed != NULL) network->packed_end += ops->packed(layer);
}

static bool append(struct network *network, size_t number, const struct layer_spec *spec,
                   const struct sources *sources, struct error *error) {
  static const struct layer_shape nothing = {0};
  struct layer *layer = &network->layers[network->layer_count];
  struct layer_shape from[2] = {nothing, nothing};
  for (size_t k = 0; k < sources->count; k++)
    from[k] = sources->source[k] == LAYER_NONE ? (struct layer_shape){1, {network->inputs}}
                                               : network->layers[sources->source[k]].to;
  *layer = (struct layer){.kind = spec->kind,
                          .activation = spec->activation,
                          .spec = *spec,
                          .number = number,
                          .from = from[0],
                          .inputs = layer_shape_size(&from[0]),
                          .sources = sources->count,
                          .source = {sources->source[0], sources->source[1]}};
  if (sources->count == 2) {
    char text[2][LAYER_SHAPE_TEXT];
    bool same = from[0].axes == from[1].axes;
    for (size_t axis = 0; axis < from[0].axes && same; axis++)
      same = from[0].size[axis] == from[1].size[axis];
    if (!same)
      return error_set(error, "its branches must have the same shape, but end with %s and %s",
                       layer_shape_text(&from[0], text[0]), layer_shape_text(&from[1], text[1]));
  }
  if (!layer_ops(layer->kind)->place(layer, spec, error)) return false;
  place_parameters(network, layer);
  network->layer_count++;
  return true;
}

// Appends a reshape after layer `source` that flattens a field.
static void flatten(struct network *network, size_t source) {
  struct error error = {""};
  const struct layer *layer = &network->layers[source];
  const struct layer_spec spec = {.kind = LAYER_RESHAPE,
                                  .activation = ACTIVATION_IDENTITY,
                                  .sizes = {1, {(int64_t)layer->outputs}}};
  append(network, LAYER_NONE, &spec, &(struct sources){1, {source, LAYER_NONE}}, &error);
}

// How often a layer's output, or the network's input, is used by layers from `from` on.
static size_t count_users(const struct network *network, size_t source, size_t from) {
  size_t count = 0;
  for (size_t l = from; l < network->layer_count; l++)
    for (size_t k = 0; k < network->layers[l].sources; k++)
      if (network->layers[l].source[k] == source) count++;
  return count;
}

// Marks sources that are also used later, which the backward pass has reached before, and those
// that nothing else uses.
static void find_shared(struct network *network) {
  for (size_t l = 0; l < network->layer_count; l++)
    for (size_t k = 0; k < network->layers[l].sources; k++) {
      struct layer *layer = &network->layers[l];
      const bool both = k == 0 && layer->sources == 2 && layer->source[1] == layer->source[0];
      layer->shared[k] = both || count_users(network, layer->source[k], l + 1) > 0;
      layer->sole[k] = count_users(network, layer->source[k], 0) == 1;
    }
}

// The number of the first layer that does not fit; `count` if all do.
static size_t place_layers(struct network *network, size_t count, const struct layer_spec *specs,
                           struct error *error) {
  struct sources *sources = memory_new(struct sources, count);
  size_t *places = memory_new(size_t, count), l = 0;  // where a layer of the list stands
  network->layers = memory_new(struct layer, 2 * count + 1);
  struct error reason = {""};
  size_t sound = 0;
  while (sound < count && check_branches(specs, sound, &reason)) sound++;
  find_sources(sound, specs, sources);
  for (; l < sound; l++) {
    struct sources from = sources[l];
    for (size_t k = 0; k < from.count; k++)
      if (from.source[k] != LAYER_NONE) from.source[k] = places[from.source[k]];
    if (layer_ops(specs[l].kind)->flat && from.source[0] != LAYER_NONE &&
        layer_is_field(&network->layers[from.source[0]].to)) {
      flatten(network, from.source[0]);
      from.source[0] = network->layer_count - 1;
    }
    places[l] = network->layer_count;
    struct error unfit = {""};
    if (append(network, l, &specs[l], &from, &unfit)) continue;
    reason = unfit;
    break;
  }
  if (l < count) error_set(error, "%s", reason.text);
  if (l == count && layer_is_field(&network->layers[network->layer_count - 1].to))
    flatten(network, network->layer_count - 1);
  find_shared(network);
  memory_free(&sources);
  memory_free(&places);
  return l;
}

size_t network_check(size_t inputs, size_t count, const struct layer_spec *specs,
                     struct error *error) {
  struct network network = {.inputs = inputs};
  const size_t wrong = place_layers(&network, count, specs, error);
  memory_free(&network.layers);
  return wrong;
}

struct network *network_create(size_t inputs, size_t count, const struct layer_spec *specs,
                               size_t begin, size_t packed_begin) {
  struct error error = {""};
  struct network *network = memory_new(struct network, 1);
  assert(inputs > 0 && count > 0 && begin % REAL_PAD == 0);
  network->inputs = inputs;
  network->begin = network->end = begin;
  network->packed_begin = network->packed_end = packed_begin;
  if (place_layers(network, count, specs, &error) < count) error_fatal("%s", error.text);
  network->outputs = network->layers[network->layer_count - 1].outputs;
  return network;
}

void network_destroy(struct network **network) {
  if (*network == NULL) return;
  memory_free(&(*network)->layers);
  memory_free(network);
}

size_t network_outputs(size_t inputs, size_t count, const struct layer_spec *specs) {
  struct network *network = network_create(inputs, count, specs, 0, 0);
  const size_t outputs = network->outputs;
  network_destroy(&network);
  return outputs;
}

const struct layer_shape *network_shape(const struct network *network) {
  const struct layer *last = &network->layers[network->layer_count - 1];
  return last->number == LAYER_NONE ? &last->from : &last->to;
}

// ---- excerpts ----

// Which layers give the outputs: dense ones, and where these are summed. False if others do.
static bool find_last(const struct network *network, bool *last) {
  last[network->layer_count - 1] = true;
  for (size_t l = network->layer_count; l-- > 0;) {
    const struct layer *layer = &network->layers[l];
    if (!last[l] || layer->kind == LAYER_DENSE) continue;
    if (layer->kind != LAYER_RESIDUAL) return false;
    for (size_t k = 0; k < layer->sources; k++) {
      if (layer->source[k] == LAYER_NONE || !layer->sole[k]) return false;
      last[layer->source[k]] = true;
    }
  }
  return true;
}

size_t network_output_layers(const struct network *network, const struct layer **layers) {
  bool *last = memory_new(bool, network->layer_count);
  size_t count = 0;
  bool linear = find_last(network, last);
  for (size_t l = 0; l < network->layer_count && linear; l++) {
    if (!last[l]) continue;
    linear = network->layers[l].activation == ACTIVATION_IDENTITY;
    if (network->layers[l].kind == LAYER_DENSE) layers[count++] = &network->layers[l];
  }
  memory_free(&last);
  return linear ? count : 0;
}

static void narrow(struct layer *layer, size_t outputs, const size_t *chains) {
  layer->to = (struct layer_shape){1, {outputs}};
  layer->outputs = outputs;
  if (layer->kind == LAYER_RESIDUAL) {
    layer->from = layer->to;
    layer->inputs = outputs;
    return;
  }
  layer->spec.width = (int64_t)outputs;
  layer->weight_rows = layer->bias_count = outputs;
  layer->weight_count = outputs * layer->inputs;
  layer->chains = chains;
}

struct network *network_excerpt(const struct network *network, size_t count, const size_t *chains) {
  struct network *excerpt = NULL;
  bool *last = memory_new(bool, network->layer_count);
  if (find_last(network, last)) {
    excerpt = memory_new(struct network, 1);
    *excerpt = (struct network){.inputs = network->inputs,
                                .outputs = count,
                                .layer_count = network->layer_count,
                                .layers = memory_new(struct layer, network->layer_count)};
    for (size_t l = 0; l < network->layer_count; l++) {
      excerpt->layers[l] = network->layers[l];
      if (last[l]) narrow(&excerpt->layers[l], count, chains);
      place_parameters(excerpt, &excerpt->layers[l]);
    }
  }
  memory_free(&last);
  return excerpt;
}

void network_excerpt_chains(size_t count, const size_t *outputs, size_t *chains) {
  for (size_t i = 1, c = 0; i <= count; i++)
    if (i == count || outputs[i] / PRODUCT_CHAIN != outputs[i - 1] / PRODUCT_CHAIN) chains[c++] = i;
}

void network_excerpt_theta(const struct network *network, const struct network *excerpt,
                           const size_t *outputs, const real *theta, real *excerpt_theta) {
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *from = &network->layers[l], *to = &excerpt->layers[l];
    real *weight = excerpt_theta + to->weight, *bias = excerpt_theta + to->bias;
    if (to->chains == NULL) {
      memcpy(weight, theta + from->weight, to->weight_count * sizeof *theta);
      memcpy(bias, theta + from->bias, to->bias_count * sizeof *theta);
      continue;
    }
    for (size_t i = 0; i < to->outputs; i++) {
      memcpy(weight + i * to->inputs, theta + from->weight + outputs[i] * from->inputs,
             to->inputs * sizeof *theta);
      bias[i] = theta[from->bias + outputs[i]];
    }
  }
}

// ---- parameters ----

void network_initialise(const struct network *network, uint64_t seed, uint64_t first, real *theta) {
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    if (layer->number != LAYER_NONE) layer_initialise(layer, seed, first + layer->number, theta);
  }
}

size_t network_parameters(const struct network *network) {
  size_t count = 0;
  for (size_t l = 0; l < network->layer_count; l++)
    count += network->layers[l].weight_count + network->layers[l].bias_count;
  return count;
}

double network_flops(const struct network *network) {
  double flops = 0.0;
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    const bool space = !layer_ops(layer->kind)->flat;  // a product for each position of the grid
    flops += 4.0 * (double)layer->weight_count *
             (space ? (double)convolution_positions(layer->map.grid) : 1);
  }
  return flops;
}

void network_pack(const struct network *network, const real *theta, real *packed, real *work) {
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    if (layer_ops(layer->kind)->pack != NULL)
      layer_ops(layer->kind)->pack(layer, theta, packed + layer->packed, work);
  }
}

bool network_is_packed(const struct network *network, struct network_values values) {
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    if (layer->kind == LAYER_DENSE &&
        memcmp(&values.theta[layer->weight], &values.packed[layer->packed], sizeof(real)) != 0)
      return false;
  }
  return true;
}

size_t network_work(const struct network *network) {
  size_t most = 0;
  for (size_t l = 0; l < network->layer_count; l++) {
    const size_t work = layer_work(&network->layers[l]);
    if (work > most) most = work;
  }
  return most;
}
