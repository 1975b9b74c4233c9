#include "engine/evaluation.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decoder/objective.h"
#include "engine/first_guess.h"
#include "engine/modes.h"
#include "engine/observation.h"
#include "engine/pod_codes.h"
#include "engine/posterior.h"
#include "engine/rows_sweep.h"
#include "ground/checksum.h"
#include "ground/clock.h"
#include "ground/log.h"
#include "ground/memory.h"
#include "input/config_compare.h"
#include "numerics/reduction.h"

// A hash of everything that determines the latents of a set.
static uint64_t identify(const struct run *run, enum set set, enum evaluation_kind kind) {
  const struct decoder *decoder = run->decoder;
  const uint64_t parts[] = {config_encoding_hash(&run->config),
                            (uint64_t)kind,
                            checksum(decoder->theta, decoder->count * sizeof(real), 0),
                            first_guess_identity(run),
                            run->dictionary_checksum,
                            run->data_checksum[set]};
  return checksum(parts, sizeof parts, 0);
}

// Whether sample i of this rank is among those that are encoded.
static bool takes_part(const struct evaluation *evaluation, int64_t i) {
  const int64_t total = evaluation->samples.total, wanted = evaluation_samples(evaluation);
  const int64_t sample = evaluation->samples.position_first + i;
  return sample * wanted / total != (sample - 1) * wanted / total || sample == 0;
}

static void leave_out(struct evaluation *evaluation) {
  for (int64_t i = 0; i < evaluation->samples.count; i++) {
    if (takes_part(evaluation, i)) continue;
    evaluation->encoding->status[i] = STATUS_CONVERGED;
    evaluation->encoding->loss[i] = 0.0;
  }
}

int64_t evaluation_samples(const struct evaluation *evaluation) {
  const int64_t total = evaluation->samples.total;
  return evaluation->kind == EVALUATION_AS_NEW && total > AS_NEW_MOST ? AS_NEW_MOST : total;
}

struct evaluation *evaluation_create(struct run *run, enum set set, enum evaluation_kind kind) {
  const struct dataset *data = run->sets[set];
  assert(data != NULL && data->stride == real_padded(run->decoder->n));
  struct evaluation *evaluation = memory_new(struct evaluation, 1);
  *evaluation = (struct evaluation){
      .kind = kind, .set = set, .run = run, .objective = NAN, .loss_encoder = NAN};
  evaluation->identity = (int64_t)identify(run, set, kind);
  evaluation->encoding = encoding_create(data->local_count, run->decoder->d);
  if (run->decoder->encoder != NULL && kind != EVALUATION_AS_NEW)
    evaluation->by_encoder =
        encoding_create_by(ENCODING_BY_ENCODER, data->local_count, run->decoder->d);
  evaluation->samples = (struct samples){.count = data->local_count,
                                         .y = data->y,
                                         .w = data->w,
                                         .weight_sum = data->weight_sum,
                                         .position_first = data->local_first,
                                         .total = data->count};
  if (kind == EVALUATION_AS_NEW) leave_out(evaluation);
  evaluation->flows_ended = kind == EVALUATION_BY_ENCODER;
  return evaluation;
}

static void start_where_trained(struct evaluation *evaluation) {
  const size_t stride = real_padded(evaluation->run->decoder->d);
  struct encoding *encoding = evaluation->encoding;
  for (int64_t i = 0; i < evaluation->samples.count; i++) {
    if (encoding->status[i] != STATUS_RUNNING) continue;
    memcpy(encoding->z + (size_t)i * stride, evaluation->run->latents + (size_t)i * stride,
           stride * sizeof(real));
    encoding->start[i] = START_TRAINED;
  }
}

// Starts encoding what is left.
static void begin(struct evaluation *evaluation) {
  struct run *run = evaluation->run;
  struct encoding *encoding = evaluation->encoding;
  const struct samples *samples = &evaluation->samples;
  posterior_destroy(&evaluation->posterior);
  if (evaluation->kind == EVALUATION_NEW && posterior_wanted(run, evaluation->set)) {
    evaluation->posterior = posterior_create(run, evaluation->set, samples, true);
    if (evaluation->posterior != NULL) samples = &evaluation->posterior->samples;
  }
  observation_destroy(&evaluation->observation);
  evaluation->observation = observation_create(run->decoder, samples);
  const struct observation *part = evaluation->observation;
  if (evaluation->kind == EVALUATION_TRAINED)
    start_where_trained(evaluation);
  else
    first_guess_start(run, samples, part, evaluation->kind == EVALUATION_AS_NEW, encoding);
  evaluation->ensemble =
      ensemble_create(comm_ranks(run->comm), part != NULL ? part->decoder : run->decoder,
                      &run->config.evaluation.solver, run->evaluation_rows);
  ensemble_begin(evaluation->ensemble, part != NULL ? &part->samples : samples,
                 run->config.training.batch, encoding);
  evaluation->begun = clock_seconds();
}

static void blank_left_out(struct evaluation *evaluation) {
  struct encoding *encoding = evaluation->encoding;
  const size_t d = evaluation->run->decoder->d, stride = real_padded(d);
  for (int64_t i = 0; i < evaluation->samples.count; i++) {
    if (takes_part(evaluation, i)) continue;
    encoding->loss[i] = NAN;
    for (size_t k = 0; k < d; k++) encoding->z[(size_t)i * stride + k] = NAN;
  }
}

// What flows have minimised, and the loss of the data as part of it.
static void split_objective(struct evaluation *evaluation) {
  const struct run *run = evaluation->run;
  struct encoding *encoding = evaluation->encoding;
  const struct observation *part =
      evaluation->posterior->w == NULL ? evaluation->observation : NULL;  // of the data's weights
  struct samples samples = part != NULL ? part->samples : evaluation->samples;
  samples.prior = NULL;
  samples_losses(&samples, part != NULL ? part->decoder : run->decoder, run->evaluation_rows,
                 samples.count, NULL, encoding->z, encoding->loss);
  evaluation->objective =
      reduction_sum(comm_ranks(run->comm), encoding->objective, (size_t)evaluation->samples.count) /
      (double)evaluation->samples.total;
}

static void finish(struct evaluation *evaluation) {
  struct comm *comm = evaluation->run->comm;
  const int64_t count = evaluation->samples.count;
  ensemble_destroy(&evaluation->ensemble);
  first_guess_end(evaluation->encoding);
  if (evaluation->posterior != NULL) split_objective(evaluation);
  observation_destroy(&evaluation->observation);
  if (evaluation->kind == EVALUATION_AS_NEW) leave_out(evaluation);
  evaluation->loss = reduction_sum(comm_ranks(comm), evaluation->encoding->loss, (size_t)count) /
                     (double)evaluation_samples(evaluation);
  tally_clear(&evaluation->tally);
  tally_add(&evaluation->tally, evaluation->encoding, count);
  tally_combine(&evaluation->tally, comm);
  if (evaluation->kind == EVALUATION_AS_NEW) blank_left_out(evaluation);
  log_progress_end();
}

static void report_progress(const struct evaluation *evaluation, int64_t done) {
  char task[64];
  snprintf(task, sizeof task, "encoding %s: sample", set_name(evaluation->set));
  log_progress(task, (long)done, (long)evaluation->samples.total,
               clock_seconds() - evaluation->begun, "");
}

int64_t evaluation_count(const struct evaluation *evaluation) {
  int64_t done = 0;
  for (int64_t i = 0; i < evaluation->samples.count; i++)
    if (evaluation->encoding->status[i] != STATUS_RUNNING) done++;
  comm_sum_int64(evaluation->run->comm, &done, 1);
  return done;
}

static void advance_flows(struct evaluation *evaluation, double seconds) {
  if (evaluation->ensemble == NULL) begin(evaluation);
  ensemble_advance(evaluation->ensemble, seconds);
  const int64_t done = evaluation_count(evaluation);
  evaluation->flows_ended = done == evaluation->samples.total;
  if (evaluation->flows_ended)
    finish(evaluation);
  else
    report_progress(evaluation, done);
}

// ---- the autoencoder's encoder ----

// z = E(y) of a block of samples, and the loss at D(z).
static void pass_through(struct evaluation *evaluation, struct network_pass *encoder,
                         struct objective *objective, struct rows_sweep *sweep) {
  const struct decoder *decoder = evaluation->run->decoder;
  const size_t d = real_padded(decoder->d), n = real_padded(decoder->n);
  for (size_t row = 0; row < sweep->rows; row++)
    memcpy(network_pass_input(encoder) + row * n, sweep->row[row].y, n * sizeof(real));
  const real *z = network_pass_forward(encoder, decoder_values(decoder), sweep->rows);
  memcpy(objective_latents(objective), z, sweep->rows * d * sizeof *z);
  objective_losses(objective, sweep->rows, sweep->row, sweep->loss);
  for (size_t row = 0; row < sweep->rows; row++) {
    const int64_t i = sweep->occupant[row];
    memcpy(evaluation->by_encoder->z + (size_t)i * d, z + row * d, d * sizeof *z);
    evaluation->by_encoder->loss[i] = sweep->loss[row];
  }
}

// True while samples are left on any rank.
static bool advance_encoder(struct evaluation *evaluation, double seconds) {
  struct run *run = evaluation->run;
  const double begun = clock_seconds();
  const int64_t count = evaluation->samples.count;
  const size_t rows = run->evaluation_rows;
  struct network_pass *encoder = network_pass_create(run->decoder->encoder, rows, false);
  struct objective *objective = objective_create(run->decoder, rows, false);
  struct rows_sweep *sweep = rows_sweep_create(rows);
  rows_sweep_begin(sweep, &evaluation->samples, run->decoder->n, evaluation->passed, count, NULL,
                   NULL);
  while (clock_seconds() - begun < seconds && rows_sweep_next(sweep))
    pass_through(evaluation, encoder, objective, sweep);
  evaluation->passed = sweep->next;
  network_pass_destroy(&encoder);
  objective_destroy(&objective);
  rows_sweep_destroy(&sweep);
  int64_t left = evaluation->passed < count;
  comm_max_int64(run->comm, &left, 1);
  if (!left)
    evaluation->loss_encoder =
        reduction_sum(comm_ranks(run->comm), evaluation->by_encoder->loss, (size_t)count) /
        (double)evaluation->samples.total;
  return left;
}

bool evaluation_advance(struct evaluation *evaluation, double seconds) {
  const enum phase before = clock_enter(PHASE_FLOW);
  bool left;
  if (evaluation->flows_ended && evaluation->by_encoder != NULL) {
    left = advance_encoder(evaluation, seconds);
  } else {
    advance_flows(evaluation, seconds);
    left = !evaluation->flows_ended || evaluation->by_encoder != NULL;
  }
  clock_enter(before);
  return left;
}

static const char as_new_group[] = "train_as_new";  // in a state

// What all columns of the set have in common.
static struct state_field set_field(const struct evaluation *evaluation) {
  const struct dataset *data = evaluation->run->sets[evaluation->set];
  return (struct state_field){.group = set_name(evaluation->set),
                              .dimension = "sample",
                              .shared = true,
                              .total = data->count,
                              .first = data->local_first,
                              .count = data->local_count};
}

void evaluation_state(struct evaluation *evaluation, struct state *state) {
  struct state_field field = set_field(evaluation);
  if (evaluation->kind == EVALUATION_AS_NEW) field.group = as_new_group;
  encoding_fields(
      (struct encoding *[]){
          [ENCODING_BY_FLOW] = evaluation->encoding, [ENCODING_BY_ENCODER] = NULL},
      evaluation->run->decoder->d, field, state);
  state_add_numbers(
      state, field.group, "identity", STATE_INT64, &evaluation->identity, 1, "one",
      "identifies the parameters, first guess, data and options that determine the latents");
}

bool evaluation_resume(struct evaluation *evaluation) {
  const int64_t identity = (int64_t)identify(evaluation->run, evaluation->set, evaluation->kind);
  if (evaluation->identity == identity) return true;
  evaluation->identity = identity;
  memset(evaluation->encoding->status, STATUS_RUNNING, (size_t)evaluation->samples.count);
  if (evaluation->kind == EVALUATION_AS_NEW) leave_out(evaluation);
  return false;
}

// A column of one number per sample; none if `values` is NULL.
static void add_column(struct state *state, const struct evaluation *evaluation, const char *name,
                       const char *text, enum state_type type, void *values) {
  if (values == NULL) return;
  struct state_field field = set_field(evaluation);
  field.name = name;
  field.text = text;
  field.type = type;
  field.data = values;
  field.width = 1;
  field.stride = state_type_size(type);
  state_add(state, field);
}

// What is reported about training samples encoded as if they were new, next to the columns of the
// trained latents: NaN for samples that are not among them.
static const struct as_new_column {
  const char *column, *name, *text;
} as_new_columns[] = {
    {"z", "z_as_new",
     "latent of each sample encoded as if it were new, never from its own latent; "
     "NaN for samples that were not encoded again"},
    {"loss", "loss_as_new", "reconstruction loss at z_as_new"},
    {"start", "start_as_new", "where the flow of z_as_new began"},
    {"evaluations", "evaluations_as_new", "gradient evaluations of the flow to z_as_new"}};

static void add_as_new(const struct evaluation *evaluation, struct state *state) {
  struct state columns = {.count = 0};
  encoding_fields(
      (struct encoding *[]){
          [ENCODING_BY_FLOW] = evaluation->encoding, [ENCODING_BY_ENCODER] = NULL},
      evaluation->run->decoder->d, set_field(evaluation), &columns);
  for (size_t f = 0; f < columns.count; f++)
    for (size_t k = 0; k < sizeof as_new_columns / sizeof *as_new_columns; k++) {
      if (strcmp(columns.fields[f].name, as_new_columns[k].column) != 0) continue;
      columns.fields[f].name = as_new_columns[k].name;
      columns.fields[f].text = as_new_columns[k].text;
      state_add(state, columns.fields[f]);
    }
}

// Names with errors_prefix().
static void add_errors(struct state *state, const struct evaluation *evaluation) {
  static const char *const names[][2] = {
      [ERRORS_BY_FLOW] = {"relative_l2", "max_error"},
      [ERRORS_BY_ENCODER] = {"encoder_relative_l2", "encoder_max_error"},
      [ERRORS_BY_POD] = {"pod_relative_l2", "pod_max_error"}};
  static const char *const texts[][2] = {
      [ERRORS_BY_FLOW] = {"||x - y|| / ||y|| of the reconstruction x of each sample y, in data "
                          "units; NaN where y is 0",
                          "largest |x - y| of an entry of each sample, in data units"},
      [ERRORS_BY_ENCODER] = {"relative_l2 of the reconstruction from z_encoder",
                             "max_error of the reconstruction from z_encoder"},
      [ERRORS_BY_POD] = {"relative_l2 of the POD of the training samples, with as many modes "
                         "as a latent has numbers",
                         "max_error of that POD"}};
  for (int source = 0; source < ERRORS_SOURCES; source++) {
    const struct errors *errors = evaluation->errors[source];
    if (errors == NULL) continue;
    add_column(state, evaluation, names[source][0], texts[source][0], STATE_DOUBLE,
               errors->sample_relative);
    add_column(state, evaluation, names[source][1], texts[source][1], STATE_DOUBLE,
               errors->sample_max);
  }
}

static void add_spread(struct state *state, const struct evaluation *evaluation) {
  if (evaluation->z_std == NULL) return;
  struct state_field field = set_field(evaluation);
  field.name = "z_std";
  field.text = "standard deviation of each number of the latent, by Laplace's approximation";
  field.components = "latent";
  field.type = STATE_DOUBLE;
  field.data = evaluation->z_std;
  field.width = evaluation->run->decoder->d;
  field.stride = field.width * sizeof(double);
  state_add(state, field);
  if (evaluation->modes != NULL)
    add_column(state, evaluation, "modes", "maxima of the posterior that were found", STATE_INT64,
               evaluation->modes->found);
}

void evaluation_columns(const struct evaluation *evaluation, struct state *state) {
  if (evaluation->kind == EVALUATION_AS_NEW) {
    add_as_new(evaluation, state);
    return;
  }
  const struct dataset *data = evaluation->run->sets[evaluation->set];
  encoding_fields((struct encoding *[]){[ENCODING_BY_FLOW] = evaluation->encoding,
                                        [ENCODING_BY_ENCODER] = evaluation->by_encoder},
                  evaluation->run->decoder->d, set_field(evaluation), state);
  add_spread(state, evaluation);
  add_errors(state, evaluation);
  add_column(state, evaluation, "index", "index of the sample in its file", STATE_INT64,
             data->index);
  add_column(state, evaluation, "label", "label given with the sample", STATE_INT64, data->label);
  add_column(state, evaluation, "label", "label given with the sample", STATE_DOUBLE,
             data->real_label);
}

void evaluation_destroy(struct evaluation **evaluation) {
  if (*evaluation == NULL) return;
  ensemble_destroy(&(*evaluation)->ensemble);
  observation_destroy(&(*evaluation)->observation);
  posterior_destroy(&(*evaluation)->posterior);
  posterior_destroy(&(*evaluation)->bars);
  memory_free(&(*evaluation)->z_std);
  memory_free(&(*evaluation)->z_covariance);
  modes_destroy(&(*evaluation)->modes);
  if ((*evaluation)->encoding != NULL) first_guess_end((*evaluation)->encoding);
  pod_codes_destroy(&(*evaluation)->pod);
  encoding_destroy(&(*evaluation)->encoding);
  encoding_destroy(&(*evaluation)->by_encoder);
  for (int source = 0; source < ERRORS_SOURCES; source++)
    errors_destroy(&(*evaluation)->errors[source]);
  memory_free(evaluation);
}
