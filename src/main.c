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
#include "trainer.h"

// Trains if asked to, then encodes every set at hand with the decoder that came of it, and writes
// the files. Collective.
static int run_tasks(struct run *run, const char *command) {
  const double begun = clock_seconds();
  int code = EXIT_CODE_DONE;
  char *csv = comm_rank(run->comm) == 0 && run->used[SET_TRAIN] ? output_path(run, "history.csv")
                                                                : NULL;
  struct history *history = history_create(csv);
  if (run->used[SET_TRAIN] && !trainer_run(run, history)) code = EXIT_CODE_NUMERICAL;

  struct evaluation *evaluations[SET_COUNT] = {NULL};
  log_text("\n");
  for (int set = 0; set < SET_COUNT; set++) {
    if (!run->used[set]) continue;
    evaluations[set] = evaluation_run(run, set, "encoding: sample");
    report_evaluation(run, evaluations[set]);
  }

  clock_enter(PHASE_OUTPUT);
  output_results(run, evaluations, history, command);
  output_summary(run, evaluations, history, clock_seconds() - begun,
                 code == EXIT_CODE_DONE ? "done" : "loss not finite");
  clock_enter(PHASE_OTHER);
  report_phases(run);
  log_line("\nresults in %s/results.h5", run->config.run.directory);

  for (int set = 0; set < SET_COUNT; set++) evaluation_destroy(&evaluations[set]);
  history_destroy(&history);
  memory_free(&csv);
  return code;
}

static int run_input(struct comm *comm, const struct cli *cli, const char *command) {
  struct error error = {""};
  struct config *config = memory_new(struct config, 1);
  if (comm_rank(comm) == 0)
    config_read(config, cli->input, cli->overrides, cli->override_count, &error);
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
    code = run_tasks(run, command);
  }
  run_destroy(&run);
  return code;
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
  else if (comm_rank(comm) == 0)
    cli_answer(&cli);
  memory_free(&command);
  cli_clear(&cli);
  comm_finish(&comm);
  return code;
}
