#include "engine/pod_branch.h"

#include <assert.h>
#include <math.h>

#include "decoder/activation.h"
#include "ground/memory.h"

static const struct layer *before(const struct network *network, const struct layer *layer,
                                  size_t source) {
  return layer->source[source] == LAYER_NONE ? NULL : &network->layers[layer->source[source]];
}

const struct layer *pod_branch_find(const struct network *network) {
  const struct layer *layer = &network->layers[network->layer_count - 1];
  if (layer->number == LAYER_NONE) layer = before(network, layer, 0);
  if (layer->kind == LAYER_RESIDUAL && layer->activation == ACTIVATION_IDENTITY)
    layer = before(network, layer, 1);
  if (layer != NULL && layer->kind == LAYER_RESHAPE && layer->activation == ACTIVATION_IDENTITY)
    layer = before(network, layer, 0);
  const bool linear = layer != NULL && layer->kind == LAYER_DENSE &&
                      layer->activation == ACTIVATION_IDENTITY && layer->source[0] == LAYER_NONE;
  return linear ? layer : NULL;
}

int64_t pod_branch_beside(int64_t count, const struct layer_spec *specs) {
  const struct layer_spec *last = &specs[count - 1];
  if (count < 3 || last->kind != LAYER_RESIDUAL || last->activation != ACTIVATION_IDENTITY ||
      last->branch[0] == 0 || last->branch[0] + last->branch[1] + 1 != count)
    return 0;
  const struct layer_spec *second = &specs[last->branch[0]];
  const bool dense = second->kind == LAYER_DENSE && second->activation == ACTIVATION_IDENTITY;
  const bool shaped = last->branch[1] == 2 && second[1].kind == LAYER_RESHAPE &&
                      second[1].activation == ACTIVATION_IDENTITY;
  return dense && (last->branch[1] == 1 || shaped) ? last->branch[0] : 0;
}

struct pod *pod_branch_take(const struct decoder *decoder) {
  const struct layer *layer = pod_branch_find(decoder->network);
  assert(layer != NULL);
  const size_t d = decoder->d, n = decoder->n;
  const real *weight = decoder->theta + layer->weight;
  struct pod *pod = pod_create(n, decoder->loss, d);
  for (size_t j = 0; j < n; j++) pod->mean[j] = decoder->theta[layer->bias + j];
  for (size_t k = 0; k < d; k++) {
    double square = 0.0;
    for (size_t j = 0; j < n; j++) square += (double)weight[j * d + k] * (double)weight[j * d + k];
    pod->s[k] = sqrt(square);
    for (size_t j = 0; j < n && square > 0.0; j++)
      pod->modes[k * pod->stride + j] = (real)((double)weight[j * d + k] / pod->s[k]);
  }
  return pod;
}
