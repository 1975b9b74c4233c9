#include "engine/projection.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#include "engine/pod_modes.h"
#include "ground/memory.h"
#include "numerics/dense.h"
#include "numerics/product.h"

enum { DIRECTIONS = PROJECTION_TERMS - 1 };

static const double margin = 1e-5;  // of the square of a vector, added to that of its rest

struct projection {
  size_t n;
  real *panels;  // of the directions
};

static bool is_finite(size_t n, const real *row) { return isfinite(dense_dot_real(n, row, row)); }

struct projection *projection_create(size_t n, size_t count, const real *x) {
  assert(n >= DIRECTIONS);
  struct projection *p = memory_new(struct projection, 1);
  *p = (struct projection){.n = n, .panels = memory_new(real, product_panels_size(n, DIRECTIONS))};
  double *directions = memory_new(double, DIRECTIONS *n), there[DIRECTIONS] = {0};
  size_t have = 0;
  for (const real *row = x; row < x + count * real_padded(n) && have < DIRECTIONS;
       row += real_padded(n)) {
    if (!is_finite(n, row)) continue;
    for (size_t i = 0; i < n; i++) directions[have * n + i] = (double)row[i];
    there[have++] = 1.0;
  }
  pod_modes_orthonormalise(DIRECTIONS, n, directions, there);
  real *rows = memory_new(real, DIRECTIONS * n);
  for (size_t i = 0; i < DIRECTIONS * n; i++) rows[i] = (real)directions[i];
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
