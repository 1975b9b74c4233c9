// Values of the input file and what the table says of them, as text.
#ifndef GFE_CONFIG_FORMAT_H
#define GFE_CONFIG_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "input/config_table.h"

// Whether a row is stored as a text.
bool config_is_text(const struct config_row *row);

// Whether a parameter has a value: false for empty texts and for what is left to decoder.file.
bool config_is_given(const struct config *config, const struct config_parameter *parameter);

// Writes a stored value, exactly, as YAML behind "key:": on the same line, but a list of layers on
// a line per layer behind `indent` spaces, or on the same line too if that is negative.
void config_format_value(const struct config_row *row, const void *storage, int indent,
                         FILE *stream);

// What a row accepts, such as "integer in [1,1e9], samples" or "adam, rmsprop or sgd".
void config_format_row(const struct config_row *row, char *text, size_t size);

#endif
