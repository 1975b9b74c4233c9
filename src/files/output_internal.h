// What the parts of output share. For output*.c only.
#ifndef GFE_OUTPUT_INTERNAL_H
#define GFE_OUTPUT_INTERNAL_H

#include <stdio.h>

#include "files/output.h"
#include "ground/state.h"

// A text file to be written; failures are the environment's errors (error_fatal).
FILE *output_open_text(const char *path);
void output_close_text(FILE *file, const char *path);

// Declares a dataset, with its dimensions, in an existing group; writes this rank's rows of it,
// collectively.
void output_declare_field(struct h5_file *file, const struct state_field *field);
void output_write_field(struct h5_file *file, const struct state_field *field);

// The group of an encoded set: declared by rank 0 alone, and written collectively. The columns of
// the training set are accompanied by those of its samples encoded as if they were new (NULL:
// none).
void output_declare_set(const struct run *run, const struct evaluation *evaluation,
                        const struct evaluation *as_new, struct h5_file *file);
void output_write_set(const struct run *run, const struct evaluation *evaluation,
                      const struct evaluation *as_new, struct h5_file *file);

#endif
