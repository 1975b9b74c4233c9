#include "ground/text.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
