#include <string.h>

#include "app/cli.h"
#include "ground/memory.h"
#include "support/test.h"

static bool parse(struct cli *cli, struct error *error, int argc, const char **argv) {
  error->text[0] = '\0';
  return cli_parse(cli, argc, (char **)argv, error);
}

static void accepts(void) {
  struct cli cli;
  struct error error;
  const char *run[] = {"gfe_hpc", "--set", "a.b=1", "in.yaml", "--set=c.d=2", "--check"};
  CHECK(parse(&cli, &error, 6, run), "%s", error.text);
  CHECK(cli.action == CLI_CHECK && strcmp(cli.input, "in.yaml") == 0, "input %s", cli.input);
  CHECK(cli.override_count == 2 && strcmp(cli.overrides[1], "c.d=2") == 0, "overrides");
  cli_clear(&cli);
  const char *task[] = {"gfe_hpc", "--task=7", "in.yaml"};
  CHECK(cli.task == -1, "task %lld", (long long)cli.task);
  CHECK(parse(&cli, &error, 3, task) && cli.task == 7, "task %lld", (long long)cli.task);
  cli_clear(&cli);
  const char *tasks[] = {"gfe_hpc", "--tasks", "in.yaml"};
  CHECK(parse(&cli, &error, 3, tasks) && cli.action == CLI_TASKS, "tasks");
  CHECK(cli_needs_input(&cli), "tasks are those of an input");
  cli_clear(&cli);
  const char *help[] = {"gfe_hpc", "--help"};
  CHECK(parse(&cli, &error, 2, help) && cli.action == CLI_HELP, "help needs no input");
  CHECK(cli.topic == NULL, "help on %s", cli.topic);
  cli_clear(&cli);
  const char *topic[] = {"gfe_hpc", "--help", "training.batch"};
  CHECK(parse(&cli, &error, 3, topic) && cli.input == NULL, "help on a parameter: %s", error.text);
  CHECK(strcmp(cli.topic, "training.batch") == 0, "help on %s", cli.topic);
  cli_clear(&cli);
}

static void refuses(int argc, const char **argv, const char *fragment) {
  struct cli cli;
  struct error error;
  CHECK(!parse(&cli, &error, argc, argv), "%s is accepted", argv[argc - 1]);
  CHECK(strstr(error.text, fragment) != NULL, "'%s' lacks '%s'", error.text, fragment);
  cli_clear(&cli);
}

int main(void) {
  accepts();
  refuses(1, (const char *[]){"gfe_hpc"}, "no input file");
  refuses(2, (const char *[]){"gfe_hpc", "--chek"}, "did you mean --check?");
  refuses(3, (const char *[]){"gfe_hpc", "--help", "training.bach"},
          "did you mean training.batch?");
  refuses(3, (const char *[]){"gfe_hpc", "a.yaml", "b.yaml"}, "two input files");
  refuses(3, (const char *[]){"gfe_hpc", "a.yaml", "--set"}, "--set needs an argument");
  refuses(2, (const char *[]){"gfe_hpc", "--tasks"}, "no input file");
  refuses(2, (const char *[]){"gfe_hpc", "--task"}, "--task needs an argument");
  refuses(3, (const char *[]){"gfe_hpc", "--task", "-1"},
          "--task -1: must be the number of a task");
  refuses(3, (const char *[]){"gfe_hpc", "--task", "1.5"}, "--task 1.5: must be the number");
  refuses(2, (const char *[]){"gfe_hpc", "--task="}, "--task : must be the number of a task");
  char *words[] = {"gfe_hpc", "--check", "a.yaml"};
  char *command = cli_command(3, words);
  CHECK(strcmp(command, "gfe_hpc --check a.yaml") == 0, "command is '%s'", command);
  memory_free(&command);
  return test_summary();
}
