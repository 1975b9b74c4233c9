// Inputs as text: the values of a run, and all existing parameters.
#ifndef GFE_CONFIG_WRITE_H
#define GFE_CONFIG_WRITE_H

#include <stdbool.h>
#include <stdio.h>

#include "ground/error.h"
#include "input/config_table.h"

// Writes every value, exactly, as a valid input file: reading it gives the same struct config,
// except for the values chosen for `auto`, which are added as comments.
void config_write(const struct config *config, FILE *stream);

// Writes the values that the program has chosen for a reader, as "key = value", separated by
// commas; nothing if there are none.
void config_write_chosen(const struct config *config, FILE *stream);

// Writes every parameter with its default and documentation as a valid input file.
void config_write_reference(FILE *stream);

// Writes into `text` the purpose of a parameter and what it accepts: "samples per update of the
// decoder, over all ranks (integer in [1,1e9], samples)"; or where that is explained, "see
// data.train.file".
enum { CONFIG_EXPLANATION = 1024 };  // bytes of the text
void config_explain(size_t index, char text[CONFIG_EXPLANATION]);

// The same for a key of a layer, config_layer_rows[r], with its default.
void config_explain_layer_key(size_t r, char text[CONFIG_EXPLANATION]);

// The parameter of an earlier section with the same row and the same kind of default, so that it
// need not be explained twice; without a row if there is none.
struct config_parameter config_explained_before(size_t index);

// Writes the special section of many runs, as a comment of the reference.
void config_write_sweep(FILE *stream);

// ---- --help ----

enum { CONFIG_LINE_WIDTH = 100, CONFIG_HELP_COLUMN = 31 };  // where explanations begin

// Whether `name` is a parameter ("training.batch") or a section; if not, false with a message that
// names the nearest one.
bool config_help_finds(const char *name, struct error *error);

// Writes the parameter or section `name`, with what is accepted, or every parameter (NULL): its
// key, purpose and default. Parameters that are explained elsewhere in the same text are only
// listed.
void config_write_help(const char *name, FILE *stream);

// Writes a value, exactly, as YAML after "key:": on the same line, except for a list of layers,
// which takes a line per layer after `indent` spaces, unless `indent` is negative. `auto` is
// written as such, not as the value chosen for it.
void config_write_value(const struct config *config, const struct config_parameter *parameter,
                        int indent, FILE *stream);

#endif
