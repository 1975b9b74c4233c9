#include "flow/butcher.h"

#include <assert.h>

const struct butcher butcher_euler = {.stages = 1, .order = 1, .b = {1.0}};

const struct butcher butcher_rk4 = {
    .stages = 4,
    .order = 4,
    .a = {{0}, {1.0 / 2}, {0, 1.0 / 2}, {0, 0, 1}},
    .b = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6},
};

const struct butcher butcher_heun = {
    .stages = 2,
    .order = 2,
    .adaptive = true,
    .a = {{0}, {1}},
    .b = {1.0 / 2, 1.0 / 2},
    .b_low = {1.0, 0},
};

const struct butcher butcher_dopri5 = {
    .stages = 7,
    .order = 5,
    .adaptive = true,
    .fsal = true,
    .a = {{0},
          {1.0 / 5},
          {3.0 / 40, 9.0 / 40},
          {44.0 / 45, -56.0 / 15, 32.0 / 9},
          {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
          {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
          {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}},
    .b = {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84, 0},
    .b_low = {5179.0 / 57600, 0, 7571.0 / 16695, 393.0 / 640, -92097.0 / 339200, 187.0 / 2100,
              1.0 / 40},
};

double butcher_time(const struct butcher *tableau, int stage) {
  assert(stage >= 0 && stage < tableau->stages);
  double c = 0.0;
  for (int j = 0; j < stage; j++) c += tableau->a[stage][j];
  return c;
}
