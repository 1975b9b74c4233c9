#include "engine/evaluation.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decoder/objective.h"
#include "engine/first_guess.h"
#include "ground/clock.h"
#include "ground/log.h"
#include "ground/memory.h"
#include "numerics/reduction.h"

// A sample's class of rows follows its place in the file, so that its latent does not depend on
// which others are encoded; groups that share a step are counted from the set's own beginning.
static const int64_t *positions(const struct run *run, const struct dataset *data) {
  const bool coupled = run->config.evaluation.solver.coupling == COUPLING_BATCH;
  return coupled ? NULL : data->index;
}

struct evaluation *evaluation_create(struct run *run, int set) {
  const struct dataset *data = run->sets[set];
  struct evaluation *evaluation = memory_new(struct evaluation, 1);
  *evaluation = (struct evaluation){.set = set, .run = run, .loss_encoder = NAN};
  evaluation->encoding = encoding_create(data->local_count, run->decoder->d);
  if (run->decoder->encoder != NULL)
    evaluation->by_encoder = encoding_create(data->local_count, run->decoder->d);
  evaluation->samples = (struct samples){.count = data->local_count,
                                         .y = data->y,
                                         .w = data->w,
                                         .weight_sum = data->weight_sum,
                                         .position = positions(run, data),
                                         .position_first = data->local_first,
                                         .total = data->count};
  return evaluation;
}

// Begins to encode what is left.
static void begin(struct evaluation *evaluation) {
  struct run *run = evaluation->run;
  struct encoding *encoding = evaluation->encoding;
  start_flows(run, &evaluation->samples, encoding);
  evaluation->ensemble = ensemble_create(run->comm, run->decoder, &run->config.evaluation.solver,
                                         &run->evaluation_rule);
  ensemble_begin(evaluation->ensemble, &evaluation->samples, run->config.training.batch, encoding);
  evaluation->begun = clock_seconds();
}

static void finish(struct evaluation *evaluation) {
  struct comm *comm = evaluation->run->comm;
  const int64_t count = evaluation->samples.count;
  ensemble_destroy(&evaluation->ensemble);
  evaluation->loss = reduction_sum(comm, evaluation->encoding->loss, (size_t)count) /
                     (double)evaluation->samples.total;
  tally_clear(&evaluation->tally);
  tally_add(&evaluation->tally, evaluation->encoding, count);
  tally_combine(&evaluation->tally, comm);
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

// What a product of samples goes through.
struct pass {
  struct network_pass *encoder;
  struct objective *objective;
  struct placement *placement;
  struct objective_row *rows;  // [most]
  int64_t *occupant;           // [most] the sample in a row
  double *loss;                // [most]
};

static struct pass pass_create(const struct run *run) {
  const size_t most = run->evaluation_rule.most;
  return (struct pass){.encoder = network_pass_create(run->decoder->encoder, most),
                       .objective = objective_create(run->decoder, most),
                       .placement = placement_create(&run->evaluation_rule),
                       .rows = memory_new(struct objective_row, most),
                       .occupant = memory_new(int64_t, most),
                       .loss = memory_new(double, most)};
}

static void pass_destroy(struct pass *pass) {
  network_pass_destroy(&pass->encoder);
  objective_destroy(&pass->objective);
  placement_destroy(&pass->placement);
  memory_free(&pass->rows);
  memory_free(&pass->occupant);
  memory_free(&pass->loss);
}

// Places as many samples as fit into one product.
static void fill_pass(struct evaluation *evaluation, struct pass *pass) {
  const struct run *run = evaluation->run;
  const struct dataset *data = run->sets[evaluation->set];
  const size_t n = data->stride;
  placement_begin(pass->placement);
  memset(pass->rows, 0, run->evaluation_rule.most * sizeof *pass->rows);
  for (size_t row; evaluation->passed < data->local_count; evaluation->passed++) {
    const int64_t i = evaluation->passed;
    if (!placement_take(pass->placement, samples_position(&evaluation->samples, i), &row)) break;
    const size_t at = (size_t)i * n;
    memcpy(network_pass_input(pass->encoder) + row * n, data->y + at, n * sizeof(real));
    pass->rows[row] = (struct objective_row){data->y + at, data->w == NULL ? NULL : data->w + at,
                                             data->weight_sum[i]};
    pass->occupant[row] = i;
  }
}

// z = E(y), and the loss at D(z).
static void pass_through(struct evaluation *evaluation, struct pass *pass) {
  const struct decoder *decoder = evaluation->run->decoder;
  const size_t d = real_padded(decoder->d);
  fill_pass(evaluation, pass);
  const size_t rows = placement_rows(pass->placement);
  const real *z = network_pass_forward(pass->encoder, decoder->theta, rows);
  memcpy(objective_latents(pass->objective), z, rows * d * sizeof *z);
  objective_losses(pass->objective, rows, pass->rows, pass->loss);
  for (size_t row = 0; row < rows; row++) {
    if (pass->rows[row].y == NULL) continue;
    const int64_t i = pass->occupant[row];
    memcpy(evaluation->by_encoder->z + (size_t)i * d, z + row * d, d * sizeof *z);
    evaluation->by_encoder->loss[i] = pass->loss[row];
  }
}

// True while samples are left on any rank.
static bool advance_encoder(struct evaluation *evaluation, double seconds) {
  struct run *run = evaluation->run;
  const double begun = clock_seconds();
  const int64_t count = evaluation->samples.count;
  struct pass pass = pass_create(run);
  while (evaluation->passed < count && clock_seconds() - begun < seconds)
    pass_through(evaluation, &pass);
  pass_destroy(&pass);
  int64_t left = evaluation->passed < count;
  comm_max_int64(run->comm, &left, 1);
  if (!left)
    evaluation->loss_encoder =
        reduction_sum(run->comm, evaluation->by_encoder->loss, (size_t)count) /
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

void evaluation_state(struct evaluation *evaluation, struct state *state) {
  const struct run *run = evaluation->run;
  const struct dataset *data = run->sets[evaluation->set];
  struct encoding *encoding = evaluation->encoding;
  struct state_field field = {.group = set_name(evaluation->set),
                              .dimension = "sample",
                              .shared = true,
                              .total = data->count,
                              .first = data->local_first,
                              .count = data->local_count,
                              .width = 1};
  const struct {
    const char *name, *text;
    int type;
    void *data;
  } columns[] = {
      {"loss", "reconstruction loss", STATE_DOUBLE, encoding->loss},
      {"evaluations", "gradient evaluations", STATE_INT64, encoding->evaluations},
      {"iterations", "accepted steps", STATE_INT64, encoding->iterations},
      {"rejected", "rejected trials", STATE_INT64, encoding->rejected},
      {"status", "how the flow ended, -1 if it has not", STATE_INT8, encoding->status},
  };
  for (size_t k = 0; k < sizeof columns / sizeof *columns; k++) {
    field.name = columns[k].name;
    field.text = columns[k].text;
    field.type = columns[k].type;
    field.data = columns[k].data;
    field.stride = state_type_size(field.type);
    state_add(state, field);
  }
  field.name = "z";
  field.text = "latents of the samples encoded so far";
  field.components = "latent";
  field.type = STATE_REAL;
  field.data = encoding->z;
  field.width = run->decoder->d;
  field.stride = real_padded(run->decoder->d) * sizeof(real);
  state_add(state, field);
}

real *evaluation_decode(const struct run *run, const struct evaluation *evaluation, int64_t count) {
  const struct dataset *data = run->sets[evaluation->set];
  const size_t d = real_padded(run->decoder->d), most = run->evaluation_rule.most;
  struct objective *objective = objective_create(run->decoder, most);
  struct placement *placement = placement_create(&run->evaluation_rule);
  size_t *rows = memory_new(size_t, most);
  real *images = memory_new(real, (size_t)count * data->stride);
  for (int64_t first = 0, end = 0; first < count; first = end) {
    placement_begin(placement);
    for (size_t row; end < count; end++) {
      if (!placement_take(placement, samples_position(&evaluation->samples, end), &row)) break;
      memcpy(objective_latents(objective) + row * d, evaluation->encoding->z + (size_t)end * d,
             d * sizeof(real));
      rows[end - first] = row;
    }
    const real *decoded = objective_decode(objective, placement_rows(placement));
    for (int64_t i = first; i < end; i++)
      memcpy(images + (size_t)i * data->stride, decoded + rows[i - first] * data->stride,
             data->stride * sizeof(real));
  }
  objective_destroy(&objective);
  placement_destroy(&placement);
  memory_free(&rows);
  return images;
}

void evaluation_destroy(struct evaluation **evaluation) {
  if (*evaluation == NULL) return;
  ensemble_destroy(&(*evaluation)->ensemble);
  encoding_destroy(&(*evaluation)->encoding);
  encoding_destroy(&(*evaluation)->by_encoder);
  memory_free(evaluation);
}
