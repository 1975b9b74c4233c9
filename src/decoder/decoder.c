#include "decoder/decoder.h"

#include <string.h>

#include "decoder/activation.h"
#include "ground/memory.h"

struct decoder *decoder_layout(size_t d, size_t layer_count, const struct layer_spec *specs,
                               enum loss_kind loss) {
  struct decoder *decoder = memory_new(struct decoder, 1);
  decoder->network = network_create(d, layer_count, specs, 0, 0);
  decoder->d = d;
  decoder->n = decoder->network->outputs;
  decoder->loss = loss;
  decoder->count = decoder->network->end;
  return decoder;
}

void decoder_add_encoder(struct decoder *decoder, size_t layer_count,
                         const struct layer_spec *specs) {
  decoder->encoder =
      network_create(decoder->n, layer_count, specs, decoder->count, decoder->network->packed_end);
  if (decoder->encoder->outputs != decoder->d)
    error_fatal("an encoder with %zu outputs for a latent of %zu numbers",
                decoder->encoder->outputs, decoder->d);
  decoder->count = decoder->encoder->end;
}

bool decoder_mirror(size_t d, size_t layer_count, const struct layer_spec *specs,
                    struct layer_spec *mirror) {
  for (size_t l = 0; l < layer_count; l++)
    if (specs[l].kind != LAYER_DENSE) return false;
  for (size_t l = 0; l + 1 < layer_count; l++) mirror[l] = specs[layer_count - 2 - l];
  mirror[layer_count - 1] = (struct layer_spec){
      .kind = LAYER_DENSE, .width = (int64_t)d, .activation = ACTIVATION_IDENTITY};
  return true;
}

void decoder_allocate(struct decoder *decoder) {
  decoder->theta = memory_new(real, decoder->count);
  decoder->packed = memory_new(real, decoder_packed_size(decoder));
  const size_t work = network_work(decoder->network);
  const size_t other = decoder->encoder != NULL ? network_work(decoder->encoder) : 0;
  decoder->work = memory_new(real, work > other ? work : other);
}

size_t decoder_packed_size(const struct decoder *decoder) {
  return decoder->encoder != NULL ? decoder->encoder->packed_end : decoder->network->packed_end;
}

void decoder_pack(struct decoder *decoder) {
  const struct network *encoder = decoder->encoder;
  network_pack(decoder->network, decoder->theta, decoder->packed, decoder->work);
  if (encoder != NULL) network_pack(encoder, decoder->theta, decoder->packed, decoder->work);
}

struct network_values decoder_values(const struct decoder *decoder) {
  return (struct network_values){decoder->theta, decoder->packed};
}

struct decoder *decoder_create(size_t d, size_t layer_count, const struct layer_spec *specs,
                               enum loss_kind loss) {
  struct decoder *decoder = decoder_layout(d, layer_count, specs, loss);
  decoder_allocate(decoder);
  return decoder;
}

void decoder_destroy(struct decoder **decoder) {
  if (*decoder == NULL) return;
  network_destroy(&(*decoder)->network);
  network_destroy(&(*decoder)->encoder);
  memory_free(&(*decoder)->theta);
  memory_free(&(*decoder)->packed);
  memory_free(&(*decoder)->work);
  memory_free(&(*decoder)->outputs);
  memory_free(&(*decoder)->chains);
  memory_free(decoder);
}

struct decoder *decoder_excerpt(const struct decoder *decoder, size_t count,
                                const size_t *outputs) {
  size_t *chains = memory_new(size_t, count);
  network_excerpt_chains(count, outputs, chains);
  struct network *network = network_excerpt(decoder->network, count, chains);
  if (network == NULL) {
    memory_free(&chains);
    return NULL;
  }
  struct decoder *excerpt = memory_new(struct decoder, 1);
  *excerpt = (struct decoder){.d = decoder->d,
                              .n = count,
                              .loss = decoder->loss,
                              .network = network,
                              .count = network->end,
                              .outputs = memory_new(size_t, count),
                              .chains = chains};
  memcpy(excerpt->outputs, outputs, count * sizeof *outputs);
  decoder_allocate(excerpt);
  network_excerpt_theta(decoder->network, network, outputs, decoder->theta, excerpt->theta);
  decoder_pack(excerpt);
  return excerpt;
}

double decoder_excerpt_bytes(const struct decoder *decoder, size_t count) {
  struct network *network = network_excerpt(decoder->network, count, NULL);
  if (network == NULL) return 0.0;
  const double bytes =
      (double)(network->end + network->packed_end + network_work(network)) * sizeof(real) +
      2.0 * (double)count * sizeof(size_t);
  network_destroy(&network);
  return bytes;
}

void decoder_initialise(struct decoder *decoder, uint64_t seed) {
  network_initialise(decoder->network, seed, 0, decoder->theta);
  if (decoder->encoder != NULL)
    network_initialise(decoder->encoder, seed, decoder->network->layer_count, decoder->theta);
  decoder_pack(decoder);
}
