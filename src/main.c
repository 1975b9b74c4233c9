// gfe_hpc: from an input file to a trained decoder and latents.
#include <stdlib.h>

#include "blas.h"
#include "cli.h"
#include "clock.h"
#include "comm.h"
#include "config.h"
#include "evaluation.h"
#include "history.h"
#include "log.h"
#include "memory.h"
#include "output.h"
#include "report.h"
#include "run.h"
#include "sweep.h"
#include "trainer.h"

// Trains if asked to, then encodes every set at hand with the decoder that came of it. Returns the
// exit code. Collective.
static int run_tasks(struct run *run, struct outcome *outcome) {
  const bool *task = run->config.run.task;
  int code = EXIT_CODE_DONE;
  if (task[TASK_TRAIN] && !trainer_run(run, outcome->history)) code = EXIT_CODE_NUMERICAL;
  log_text("\n");
  for (int set = 0; set < SET_COUNT; set++) {
    if (!run->used[set] || (set == SET_TRAIN && !task[TASK_TRAIN])) continue;
    outcome->evaluations[set] = evaluation_run(run, set, "encoding: sample");
    report_evaluation(run, outcome->evaluations[set]);
  }
  if (task[TASK_GRADIENT_CHECK]) {
    outcome->check = gradient_check_run(run);
    report_gradient_check(outcome->check);
    for (int kind = 0; kind < outcome->check->kinds; kind++)
      if (!gradient_check_passed(outcome->check, kind)) code = EXIT_CODE_NUMERICAL;
  }
  return code;
}

// The tasks and their files. Collective.
static int run_and_write(struct run *run, const char *command) {
  const double begun = clock_seconds();
  const bool writes = comm_rank(run->comm) == 0 && run->config.run.task[TASK_TRAIN];
  char *csv = writes ? output_path(run, "history.csv") : NULL;
  struct outcome outcome = {.history = history_create(csv)};
  const int code = run_tasks(run, &outcome);

  clock_enter(PHASE_OUTPUT);
  output_results(run, &outcome, command);
  output_summary(run, &outcome, clock_seconds() - begun,
                 code == EXIT_CODE_DONE ? "done" : "numerical failure");
  clock_enter(PHASE_OTHER);
  report_phases(run);
  log_line("\nresults in %s/results.h5", run->config.run.directory);

  for (int set = 0; set < SET_COUNT; set++) evaluation_destroy(&outcome.evaluations[set]);
  gradient_check_destroy(&outcome.check);
  history_destroy(&outcome.history);
  memory_free(&csv);
  return code;
}

static int run_input(struct comm *comm, const struct cli *cli, const char *command) {
  struct error error = {""};
  struct config *config = memory_new(struct config, 1);
  struct sweep *sweep = NULL;  // on rank 0
  if (comm_rank(comm) == 0)
    sweep = sweep_read(cli->input, cli->overrides, cli->override_count, &error);
  if (sweep != NULL) sweep_choose(sweep, cli->task, config, &error);
  comm_settle(comm, &error);

  struct run *run = run_prepare(comm, config);
  memory_free(&config);
  report_start(run);
  int code = EXIT_CODE_DONE;
  if (cli->action == CLI_CHECK) {
    report_check(run);
  } else {
    run_load(run);
    output_begin(run);
    if (sweep != NULL) sweep_record(sweep);
    code = run_and_write(run, command);
  }
  sweep_destroy(&sweep);
  run_destroy(&run);
  return code;
}

// Rank 0 lists the tasks of a sweep.
static void list_tasks(struct comm *comm, const struct cli *cli) {
  struct error error = {""};
  struct sweep *sweep = NULL;
  if (comm_rank(comm) == 0)
    sweep = sweep_read(cli->input, cli->overrides, cli->override_count, &error);
  if (sweep != NULL && sweep_list(sweep, &error)) sweep_record(sweep);
  sweep_destroy(&sweep);
  comm_settle(comm, &error);
}

int main(int argc, char **argv) {
  clock_enter(PHASE_DATA);
  struct comm *comm = comm_start(&argc, &argv);
  blas_start();
  struct cli cli;
  struct error error = {""};
  cli_parse(&cli, argc, argv, &error);
  comm_settle(comm, &error);

  int code = EXIT_CODE_DONE;
  char *command = cli_command(argc, argv);
  if (cli.action == CLI_RUN || cli.action == CLI_CHECK)
    code = run_input(comm, &cli, command);
  else if (cli.action == CLI_TASKS)
    list_tasks(comm, &cli);
  else if (comm_rank(comm) == 0)
    cli_answer(&cli);
  memory_free(&command);
  cli_clear(&cli);
  comm_finish(&comm);
  return code;
}
