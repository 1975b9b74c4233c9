#include "ground/text.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARIABLE = 128 };  // bytes of a variable's name

void text_append(char *text, size_t size, const char *format, ...) {
  const size_t length = strlen(text);
  assert(length < size);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + length, size - length, format, arguments);
  va_end(arguments);
}

void text_append_names(char *text, size_t size, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++)
    text_append(text, size, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", names[i]);
}

size_t text_collect_names(const char *(*name)(int), const char *names[TEXT_NAMES_MAX]) {
  size_t count = 0;
  while (count < TEXT_NAMES_MAX && name((int)count) != NULL) {
    names[count] = name((int)count);
    count++;
  }
  assert(name((int)count) == NULL);  // else there are more than fit
  return count;
}

bool text_same_word(const char *a, const char *b) {
  for (; *a != '\0' && tolower((unsigned char)*a) == tolower((unsigned char)*b); a++) b++;
  return *a == *b;
}

static bool is_name(char c, bool first) {
  return c == '_' || isalpha((unsigned char)c) || (!first && isdigit((unsigned char)c));
}

// The length of "$NAME" or "${NAME}" at the beginning of `text`, whose name it copies; 0 if there
// is none.
static size_t find_variable(const char *text, char name[VARIABLE]) {
  const size_t begin = text[0] == '$' ? (text[1] == '{' ? 2 : 1) : 0;
  size_t length = 0;
  if (begin == 0) return 0;
  while (is_name(text[begin + length], length == 0)) length++;
  if (length == 0 || length >= VARIABLE || (begin == 2 && text[begin + length] != '}')) return 0;
  snprintf(name, VARIABLE, "%.*s", (int)length, text + begin);
  return begin + length + (begin == 2);
}

bool text_expand_path(const char *path, char *expanded, size_t size, struct error *error) {
  size_t done = 0;
  for (const char *at = path; *at != '\0';) {
    char name[VARIABLE] = "HOME";
    const bool home = at == path && *at == '~';
    if (home && at[1] != '/' && at[1] != '\0')
      return error_set(error,
                       "only ~/ is expanded, to the home directory of the user; give the path in "
                       "full, or as ./%s if a file has this name",
                       path);
    const size_t length = home ? 1 : find_variable(at, name);
    const char *value = length > 0 ? getenv(name) : NULL;
    if (length > 0 && (value == NULL || value[0] == '\0'))
      return error_set(error, "the environment variable %s is %s", name,
                       value == NULL ? "not set" : "empty");
    if (length == 0 && strncmp(at, "${", 2) == 0)
      return error_set(error, "%.64s: only ${NAME} can be expanded", at);
    const size_t bytes = value != NULL ? strlen(value) : 1;
    if (done + bytes >= size)
      return error_set(error, "longer than %zu bytes when ~ and variables are expanded", size - 1);
    memcpy(expanded + done, value != NULL ? value : at, bytes);
    done += bytes;
    at += length > 0 ? length : 1;
  }
  expanded[done] = '\0';
  return true;
}

const char *text_number(double value, char text[TEXT_NUMBER]) {
  size_t shortest = TEXT_NUMBER;
  for (int digits = 1; digits <= 17; digits++) {
    char trial[TEXT_NUMBER];
    snprintf(trial, sizeof trial, "%.*g", digits, value);
    char *exponent = strchr(trial, 'e');
    const int power = exponent != NULL ? atoi(exponent + 1) : 0;
    if (exponent != NULL) snprintf(exponent, 8, "e%d", power);
    if (strtod(trial, NULL) != value) continue;
    if (strlen(trial) <= shortest) {
      shortest = strlen(trial);
      memcpy(text, trial, shortest + 1);
    }
    if (power <= 0) break;  // more digits change nothing
  }
  return text;
}
