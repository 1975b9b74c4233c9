#include "engine/secants.h"

#include <math.h>
#include <string.h>

#include "decoder/loss.h"
#include "engine/best_entries.h"
#include "ground/memory.h"
#include "numerics/dense.h"
#include "numerics/product.h"

static const double ridge = 0.01;  // of the mean square of the differences
static const double trust = 0.9;   // share of a linear decoder's gain that is expected

// An entry and the trained entries nearest to it: one more than a latent has numbers, as one may be
// the sample's own.
struct neighbourhood {
  int64_t entry, count;  // entry 0: none yet
  int64_t *neighbour;    // [d + 1]
  double *offset;        // [d + 1] of the differences of outputs, with the entry's output
  double *squares;       // [d + 1][d + 1] of the differences, the loss's second derivatives between
};

struct secants {
  const struct decoder *decoder;
  const struct dictionary *dictionary;
  int64_t entries;
  const real *x;
  // [places] one per entry or, for long latents, a single one
  size_t places;
  struct neighbourhood *neighbourhood;
  int64_t *all_neighbours;
  double *all_offsets, *all_squares;
  double *distance;  // [d + 1] of neighbours
  real *rows;        // [d + 1][real_padded(n)] differences of outputs
  real *output;      // [real_padded(n)] of the entry, in the units of data
  real *panels;      // of the differences
  real *products;    // [d + 1][real_padded(d + 1)] of rows with the differences
  // Of the sample
  const real *y;
  int64_t origin;
  double *overlap;  // borrowed
  // Of the step
  size_t count;                             // neighbours that take part
  int64_t *taken;                           // [d] their places in the neighbourhood
  double *factor, *gradient, *coefficient;  // [d][d], [d], [d]
};

// Of a neighbourhood.
static size_t place_bytes(size_t d) {
  return sizeof(struct neighbourhood) + (d + 3) * (d + 1) * sizeof(double);
}

static size_t places_of(size_t d, int64_t entries) {
  return d <= DICTIONARY_METRIC_LATENT ? (size_t)entries : 1;
}

static void create_neighbourhoods(struct secants *s) {
  const size_t most = s->decoder->d + 1;
  s->places = places_of(s->decoder->d, s->entries);
  s->neighbourhood = memory_new(struct neighbourhood, s->places);
  s->all_neighbours = memory_new(int64_t, s->places * most);
  s->all_offsets = memory_new(double, s->places *most);
  s->all_squares = memory_new(double, s->places *most *most);
  for (size_t k = 0; k < s->places; k++)
    s->neighbourhood[k] = (struct neighbourhood){.neighbour = s->all_neighbours + k * most,
                                                 .offset = s->all_offsets + k * most,
                                                 .squares = s->all_squares + k * most * most};
}

struct secants *secants_create(const struct decoder *decoder, const struct dictionary *dictionary,
                               int64_t entries, const real *x) {
  const size_t d = decoder->d, stride = real_padded(decoder->n);
  struct secants *s = memory_new(struct secants, 1);
  *s = (struct secants){.decoder = decoder,
                        .dictionary = dictionary,
                        .entries = entries,
                        .x = x,
                        .distance = memory_new(double, d + 1),
                        .rows = memory_new(real, (d + 1) * stride),
                        .output = memory_new(real, stride),
                        .panels = memory_new(real, product_panels_size(decoder->n, d + 1)),
                        .products = memory_new(real, (d + 1) * real_padded(d + 1)),
                        .taken = memory_new(int64_t, d),
                        .factor = memory_new(double, d *d),
                        .gradient = memory_new(double, d),
                        .coefficient = memory_new(double, d)};
  create_neighbourhoods(s);
  return s;
}

void secants_destroy(struct secants **secants) {
  struct secants *s = *secants;
  if (s == NULL) return;
  memory_free(&s->neighbourhood);
  memory_free(&s->all_neighbours);
  memory_free(&s->all_offsets);
  memory_free(&s->all_squares);
  memory_free(&s->distance);
  memory_free(&s->rows);
  memory_free(&s->output);
  memory_free(&s->panels);
  memory_free(&s->products);
  memory_free(&s->taken);
  memory_free(&s->factor);
  memory_free(&s->gradient);
  memory_free(&s->coefficient);
  memory_free(secants);
}

double secants_bytes(const struct decoder *decoder, int64_t entries) {
  const size_t d = decoder->d, stride = real_padded(decoder->n), most = d + 1;
  const size_t work =
      (most + 1) * stride + product_panels_size(decoder->n, most) + most * real_padded(most);
  return (double)places_of(d, entries) * (double)place_bytes(d) + (double)(work * sizeof(real)) +
         (double)((d + 5) * most * sizeof(double));
}

size_t secants_most(const struct decoder *decoder) {
  if (decoder->loss != LOSS_MSE || decoder->d > DICTIONARY_METRIC_LATENT) return 1;
  const double n = (double)decoder->n, d = (double)decoder->d;
  const double step = 2.0 * n * (d + 1.0) + 2.0 / 3.0 * d * d * d;
  const double affordable = network_flops(decoder->network) / step;
  const double most = fmin(affordable, fmin(ldexp(2.0, (int)decoder->d), BEST_ENTRIES_MOST));
  return most < 1.0 ? 1 : (size_t)most;
}

void secants_begin_sample(struct secants *s, const real *y, int64_t origin, double *overlap) {
  s->y = y;
  s->origin = origin;
  s->overlap = overlap;
}

// ---- neighbourhoods ----

// The nearest trained entries, ties in their order.
static void find_neighbours(struct secants *s, struct neighbourhood *of) {
  const int64_t most = (int64_t)s->decoder->d + 1;
  of->count = 0;
  for (int64_t k = DICTIONARY_TRAINED; k < s->entries; k++) {
    if (k == of->entry) continue;
    const double distance = dictionary_distance2(s->dictionary, of->entry, k);
    if (of->count == most && !(distance < s->distance[most - 1])) continue;
    int64_t place = of->count < most ? of->count++ : most - 1;
    for (; place > 0 && distance < s->distance[place - 1]; place--) {
      of->neighbour[place] = of->neighbour[place - 1];
      s->distance[place] = s->distance[place - 1];
    }
    of->neighbour[place] = k;
    s->distance[place] = distance;
  }
}

// Products of the differences of outputs with each other, times the second derivative of the loss
// of the entry (1 for mse), and with the output itself.
static void find_products(struct secants *s, struct neighbourhood *of) {
  const size_t n = s->decoder->n, stride = real_padded(n), count = (size_t)of->count;
  const size_t columns = real_padded(count);
  const real *from = s->x + (size_t)of->entry * stride;
  memcpy(s->output, from, stride * sizeof *from);
  loss_output(s->decoder->loss, n, s->output);
  for (size_t j = 0; j < count; j++) {
    const real *to = s->x + (size_t)of->neighbour[j] * stride;
    for (size_t k = 0; k < n; k++) s->rows[j * stride + k] = to[k] - from[k];
    of->offset[j] = dense_dot_real(n, s->rows + j * stride, s->output);
  }
  product_pack(n, count, s->rows, 1, stride, s->panels);
  for (size_t j = 0; j < count && s->decoder->loss == LOSS_BCE; j++)
    for (size_t k = 0; k < n; k++) s->rows[j * stride + k] *= s->output[k] * (1 - s->output[k]);
  const struct product_matrix differences = {.terms = n, .outputs = count, .panels = s->panels};
  const struct product_rows product = {
      .rows = count, .a = s->rows, .a_stride = stride, .c = s->products, .c_stride = columns};
  product_multiply(&differences, &product);
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < count; j++)
      of->squares[i * count + j] = (double)s->products[i * columns + j];
}

static const struct neighbourhood *neighbourhood_of(struct secants *s, int64_t entry) {
  struct neighbourhood *of = &s->neighbourhood[s->places == 1 ? 0 : entry];
  if (of->entry == entry) return of;
  of->entry = entry;
  find_neighbours(s, of);
  if (of->count > 0) find_products(s, of);
  return of;
}

// ---- steps ----

static double overlap_of(struct secants *s, int64_t entry) {
  const size_t n = s->decoder->n;
  if (isnan(s->overlap[entry]))
    s->overlap[entry] = dense_dot_real(n, s->y, s->x + (size_t)entry * real_padded(n));
  return s->overlap[entry];
}

static void take_neighbours(struct secants *s, const struct neighbourhood *of) {
  s->count = 0;
  for (int64_t j = 0; j < of->count && s->count < s->decoder->d; j++)
    if (s->origin == 0 || s->dictionary->origin[of->neighbour[j]] != s->origin)
      s->taken[s->count++] = j;
}

// The coefficients of the differences whose sum comes nearest to the residual of the entry.
static bool solve(struct secants *s, const struct neighbourhood *of) {
  take_neighbours(s, of);
  const size_t count = s->count;
  if (count == 0) return false;
  double trace = 0.0;
  for (size_t i = 0; i < count; i++) {
    const int64_t row = s->taken[i];
    for (size_t j = 0; j <= i; j++)
      s->factor[i * count + j] = of->squares[row * of->count + s->taken[j]];
    trace += s->factor[i * count + i];
    s->gradient[i] = overlap_of(s, of->neighbour[row]) - overlap_of(s, of->entry) - of->offset[row];
    s->coefficient[i] = s->gradient[i];
  }
  for (size_t i = 0; i < count; i++) s->factor[i * count + i] += ridge * trace / (double)count;
  if (!dense_cholesky(count, s->factor)) return false;
  dense_cholesky_solve(count, s->factor, 1, s->coefficient);
  return true;
}

double secants_gain(struct secants *s, int64_t entry) {
  if (!solve(s, neighbourhood_of(s, entry))) return 0.0;
  const double gain = 0.5 * trust * dense_dot(s->count, s->gradient, s->coefficient);
  return isfinite(gain) ? gain : 0.0;
}

bool secants_step(struct secants *s, int64_t entry, real *z) {
  const size_t d = s->decoder->d, stride = real_padded(d);
  const real *latents = s->dictionary->z, *from = latents + (size_t)entry * stride;
  const struct neighbourhood *of = neighbourhood_of(s, entry);
  if (!solve(s, of)) return false;
  memset(z, 0, stride * sizeof *z);
  for (size_t i = 0; i < d; i++) {
    double sum = (double)from[i];
    for (size_t j = 0; j < s->count; j++) {
      const real *to = latents + (size_t)of->neighbour[s->taken[j]] * stride;
      sum += s->coefficient[j] * ((double)to[i] - (double)from[i]);
    }
    z[i] = (real)sum;
    if (!isfinite(sum)) return false;
  }
  return true;
}
