// Prints libFuzzer's dictionary for fuzz_yaml: the tokens of YAML, and every section, key and name
// of the parameter table.
#include <stdio.h>
#include <string.h>

#include "decoder/activation.h"
#include "input/config_table.h"

static void print_names(const char *(*name)(int)) {
  for (int i = 0; name != NULL && name(i) != NULL; i++) printf("\"%s\"\n", name(i));
}

// The parts of a section's name, as they are written in a file and in an override.
static void print_section(const char *name) {
  const char *dot = strchr(name, '.');
  printf("\"%.*s:\\x0A  \"\n\"%s.\"\n", (int)strcspn(name, "."), name, name);
  if (dot != NULL) printf("\"%s:\\x0A    \"\n", dot + 1);
}

int main(void) {
  static const char *const syntax[] = {"\\x0A",
                                       "\\x0A  ",
                                       "\\x0A- ",
                                       ": ",
                                       "=",
                                       "[",
                                       "]",
                                       "{",
                                       "}",
                                       ", ",
                                       "#",
                                       "\\\"",
                                       "'",
                                       "|\\x0A",
                                       ">\\x0A",
                                       "---",
                                       "...",
                                       "&a",
                                       "*a",
                                       "!",
                                       "%",
                                       "?",
                                       "~",
                                       "\\x00",
                                       "\\x09",
                                       "\\\\u0085",
                                       "\\\\x00",
                                       "\\\\",
                                       "\\xC2\\x85",
                                       "\\xE2\\x80\\xA8",
                                       "\\xEF\\xBB\\xBF",
                                       "/dev/null",
                                       "null",
                                       "true",
                                       "no",
                                       "-0",
                                       "1e999",
                                       "1e15",
                                       "0x10",
                                       ".5",
                                       "1e-400",
                                       "9007199254740993",
                                       "nan"};
  for (size_t i = 0; i < sizeof syntax / sizeof *syntax; i++) printf("\"%s\"\n", syntax[i]);
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    if (i == 0 || config_parameter(i - 1).section != parameter.section)
      print_section(parameter.section->name);
    printf("\"%s: \"\n\"\\x00%s=\"\n", parameter.row->key, parameter.key);
    print_names(parameter.row->name);
  }
  for (size_t r = 0; r < config_layer_row_count; r++) {
    printf("\"%s: \"\n", config_layer_rows[r].key);
    print_names(config_layer_rows[r].name);
  }
  static const char *const sweep[] = {
      "sweep:\\x0A  ", "grid: ",    "zip: ",   "list: ", "random: ",
      "seed: ",        "samples: ", "range: ", "log: ",  "choices: "};
  for (size_t i = 0; i < sizeof sweep / sizeof *sweep; i++) printf("\"%s\"\n", sweep[i]);
  print_names(task_name);
  print_names(scale_name);
  return 0;
}
