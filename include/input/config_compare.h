// Comparison of two inputs: may a run begun with one of them continue with the other?
#ifndef GFE_CONFIG_COMPARE_H
#define GFE_CONFIG_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "input/config.h"

// Every parameter, exactly, as a line "section.key: value" of an owned text; the value is empty if
// none is given. What decoder.file determines counts as not given, before and after it is read.
char *config_lines(const struct config *config);

// A hash of the lines of an input on which results depend: all but those of CHANGE_IRRELEVANT.
uint64_t config_hash(const struct config *config);

// A hash of the options on which the latents of a set depend, given decoder, data and first guess.
uint64_t config_encoding_hash(const struct config *config);

// The differences, as owned texts such as "training.batch: 20 before, 64 now; run.seed: 1 before, 2
// now"; empty if there are none.
struct config_differences {
  char *refused;  // values that have already influenced the results
  char *taken;    // values with which the run may continue
};

// Compares the config_lines() of an earlier run with the present input. A key that the program of
// the earlier run did not know counts as its default; one that this program does not know is
// refused; one on which no result depends is ignored. True if nothing is refused. Fills *out, to be
// released with config_differences_clear().
bool config_compare(const char *lines_before, const struct config *now,
                    struct config_differences *out);
void config_differences_clear(struct config_differences *differences);

#endif
