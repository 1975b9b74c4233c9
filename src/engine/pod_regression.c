#include "engine/pod_regression.h"

#include <math.h>
#include <string.h>

#include "ground/memory.h"
#include "numerics/dense.h"
#include "numerics/portable.h"

const double pod_regression_ridge = 1e-3;
static const double doubt = 0.01, clip = 0.02;
static const double singular = 1e-13;  // share of the largest below which a pivot is rounding

double pod_regression_target(double y) { return (1.0 - 2.0 * doubt) * y + doubt; }

double pod_regression_logit(double y) {
  const double inside = fmin(fmax(y, clip), 1.0 - clip);
  return portable_log(inside / (1.0 - inside));
}

size_t pod_regression_columns(size_t d) {
  return (d + DENSE_COLUMNS) / DENSE_COLUMNS * DENSE_COLUMNS;
}

size_t pod_regression_room(size_t count) {
  return (count + DENSE_COLUMNS - 1) / DENSE_COLUMNS * DENSE_COLUMNS;
}

void pod_regression_transpose(size_t count, size_t d, const double *features, double *across) {
  const size_t room = pod_regression_room(count), columns = pod_regression_columns(d);
  for (size_t i = 0; i <= d; i++)
    for (size_t k = 0; k < room; k++)
      across[i * room + k] = k < count ? features[k * columns + i] : 0.0;
}

struct pod_regression *pod_regression_create(enum loss_kind loss, double ridge, size_t d,
                                             size_t unknowns, size_t room) {
  struct pod_regression *r = memory_new(struct pod_regression, 1);
  const size_t columns = pod_regression_columns(d);
  room = pod_regression_room(room);
  *r = (struct pod_regression){
      .loss = loss, .ridge = ridge, .d = d, .unknowns = unknowns, .columns = columns, .room = room};
  r->t = memory_new(double, room);
  r->w = memory_new(double, room);
  r->gradient = memory_new(double, columns);
  r->matrix = memory_new(double, unknowns *unknowns);
  r->x = memory_new(double, 3 * room);
  r->weighted = memory_new(double, room *columns);
  r->parts = memory_new(double, (columns + 3) * columns);
  r->vectors = memory_new(double, unknowns *unknowns);
  r->step = memory_new(double, columns);
  r->next = memory_new(double, columns);
  return r;
}

void pod_regression_destroy(struct pod_regression **regression) {
  struct pod_regression *r = *regression;
  if (r == NULL) return;
  memory_free(&r->t);
  memory_free(&r->w);
  memory_free(&r->gradient);
  memory_free(&r->matrix);
  memory_free(&r->x);
  memory_free(&r->weighted);
  memory_free(&r->parts);
  memory_free(&r->vectors);
  memory_free(&r->step);
  memory_free(&r->next);
  memory_free(regression);
}

// In x: outputs, and beside them the logistic function of each and, while the value is found, its
// softplus.
static double *sigmoid_of(const struct pod_regression *r) { return r->x + r->room; }
static double *softplus_of(const struct pod_regression *r) { return r->x + 2 * r->room; }

static double bias_part(const struct pod_regression *r, size_t k, const double *c) {
  return r->features[k * r->columns + r->d] * c[r->d];
}

double pod_regression_value(struct pod_regression *r, const double *c) {
  memset(r->x, 0, r->room * sizeof *r->x);
  dense_multiply(&(struct dense_product){.rows = 1,
                                         .depth = r->d + 1,
                                         .columns = r->room,
                                         .a = c,
                                         .row_step = r->columns,
                                         .depth_step = 1,
                                         .b = r->across,
                                         .b_stride = r->room,
                                         .c = r->x,
                                         .c_stride = r->room});
  const bool logistic = r->loss == LOSS_BCE;
  const double *softplus = softplus_of(r);
  if (logistic) dense_logistic(r->count, r->x, softplus_of(r), sigmoid_of(r));
  r->value = 0.0;
  for (size_t k = 0; k < r->count; k++) {
    const double x = r->x[k], p = x - bias_part(r, k, c), off = x - r->t[k];
    const double loss = logistic ? softplus[k] - r->t[k] * x : 0.5 * off * off;
    r->value += r->w[k] * loss + 0.5 * r->ridge * p * p;
  }
  return r->value;
}

// Three sums over the features, with the factors w dl/dx, ridge p and ridge, in `weighted`.
void pod_regression_gradient(struct pod_regression *r, const double *c) {
  enum { SUMS = 3 };
  double *factors = r->weighted, *sums = r->parts + r->columns * r->columns;
  const double *sigmoid = sigmoid_of(r);
  for (size_t k = 0; k < r->count; k++) {
    const double slope = (r->loss == LOSS_BCE ? sigmoid[k] : r->x[k]) - r->t[k];
    factors[SUMS * k] = r->w[k] * slope;
    factors[SUMS * k + 1] = r->ridge * (r->x[k] - bias_part(r, k, c));
    factors[SUMS * k + 2] = r->ridge;
  }
  memset(sums, 0, SUMS * r->columns * sizeof *sums);
  dense_multiply(&(struct dense_product){.rows = SUMS,
                                         .depth = r->count,
                                         .columns = r->columns,
                                         .a = factors,
                                         .row_step = 1,
                                         .depth_step = SUMS,
                                         .b = r->features,
                                         .b_stride = r->columns,
                                         .c = sums,
                                         .c_stride = r->columns});
  for (size_t i = 0; i < r->unknowns; i++)
    r->gradient[i] = sums[i] + (i < r->d ? sums[r->columns + i] : 0.0);
}

void pod_regression_matrix(struct pod_regression *r) {
  const size_t columns = r->columns, unknowns = r->unknowns;
  const double *sigmoid = sigmoid_of(r), *ridge = r->parts + (columns + 2) * columns;
  double *factor = softplus_of(r);  // no longer needed
  for (size_t k = 0; k < r->count; k++) {
    const double curvature = r->loss == LOSS_BCE ? sigmoid[k] * (1.0 - sigmoid[k]) : 1.0;
    factor[k] = r->w[k] * curvature + r->ridge;
  }
  dense_scale_rows(r->count, columns, factor, r->features, r->weighted);
  memset(r->parts, 0, unknowns * columns * sizeof *r->parts);
  for (size_t row = 0; row < unknowns;
       row += DENSE_COLUMNS)  // the lower triangle, and a little more
    dense_multiply(&(struct dense_product){
        .rows = unknowns - row < DENSE_COLUMNS ? unknowns - row : DENSE_COLUMNS,
        .depth = r->count,
        .columns = row + DENSE_COLUMNS,
        .a = r->features + row,
        .row_step = 1,
        .depth_step = columns,
        .b = r->weighted,
        .b_stride = columns,
        .c = r->parts + row * columns,
        .c_stride = columns});
  for (size_t i = 0; i < unknowns; i++)
    for (size_t j = 0; j <= i; j++)  // the bias has no ridge; its features are 1
      r->matrix[i * unknowns + j] = r->parts[i * columns + j] - (i == r->d ? ridge[j] : 0.0);
}

// True and the solution if the matrix has a factor whose pivots are more than rounding.
static bool solve_by_factor(struct pod_regression *r, double largest, double *step) {
  const size_t u = r->unknowns;
  double *factor = r->parts;
  memcpy(factor, r->matrix, u * u * sizeof *factor);
  if (!dense_cholesky(u, factor)) return false;
  for (size_t i = 0; i < u; i++)
    if (factor[i * u + i] * factor[i * u + i] < singular * largest) return false;
  dense_cholesky_solve(u, factor, 1, step);
  return true;
}

// The solution of smallest length, from the eigenpairs that exceed rounding.
static void solve_by_eigenpairs(struct pod_regression *r, double *step) {
  const size_t u = r->unknowns;
  double *values = r->step, *given = r->next;
  memcpy(given, step, u * sizeof *given);
  memset(step, 0, u * sizeof *step);
  memcpy(r->parts, r->matrix, u * u * sizeof *r->parts);
  if (!dense_eigen(u, r->parts, values, r->vectors)) return;
  for (size_t k = 0; k < u && values[k] > singular * values[0]; k++) {
    const double *vector = r->vectors + k * u;
    double part = 0.0;
    for (size_t i = 0; i < u; i++) part += vector[i] * given[i];
    for (size_t i = 0; i < u; i++) step[i] += part / values[k] * vector[i];
  }
}

void pod_regression_solve(struct pod_regression *r, double *step) {
  double largest = 0.0;
  for (size_t i = 0; i < r->unknowns; i++) largest = fmax(largest, r->matrix[i * r->unknowns + i]);
  if (!(largest > 0.0))
    memset(step, 0, r->unknowns * sizeof *step);
  else if (!solve_by_factor(r, largest, step))
    solve_by_eigenpairs(r, step);
}

static double largest_of(size_t count, const double *values) {
  double largest = 0.0;
  for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(values[i]));
  return largest;
}

static double sum_of(size_t count, const double *values) {
  double sum = 0.0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum;
}

// Takes a step, halving it until the value falls; false if it never does. Least squares need only
// one full step.
static bool descend(struct pod_regression *r, double *c, const double *step, double *value) {
  enum { HALVINGS = 30 };
  double length = 1.0;
  for (int k = 0; k < HALVINGS; k++, length *= 0.5) {
    memcpy(r->next, c, r->columns * sizeof *c);
    for (size_t j = 0; j < r->unknowns; j++) r->next[j] -= length * step[j];
    const double found = pod_regression_value(r, r->next);
    if (r->loss == LOSS_BCE && !(found <= *value)) continue;
    memcpy(c, r->next, r->columns * sizeof *c);
    *value = found;
    return true;
  }
  return false;
}

double pod_regression_minimise(struct pod_regression *r, double *c) {
  enum { STEPS = 50 };
  const double flat = 1e-10 * sum_of(r->count, r->w);
  double value = pod_regression_value(r, c);
  for (int i = 0; i < STEPS; i++) {
    pod_regression_gradient(r, c);
    if (largest_of(r->unknowns, r->gradient) <= flat) return value;
    pod_regression_matrix(r);
    double *step = r->gradient;  // no longer needed
    pod_regression_solve(r, step);
    const double before = value;
    if (!descend(r, c, step, &value)) break;
    if (r->loss == LOSS_MSE || before - value <= 1e-15 * fabs(value)) return value;
  }
  return pod_regression_value(r, c);
}
