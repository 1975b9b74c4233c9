// The order conditions of the tableaux: for every rooted tree with up to p nodes, the sum over the
// stages of b_i times the tree's product equals one over its density (Butcher 1963).
#include <math.h>

#include "flow/butcher.h"
#include "support/test.h"

typedef double vector[BUTCHER_STAGES];

static void a_times(const struct butcher *t, const vector x, vector result) {
  for (int i = 0; i < t->stages; i++) {
    result[i] = 0.0;
    for (int j = 0; j < i; j++) result[i] += t->a[i][j] * x[j];
  }
}

static void times(const vector x, const vector y, vector result) {
  for (int i = 0; i < BUTCHER_STAGES; i++) result[i] = x[i] * y[i];
}

static double weighted(const double *b, const vector x) {
  double sum = 0.0;
  for (int i = 0; i < BUTCHER_STAGES; i++) sum += b[i] * x[i];
  return sum;
}

// The largest violation of the conditions of orders 1 ... order, at most 5.
static double violation(const struct butcher *t, const double *b, int order) {
  vector one, c, c2, c3, c4, ac, ac2, ac3, aac, caac, cac, c2ac, cac2, acac, aac2, aaac, ac_ac;
  for (int i = 0; i < BUTCHER_STAGES; i++) one[i] = i < t->stages ? 1.0 : 0.0;
  vector *const all[] = {&c, &ac, &ac2, &ac3, &aac, &acac, &aac2, &aaac};
  for (unsigned k = 0; k < sizeof all / sizeof *all; k++)
    for (int i = 0; i < BUTCHER_STAGES; i++) (*all[k])[i] = 0.0;
  a_times(t, one, c);
  times(c, c, c2);
  times(c2, c, c3);
  times(c3, c, c4);
  a_times(t, c, ac);
  a_times(t, c2, ac2);
  a_times(t, c3, ac3);
  a_times(t, ac, aac);
  a_times(t, aac, aaac);
  a_times(t, ac2, aac2);
  times(c, ac, cac);
  times(c2, ac, c2ac);
  times(c, ac2, cac2);
  times(c, aac, caac);
  a_times(t, cac, acac);
  times(ac, ac, ac_ac);
  const struct {
    int order;
    const double *product;
    double density;
  } trees[] = {{1, one, 1},    {2, c, 2},     {3, c2, 3},   {3, ac, 6},    {4, c3, 4},
               {4, cac, 8},    {4, ac2, 12},  {4, aac, 24}, {5, c4, 5},    {5, c2ac, 10},
               {5, ac_ac, 20}, {5, cac2, 15}, {5, ac3, 20}, {5, caac, 30}, {5, acac, 40},
               {5, aac2, 60},  {5, aaac, 120}};
  double worst = 0.0;
  for (unsigned k = 0; k < sizeof trees / sizeof *trees; k++)
    if (trees[k].order <= order)
      worst = fmax(worst, fabs(weighted(b, trees[k].product) - 1.0 / trees[k].density));
  return worst;
}

static void check(const char *name, const struct butcher *t) {
  CHECK(violation(t, t->b, t->order) < 1e-14, "%s is not of order %d: %g", name, t->order,
        violation(t, t->b, t->order));
  CHECK(t->order == 5 || violation(t, t->b, t->order + 1) > 1e-3, "%s is of a higher order", name);
  if (!t->adaptive) return;
  CHECK(violation(t, t->b_low, t->order - 1) < 1e-14, "%s: the lower method is not of order %d",
        name, t->order - 1);
  CHECK(violation(t, t->b_low, t->order) > 1e-6, "%s: the methods do not differ in order", name);
}

int main(void) {
  check("euler", &butcher_euler);
  check("rk4", &butcher_rk4);
  check("heun", &butcher_heun);
  check("dopri5", &butcher_dopri5);
  const int last = butcher_dopri5.stages - 1;
  for (int j = 0; j < last; j++)
    CHECK(butcher_dopri5.a[last][j] == butcher_dopri5.b[j], "the last stage is the next step's");
  CHECK(fabs(butcher_time(&butcher_dopri5, 4) - 8.0 / 9) < 1e-15, "c_5 = 8/9");
  return test_summary();
}
