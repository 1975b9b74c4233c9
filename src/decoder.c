#include "decoder.h"

#include "memory.h"

struct decoder *decoder_layout(size_t d, size_t layer_count, const struct layer_spec *specs,
                               int loss) {
  struct decoder *decoder = memory_new(struct decoder, 1);
  decoder->d = decoder->n = d;
  decoder->loss = loss;
  decoder->layer_count = layer_count;
  decoder->layers = memory_new(struct layer, layer_count);
  for (size_t l = 0; l < layer_count; l++) {
    struct layer *layer = &decoder->layers[l];
    layer->kind = specs[l].kind;
    layer->activation = specs[l].activation;
    layer->inputs = decoder->n;
    layer_ops(layer->kind)->place(layer, &specs[l]);
    layer->weight = decoder->count;
    layer->bias = layer->weight + real_padded(layer->weight_count);
    decoder->count = layer->bias + real_padded(layer->outputs);
    decoder->n = layer->outputs;
  }
  return decoder;
}

void decoder_allocate(struct decoder *decoder) {
  decoder->theta = memory_new(real, decoder->count);
}

struct decoder *decoder_create(size_t d, size_t layer_count, const struct layer_spec *specs,
                               int loss) {
  struct decoder *decoder = decoder_layout(d, layer_count, specs, loss);
  decoder_allocate(decoder);
  return decoder;
}

void decoder_destroy(struct decoder **decoder) {
  if (*decoder == NULL) return;
  memory_free(&(*decoder)->layers);
  memory_free(&(*decoder)->theta);
  memory_free(decoder);
}

void decoder_initialise(struct decoder *decoder, uint64_t seed) {
  for (size_t l = 0; l < decoder->layer_count; l++)
    layer_ops(decoder->layers[l].kind)->initialise(&decoder->layers[l], seed, l, decoder->theta);
}

size_t decoder_parameters(const struct decoder *decoder) {
  size_t count = 0;
  for (size_t l = 0; l < decoder->layer_count; l++)
    count += decoder->layers[l].weight_count + decoder->layers[l].outputs;
  return count;
}

double decoder_flops(const struct decoder *decoder) {
  double flops = 0.0;
  for (size_t l = 0; l < decoder->layer_count; l++)
    flops += 4.0 * (double)decoder->layers[l].inputs * (double)decoder->layers[l].outputs;
  return flops;
}

void decoder_narrow(const struct decoder *decoder, struct placement_rule *rule) {
  for (size_t l = 0; l < decoder->layer_count; l++)
    layer_ops(decoder->layers[l].kind)->narrow(&decoder->layers[l], rule);
}
