// Layout and initialisation of the decoder, and the dense layer against plain loops.
#include <math.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/decoder.h"
#include "decoder/loss.h"
#include "ground/memory.h"
#include "support/test.h"

static const struct layer_spec specs[] = {
    {.kind = LAYER_DENSE, .width = 5, .activation = ACTIVATION_ELU},
    {.kind = LAYER_DENSE, .width = 7, .activation = ACTIVATION_IDENTITY}};

static void layout(void) {
  struct decoder *decoder = decoder_create(3, 2, specs, LOSS_MSE);
  CHECK(decoder->n == 7, "n is %zu", decoder->n);
  CHECK(network_parameters(decoder->network) == 3 * 5 + 5 + 5 * 7 + 7, "%zu parameters",
        network_parameters(decoder->network));
  CHECK(network_flops(decoder->network) == 4.0 * (15 + 35), "flops %g",
        network_flops(decoder->network));
  for (size_t l = 0; l < 2; l++)
    CHECK(decoder->network->layers[l].weight % REAL_PAD == 0 &&
              decoder->network->layers[l].bias % REAL_PAD == 0,
          "layer %zu is not aligned", l);
  decoder_destroy(&decoder);
  CHECK(decoder == NULL, "the pointer is not cleared");
}

static void initialisation(void) {
  struct decoder *a = decoder_create(3, 2, specs, LOSS_MSE);
  struct decoder *b = decoder_create(3, 2, specs, LOSS_MSE);
  decoder_initialise(a, 1);
  decoder_initialise(b, 1);
  CHECK(memcmp(a->theta, b->theta, a->count * sizeof *a->theta) == 0, "one seed, one decoder");
  decoder_initialise(b, 2);
  CHECK(memcmp(a->theta, b->theta, a->count * sizeof *a->theta) != 0, "another seed, another");
  size_t outside = 0, filled = 0;
  for (size_t i = 0; i < 15; i++) {
    outside += fabs((double)a->theta[a->network->layers[0].weight + i]) > 1 / sqrt(3.0);
    filled += a->theta[a->network->layers[0].weight + i] != 0;
  }
  CHECK(outside == 0 && filled == 15, "weights are uniform in +- 1/sqrt(inputs)");
  decoder_destroy(&a);
  decoder_destroy(&b);
}

// 3 - 5 - 7 becomes 7 - 5 - 3, behind the decoder in the one block.
static void mirror(void) {
  struct layer_spec mirrored[2];
  CHECK(decoder_mirror(3, 2, specs, mirrored), "dense layers have a mirror");
  CHECK(mirrored[0].width == 5 && mirrored[0].activation == ACTIVATION_ELU, "hidden layer");
  CHECK(mirrored[1].width == 3 && mirrored[1].activation == ACTIVATION_IDENTITY, "linear latent");
  const struct layer_spec upsample = {.kind = LAYER_UPSAMPLE, .sizes = {1, {2}}};
  CHECK(!decoder_mirror(3, 1, &upsample, mirrored + 1), "others have none");

  struct decoder *plain = decoder_create(3, 2, specs, LOSS_MSE);
  struct decoder *decoder = decoder_layout(3, 2, specs, LOSS_MSE);
  decoder_mirror(3, 2, specs, mirrored);
  decoder_add_encoder(decoder, 2, mirrored);
  decoder_allocate(decoder);
  CHECK(decoder->encoder->inputs == 7 && decoder->encoder->outputs == 3, "from n to d");
  CHECK(decoder->encoder->begin == plain->count && decoder->count == decoder->encoder->end,
        "begins at %zu, %zu in all", decoder->encoder->begin, decoder->count);
  decoder_initialise(plain, 1);
  decoder_initialise(decoder, 1);
  CHECK(memcmp(plain->theta, decoder->theta, plain->count * sizeof *plain->theta) == 0,
        "the decoder begins as without encoder");
  const struct layer *first = &decoder->encoder->layers[0];
  size_t outside = 0;
  for (size_t i = 0; i < 35; i++) {
    const double value = fabs((double)decoder->theta[first->weight + i]);
    outside += value > 1 / sqrt(7.0) || value == 0;
  }
  CHECK(outside == 0, "%zu weights outside of +- 1/sqrt(inputs)", outside);
  decoder_destroy(&plain);
  decoder_destroy(&decoder);
}

static void dense_products(void) {
  enum { ROWS = 12 };
  struct decoder *decoder = decoder_create(3, 2, specs, LOSS_MSE);
  decoder_initialise(decoder, 1);
  const struct layer *layer = &decoder->network->layers[0];
  const struct layer_ops *ops = layer_ops(layer->kind);
  const real *weight = decoder->theta + layer->weight;
  real a[ROWS * REAL_PAD] = {0}, s[ROWS * REAL_PAD] = {0}, back[ROWS * REAL_PAD] = {0};
  for (int i = 0; i < ROWS * 3; i++) a[i / 3 * REAL_PAD + i % 3] = (real)sin(i + 1.0);
  const struct layer_rows rows = {ROWS, decoder->theta, decoder->packed, NULL};
  ops->forward(layer, &rows, a, false, NULL, s);
  ops->backward_input(layer, &rows, s, false, NULL, back);
  real *gradient = memory_new(real, decoder->count);
  ops->backward_parameters(layer, &rows, s, a, true, false, gradient);
  ops->backward_parameters(layer, &rows, s, a, false, true, gradient);
  double worst = 0.0;
  for (int r = 0; r < ROWS; r++) {
    for (int o = 0; o < 5; o++) {
      double sum = 0.0;
      for (int i = 0; i < 3; i++) sum += (double)weight[o * 3 + i] * (double)a[r * REAL_PAD + i];
      worst = fmax(worst, fabs(sum - (double)s[r * REAL_PAD + o]));
    }
    for (int i = 0; i < 3; i++) {
      double sum = 0.0;
      for (int o = 0; o < 5; o++) sum += (double)weight[o * 3 + i] * (double)s[r * REAL_PAD + o];
      worst = fmax(worst, fabs(sum - (double)back[r * REAL_PAD + i]));
    }
  }
  double product = 0.0, bias = 0.0;
  for (int r = 0; r < ROWS; r++) {
    product += 2.0 * (double)s[r * REAL_PAD + 4] * (double)a[r * REAL_PAD + 2];
    bias += (double)s[r * REAL_PAD + 4];
  }
  worst = fmax(worst, fabs(product - (double)gradient[layer->weight + 4 * 3 + 2]));
  worst = fmax(worst, fabs(bias - (double)gradient[layer->bias + 4]));
  CHECK(worst < 1e-5, "products differ from loops by %g", worst);
  memory_free(&gradient);
  decoder_destroy(&decoder);
}

int main(void) {
  layout();
  initialisation();
  mirror();
  dense_products();
  return test_summary();
}
