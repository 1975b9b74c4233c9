// Texts in buffers, and the names of enumerations.
#ifndef GFE_TEXT_H
#define GFE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "ground/error.h"

enum { TEXT_NUMBER = 32, TEXT_NAMES_MAX = 32 };  // bytes of a number; names of an enumeration

// Entries of an array, and whether `kind` is the index of one.
#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define IN_TABLE(table, kind) ((size_t)(kind) < LENGTH(table))  // negative ones become huge

// Appends to a text of `size` bytes, cutting off what does not fit.
void text_append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Appends "a, b or c".
void text_append_names(char *text, size_t size, const char *const *names, size_t count);

// Fills `names` from a *_name function, which returns NULL beyond the last name, and returns their
// number.
size_t text_collect_names(const char *(*name)(int), const char *names[TEXT_NAMES_MAX]);

// Whether two words are the same except for case.
bool text_same_word(const char *a, const char *b);

// Copies a path, expanding it as a shell would: "~" at its beginning is the user's home, "$NAME"
// and "${NAME}" are environment variables. Any other "$" is kept. False with a message if a
// variable is unset or empty, if another user's home or anything but a name in "${...}" is
// requested, or if the result does not fit.
bool text_expand_path(const char *path, char *expanded, size_t size, struct error *error);

// The shortest text that reads back as the same number.
const char *text_number(double value, char text[TEXT_NUMBER]);

#endif
