// Appending within a buffer, lists of names, words, and numbers that read back as they were.
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "ground/text.h"
#include "support/test.h"

static const char *const fruits[] = {"apple", "pear", "plum"};

static const char *fruit_name(int kind) { return IN_TABLE(fruits, kind) ? fruits[kind] : NULL; }

static void test_append(void) {
  char text[12] = "";
  text_append(text, sizeof text, "%d and", 12);
  CHECK(strcmp(text, "12 and") == 0, "'%s'", text);
  text_append(text, sizeof text, " %s", "thirteen");
  CHECK(strcmp(text, "12 and thir") == 0, "cut off: '%s'", text);
}

static void test_names(void) {
  const char *const wanted[] = {"", "apple", "apple or pear", "apple, pear or plum"};
  const char *names[TEXT_NAMES_MAX];
  const size_t count = text_collect_names(fruit_name, names);
  CHECK(count == LENGTH(fruits), "%zu names", count);
  for (size_t i = 0; i <= count; i++) {
    char text[64] = "";
    text_append_names(text, sizeof text, names, i);
    CHECK(strcmp(text, wanted[i]) == 0, "'%s'", text);
  }
  CHECK(fruit_name(-1) == NULL && fruit_name(3) == NULL, "beyond the table");
}

static void test_words(void) {
  CHECK(text_same_word("Yes", "yEs") && text_same_word("", ""), "but for case");
  CHECK(!text_same_word("yes", "yess") && !text_same_word("yess", "yes"), "another length");
}

static void test_numbers(void) {
  static const struct {
    double value;
    const char *text;
  } cases[] = {{0, "0"},         {0.1, "0.1"}, {2e-3, "0.002"}, {1e15, "1e15"},
               {-12.5, "-12.5"}, {1e4, "1e4"}, {1234, "1234"},  {5e-324, "5e-324"}};
  char text[TEXT_NUMBER];
  for (size_t i = 0; i < LENGTH(cases); i++)
    CHECK(strcmp(text_number(cases[i].value, text), cases[i].text) == 0, "'%s', not '%s'", text,
          cases[i].text);
  const double hard[] = {1.0 / 3.0, DBL_MAX, DBL_MIN, 0.1 + 0.2, 9007199254740993.0, -1e-300 / 7.0};
  for (size_t i = 0; i < LENGTH(hard); i++)
    CHECK(strtod(text_number(hard[i], text), NULL) == hard[i], "'%s'", text);
}

static void expect_path(const char *path, const char *expected) {
  char text[16];
  struct error error = {""};
  const bool good = text_expand_path(path, text, sizeof text, &error);
  CHECK(strcmp(good ? text : error.text, expected) == 0, "%s: '%s'", path,
        good ? text : error.text);
}

static void test_paths(void) {
  setenv("HOME", "/home/me", 1);
  setenv("A_1", "a", 1);
  setenv("EMPTY", "", 1);
  unsetenv("NONE");
  expect_path("~", "/home/me");
  expect_path("~/x", "/home/me/x");
  expect_path("x/~/y~", "x/~/y~");
  expect_path("$A_1/${A_1}b$A_1", "a/aba");
  expect_path("$A_1.h5", "a.h5");
  expect_path("a$ $1 $$", "a$ $1 $$");
  expect_path("", "");
  expect_path("$NONE/x", "the environment variable NONE is not set");
  expect_path("$EMPTY/x", "the environment variable EMPTY is empty");
  expect_path("${A_1", "${A_1: only ${NAME} can be expanded");
  expect_path("${A_1:-b}", "${A_1:-b}: only ${NAME} can be expanded");
  expect_path("~you/x",
              "only ~/ is expanded, to the home directory of the user; give the path in full, or "
              "as ./~you/x if a file has this name");
  expect_path("123456789012345", "123456789012345");
  expect_path("~/234567", "/home/me/234567");
  expect_path("~/2345678", "longer than 15 bytes when ~ and variables are expanded");
}

int main(void) {
  test_paths();
  test_append();
  test_names();
  test_words();
  test_numbers();
  return test_summary();
}
