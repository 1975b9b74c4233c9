#include "flow/trajectory.h"
#include "support/test.h"

int main(void) {
  enum { D = 3, STAGES = 2, STRIDE = REAL_PAD, STEPS = 37 };
  struct trajectory *t = trajectory_create();
  for (int again = 0; again < 2; again++) {
    trajectory_begin(t, D, STAGES, STEPS);
    CHECK(t->count == 0, "a trajectory begins empty");
    for (int k = 0; k < STEPS; k++) {
      real points[STAGES * STRIDE] = {0}, slope[STRIDE] = {0}, end[STRIDE] = {0};
      points[0] = (real)k;
      points[STRIDE] = (real)k + (real)0.5;
      slope[0] = (real)-k;
      end[0] = (real)(k + 1);
      trajectory_append(t, (struct trajectory_step){.clock = k, .h = 1.0}, points, slope, end);
      slope[0] = (real)(100 + k);
      trajectory_complete(t, slope);
    }
    int wrong = 0;
    for (int k = 0; k < STEPS; k++) {
      wrong += t->steps[k].clock != k;
      wrong += t->points[k * STAGES * STRIDE] != (real)k;
      wrong += t->points[(k * STAGES + 1) * STRIDE] != (real)k + (real)0.5;
      wrong += t->slopes[2 * k * STRIDE] != (real)-k;
      wrong += t->slopes[(2 * k + 1) * STRIDE] != (real)(100 + k);
    }
    CHECK(wrong == 0, "%d values are wrong", wrong);
    CHECK(t->end[0] == STEPS, "the end is %g", (double)t->end[0]);
    CHECK(t->room == STEPS, "room for %lld steps, %d are the limit", (long long)t->room, STEPS);
  }
  CHECK(trajectory_bytes(D, STAGES, 10) > 10 * 4 * D * sizeof(real), "bytes");
  trajectory_destroy(&t);
  CHECK(t == NULL, "the pointer is not cleared");
  return test_summary();
}
