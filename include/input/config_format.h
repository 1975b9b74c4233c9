// Values of the input file and what the table says of them, as text.
#ifndef GFE_CONFIG_FORMAT_H
#define GFE_CONFIG_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "input/config_table.h"

enum { CONFIG_NUMBER_TEXT = 32, CONFIG_NAMES = 32 };  // bytes; names of a choice at the most

// Appends to a text of `size` bytes, cutting off what does not fit.
void config_append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Appends "a, b or c".
void config_append_names(char *text, size_t size, const char *const *names, size_t count);

// Fills `names` from a *_name function and returns how many there are.
size_t config_collect_names(const char *(*name)(int), const char *names[CONFIG_NAMES]);

// Whether two words are the same but for case.
bool config_same_word(const char *a, const char *b);

// The shortest text that reads back as the same number.
const char *config_number_text(double value, char text[CONFIG_NUMBER_TEXT]);

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
