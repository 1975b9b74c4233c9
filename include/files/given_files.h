// The files that a run reads: data, labels, weights, decoder.file.
#ifndef GFE_GIVEN_FILES_H
#define GFE_GIVEN_FILES_H

#include <stdint.h>

#include "engine/run.h"

// Names what they are now, as `fingerprint` does. By one rank.
uint64_t given_files_fingerprint(const struct run *run);

#endif
