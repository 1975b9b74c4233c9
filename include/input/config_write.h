// Inputs as text: the values of a run, and every parameter that there is.
#ifndef GFE_CONFIG_WRITE_H
#define GFE_CONFIG_WRITE_H

#include <stdio.h>

#include "input/config_table.h"

// Writes every value, exact, as a valid input file: reading it gives the same struct config, but
// for what `auto` has become, which stands behind it as a comment.
void config_write(const struct config *config, FILE *stream);

// Writes "key = value" of what the program has chosen, with commas between; nothing if there is
// none.
void config_write_chosen(const struct config *config, FILE *stream);

// Writes every parameter with its default and documentation as a valid input file.
void config_write_reference(FILE *stream);

// Writes into `text` what a parameter is for and what it accepts: "samples per update of the
// decoder, over all ranks (integer in [1,1e9], samples)"; or where that stands, "see
// data.train.file".
enum { CONFIG_EXPLANATION = 1024 };  // bytes of the text
void config_explain(size_t index, char text[CONFIG_EXPLANATION]);

// The same of a key of a layer, config_layer_rows[r], with its default.
void config_explain_layer_key(size_t r, char text[CONFIG_EXPLANATION]);

// Writes every parameter as a short line for --help.
void config_write_summary(FILE *stream);

// Writes a value, exactly, as YAML behind "key:": on the same line, but a list of layers on a line
// per layer behind `indent` spaces, or on the same line too if that is negative. Of `auto` what it
// has become does not count.
void config_write_value(const struct config *config, const struct config_parameter *parameter,
                        int indent, FILE *stream);

#endif
