#include "evaluation.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "memory.h"
#include "objective.h"
#include "reduction.h"

// A sample's class of rows follows its place in the file, so that its latent does not depend on
// which others are encoded; groups that share a step are counted from the set's own beginning.
static const int64_t *positions(const struct run *run, const struct dataset *data) {
  const bool coupled = run->config.evaluation.solver.coupling == COUPLING_BATCH;
  return coupled ? NULL : data->index;
}

struct evaluation *evaluation_create(struct run *run, int set) {
  const struct dataset *data = run->sets[set];
  struct evaluation *evaluation = memory_new(struct evaluation, 1);
  *evaluation = (struct evaluation){.set = set, .run = run};
  evaluation->encoding = encoding_create(data->local_count, run->decoder->d);
  evaluation->samples = (struct encoder_samples){.count = data->local_count,
                                                 .y = data->y,
                                                 .w = data->w,
                                                 .weight_sum = data->weight_sum,
                                                 .position = positions(run, data),
                                                 .position_first = data->local_first,
                                                 .total = data->count};
  return evaluation;
}

// Begins to encode what is left; flows always begin at z = 0.
static void begin(struct evaluation *evaluation) {
  struct run *run = evaluation->run;
  const size_t stride = real_padded(run->decoder->d);
  struct encoding *encoding = evaluation->encoding;
  for (int64_t i = 0; i < evaluation->samples.count; i++)
    if (encoding->status[i] == STATUS_RUNNING)
      memset(encoding->z + (size_t)i * stride, 0, stride * sizeof *encoding->z);
  evaluation->encoder = encoder_create(run->comm, run->decoder, &run->config.evaluation.solver,
                                       &run->evaluation_rule);
  encoder_begin(evaluation->encoder, &evaluation->samples, run->config.training.batch, encoding);
  evaluation->begun = clock_seconds();
}

static void finish(struct evaluation *evaluation) {
  struct comm *comm = evaluation->run->comm;
  const int64_t count = evaluation->samples.count;
  encoder_destroy(&evaluation->encoder);
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

bool evaluation_advance(struct evaluation *evaluation, double seconds) {
  const enum phase before = clock_enter(PHASE_FLOW);
  if (evaluation->encoder == NULL) begin(evaluation);
  encoder_advance(evaluation->encoder, seconds);
  const int64_t done = evaluation_count(evaluation);
  const bool left = done < evaluation->samples.total;
  if (left)
    report_progress(evaluation, done);
  else
    finish(evaluation);
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
      if (!placement_take(placement, encoder_position(&evaluation->samples, end), &row)) break;
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
  encoder_destroy(&(*evaluation)->encoder);
  encoding_destroy(&(*evaluation)->encoding);
  memory_free(evaluation);
}
