// Two inputs side by side: may a run go on that was begun with another one?
#ifndef GFE_CONFIG_COMPARE_H
#define GFE_CONFIG_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "input/config.h"

// Every parameter, exact, as a line "section.key: value" of an owned text; the value is empty where
// none is given. What decoder.file decides counts as not given, before and after it is read.
char *config_lines(const struct config *config);

// Names an input by the lines on which results depend: all but those of CHANGE_IRRELEVANT.
uint64_t config_hash(const struct config *config);

// Names the options on which the latents of a set depend, given decoder, data and first guess.
uint64_t config_encoding_hash(const struct config *config);

// What differs, as owned texts such as "training.batch: 20 before, 64 now; run.seed: 1 before, 2
// now"; empty if nothing does.
struct config_differences {
  char *refused;  // values that decide what has been computed already
  char *taken;    // values with which a run may go on
};

// Compares the config_lines() of an earlier run with the input of now. A key that the earlier
// run's program did not know counts as its default; one that this program does not know is
// refused; one on which no result depends is passed over. True if nothing is refused. Fills *out,
// to be given back by config_differences_clear().
bool config_compare(const char *lines_before, const struct config *now,
                    struct config_differences *out);
void config_differences_clear(struct config_differences *differences);

#endif
