// What a checkpoint keeps about training.
#include <math.h>

#include "engine/trainer_internal.h"
#include "ground/clock.h"

double trainer_elapsed(const struct trainer *t) { return t->spent + clock_seconds() - t->begun; }

double trainer_cpu_elapsed(const struct trainer *t) {
  int64_t nanoseconds = llround(1e9 * (clock_cpu_seconds() - t->cpu_begun));
  comm_sum_int64(t->run->comm, &nanoseconds, 1);
  return t->cpu_spent + 1e-9 * (double)nanoseconds;
}

// What the validations have found.
static void choice_state(struct trainer *t, struct state *state) {
  state_add_numbers(state, "training", "kept", STATE_INT64, &t->choice.kept, 2, "number",
                    "passes that led to the decoder to keep; validations since the lowest loss");
  state_add_numbers(state, "training", "validation_losses", STATE_DOUBLE, &t->choice.start, 4,
                    "loss", "of the start, of the decoder to keep, the lowest, the latest");
  if (t->kept != NULL)
    state_add_numbers(state, "training", "kept_theta", STATE_REAL, t->kept,
                      (int64_t)t->run->decoder->count, "parameter",
                      "parameters of the decoder to keep");
}

static void counts_state(struct trainer *t, struct state *state) {
  state_add_numbers(state, "training", "plan", STATE_INT64, &t->plan, 3, "planned",
                    "first update of the falling rate; number of updates; number of epochs");
  state->fields[state->count - 1].newer = true;
  state_add_numbers(state, "training", "counts", STATE_INT64, &t->counts, 3, "counted",
                    "samples in all updates; in those of the epoch so far; evaluations of flows");
  state->fields[state->count - 1].newer = true;
}

void trainer_state(struct trainer *t, struct state *state) {
  struct decoder *decoder = t->run->decoder;
  tally_fold(&t->tally, t->run->comm);
  tally_state(&t->tally, t->run->comm, state);
  t->spent = trainer_elapsed(t);
  t->begun = clock_seconds();
  t->cpu_spent = trainer_cpu_elapsed(t);
  t->cpu_begun = clock_cpu_seconds();
  comm_broadcast(t->run->comm, &t->spent, sizeof t->spent, 0);
  state_add_numbers(state, "training", "seconds", STATE_DOUBLE, &t->spent, 1, "one",
                    "wall time spent since training began");
  state_add_numbers(state, "training", "cpu_seconds", STATE_DOUBLE, &t->cpu_spent, 1, "one",
                    "CPU time of all ranks since training began");
  state_add_numbers(state, "training", "loss_sum", STATE_DOUBLE, &t->loss_sum, 1, "one",
                    "sum of the losses of the epoch so far");
  counts_state(t, state);
  state_add_numbers(state, "training", "theta", STATE_REAL, decoder->theta, (int64_t)decoder->count,
                    "parameter",
                    "parameters of all layers, each weight and bias filled up to whole vectors");
  update_state(t->update, state);
  model_state(t->model, state);
  const struct state_field samples = {.group = "training",
                                      .dimension = "sample",
                                      .shared = true,
                                      .total = t->data->count,
                                      .first = t->data->local_first,
                                      .count = t->data->local_count};
  struct state_field z = samples, evaluations = samples;
  z.name = "z";
  z.text = "latents, where the next flows of samples begin";
  z.components = "latent";
  z.type = STATE_REAL;
  z.data = t->latents;
  z.width = decoder->d;
  z.stride = real_padded(decoder->d) * sizeof(real);
  state_add(state, z);
  if (t->kept != NULL) {
    z.name = "kept_z";
    z.text = "latents of the decoder to keep";
    z.data = t->kept_latents;
    state_add(state, z);
  }
  second_flow_state(t->second, samples, state);
  evaluations.name = "evaluations";
  evaluations.text =
      "gradient evaluations of samples' last flows, by which the next are distributed";
  evaluations.type = STATE_INT64;
  evaluations.data = t->evaluations;
  evaluations.width = 1;
  evaluations.stride = sizeof *t->evaluations;
  state_add(state, evaluations);
  if (config_validates(&t->run->config)) choice_state(t, state);
  if (t->cross != NULL) cross_validation_state(t->cross, state);
  if (t->test != NULL) evaluation_state(t->test, state);
  if (t->validation != NULL) evaluation_state(t->validation, state);
}
