// gfe_hpc: from an input file to a trained decoder and latents.
#include "app/cli.h"
#include "app/job.h"
#include "app/report.h"
#include "app/setup.h"
#include "app/sweep.h"
#include "ground/agreement.h"
#include "ground/clock.h"
#include "ground/log.h"
#include "ground/memory.h"
#include "ground/provenance.h"
#include "ground/stop.h"
#include "input/config.h"
#include "numerics/isa.h"
#include "platform/comm.h"

static const size_t memory_of_libraries = (size_t)256
                                          << 20;  // what MPI and HDF5 map, with some room

static int run_input(struct comm *comm, const struct cli *cli, const char *command) {
  struct error error = {""};
  struct config *config = memory_new(struct config, 1);
  struct sweep *sweep = NULL;  // on rank 0
  if (comm_rank(comm) == 0)
    sweep = sweep_read(cli->input, cli->overrides, cli->override_count, &error);
  if (sweep != NULL) sweep_choose(sweep, cli->task, config, &error);
  comm_settle(comm, &error);

  struct run *run = setup_prepare(comm, config);
  memory_free(&config);
  if (sweep != NULL && cli->action == CLI_RUN) sweep_record(sweep);
  sweep_destroy(&sweep);
  report_start(run);
  int code = EXIT_CODE_DONE;
  if (cli->action == CLI_CHECK) {
    struct dataset_survey surveys[SET_COUNT];
    setup_survey(run, surveys);
    report_check(run, surveys);
    for (int set = 0; set < SET_COUNT; set++) memory_free(&surveys[set].channel);
  } else {
    const bool finished = job_is_finished(run);
    if (!finished) {
      job_check_directory(run);
      setup_load(run);
    }
    if (finished || job_is_unchanged(run))
      report_finished(run, job_epochs(run));
    else
      code = job_run(run, command);
  }
  run_destroy(&run);
  return code;
}

// Rank 0 lists the tasks of a sweep.
static void list_tasks(struct comm *comm, const struct cli *cli) {
  struct error error = {""};
  struct sweep *sweep = NULL;
  if (comm_rank(comm) == 0)
    sweep = sweep_read(cli->input, cli->overrides, cli->override_count, &error);
  if (sweep != NULL) sweep_list(sweep, &error);
  sweep_destroy(&sweep);
  comm_settle(comm, &error);
}

int main(int argc, char **argv) {
  clock_enter(PHASE_DATA);
  stop_catch_signals();  // first of all: a job may be asked to stop while its ranks are still
                         // starting
  memory_require(memory_of_libraries);
  struct comm *comm = comm_start(&argc, &argv);
  agreement_check(comm_ranks(comm), "the program", provenance_program());
  struct cli cli;
  struct error error = {""};
  isa_choose(&error);
  if (!error_is_set(&error)) cli_parse(&cli, argc, argv, &error);
  comm_settle(comm, &error);
  if (cli.action != CLI_RUN) stop_release_signals();

  int code = EXIT_CODE_DONE;
  char *command = cli_command(argc, argv);
  if (cli.action == CLI_RUN || cli.action == CLI_CHECK)
    code = run_input(comm, &cli, command);
  else if (cli.action == CLI_TASKS)
    list_tasks(comm, &cli);
  else if (comm_rank(comm) == 0)
    cli_answer(&cli);
  if (cli.action != CLI_RUN) log_finish();  // the printed text is the result
  memory_free(&command);
  cli_clear(&cli);
  comm_finish(&comm);
  return code;
}
