// Wall-clock time and where it goes: the phases of a run.
#ifndef GFE_CLOCK_H
#define GFE_CLOCK_H

enum phase {
  PHASE_DATA,
  PHASE_FLOW,
  PHASE_GRADIENT,
  PHASE_REDUCE,
  PHASE_OPTIMISER,
  PHASE_OUTPUT,
  PHASE_OTHER,
  PHASE_COUNT
};
const char *phase_name(enum phase phase);

// Seconds of a clock that never goes back.
double clock_seconds(void);

// CPU seconds used by this process, over all its threads.
double clock_cpu_seconds(void);

// The clock at the first clock_enter(): when the program started.
double clock_started(void);

// From now on, time counts towards `phase`. Returns the previous phase, to be restored.
enum phase clock_enter(enum phase phase);

// Seconds spent in each phase so far.
void clock_read(double seconds[PHASE_COUNT]);

#endif
