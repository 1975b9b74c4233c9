#include "engine/pod_profile.h"

#include <math.h>
#include <string.h>

#include "engine/pod_modes.h"
#include "engine/pod_regression.h"
#include "ground/memory.h"
#include "numerics/dense.h"
#include "numerics/reduction.h"

enum { MEMORY = 10, STEPS = 400, HALVINGS = 12 };
static const double logistic_gradient = 9e-7;  // length at which the minimum is reached
static const double squares_gradient = 1e-8;   // the same, times the loadings' length, of the loss
static const double gap_ridge = 1e-4;          // keeps missing entries finite

// A row of loadings: d of them, then the mean. Of this rank's entries alone: gradients and steps.
struct profile {
  struct pod_samples *samples;
  size_t d, columns, mine;  // columns of a row; this rank's entries
  enum loss_kind loss;
  struct pod_regression *by_row, *by_entry;  // for a sample's code, for an entry's loadings
  double weights;                            // sum of all
  double *loadings, *next;                   // [n][columns], on all ranks
  double *codes, *all_codes;                 // [rows.count][columns], [total][columns]; column d: 1
  double *across, *all_across;               // loadings and all codes, transposed
  double value;                              // mean loss per entry
  double *gradient, *direction;              // [mine][d + 1]
  double *values;                            // one per sample or entry of this rank
  size_t remembered, latest;
  double *step[MEMORY], *change[MEMORY];  // [mine][d + 1] last steps, and changes of the gradient
  double product[MEMORY];                 // their scalar products
};

static size_t unknowns(const struct profile *p) { return p->d + 1; }

static double sum_values(const struct profile *p, size_t count) {
  return reduction_sum(comm_ranks(p->samples->comm), p->values, count);
}

// ---- terms ----

// One term of a regression: an entry of a sheet.
static void set_term(const struct profile *p, const struct pod_sheet *sheet, size_t row, size_t j,
                     struct pod_regression *r, size_t k) {
  const size_t at = row * sheet->stride + j;
  const double factor = p->samples->factor[sheet->entry + j], y = (double)sheet->y[at];
  r->w[k] = factor * factor * (sheet->w == NULL ? 1.0 : (double)sheet->w[at]);
  r->t[k] = p->loss == LOSS_BCE ? pod_regression_target(y) : y;
}

static void take_row(struct profile *p, size_t row) {
  for (size_t j = 0; j < p->samples->n; j++) set_term(p, &p->samples->rows, row, j, p->by_row, j);
}

static void take_entry(struct profile *p, size_t j) {
  for (size_t m = 0; m < (size_t)p->samples->total; m++)
    set_term(p, &p->samples->entries, m, j, p->by_entry, m);
}

static struct profile profile_create(struct pod_samples *samples, enum loss_kind loss, size_t d) {
  const size_t n = samples->n, total = (size_t)samples->total, rows = (size_t)samples->rows.count;
  const double ridge = loss == LOSS_BCE ? pod_regression_ridge : gap_ridge;
  struct profile p = {.samples = samples, .d = d, .loss = loss};
  p.columns = pod_regression_columns(d);
  p.mine = samples->entries.entry_count;
  p.by_row = pod_regression_create(loss, ridge, d, d, n);
  p.by_entry = pod_regression_create(loss, ridge, d, d + 1, total);
  p.loadings = memory_new(double, n *p.columns);
  p.next = memory_new(double, n *p.columns);
  p.codes = memory_new(double, rows *p.columns);
  p.all_codes = memory_new(double, total *p.columns);
  p.across = memory_new(double, (d + 1) * pod_regression_room(n));
  p.all_across = memory_new(double, (d + 1) * pod_regression_room(total));
  p.gradient = memory_new(double, p.mine *(d + 1));
  p.direction = memory_new(double, p.mine *(d + 1));
  p.values = memory_new(double, rows > p.mine ? rows : p.mine);
  for (size_t i = 0; i < MEMORY; i++) {
    p.step[i] = memory_new(double, p.mine *(d + 1));
    p.change[i] = memory_new(double, p.mine *(d + 1));
  }
  int64_t there = 0;
  for (size_t i = 0; i < rows; i++) {
    p.codes[i * p.columns + d] = 1.0;
    take_row(&p, i);
    p.values[i] = 0.0;
    for (size_t j = 0; j < n; j++) {
      p.values[i] += p.by_row->w[j];
      there += p.by_row->w[j] > 0.0;
    }
  }
  comm_sum_int64(samples->comm, &there, 1);
  p.weights = sum_values(&p, rows);
  if (there > 0) p.by_row->ridge = p.by_entry->ridge = ridge * p.weights / (double)there;
  return p;
}

static void profile_free(struct profile *p) {
  pod_regression_destroy(&p->by_row);
  pod_regression_destroy(&p->by_entry);
  memory_free(&p->loadings);
  memory_free(&p->next);
  memory_free(&p->codes);
  memory_free(&p->all_codes);
  memory_free(&p->across);
  memory_free(&p->all_across);
  memory_free(&p->gradient);
  memory_free(&p->direction);
  memory_free(&p->values);
  for (size_t i = 0; i < MEMORY; i++) {
    memory_free(&p->step[i]);
    memory_free(&p->change[i]);
  }
}

// ---- value and gradient ----

// The mean loss with all codes at their minima, which are searched from those of the last call.
static double find_codes(struct profile *p, const double *loadings) {
  const size_t rows = (size_t)p->samples->rows.count;
  p->by_row->count = p->samples->n;
  p->by_row->features = loadings;
  p->by_row->across = p->across;
  pod_regression_transpose(p->samples->n, p->d, loadings, p->across);
  for (size_t i = 0; i < rows; i++) {
    take_row(p, i);
    p->values[i] = pod_regression_minimise(p->by_row, p->codes + i * p->columns);
  }
  const double value = sum_values(p, rows) / p->weights;
  pod_samples_share_rows(p->samples, p->columns, p->codes, p->all_codes);
  pod_regression_transpose((size_t)p->samples->total, p->d, p->all_codes, p->all_across);
  return value;
}

// The sums of entry j of this rank at its loadings.
static void look_at_entry(struct profile *p, size_t j) {
  const double *c = p->loadings + (p->samples->entries.entry + j) * p->columns;
  take_entry(p, j);
  p->by_entry->count = (size_t)p->samples->total;
  p->by_entry->features = p->all_codes;
  p->by_entry->across = p->all_across;
  pod_regression_value(p->by_entry, c);
  pod_regression_gradient(p->by_entry, c);
}

static void find_gradient(struct profile *p, double *gradient) {
  for (size_t j = 0; j < p->mine; j++) {
    look_at_entry(p, j);
    for (size_t i = 0; i < unknowns(p); i++)
      gradient[j * unknowns(p) + i] = p->by_entry->gradient[i] / p->weights;
  }
}

// The scalar product over all ranks.
static double inner(struct profile *p, const double *a, const double *b) {
  const size_t u = unknowns(p);
  for (size_t j = 0; j < p->mine; j++) {
    p->values[j] = 0.0;
    for (size_t i = 0; i < u; i++) p->values[j] += a[j * u + i] * b[j * u + i];
  }
  return sum_values(p, p->mine);
}

// ---- L-BFGS (Nocedal and Wright 2006, algorithm 7.4) ----

static void add(struct profile *p, double factor, const double *x, double *y) {
  for (size_t i = 0; i < p->mine * unknowns(p); i++) y[i] += factor * x[i];
}

// Multiplies each entry's part of the direction by the inverse of its own second derivatives.
static void precondition(struct profile *p) {
  for (size_t j = 0; j < p->mine; j++) {
    double *part = p->direction + j * unknowns(p);
    look_at_entry(p, j);
    pod_regression_matrix(p->by_entry);
    pod_regression_solve(p->by_entry, part);
    for (size_t i = 0; i < unknowns(p); i++) part[i] *= p->weights;
  }
}

static void find_direction(struct profile *p) {
  double share[MEMORY];
  memcpy(p->direction, p->gradient, p->mine * unknowns(p) * sizeof *p->direction);
  for (size_t k = 0; k < p->remembered; k++) {
    const size_t i = (p->latest + MEMORY - k) % MEMORY;
    share[i] = inner(p, p->step[i], p->direction) / p->product[i];
    add(p, -share[i], p->change[i], p->direction);
  }
  precondition(p);
  for (size_t k = p->remembered; k-- > 0;) {
    const size_t i = (p->latest + MEMORY - k) % MEMORY;
    const double other = inner(p, p->change[i], p->direction) / p->product[i];
    add(p, share[i] - other, p->step[i], p->direction);
  }
}

// Replaces the oldest pair, if the new one has positive curvature.
static void remember(struct profile *p, double length, const double *before) {
  const size_t i = (p->latest + 1) % MEMORY;
  for (size_t k = 0; k < p->mine * unknowns(p); k++) {
    p->step[i][k] = -length * p->direction[k];
    p->change[i][k] = p->gradient[k] - before[k];
  }
  p->product[i] = inner(p, p->step[i], p->change[i]);
  if (!(p->product[i] > 0.0)) return;
  p->latest = i;
  if (p->remembered < MEMORY) p->remembered++;
}

// Loadings a step along the direction, on all ranks.
static void place_next(struct profile *p, double length) {
  const size_t first = p->samples->entries.entry;
  for (size_t j = 0; j < p->mine; j++)
    for (size_t i = 0; i < unknowns(p); i++)
      p->next[(first + j) * p->columns + i] =
          p->loadings[(first + j) * p->columns + i] - length * p->direction[j * unknowns(p) + i];
  pod_samples_share_entries(p->samples, p->columns, p->next);
}

// Descends far enough (Armijo); returns the length of the step, 0 if there is no descent.
static double descend(struct profile *p) {
  const double slope = inner(p, p->gradient, p->direction);
  double length = slope > 0.0 ? 1.0 : 0.0;
  for (int k = 0; k < HALVINGS && length > 0.0; k++, length *= 0.5) {
    place_next(p, length);
    const double value = find_codes(p, p->next);
    if (!(value <= p->value - 1e-4 * length * slope)) continue;
    double *swap = p->loadings;
    p->loadings = p->next;
    p->next = swap;
    p->value = value;
    return length;
  }
  return 0.0;
}

// The length of the gradient, and whether it is small enough for a minimum.
static double length_of(struct profile *p, bool *flat) {
  const double length = sqrt(inner(p, p->gradient, p->gradient));
  double loadings = 0.0;
  for (size_t j = 0; j < p->samples->n; j++)
    for (size_t i = 0; i < p->d; i++) {
      const double part = p->loadings[j * p->columns + i];
      loadings += part * part;
    }
  *flat = p->loss == LOSS_BCE ? length <= logistic_gradient
                              : length * sqrt(loadings) <= squares_gradient * p->value;
  return length;
}

static double minimise(struct profile *p) {
  double *before = memory_new(double, p->mine *unknowns(p));
  bool flat = false;
  p->value = find_codes(p, p->loadings);
  find_gradient(p, p->gradient);
  double length = length_of(p, &flat);
  for (int k = 0; k < STEPS && !flat; k++) {
    const double value = p->value;
    find_direction(p);
    double moved = descend(p);
    if (moved == 0.0 && p->remembered > 0) {
      find_codes(p, p->loadings);
      p->remembered = 0;
      continue;
    }
    if (moved == 0.0) {
      find_codes(p, p->loadings);
      break;
    }
    memcpy(before, p->gradient, p->mine * unknowns(p) * sizeof *before);
    find_gradient(p, p->gradient);
    remember(p, moved, before);
    length = length_of(p, &flat);
    if (p->loss == LOSS_MSE && value - p->value <= 1e-12 * value) break;
  }
  memory_free(&before);
  return length;
}

// ---- codes of mean 0 and covariance 1, loadings at right angles ----

// The mean of the codes, into `mean`, which moves to the samples' mean; then the root of their
// covariance, [d][d].
static void find_root(struct profile *p, double *root) {
  const size_t d = p->d, total = (size_t)p->samples->total, c = p->columns;
  double *mean = memory_new(double, d), *values = memory_new(double, d);
  double *covariance = memory_new(double, d *d), *vectors = memory_new(double, d *d);
  for (size_t m = 0; m < total; m++)
    for (size_t i = 0; i < d; i++) mean[i] += p->all_codes[m * c + i] / (double)total;
  for (size_t m = 0; m < total; m++)
    for (size_t i = 0; i < d; i++)
      for (size_t k = 0; k <= i; k++)
        covariance[i * d + k] += (p->all_codes[m * c + i] - mean[i]) *
                                 (p->all_codes[m * c + k] - mean[k]) / (double)total;
  dense_eigen(d, covariance, values, vectors);
  for (size_t i = 0; i < d; i++)
    for (size_t k = 0; k < d; k++)
      for (size_t e = 0; e < d; e++)
        root[i * d + k] += sqrt(fmax(values[e], 0.0)) * vectors[e * d + i] * vectors[e * d + k];
  for (size_t j = 0; j < p->samples->n; j++) {
    p->samples->mean[j] = p->loadings[j * c + d];
    for (size_t i = 0; i < d; i++) p->samples->mean[j] += p->loadings[j * c + i] * mean[i];
  }
  memory_free(&mean);
  memory_free(&values);
  memory_free(&covariance);
  memory_free(&vectors);
}

static void find_modes(struct profile *p, double *modes, double *s) {
  const size_t d = p->d, n = p->samples->n;
  double *root = memory_new(double, d *d), *products = memory_new(double, d *d);
  double *vectors = memory_new(double, d *d), *scaled = memory_new(double, n *d);
  find_root(p, root);
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < d; i++)
      for (size_t k = 0; k < d; k++)
        scaled[j * d + i] += p->loadings[j * p->columns + k] * root[k * d + i];
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < d; i++)
      for (size_t k = 0; k <= i; k++) products[i * d + k] += scaled[j * d + i] * scaled[j * d + k];
  dense_eigen(d, products, s, vectors);
  memset(modes, 0, d * n * sizeof *modes);
  for (size_t i = 0; i < d; i++) {
    s[i] = s[i] > 1e-14 * s[0] ? sqrt(s[i]) : 0.0;
    for (size_t j = 0; j < n; j++)
      for (size_t k = 0; k < d; k++) modes[i * n + j] += scaled[j * d + k] * vectors[i * d + k];
  }
  memory_free(&root);
  memory_free(&products);
  memory_free(&vectors);
  memory_free(&scaled);
}

double pod_profile_fit(struct pod_samples *samples, enum loss_kind loss, size_t d, double *modes,
                       double *s) {
  size_t active = 0;
  while (active < d && s[active] > 0.0) active++;
  struct profile p = profile_create(samples, loss, active);
  for (size_t j = 0; j < samples->n; j++) {
    p.loadings[j * p.columns + active] = samples->mean[j];
    for (size_t k = 0; k < active; k++)
      p.loadings[j * p.columns + k] = s[k] * modes[k * samples->n + j];
  }
  const double length = minimise(&p);
  find_modes(&p, modes, s);
  pod_modes_orthonormalise(d, samples->n, modes, s);
  profile_free(&p);
  return length;
}

double pod_profile_bytes(double total, double share, size_t n, size_t d) {
  const double columns = (double)pod_regression_columns(d), entries = (double)n;
  const double regressions = (total + entries) * (columns + 5.0);
  const double own = entries * share / total * (2.0 * MEMORY + 3.0) * (double)(d + 1);
  return (regressions + (2.0 * entries + total + share) * columns + own +
          2.0 * entries * (double)d) *
         (double)sizeof(double);
}
