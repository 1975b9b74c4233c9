#include <math.h>
#include <time.h>

#include "ground/clock.h"
#include "support/test.h"

static void sleep_for(long milliseconds) {
  const struct timespec pause = {.tv_nsec = milliseconds * 1000000};
  nanosleep(&pause, NULL);
}

int main(void) {
  const double idle = clock_cpu_seconds(), before = clock_seconds();
  clock_enter(PHASE_DATA);
  const double begun = clock_seconds();
  sleep_for(20);
  CHECK(clock_enter(PHASE_FLOW) == PHASE_DATA, "the phase before is returned");
  sleep_for(40);
  clock_enter(PHASE_OTHER);
  double spent[PHASE_COUNT], sum = 0.0;
  const double least = clock_seconds() - begun;
  clock_read(spent);
  const double most = clock_seconds() - before;
  for (int phase = 0; phase < PHASE_COUNT; phase++) sum += spent[phase];
  CHECK(spent[PHASE_DATA] >= 0.02 && spent[PHASE_FLOW] >= 0.04, "data %g, flow %g",
        spent[PHASE_DATA], spent[PHASE_FLOW]);
  CHECK(spent[PHASE_REDUCE] == 0.0, "nothing was reduced");
  CHECK(least - 1e-6 <= sum && sum <= most + 1e-6, "phases add up to %g of %g to %g seconds", sum,
        least, most);

  const double busy = clock_cpu_seconds();
  CHECK(busy - idle < 0.03, "60 ms asleep took %g s of a CPU", busy - idle);
  volatile double x = 1.0;
  for (double end = clock_seconds() + 60.0; clock_cpu_seconds() < busy + 0.02;) {
    x = sin(x);
    if (clock_seconds() > end) break;
  }
  CHECK(clock_cpu_seconds() >= busy + 0.02, "a minute's work takes CPU time");
  CHECK(phase_name(PHASE_COUNT) == NULL, "no name beyond the last");
  return test_summary();
}
