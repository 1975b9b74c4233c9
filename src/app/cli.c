#include "app/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ground/memory.h"
#include "ground/provenance.h"
#include "input/config_write.h"

const struct cli_option cli_options[CLI_OPTION_COUNT] = {
    {"--check", NULL,
     "read input and data; print statistics, the decoder, memory,\n"
     "file sizes and the resolved input; write nothing"},
    {"--set", "section.key=value", "override a value of the input file; may be repeated"},
    {"--tasks", NULL,
     "list the tasks of an input with a section sweep, with their state,\n"
     "directory and values"},
    {"--task", "N", "run one task, numbered from 0 (default: SLURM_ARRAY_TASK_ID)"},
    {"--parameters", NULL, "print every parameter with its documentation, as a valid input file"},
    {"--version", NULL, "print version, revision and compiler"},
    {"--help", "[KEY]", "print this, or explain a parameter or a section of the input file"},
};

static bool read_task(struct cli *cli, const char *text, struct error *error) {
  char *end;
  errno = 0;
  cli->task = strtoll(text, &end, 10);
  if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0) return true;
  return error_set(error, "--task %.64s: must be the number of a task, from 0 on", text);
}

static bool read_argument(struct cli *cli, int argc, char **argv, int *i, struct error *error) {
  const char *argument = argv[*i];
  if (strcmp(argument, "--set") == 0) {
    if (++*i >= argc) return error_set(error, "--set needs an argument: section.key=value");
    cli->overrides[cli->override_count++] = argv[*i];
  } else if (strncmp(argument, "--set=", 6) == 0) {
    cli->overrides[cli->override_count++] = argument + 6;
  } else if (strcmp(argument, "--task") == 0) {
    if (++*i >= argc) return error_set(error, "--task needs an argument: the number of a task");
    return read_task(cli, argv[*i], error);
  } else if (strncmp(argument, "--task=", 7) == 0) {
    return read_task(cli, argument + 7, error);
  } else if (strcmp(argument, "--tasks") == 0) {
    cli->action = CLI_TASKS;
  } else if (strcmp(argument, "--check") == 0) {
    cli->action = CLI_CHECK;
  } else if (strcmp(argument, "--parameters") == 0) {
    cli->action = CLI_PARAMETERS;
  } else if (strcmp(argument, "--version") == 0) {
    cli->action = CLI_VERSION;
  } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
    cli->action = CLI_HELP;
    if (*i + 1 >= argc || argv[*i + 1][0] == '-') return true;
    cli->topic = argv[++*i];
    return config_help_finds(cli->topic, error);
  } else if (argument[0] == '-' && argument[1] != '\0') {
    const char *names[CLI_OPTION_COUNT];
    for (size_t k = 0; k < CLI_OPTION_COUNT; k++) names[k] = cli_options[k].name;
    const char *nearest = error_nearest(argument, names, CLI_OPTION_COUNT);
    return error_set(error, "unknown option %s%s%s%s; gfe_hpc --help lists them all", argument,
                     nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "?)" : "");
  } else if (cli->input != NULL) {
    return error_set(error, "two input files, %s and %s; give only one", cli->input, argument);
  } else {
    cli->input = argument;
  }
  return true;
}

bool cli_needs_input(const struct cli *cli) {
  return cli->action == CLI_RUN || cli->action == CLI_CHECK || cli->action == CLI_TASKS;
}

bool cli_parse(struct cli *cli, int argc, char **argv, struct error *error) {
  *cli = (struct cli){.action = CLI_RUN, .overrides = memory_new(const char *, argc), .task = -1};
  for (int i = 1; i < argc; i++)
    if (!read_argument(cli, argc, argv, &i, error)) return false;
  if (cli->input == NULL && cli_needs_input(cli))
    return error_set(error, "no input file; usage: gfe_hpc [options] input.yaml (see --help)");
  return true;
}

void cli_clear(struct cli *cli) { memory_free(&cli->overrides); }

static void print_option(const struct cli_option *option) {
  const char *argument = option->argument;
  int column = printf("  %s%s%s", option->name, argument != NULL ? " " : "",
                      argument != NULL ? argument : "");
  for (const char *text = option->text; *text != '\0'; column = 0) {
    const int line = (int)strcspn(text, "\n");
    printf("%*s%.*s\n", CONFIG_HELP_COLUMN - column, "", line, text);
    text += line + (text[line] == '\n');
  }
}

static void print_help(void) {
  puts(
      "gfe_hpc: learn a compact representation of scientific data without training an encoder.\n"
      "\n"
      "  mpirun -n RANKS gfe_hpc [options] input.yaml\n");
  for (size_t k = 0; k < CLI_OPTION_COUNT; k++) print_option(&cli_options[k]);
  puts(
      "\n"
      "Exit codes: 0, done; 2, a mistake in the input; 3, a system failure (disk, memory, MPI);\n"
      "4, training diverged or a gradient check failed; 75, stopped cleanly: the same command\n"
      "resumes the run.\n"
      "\n"
      "--check shows what a run would do. --help training.batch explains one parameter in full,\n"
      "--help training a whole section; --help decoder also explains the keys of layers.\n"
      "Parameters of the input file:");
  config_write_help(NULL, stdout);
}

void cli_answer(const struct cli *cli) {
  if (cli->action == CLI_HELP && cli->topic == NULL) print_help();
  if (cli->action == CLI_HELP && cli->topic != NULL) config_write_help(cli->topic, stdout);
  if (cli->action == CLI_VERSION) provenance_write_version(stdout);
  if (cli->action == CLI_PARAMETERS) config_write_reference(stdout);
  fflush(stdout);
}

char *cli_command(int argc, char **argv) {
  size_t length = 1;
  for (int i = 0; i < argc; i++) length += strlen(argv[i]) + 1;
  char *command = memory_new(char, length);
  for (int i = 0; i < argc; i++) {
    if (i > 0) strcat(command, " ");
    strcat(command, argv[i]);
  }
  return command;
}
