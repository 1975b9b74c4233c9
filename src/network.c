#include "network.h"

#include "memory.h"

struct network *network_create(size_t inputs, size_t layer_count, const struct layer_spec *specs,
                               size_t begin) {
  struct network *network = memory_new(struct network, 1);
  network->inputs = network->outputs = inputs;
  network->begin = network->end = begin;
  network->layer_count = layer_count;
  network->layers = memory_new(struct layer, layer_count);
  for (size_t l = 0; l < layer_count; l++) {
    struct layer *layer = &network->layers[l];
    layer->kind = specs[l].kind;
    layer->activation = specs[l].activation;
    layer->inputs = network->outputs;
    layer_ops(layer->kind)->place(layer, &specs[l]);
    layer->weight = network->end;
    layer->bias = layer->weight + real_padded(layer->weight_count);
    network->end = layer->bias + real_padded(layer->outputs);
    network->outputs = layer->outputs;
  }
  return network;
}

void network_destroy(struct network **network) {
  if (*network == NULL) return;
  memory_free(&(*network)->layers);
  memory_free(network);
}

void network_initialise(const struct network *network, uint64_t seed, uint64_t first, real *theta) {
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    layer_ops(layer->kind)->initialise(layer, seed, first + l, theta);
  }
}

size_t network_parameters(const struct network *network) {
  size_t count = 0;
  for (size_t l = 0; l < network->layer_count; l++)
    count += network->layers[l].weight_count + network->layers[l].outputs;
  return count;
}

double network_flops(const struct network *network) {
  double flops = 0.0;
  for (size_t l = 0; l < network->layer_count; l++)
    flops += 4.0 * (double)network->layers[l].inputs * (double)network->layers[l].outputs;
  return flops;
}

void network_narrow(const struct network *network, struct placement_rule *rule) {
  for (size_t l = 0; l < network->layer_count; l++)
    layer_ops(network->layers[l].kind)->narrow(&network->layers[l], rule);
}
