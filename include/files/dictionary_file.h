// Dictionaries of trained latents in HDF5 files: the group /dictionary of results.h5.
#ifndef GFE_DICTIONARY_FILE_H
#define GFE_DICTIONARY_FILE_H

#include <stdbool.h>

#include "engine/dictionary.h"
#include "ground/error.h"
#include "platform/h5.h"

// Declares the group in a file being created by rank 0.
// `held_out_loss`: NaN if it is not known.
void dictionary_declare(struct h5_file *file, const struct dictionary *dictionary,
                        double held_out_loss);

// Writes the dictionary of rank 0 (`rank` is the caller's). Collective.
void dictionary_write(struct h5_file *file, const struct dictionary *dictionary, int rank);

// The number of trained entries of the dictionary in `path` (decoder.file); 0 if there is none. Not
// collective.
int64_t dictionary_count_in(const char *path);

// Reads it into a dictionary with that many entries; false with a message in *error if it is not
// for latents of the same length. Not collective.
bool dictionary_read(const char *path, struct dictionary *dictionary, struct error *error);

#endif
