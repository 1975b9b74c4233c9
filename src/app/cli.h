// The command line.
#ifndef GFE_CLI_H
#define GFE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ground/error.h"

enum cli_action { CLI_RUN, CLI_CHECK, CLI_HELP, CLI_VERSION, CLI_PARAMETERS, CLI_TASKS };

struct cli {
  enum cli_action action;
  const char *input;       // NULL if the action needs none (cli_needs_input())
  const char *topic;       // of --help: a parameter or section; NULL: everything
  const char **overrides;  // [override_count] arguments of --set, borrowed from argv; owned
  size_t override_count;
  int64_t task;  // of --task; -1 if it is not given
};

// An option of the command line. The lines of `text` are broken to fit the right column of --help.
struct cli_option {
  const char *name, *argument, *text;  // argument NULL: it takes none
};
enum { CLI_OPTION_COUNT = 7 };
extern const struct cli_option cli_options[CLI_OPTION_COUNT];

// False with a message in *error if the command line is invalid.
bool cli_parse(struct cli *cli, int argc, char **argv, struct error *error);
// Whether the action reads an input file.
bool cli_needs_input(const struct cli *cli);

void cli_clear(struct cli *cli);

// Prints what --help, --version and --parameters ask for; does nothing for other actions.
void cli_answer(const struct cli *cli);

// The command line as one text, owned by the caller.
char *cli_command(int argc, char **argv);

#endif
