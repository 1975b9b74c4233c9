#include "engine/projection.h"

#include <math.h>
#include <string.h>

#include "ground/memory.h"
#include "numerics/dense.h"
#include "numerics/product.h"

enum { DIRECTIONS = PROJECTION_TERMS - 1 };

static const double margin = 1e-5;     // of the square of a vector, added to that of its rest
static const double dependent = 1e-6;  // a rest is this much shorter than the vector

struct projection {
  size_t n;
  real *panels;  // of the directions, 0 where there are fewer
};

// Gram-Schmidt, twice, which is orthogonal to rounding (Giraud, Langou and Rozloznik 2005). False
// if the row is not finite or depends on the directions.
static bool add_direction(size_t n, const real *row, double *directions, size_t have) {
  double *v = directions + have * n;
  for (size_t i = 0; i < n; i++) v[i] = (double)row[i];
  const double before = dense_dot(n, v, v);
  for (int twice = 0; twice < 2; twice++)
    for (size_t k = 0; k < have; k++) {
      const double *u = directions + k * n, component = dense_dot(n, u, v);
      for (size_t i = 0; i < n; i++) v[i] -= component * u[i];
    }
  const double after = dense_dot(n, v, v);
  if (!isfinite(before) || !(after > dependent * dependent * before)) return false;
  for (size_t i = 0; i < n; i++) v[i] /= sqrt(after);
  return true;
}

struct projection *projection_create(size_t n, size_t count, const real *x) {
  struct projection *p = memory_new(struct projection, 1);
  *p = (struct projection){.n = n, .panels = memory_new(real, product_panels_size(n, DIRECTIONS))};
  double *directions = memory_new(double, DIRECTIONS *n);
  size_t have = 0;
  for (size_t k = 0; k < count && have < DIRECTIONS; k++)
    have += add_direction(n, x + k * real_padded(n), directions, have);
  real *rows = memory_new(real, DIRECTIONS * n);
  for (size_t i = 0; i < have * n; i++) rows[i] = (real)directions[i];
  product_pack(n, DIRECTIONS, rows, 1, n, p->panels);
  memory_free(&rows);
  memory_free(&directions);
  return p;
}

void projection_destroy(struct projection **projection) {
  if (*projection == NULL) return;
  memory_free(&(*projection)->panels);
  memory_free(projection);
}

void projection_shorten(const struct projection *p, size_t count, const real *rows, real *shorter) {
  const size_t stride = real_padded(p->n);
  const struct product_matrix directions = {
      .terms = p->n, .outputs = DIRECTIONS, .panels = p->panels};
  product_multiply(&directions, &(struct product_rows){.rows = count,
                                                       .a = rows,
                                                       .a_stride = stride,
                                                       .c = shorter,
                                                       .c_stride = PROJECTION_TERMS});
  for (size_t k = 0; k < count; k++) {
    real *components = shorter + k * PROJECTION_TERMS;
    const double square = dense_dot_real(p->n, rows + k * stride, rows + k * stride);
    const double rest = square - dense_dot_real(DIRECTIONS, components, components);
    components[DIRECTIONS] = (real)sqrt((rest > 0.0 ? rest : 0.0) + margin * square);
  }
}
