// summary.json: the outcome of a run, for scripts.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/errors.h"
#include "files/output_internal.h"
#include "files/partial.h"
#include "files/summary.h"
#include "ground/directory.h"
#include "ground/durable.h"
#include "ground/fingerprint.h"
#include "ground/memory.h"
#include "input/config_compare.h"

static void write_value(FILE *file, double value) {
  if (isfinite(value))
    fprintf(file, "%.17g", value);
  else
    fprintf(file, "null");
}

static void write_number(FILE *file, const char *name, double value) {
  fprintf(file, "  \"%s\": ", name);
  write_value(file, value);
  fprintf(file, ",\n");
}

static void write_list(FILE *file, const char *name, int64_t count, const double *values) {
  fprintf(file, "  \"%s\": [", name);
  for (int64_t k = 0; k < count; k++) {
    if (k > 0) fprintf(file, ", ");
    write_value(file, values[k]);
  }
  fprintf(file, "],\n");
}

// The errors of one source of reconstructions, with their names in results.h5.
static void write_errors(FILE *file, enum set set, enum errors_source source,
                         const struct errors *errors) {
  char name[64];
  const char *prefix = errors_prefix(source);
  for (int number = 0; number < ERRORS_NUMBERS; number++) {
    snprintf(name, sizeof name, "%s_%s%s", set_name(set), prefix, errors_name(number));
    write_number(file, name, errors->number[number]);
  }
  snprintf(name, sizeof name, "%s_%srelative_l2_channel", set_name(set), prefix);
  write_list(file, name, errors->channels, errors->channel_relative);
  snprintf(name, sizeof name, "%s_%smax_error_channel", set_name(set), prefix);
  write_list(file, name, errors->channels, errors->channel_max);
}

double outcome_as_new(const struct outcome *outcome) {
  const struct evaluation *trained = outcome->evaluations[SET_TRAIN], *as_new = outcome->as_new;
  return trained != NULL && as_new != NULL && trained->loss > 0.0 ? as_new->loss / trained->loss
                                                                  : NAN;
}

// Which decoder was kept, for training with validation.
static void write_choice(FILE *file, const struct validation_choice *choice) {
  fprintf(file, "  \"kept_epoch\": %lld,\n", (long long)choice->kept);
  write_number(file, "kept_validation_loss", choice->kept_loss);
  write_number(file, "start_validation_loss", choice->start);
}

// Checksums of what was read and of the results, for comparison by a later start (summary.h). A run
// that was stopped has no results.
static void write_checksums(FILE *file, const struct run *run, bool done) {
  const char *format = "  \"%s%s\": \"%016" PRIx64 "\",\n";
  fprintf(file, format, "given_files", "", run->given_files);
  fprintf(file, format, "decoder_file", "_checksum", run->decoder_checksum);
  for (int set = 0; set < SET_COUNT; set++)
    fprintf(file, format, set_name(set), "_checksum", run->data_checksum[set]);
  fprintf(file, "  \"results_bytes\": %" PRId64 ",\n",
          summary_results_bytes(run->config.run.directory));
  char *results = directory_path(run->config.run.directory, "results.h5");
  fprintf(file, format, "results", "_checksum", done ? fingerprint_content(results) : 0);
  memory_free(&results);
}

static void write_summary(const struct run *run, const struct outcome *outcome, double seconds,
                          const char *exit_reason, const char *partial) {
  struct evaluation *const *evaluations = outcome->evaluations;
  const struct history *history = outcome->history;
  char *path = directory_path(run->config.run.directory, "summary.json");
  FILE *file = output_open_text(partial);
  fprintf(file, "{\n");
  for (int set = 0; set < SET_COUNT; set++) {
    const struct evaluation *evaluation = evaluations[set];
    char name[64];
    snprintf(name, sizeof name, "%s_loss", set_name(set));
    write_number(file, name, evaluation == NULL ? NAN : evaluation->loss);
    snprintf(name, sizeof name, "%s_loss_encoder", set_name(set));
    write_number(file, name, evaluation == NULL ? NAN : evaluation->loss_encoder);
    snprintf(name, sizeof name, "%s_evaluations_mean", set_name(set));
    write_number(file, name, evaluation == NULL ? NAN : tally_mean(&evaluation->tally));
    snprintf(name, sizeof name, "%s_not_converged", set_name(set));
    write_number(file, name,
                 evaluation == NULL ? NAN : (double)tally_not_converged(&evaluation->tally));
    for (int source = 0; source < ERRORS_SOURCES; source++)
      if (evaluation != NULL && evaluation->errors[source] != NULL)
        write_errors(file, set, source, evaluation->errors[source]);
  }
  write_number(file, "train_loss_as_new_over_trained", outcome_as_new(outcome));
  fprintf(file, "  \"steps\": %lld,\n  \"epochs\": %lld,\n", (long long)history_steps(history),
          (long long)history_epochs(history));
  write_number(file, "uses_per_sample", outcome->cost.uses);
  write_number(file, "training_evaluations_per_sample", outcome->cost.evaluations);
  if (outcome->choice != NULL) write_choice(file, outcome->choice);
  write_number(file, "seconds", seconds);
  const int64_t epochs = history_epochs(history);
  write_number(file, "training_seconds",
               epochs > 0 ? history_epoch(history, epochs - 1)->seconds : 0.0);
  write_number(file, "training_cpu_seconds",
               epochs > 0 ? history_epoch(history, epochs - 1)->cpu_seconds : 0.0);
  write_checksums(file, run, strcmp(exit_reason, "done") == 0);
  fprintf(file, "  \"ranks\": %d,\n  \"config_hash\": \"%016" PRIx64 "\",\n", comm_size(run->comm),
          config_hash(&run->config));
  fprintf(file, "  \"input_hash\": \"%016" PRIx64 "\",\n", run->input_hash);
  fprintf(file, "  \"exit_reason\": \"%s\"\n}\n", exit_reason);
  output_close_text(file, partial);
  durable_put(partial, path);
  memory_free(&path);
}

void output_summary(const struct run *run, const struct outcome *outcome, double seconds,
                    const char *exit_reason) {
  char *partial = partial_path(run->comm, run->config.run.directory, "summary.json");
  if (comm_rank(run->comm) == 0) write_summary(run, outcome, seconds, exit_reason, partial);
  memory_free(&partial);
}
