// The group /predictor of results.h5: a predictor beside its decoder.
#ifndef GFE_PREDICTOR_FILE_H
#define GFE_PREDICTOR_FILE_H

#include "engine/predictor.h"
#include "platform/h5.h"

// Declares it in a file being created by rank 0.
void predictor_declare(struct h5_file *file, const struct predictor *predictor);

// Writes the predictor of rank 0 (`rank` is the caller's). Collective.
void predictor_write(struct h5_file *file, const struct predictor *predictor, int rank);

// Whether `path` (decoder.file) has a predictor. Not collective.
bool predictor_is_in(const char *path);

// Reads it, owned; NULL with a message in *error unless it is for d numbers and n entries. Not
// collective.
struct predictor *predictor_read(const char *path, size_t d, size_t n, struct error *error);

#endif
