#include "engine/pod_codes.h"

#include <string.h>

#include "engine/pod_regression.h"
#include "ground/least.h"
#include "ground/memory.h"
#include "numerics/dense.h"

enum { CHAIN = 256, BAND = 96 };  // terms of a chain, or entries decoded together; samples of both

struct pod_codes {
  const struct pod *pod;
  size_t active;    // modes with s > 0
  size_t columns;   // room for those and the bias
  double *modes;    // [n][columns] the active modes, an entry a row, then the mean
  double *across;   // bce: the same transposed, as a regression needs it
  double *block;    // [BAND][CHAIN] of samples
  double *factors;  // [CHAIN][columns] modes with weights; [columns][CHAIN] modes to be summed
  double *sums;     // [BAND][columns]
  double *matrix;   // [active][columns] U^T W U of the last weights
  bool unweighted;  // `matrix` is U^T U
  struct pod_regression *regression;
};

struct pod_codes *pod_codes_create(const struct pod *pod) {
  struct pod_codes *c = memory_new(struct pod_codes, 1);
  c->pod = pod;
  while (c->active < pod->d && pod->s[c->active] > 0.0) c->active++;
  c->columns = pod_regression_columns(c->active);
  c->modes = memory_new(double, pod->n * c->columns);
  for (size_t j = 0; j < pod->n; j++) {
    for (size_t k = 0; k < c->active; k++)
      c->modes[j * c->columns + k] = (double)pod->modes[k * pod->stride + j];
    c->modes[j * c->columns + c->active] = (double)pod->mean[j];
  }
  c->block = memory_new(double, BAND *CHAIN);
  c->factors = memory_new(double, CHAIN * c->columns);
  c->sums = memory_new(double, BAND * c->columns);
  c->matrix = memory_new(double, (c->active + 1) * c->columns);
  const bool logits = pod->loss == LOSS_BCE;
  c->regression = pod_regression_create(pod->loss, 0.0, c->active, c->active, logits ? pod->n : 0);
  if (!logits) return c;
  c->across = memory_new(double, (c->active + 1) * pod_regression_room(pod->n));
  pod_regression_transpose(pod->n, c->active, c->modes, c->across);
  c->regression->features = c->modes;
  c->regression->count = pod->n;
  c->regression->across = c->across;
  return c;
}

void pod_codes_destroy(struct pod_codes **codes) {
  struct pod_codes *c = *codes;
  if (c == NULL) return;
  memory_free(&c->modes);
  memory_free(&c->across);
  memory_free(&c->block);
  memory_free(&c->factors);
  memory_free(&c->sums);
  memory_free(&c->matrix);
  pod_regression_destroy(&c->regression);
  memory_free(codes);
}

// ---- from samples ----

static double weight_of(const real *w, size_t entry) { return w == NULL ? 1.0 : (double)w[entry]; }

// U^T W U of all samples with the weights w.
static void find_matrix(struct pod_codes *c, const real *w) {
  if (w == NULL && c->unweighted) return;
  c->unweighted = w == NULL;
  memset(c->matrix, 0, c->active * c->columns * sizeof *c->matrix);
  for (size_t entry = 0; entry < c->pod->n; entry += CHAIN) {
    const size_t entries = least(CHAIN, c->pod->n - entry);
    const double *modes = c->modes + entry * c->columns;
    for (size_t j = 0; j < entries; j++)
      for (size_t k = 0; k < c->columns; k++)
        c->factors[j * c->columns + k] = weight_of(w, entry + j) * modes[j * c->columns + k];
    dense_multiply(&(struct dense_product){.rows = c->active,
                                           .depth = entries,
                                           .columns = c->columns,
                                           .a = modes,
                                           .row_step = 1,
                                           .depth_step = c->columns,
                                           .b = c->factors,
                                           .b_stride = c->columns,
                                           .c = c->matrix,
                                           .c_stride = c->columns});
  }
  double *matrix = c->regression->matrix;
  for (size_t i = 0; i < c->active; i++)
    for (size_t j = 0; j <= i; j++) matrix[i * c->active + j] = c->matrix[i * c->columns + j];
}

// sums = U^T W (y - mean) of up to BAND samples with the same weights.
static void project(struct pod_codes *c, size_t count, const real *y, const real *w) {
  const struct pod *pod = c->pod;
  memset(c->sums, 0, count * c->columns * sizeof *c->sums);
  for (size_t entry = 0; entry < pod->n; entry += CHAIN) {
    const size_t entries = least(CHAIN, pod->n - entry);
    for (size_t i = 0; i < count; i++)
      for (size_t j = 0; j < entries; j++)
        c->block[i * CHAIN + j] =
            weight_of(w, entry + j) *
            ((double)y[i * pod->stride + entry + j] - (double)pod->mean[entry + j]);
    dense_multiply(&(struct dense_product){.rows = count,
                                           .depth = entries,
                                           .columns = c->columns,
                                           .a = c->block,
                                           .row_step = CHAIN,
                                           .depth_step = 1,
                                           .b = c->modes + entry * c->columns,
                                           .b_stride = c->columns,
                                           .c = c->sums,
                                           .c_stride = c->columns});
  }
}

static void store(const struct pod_codes *c, const double *code, real *z) {
  memset(z, 0, real_padded(c->pod->d) * sizeof *z);
  for (size_t k = 0; k < c->active; k++) z[k] = (real)(code[k] / c->pod->s[k]);
}

static void encode_by_least_squares(struct pod_codes *c, size_t count, const real *y, const real *w,
                                    real *z) {
  const size_t stride = c->pod->stride, bytes = stride * sizeof *w;
  for (size_t first = 0, next; first < count; first = next) {
    const real *own = w == NULL ? NULL : w + first * stride;
    next = w == NULL ? count : first + 1;
    while (next < count && memcmp(own, w + next * stride, bytes) == 0) next++;
    find_matrix(c, own);
    for (size_t i = first; i < next; i += BAND) {
      const size_t band = least(BAND, next - i);
      project(c, band, y + i * stride, own);
      for (size_t k = 0; k < band; k++) {
        pod_regression_solve(c->regression, c->sums + k * c->columns);
        store(c, c->sums + k * c->columns, z + (i + k) * real_padded(c->pod->d));
      }
    }
  }
}

// Starts from the codes that best decode the logit of the data.
static void encode_by_descent(struct pod_codes *c, const real *y, const real *w, real *z) {
  struct pod_regression *r = c->regression;
  double *code = c->sums;
  double weights = 0.0, there = 0.0;
  memset(code, 0, c->columns * sizeof *code);
  for (size_t j = 0; j < c->pod->n; j++) {
    r->t[j] = pod_regression_target((double)y[j]);
    r->w[j] = weight_of(w, j);
    weights += r->w[j];
    there += r->w[j] > 0.0;
    const double logit = pod_regression_logit((double)y[j]) - (double)c->pod->mean[j];
    for (size_t k = 0; k < c->active; k++)
      code[k] += r->w[j] * logit * c->modes[j * c->columns + k];
  }
  code[c->active] = 1.0;
  r->ridge = there > 0.0 ? pod_regression_ridge * weights / there : 0.0;
  pod_regression_minimise(r, code);
  store(c, code, z);
}

void pod_codes_find(struct pod_codes *codes, size_t count, const real *y, const real *w, real *z) {
  const struct pod *pod = codes->pod;
  if (pod->loss == LOSS_MSE) encode_by_least_squares(codes, count, y, w, z);
  for (size_t i = 0; i < count && pod->loss == LOSS_BCE; i++)
    encode_by_descent(codes, y + i * pod->stride, w == NULL ? NULL : w + i * pod->stride,
                      z + i * real_padded(pod->d));
}

void pod_encode(const struct pod *pod, size_t count, const real *y, const real *w, real *z) {
  struct pod_codes *codes = pod_codes_create(pod);
  pod_codes_find(codes, count, y, w, z);
  pod_codes_destroy(&codes);
}

// ---- back ----

// Entries [entry, entry + CHAIN) of up to BAND samples, of which `sums` has the parts of the modes.
static void decode_block(struct pod_codes *c, size_t count, size_t entry, real *x) {
  const struct pod *pod = c->pod;
  const size_t entries = least(CHAIN, pod->n - entry);
  memset(c->block, 0, count * CHAIN * sizeof *c->block);
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < entries; j++) c->block[i * CHAIN + j] = (double)pod->mean[entry + j];
  dense_multiply(&(struct dense_product){.rows = count,
                                         .depth = c->active,
                                         .columns = CHAIN,
                                         .a = c->sums,
                                         .row_step = c->columns,
                                         .depth_step = 1,
                                         .b = c->factors,
                                         .b_stride = CHAIN,
                                         .c = c->block,
                                         .c_stride = CHAIN});
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < entries; j++)
      x[i * pod->stride + entry + j] = (real)c->block[i * CHAIN + j];
}

void pod_codes_decode(struct pod_codes *c, size_t count, const real *z, real *x) {
  const struct pod *pod = c->pod;
  const size_t d = real_padded(pod->d);
  for (size_t first = 0; first < count; first += BAND) {
    const size_t band = least(BAND, count - first);
    for (size_t i = 0; i < band; i++)
      for (size_t k = 0; k < c->active; k++)
        c->sums[i * c->columns + k] = pod->s[k] * (double)z[(first + i) * d + k];
    for (size_t entry = 0; entry < pod->n; entry += CHAIN) {
      const size_t entries = least(CHAIN, pod->n - entry);
      for (size_t k = 0; k < c->active; k++)
        for (size_t j = 0; j < CHAIN; j++)
          c->factors[k * CHAIN + j] =
              j < entries ? (double)pod->modes[k * pod->stride + entry + j] : 0.0;
      decode_block(c, band, entry, x + first * pod->stride);
    }
  }
  for (size_t i = 0; i < count; i++)
    memset(x + i * pod->stride + pod->n, 0, (pod->stride - pod->n) * sizeof *x);
}
