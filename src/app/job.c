#include "app/job.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "app/report.h"
#include "engine/dictionary_metric.h"
#include "engine/first_guess.h"
#include "engine/history.h"
#include "engine/pod.h"
#include "engine/trainer.h"
#include "files/checkpoint.h"
#include "files/output.h"
#include "files/summary.h"
#include "ground/agreement.h"
#include "ground/clock.h"
#include "ground/directory.h"
#include "ground/log.h"
#include "ground/memory.h"
#include "ground/run_lock.h"
#include "ground/stop.h"
#include "ground/text.h"
#include "input/config_compare.h"

static const double slice = 1.0;  // seconds of encoding between two checks of stop and time

// What is encoded at the end: the sets, followed by the training set as if it were new.
enum { ENCODING_AS_NEW = SET_COUNT, ENCODINGS };

// The progress of a job: what has to be known before the rest of a state can be read.
struct job_position {
  int64_t training;  // 1 if the job trains
  struct trainer_position trainer;
  int64_t steps, epochs;       // of the history
  int64_t encoded[ENCODINGS];  // 1 if it has begun, with the final decoder
  int64_t fold;                // of the trainer
};

struct job {
  struct run *run;
  struct outcome outcome;
  struct trainer *trainer;  // NULL without the task train
  struct pod *pod;          // of the training samples, as many modes as latents have numbers; NULL:
                            // not asked for, not yet, or run->pod is the same
  struct checkpoint *checkpoint;
  struct stop *stop;        // rank 0's
  enum stop_reason reason;  // not STOP_NONE: the job must end
  bool diverged;            // training has diverged; the last good checkpoint is kept
  bool moved;               // something has been done since the last checkpoint
  bool kept;                // something has been saved by this job
  double saved;             // the clock at the last checkpoint
  double longest;           // seconds of the longest recent piece of work between two checks
  double looked;            // the clock at the last check
  struct job_position position;
};

static struct evaluation **slot(struct job *job, int encoding) {
  return encoding == ENCODING_AS_NEW ? &job->outcome.as_new : &job->outcome.evaluations[encoding];
}

static enum set set_of(int encoding) {
  return encoding == ENCODING_AS_NEW ? SET_TRAIN : (enum set)encoding;
}

static enum evaluation_kind kind_of(const struct job *job, int encoding) {
  if (encoding == ENCODING_AS_NEW) return EVALUATION_AS_NEW;
  return encoding == SET_TRAIN && job->run->latents != NULL ? EVALUATION_TRAINED : EVALUATION_NEW;
}

static bool trains(const struct job *job) { return job->run->config.run.task[TASK_TRAIN]; }

// ---- checkpoints ----

static void list_position(struct job *job, struct state *state) {
  state_add_numbers(
      state, "job", "position", STATE_INT64, &job->position,
      (int64_t)(offsetof(struct job_position, fold) / sizeof(int64_t)), "number",
      "training; epoch, batch, step, testing, validating, stopped, kept, refit, passes "
      "and samples before it; steps and epochs of the history; sets whose encoding "
      "has begun");
  state_add_numbers(state, "job", "fold", STATE_INT64, &job->position.fold, 1, "one",
                    "share of the training samples that is held out (training.folds)");
  state->fields[state->count - 1].newer = true;
}

// Everything that determines the rest of the job, as it is now or, once a position has been read,
// as it will be. Collective.
static void list_state(struct job *job, struct state *state) {
  if (job->trainer != NULL) {
    trainer_state(job->trainer, state);
    history_state(job->outcome.history, comm_rank(job->run->comm), state);
  }
  for (int k = 0; k < ENCODINGS; k++)
    if (*slot(job, k) != NULL) evaluation_state(*slot(job, k), state);
}

static void save(struct job *job) {
  if (job->diverged) return;
  const struct decoder *decoder = job->run->decoder;
  agreement_check_bytes(comm_ranks(job->run->comm), "the decoder", decoder->theta,
                        decoder->count * sizeof(real));
  struct state *state = memory_new(struct state, 1);
  struct job_position *position = &job->position;
  *position = (struct job_position){.training = trains(job)};
  if (job->trainer != NULL) {
    position->trainer = trainer_position(job->trainer);
    position->fold = trainer_fold(job->trainer);
  }
  position->steps = history_steps(job->outcome.history);
  position->epochs = history_epochs(job->outcome.history);
  for (int k = 0; k < ENCODINGS; k++) position->encoded[k] = *slot(job, k) != NULL;
  list_position(job, state);
  list_state(job, state);
  checkpoint_write(job->checkpoint, state);
  memory_free(&state);
  job->moved = false;
  job->kept = true;
  job->saved = job->looked = clock_seconds();
}

static void say_where(struct job *job) {
  const struct job_position *position = &job->position;
  log_line("  %-8s resuming from %s: %lld epochs and %lld steps done", "restart",
           checkpoint_path(job->checkpoint), (long long)position->epochs,
           (long long)position->steps);
  if (config_wants_fewer(&job->run->config, position->epochs))
    log_line("  %-8s more than training.epochs = %lld: the results are those of %lld epochs", "",
             (long long)job->run->config.training.epochs, (long long)position->epochs);
  for (int k = 0; k < ENCODINGS; k++) {
    struct evaluation *evaluation = *slot(job, k);
    if (evaluation == NULL) continue;
    log_line("  %-8s %lld of %lld samples of %s encoded%s", "",
             (long long)evaluation_count(evaluation), (long long)evaluation->samples.total,
             set_name(set_of(k)), k == ENCODING_AS_NEW ? " as if they were new" : "");
  }
}

// Restores the state from a checkpoint, if there is one. Mistakes by the user end all ranks.
static void restore(struct job *job) {
  struct error error = {""};
  struct comm *comm = job->run->comm;
  struct job_position *position = &job->position;
  const bool found = checkpoint_open(job->checkpoint, &error);
  comm_settle(comm, &error);
  if (!found) return;
  struct state *state = memory_new(struct state, 1);
  list_position(job, state);
  checkpoint_read(job->checkpoint, state, &error);
  comm_settle(comm, &error);
  if (position->training != trains(job))
    error_set(&error,
              "run.tasks: %s is the checkpoint of a run %s training; give another "
              "run.directory",
              checkpoint_path(job->checkpoint), position->training ? "with" : "without");
  comm_settle(comm, &error);

  if (job->trainer != NULL) trainer_resume(job->trainer, position->trainer, position->fold);
  history_resize(job->outcome.history, position->steps, position->epochs);
  // More epochs than before: the decoder with which the sets were encoded is not the final one.
  const bool final = !trains(job) || trainer_is_done(job->trainer);
  for (int k = 0; k < ENCODINGS; k++)
    if (position->encoded[k] && job->run->used[set_of(k)] && final &&
        !checkpoint_data_changed(job->checkpoint, set_of(k)))
      *slot(job, k) = evaluation_create(job->run, set_of(k), kind_of(job, k));
  state->count = 0;
  list_state(job, state);
  checkpoint_read(job->checkpoint, state, &error);
  memory_free(&state);
  comm_settle(comm, &error);
  decoder_pack(job->run->decoder);
  if (job->trainer != NULL) trainer_settle(job->trainer);
  if (position->trainer.step > 0) run_forget_guesses(job->run);
  for (int k = 0; k < ENCODINGS; k++) {
    struct evaluation *evaluation = *slot(job, k);
    const bool kept = evaluation == NULL ? !checkpoint_data_changed(job->checkpoint, set_of(k))
                                         : evaluation_resume(evaluation);
    if (!kept && k != ENCODING_AS_NEW)
      log_line("  changed  %s is encoded again: decoder, data or evaluation settings have changed",
               set_name(k));
  }
  say_where(job);
}

// ---- between two pieces of work ----

// Whether enough steps or epochs have been completed for a checkpoint to be due.
static bool is_due(const struct job *job) {
  const struct config *config = &job->run->config;
  if (job->trainer == NULL) return false;
  const struct job_position *then = &job->position;
  const int64_t steps = config->checkpoint.steps, epochs = config->checkpoint.epochs;
  return (steps > 0 && history_steps(job->outcome.history) / steps > then->steps / steps) ||
         (epochs > 0 && history_epochs(job->outcome.history) / epochs > then->epochs / epochs);
}

static bool is_time(const struct job *job) {
  const double minutes = job->run->config.checkpoint.minutes;
  return minutes > 0.0 && clock_seconds() - job->saved >= 60.0 * minutes;
}

// The seconds that `pieces` pieces of work, a checkpoint after them and a delayed one may take.
static double reserve(const struct job *job, int pieces) {
  return pieces * job->longest + 2.0 * checkpoint_seconds(job->checkpoint) + 1.0;
}

// What a rank has noticed: a reason to stop (enum stop_reason) before more than `pieces` further
// pieces of work are done, and whether it is time to save. Time and STOP file are checked by rank
// 0.
enum { NOTICED_STOP, NOTICED_TIME, NOTICES };

static void look(struct job *job, int pieces, int64_t noticed[NOTICES]) {
  const double now = clock_seconds();
  job->longest = fmax(now - job->looked, 0.9 * job->longest);
  job->looked = now;
  noticed[NOTICED_STOP] = stop_noticed(job->stop, reserve(job, pieces));
  noticed[NOTICED_TIME] = comm_rank(job->run->comm) == 0 && is_time(job);
}

// Acts on what the ranks have noticed: saves if that is due, or if the job is to stop and there is
// still time for it. True if the job may continue. Collective.
static bool heed(struct job *job, const int64_t noticed[NOTICES]) {
  job->reason = (enum stop_reason)noticed[NOTICED_STOP];
  if (job->reason == STOP_NONE) {
    if (is_due(job) || noticed[NOTICED_TIME]) save(job);
    return true;
  }
  // A job that has not saved anything yet always tries to; otherwise its successor would begin at
  // the same point, and so on for ever.
  int64_t fits = !job->kept || stop_seconds_left(job->stop) > checkpoint_seconds(job->checkpoint);
  comm_broadcast(job->run->comm, &fits, sizeof fits, 0);
  if (job->moved && fits) save(job);
  if (job->moved && !job->diverged)
    log_warning(
        "no time was left for a checkpoint: all work since the last one is lost; give the "
        "run more time, or reduce checkpoint.minutes");
  return false;
}

// Whether the job may continue with the next piece of work. Collective.
static bool may_go_on(struct job *job) {
  int64_t noticed[NOTICES];
  look(job, 1, noticed);
  comm_max_int64(job->run->comm, noticed, NOTICES);
  return heed(job, noticed);
}

// ---- tasks ----

static bool train(struct job *job) {
  if (!trainer_is_done(job->trainer)) report_epoch_header(job->run);
  while (!trainer_is_done(job->trainer)) {
    const bool chosen = trainer_choice(job->trainer) != NULL;
    int64_t noticed[TRAINER_NOTICES];
    _Static_assert(TRAINER_NOTICES == (int)NOTICES, "what is noticed travels with a step");
    look(job, 2, noticed);  // by the time they know, the ranks are in this step, and may need
                            // another
    const bool second = trainer_flows_twice(job->trainer);
    const enum trainer_progress progress = trainer_advance(job->trainer, noticed);
    job->moved = true;
    job->diverged = progress == TRAINER_DIVERGED;
    if (job->diverged) return true;
    if (progress != TRAINER_RUNNING) {
      const int64_t last = history_epochs(job->outcome.history) - 1;
      report_epoch(job->run, last, second, history_epoch(job->outcome.history, last));
    }
    if (!chosen) report_choice(job->run, job->trainer);
    if (progress != TRAINER_DONE && !heed(job, noticed)) return false;
  }
  if (job->outcome.evaluations[SET_TEST] == NULL)
    job->outcome.evaluations[SET_TEST] = trainer_take_test(job->trainer);
  job->outcome.choice = trainer_choice(job->trainer);
  job->outcome.cost = trainer_cost(job->trainer);
  return true;
}

static bool encodes_train(const struct job *job) {
  return trains(job) && job->run->config.evaluation.train;
}

// Fitted when it is first needed. Collective.
static const struct pod *pod_of(struct job *job) {
  struct run *run = job->run;
  if (!run->config.evaluation.pod || job->pod != NULL) return job->pod;
  if (run->pod != NULL) return run->pod;
  const enum phase before = clock_enter(PHASE_FLOW);
  job->pod = pod_fit(run, run->decoder->d);
  clock_enter(before);
  return job->pod;
}

static bool encode(struct job *job, int encoding) {
  struct evaluation **evaluation = slot(job, encoding);
  if (*evaluation == NULL)
    *evaluation = evaluation_create(job->run, set_of(encoding), kind_of(job, encoding));
  while (evaluation_advance(*evaluation, slice)) {
    job->moved = true;
    if (!may_go_on(job)) return false;
  }
  if (encoding != ENCODING_AS_NEW) evaluation_measure(*evaluation, pod_of(job));
  if (encoding != ENCODING_AS_NEW) evaluation_measure_uncertainty(*evaluation);
  report_evaluation(job->run, *evaluation);
  if (encoding != ENCODING_AS_NEW) report_errors(job->run, *evaluation);
  return true;
}

// Whether the gradients are right.
static bool check_gradients(struct job *job) {
  struct gradient_check *check = job->outcome.check = gradient_check_run(job->run);
  report_gradient_check(check);
  for (int kind = 0; kind < check->kinds; kind++)
    if (!gradient_check_passed(check, kind)) return false;
  return true;
}

// Trains if asked to, then encodes every set in use with the resulting decoder. Returns the exit
// code.
static int run_tasks(struct job *job) {
  if (trains(job) && !train(job)) return EXIT_CODE_RESUBMIT;
  log_text("\n");
  if (job->moved && !may_go_on(job)) return EXIT_CODE_RESUBMIT;
  if (job->moved) save(job);
  static const int order[] = {SET_TRAIN, ENCODING_AS_NEW, SET_TEST, SET_ENCODE, SET_VALIDATION};
  _Static_assert(LENGTH(order) == ENCODINGS, "each once");
  for (int i = 0; i < ENCODINGS; i++) {
    const int k = order[i];
    if (!job->run->used[set_of(k)] || (set_of(k) == SET_TRAIN && !encodes_train(job))) continue;
    if (k == ENCODING_AS_NEW && job->run->latents == NULL) continue;
    if (!encode(job, k)) return EXIT_CODE_RESUBMIT;
  }
  report_as_new(outcome_as_new(&job->outcome));
  const bool checked = !job->run->config.run.task[TASK_GRADIENT_CHECK] || check_gradients(job);
  return job->diverged || !checked ? EXIT_CODE_NUMERICAL : EXIT_CODE_DONE;
}

// ---- the whole ----

// Whether there are results for this input, whatever files it read. By one rank.
static bool has_results(const struct run *run, struct summary *summary) {
  const struct config *config = &run->config;
  return strcmp(config->run.restart, RESTART_AUTO) == 0 &&
         summary_read(config->run.directory, config_hash(config), summary) && summary->finished &&
         output_opens(run);
}

static bool results_are_whole(const struct run *run, const struct summary *summary) {
  return summary_results_are_whole(run->config.run.directory, summary);
}

bool job_is_finished(const struct run *run) {
  struct summary summary;
  int64_t finished = comm_rank(run->comm) == 0 && has_results(run, &summary) &&
                     summary.given_files == run->given_files && results_are_whole(run, &summary);
  comm_broadcast(run->comm, &finished, sizeof finished, 0);
  return finished;
}

bool job_is_unchanged(const struct run *run) {
  static const char *const keys[] = {"data.train", "data.test", "data.encode", "data.validation"};
  struct summary summary;
  int64_t finished = comm_rank(run->comm) == 0 && has_results(run, &summary),
          whole = finished && results_are_whole(run, &summary);
  comm_broadcast(run->comm, &finished, sizeof finished, 0);
  if (!finished) return false;
  comm_broadcast(run->comm, &whole, sizeof whole, 0);
  comm_broadcast(run->comm, &summary, sizeof summary, 0);
  char changed[96] = "";
  for (int set = 0; set < SET_COUNT; set++)
    if (summary.data_checksum[set] != run->data_checksum[set])
      text_append(changed, sizeof changed, " %s", keys[set]);
  if (summary.decoder_checksum != run->decoder_checksum)
    text_append(changed, sizeof changed, " decoder.file");
  if (!whole) text_append(changed, sizeof changed, " results.h5");
  if (changed[0] != '\0') log_line("  changed  since the run was finished:%s", changed);
  return changed[0] == '\0';
}

int64_t job_epochs(const struct run *run) {
  struct summary summary = {.finished = false};
  if (comm_rank(run->comm) == 0)
    summary_read(run->config.run.directory, config_hash(&run->config), &summary);
  return summary.epochs;
}

void job_check_directory(const struct run *run) {
  struct error error = {""};
  if (comm_rank(run->comm) == 0) run_lock_is_free(run->config.run.directory, &error);
  comm_settle(run->comm, &error);
}

// Creates the run directory, in which no other job may be working. Mistakes by the user end all
// ranks.
static void claim(const struct run *run) {
  struct error error = {""};
  if (comm_rank(run->comm) == 0) {
    directory_make(run->config.run.directory);
    run_lock_take(run->config.run.directory, &error);
  }
  comm_settle(run->comm, &error);
}

static void begin(struct job *job, const char *command) {
  struct run *run = job->run;
  const bool first_rank = comm_rank(run->comm) == 0;
  const struct config *config = &run->config;
  claim(run);
  job->outcome.history = history_create(first_rank);
  if (trains(job)) job->trainer = trainer_create(run, job->outcome.history);
  job->checkpoint = checkpoint_create(run, command);
  restore(job);
  output_begin(run);
  char *csv = directory_path(config->run.directory, "history.csv");
  if (trains(job) && first_rank) history_open(job->outcome.history, csv);
  memory_free(&csv);
  if (first_rank) job->stop = stop_create(config->run.directory, config->run.walltime);
  job->saved = job->looked = clock_seconds();
}

static void end(struct job *job) {
  for (int k = 0; k < ENCODINGS; k++) evaluation_destroy(slot(job, k));
  gradient_check_destroy(&job->outcome.check);
  trainer_destroy(&job->trainer);
  pod_destroy(&job->pod);
  history_destroy(&job->outcome.history);
  checkpoint_destroy(&job->checkpoint);
  stop_destroy(&job->stop);
  run_lock_release();
}

static void say_stopped(const struct job *job) {
  const char *directory = job->run->config.run.directory;
  log_progress_end();
  log_line("\nstopped cleanly: %s; the same command resumes from here%s%s%s",
           stop_name(job->reason), job->reason == STOP_FILE ? ", once " : "",
           job->reason == STOP_FILE ? directory : "",
           job->reason == STOP_FILE ? "/STOP is removed" : "");
}

int job_run(struct run *run, const char *command) {
  const double begun = clock_seconds();
  struct job job = {.run = run};
  begin(&job, command);
  const int code = run_tasks(&job);
  const bool stopped = code == EXIT_CODE_RESUBMIT;

  if (!stopped) {
    first_guess_prepare(run);
    dictionary_metric_complete(run);
  }
  clock_enter(PHASE_OUTPUT);
  if (!stopped) output_results(run, &job.outcome, command);
  output_summary(run, &job.outcome, clock_seconds() - begun,
                 stopped                  ? stop_name(job.reason)
                 : code == EXIT_CODE_DONE ? "done"
                                          : "numerical failure");
  clock_enter(PHASE_OTHER);
  if (stopped) say_stopped(&job);
  report_phases(run);
  if (!stopped) log_line("\nresults in %s/results.h5", run->config.run.directory);
  end(&job);
  return code;
}
