// What summary.json tells of the run in a directory: how it ended, and of which input it was.
// output_summary() writes it. Not collective.
#ifndef GFE_SUMMARY_H
#define GFE_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

struct summary {
  char exit_reason[64];  // "done", or why the run was stopped
  bool finished;         // done, of the input asked for, and its results.h5 is there
};

// False if the directory has none that can be read. `config_hash` names the input asked for.
bool summary_read(const char *directory, uint64_t config_hash, struct summary *summary);

#endif
