// Evaluates one decoder for test_layers_pytorch.py: its description is read as text from standard
// input, and the program's results are written to standard output.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "decoder/objective.h"
#include "decoder/tangent.h"
#include "ground/memory.h"

enum { WORD = 64 };

static void fail(const char *what) {
  fprintf(stderr, "the input lacks %s\n", what);
  exit(1);
}

static double read_number(const char *what) {
  double number;
  if (scanf("%lf", &number) != 1) fail(what);
  return number;
}

static int read_name(const char *(*name)(int)) {
  char word[WORD];
  if (scanf("%63s", word) != 1) fail("a name");
  for (int i = 0; name(i) != NULL; i++)
    if (strcmp(name(i), word) == 0) return i;
  fail(word);
  return -1;
}

static void read_sizes(struct layer_sizes *sizes) {
  sizes->count = (int64_t)read_number("a count");
  for (int64_t i = 0; i < sizes->count; i++) sizes->value[i] = (int64_t)read_number("a size");
}

static void read_layer(struct layer_spec *spec) {
  spec->kind = read_name(layer_name);
  spec->activation = read_name(activation_name);
  spec->slope = read_number("slope");
  spec->padding_mode = read_name(padding_mode_name);
  spec->width = (int64_t)read_number("width");
  read_sizes(&spec->kernel);
  read_sizes(&spec->stride);
  read_sizes(&spec->padding);
  read_sizes(&spec->output_padding);
  read_sizes(&spec->sizes);
  spec->branch[0] = (int64_t)read_number("branch");
  spec->branch[1] = (int64_t)read_number("branch");
}

static void read_rows(size_t rows, size_t width, real *values) {
  for (size_t i = 0; i < rows * width; i++)
    values[i / width * real_padded(width) + i % width] = (real)read_number("values");
}

static void print_rows(const char *name, size_t rows, size_t width, const real *values) {
  printf("%s", name);
  for (size_t i = 0; i < rows * width; i++)
    printf(" %.17g", (double)values[i / width * real_padded(width) + i % width]);
  printf("\n");
}

static void print_theta(const char *name, const struct network *network, const real *values) {
  printf("%s", name);
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    for (size_t i = 0; i < layer->weight_count; i++)
      printf(" %.17g", (double)values[layer->weight + i]);
    for (size_t i = 0; i < layer->bias_count; i++)
      printf(" %.17g", (double)values[layer->bias + i]);
  }
  printf("\n");
}

int main(void) {
  const int loss = read_name(loss_name);
  const size_t d = (size_t)read_number("latent"), count = (size_t)read_number("layers");
  struct layer_spec *specs = memory_new(struct layer_spec, count);
  for (size_t l = 0; l < count; l++) read_layer(&specs[l]);
  struct error error = {""};
  if (network_check(d, count, specs, &error) < count) {
    fprintf(stderr, "%s\n", error.text);
    return 1;
  }
  struct decoder *decoder = decoder_create(d, count, specs, loss);
  const struct network *network = decoder->network;
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    for (size_t i = 0; i < layer->weight_count; i++)
      decoder->theta[layer->weight + i] = (real)read_number("weights");
    for (size_t i = 0; i < layer->bias_count; i++)
      decoder->theta[layer->bias + i] = (real)read_number("biases");
  }

  decoder_pack(decoder);

  const size_t samples = (size_t)read_number("samples"), n = decoder->n;
  const size_t stride_d = real_padded(d), stride_n = real_padded(n);
  real *y = memory_new(real, samples * stride_n), *z = memory_new(real, samples * stride_d);
  real *v = memory_new(real, samples * stride_d);
  double *losses = memory_new(double, samples);
  read_rows(samples, n, y);
  read_rows(samples, d, z);
  read_rows(samples, d, v);
  struct objective_row *rows = memory_new(struct objective_row, samples);
  for (size_t i = 0; i < samples; i++)
    rows[i] = (struct objective_row){.y = y + i * stride_n, .weight_sum = (double)n};

  struct objective *objective = objective_create(decoder, samples, true);
  memcpy(objective_latents(objective), z, samples * stride_d * sizeof *z);
  print_rows("x", samples, n, objective_decode(objective, samples));
  print_rows("gradient", samples, d, objective_evaluate(objective, samples, rows, losses));
  real *theta = memory_new(real, decoder->count);
  objective_parameter_gradient(objective, 0, samples, theta);
  print_theta("theta", network, theta);
  printf("loss");
  for (size_t i = 0; i < samples; i++) printf(" %.17g", losses[i]);
  printf("\n");

  struct tangent *tangent = tangent_create(decoder, samples, true);
  memcpy(tangent_latents(tangent), z, samples * stride_d * sizeof *z);
  memcpy(tangent_directions(tangent), v, samples * stride_d * sizeof *v);
  print_rows("product", samples, d, tangent_sweep(tangent, samples, rows));
  memset(theta, 0, decoder->count * sizeof *theta);
  tangent_parameter_gradient(tangent, 0, samples, theta);
  print_theta("mixed", network, theta);
  printf("parameters %zu\n", network_parameters(network));

  objective_destroy(&objective);
  tangent_destroy(&tangent);
  decoder_destroy(&decoder);
  memory_free(&specs);
  memory_free(&rows);
  memory_free(&theta);
  memory_free(&y);
  memory_free(&z);
  memory_free(&v);
  memory_free(&losses);
  return 0;
}
