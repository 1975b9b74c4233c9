#include "engine/secants.h"

#include <math.h>
#include <string.h>

#include "decoder/loss.h"
#include "ground/memory.h"
#include "numerics/dense.h"
#include "numerics/product.h"

static const double ridge = 0.01;  // of the mean square of the differences

struct secants {
  const struct decoder *decoder;
  const struct dictionary *dictionary;
  int64_t entries;
  const real *x;
  size_t count;        // neighbours: as many as a latent has numbers, if there are
  int64_t *neighbour;  // [d]
  double *distance;    // [d] from the entry
  real *rows;          // [d + 1][real_padded(n)] differences of outputs; residual of the entry
  real *output;        // [real_padded(n)] of the entry, in the units of data
  real *panels;        // of the differences
  real *products;      // [d + 1][real_padded(d)] of all rows with the differences
  double *factor, *coefficient;  // [d][d], [d]
};

struct secants *secants_create(const struct decoder *decoder, const struct dictionary *dictionary,
                               int64_t entries, const real *x) {
  const size_t d = decoder->d, stride = real_padded(decoder->n);
  struct secants *s = memory_new(struct secants, 1);
  *s = (struct secants){.decoder = decoder,
                        .dictionary = dictionary,
                        .entries = entries,
                        .x = x,
                        .neighbour = memory_new(int64_t, d),
                        .distance = memory_new(double, d),
                        .rows = memory_new(real, (d + 1) * stride),
                        .output = memory_new(real, stride),
                        .panels = memory_new(real, product_panels_size(decoder->n, d)),
                        .products = memory_new(real, (d + 1) * real_padded(d)),
                        .factor = memory_new(double, d *d),
                        .coefficient = memory_new(double, d)};
  return s;
}

void secants_destroy(struct secants **secants) {
  struct secants *s = *secants;
  if (s == NULL) return;
  memory_free(&s->neighbour);
  memory_free(&s->distance);
  memory_free(&s->rows);
  memory_free(&s->output);
  memory_free(&s->panels);
  memory_free(&s->products);
  memory_free(&s->factor);
  memory_free(&s->coefficient);
  memory_free(secants);
}

size_t secants_bytes(const struct decoder *decoder) {
  const size_t d = decoder->d, stride = real_padded(decoder->n);
  return ((d + 2) * stride + product_panels_size(decoder->n, d) + (d + 1) * real_padded(d)) *
             sizeof(real) +
         (d + 3) * d * sizeof(double);
}

// The nearest trained entries, ties in their order.
static void find_neighbours(struct secants *s, int64_t entry, int64_t origin) {
  s->count = 0;
  for (int64_t k = DICTIONARY_TRAINED; k < s->entries; k++) {
    if (k == entry || (origin != 0 && s->dictionary->origin[k] == origin)) continue;
    const double distance = dictionary_distance2(s->dictionary, entry, k);
    if (s->count == s->decoder->d && !(distance < s->distance[s->count - 1])) continue;
    size_t place = s->count < s->decoder->d ? s->count++ : s->count - 1;
    for (; place > 0 && distance < s->distance[place - 1]; place--) {
      s->neighbour[place] = s->neighbour[place - 1];
      s->distance[place] = s->distance[place - 1];
    }
    s->neighbour[place] = k;
    s->distance[place] = distance;
  }
}

// Differences of outputs, times the second derivative of the loss of an entry (1 for mse).
static void find_differences(struct secants *s, int64_t entry, const real *y) {
  const size_t n = s->decoder->n, stride = real_padded(n);
  const real *from = s->x + (size_t)entry * stride;
  memcpy(s->output, from, stride * sizeof *from);
  loss_output(s->decoder->loss, n, s->output);
  for (size_t j = 0; j < s->count; j++) {
    const real *to = s->x + (size_t)s->neighbour[j] * stride;
    for (size_t k = 0; k < n; k++) s->rows[j * stride + k] = to[k] - from[k];
  }
  product_pack(n, s->count, s->rows, 1, stride, s->panels);
  for (size_t j = 0; j < s->count && s->decoder->loss == LOSS_BCE; j++)
    for (size_t k = 0; k < n; k++) s->rows[j * stride + k] *= s->output[k] * (1 - s->output[k]);
  for (size_t k = 0; k < n; k++) s->rows[s->count * stride + k] = y[k] - s->output[k];
}

// The coefficients of the differences whose sum comes nearest to the residual of the entry.
static bool solve(struct secants *s) {
  const size_t count = s->count, n = s->decoder->n, stride = real_padded(count);
  const struct product_matrix differences = {.terms = n, .outputs = count, .panels = s->panels};
  const struct product_rows product = {.rows = count + 1,
                                       .a = s->rows,
                                       .a_stride = real_padded(n),
                                       .c = s->products,
                                       .c_stride = stride};
  product_multiply(&differences, &product);
  double trace = 0.0;
  for (size_t i = 0; i < count; i++) trace += (double)s->products[i * stride + i];
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j <= i; j++) s->factor[i * count + j] = (double)s->products[i * stride + j];
    s->factor[i * count + i] += ridge * trace / (double)count;
    s->coefficient[i] = (double)s->products[count * stride + i];
  }
  if (!dense_cholesky(count, s->factor)) return false;
  dense_cholesky_solve(count, s->factor, 1, s->coefficient);
  return true;
}

bool secants_step(struct secants *s, int64_t entry, int64_t origin, const real *y, real *z) {
  const size_t d = s->decoder->d, stride = real_padded(d);
  const real *latents = s->dictionary->z, *from = latents + (size_t)entry * stride;
  find_neighbours(s, entry, origin);
  find_differences(s, entry, y);
  if (s->count == 0 || !solve(s)) return false;
  memset(z, 0, stride * sizeof *z);
  for (size_t i = 0; i < d; i++) {
    double sum = (double)from[i];
    for (size_t j = 0; j < s->count; j++) {
      const real *to = latents + (size_t)s->neighbour[j] * stride;
      sum += s->coefficient[j] * ((double)to[i] - (double)from[i]);
    }
    z[i] = (real)sum;
    if (!isfinite(sum)) return false;
  }
  return true;
}
