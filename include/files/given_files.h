// The files that a run reads: data, labels, weights, decoder.file.
#ifndef GFE_GIVEN_FILES_H
#define GFE_GIVEN_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/run.h"
#include "ground/error.h"

// A fingerprint of their present state. By one rank.
uint64_t given_files_fingerprint(const struct run *run);

// True if none of them, nor the file named by run.restart, is one that the run will write, replace
// or remove, under any name or link, and if an existing results.h5 was written by a run. Otherwise
// false with a message. By one rank.
bool given_files_check(const struct run *run, struct error *error);

#endif
