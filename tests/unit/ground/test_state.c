#include <string.h>

#include "ground/real.h"
#include "ground/state.h"
#include "support/test.h"

int main(void) {
  enum { ROWS = 5, WIDTH = 3, STRIDE = 4 };
  real padded[ROWS][STRIDE], back[ROWS][STRIDE];
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < STRIDE; j++) padded[i][j] = (real)(10 * i + j);
  memset(back, 0, sizeof back);
  struct state state = {.count = 0};
  state_add(&state, (struct state_field){.group = "g",
                                         .name = "rows",
                                         .dimension = "row",
                                         .type = STATE_REAL,
                                         .data = padded,
                                         .total = ROWS,
                                         .count = ROWS,
                                         .width = WIDTH,
                                         .stride = sizeof padded[0]});
  int64_t numbers[] = {7, 8, 9};
  state_add_numbers(&state, "g", "numbers", STATE_INT64, numbers, 3, "number", "three numbers");
  CHECK(state.count == 2, "%zu fields", state.count);
  CHECK(state_row_bytes(&state.fields[0]) == WIDTH * sizeof(real) &&
            state_row_bytes(&state.fields[1]) == sizeof(int64_t),
        "bytes of rows");
  CHECK(state.fields[1].total == 3 && state.fields[1].count == 3 && !state.fields[1].shared,
        "numbers are common to all ranks");

  real block[2][WIDTH];
  state_pack(&state.fields[0], 2, 2, block);
  CHECK(block[0][0] == 20 && block[0][2] == 22 && block[1][0] == 30, "rows without gaps");
  struct state_field target = state.fields[0];
  target.data = back;
  state_unpack(&target, 2, 2, block);
  CHECK(back[2][1] == 21 && back[3][2] == 32, "rows in their places");
  CHECK(back[1][0] == 0 && back[2][3] == 0 && back[4][0] == 0, "nothing else is touched");
  int64_t copy[3] = {0};
  state_pack(&state.fields[1], 0, 3, copy);
  CHECK(memcmp(copy, numbers, sizeof copy) == 0, "single numbers");
  return test_summary();
}
