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

// The same as short lines for --help.
void config_write_summary(FILE *stream);

// Writes a value, exactly, as YAML behind "key:": on the same line, but a list of layers on a line
// per layer behind `indent` spaces, or on the same line too if that is negative. Of `auto` what it
// has become does not count.
void config_write_value(const struct config *config, const struct config_parameter *parameter,
                        int indent, FILE *stream);

#endif
