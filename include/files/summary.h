// What summary.json records about the run in a directory: how it ended, and with which input, data
// and decoder. It is written by output_summary(). Not collective.
#ifndef GFE_SUMMARY_H
#define GFE_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/run.h"

struct summary {
  char exit_reason[64];       // "done", or why the run was stopped
  bool finished;              // done, for the given input, and results.h5 has its recorded size
  uint64_t results_checksum;  // fingerprint_content() of results.h5 as written; 0: not recorded
  int64_t epochs;             // of its training
  // As in struct run; 0: not recorded.
  uint64_t given_files, decoder_checksum, data_checksum[SET_COUNT];
};

// False if the directory has no readable summary. `config_hash` identifies the given input.
bool summary_read(const char *directory, uint64_t config_hash, struct summary *summary);

// The size of results.h5; -1: there is none.
int64_t summary_results_bytes(const char *directory);

// Whether results.h5 holds what was written. Reads all of it.
bool summary_results_are_whole(const char *directory, const struct summary *summary);

#endif
