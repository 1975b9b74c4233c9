#include "ground/clock.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "ground/text.h"

static const char *const names[] = {"data",      "flow",   "gradient", "reduce",
                                    "optimiser", "output", "other"};

static double spent[PHASE_COUNT];
static enum phase present = PHASE_OTHER;
static double entered = -1.0, started = -1.0;

const char *phase_name(enum phase phase) { return IN_TABLE(names, phase) ? names[phase] : NULL; }

static double read_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double clock_seconds(void) { return read_clock(CLOCK_MONOTONIC); }

double clock_cpu_seconds(void) { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

double clock_started(void) { return started >= 0.0 ? started : clock_seconds(); }

enum phase clock_enter(enum phase phase) {
  const double now = clock_seconds();
  const enum phase before = present;
  if (entered >= 0.0) spent[before] += now - entered;
  if (started < 0.0) started = now;
  entered = now;
  present = phase;
  return before;
}

void clock_read(double seconds[PHASE_COUNT]) {
  clock_enter(present);
  memcpy(seconds, spent, sizeof spent);
}
