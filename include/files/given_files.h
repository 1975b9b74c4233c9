// The files that a run reads: data, labels, weights, decoder.file.
#ifndef GFE_GIVEN_FILES_H
#define GFE_GIVEN_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/run.h"
#include "ground/error.h"

// Names what they are now, as `fingerprint` does. By one rank.
uint64_t given_files_fingerprint(const struct run *run);

// Whether none of them, nor what run.restart names, is a file that the run will write, replace or
// remove, by whatever name or link; and whether a results.h5 that is there is a run's. False with a
// message. By one rank.
bool given_files_check(const struct run *run, struct error *error);

#endif
