#include "engine/second_flow.h"

#include <math.h>
#include <string.h>

#include "engine/dictionary_fit.h"
#include "engine/ranking.h"
#include "ground/clock.h"
#include "ground/memory.h"

struct second_flow {
  const struct run *run;
  real *latents;  // [local_count][real_padded(d)] starts of the present pass, or NULL
};

struct second_flow *second_flow_create(const struct run *run) {
  struct second_flow *second = memory_new(struct second_flow, 1);
  second->run = run;
  return second;
}

void second_flow_destroy(struct second_flow **second) {
  if (*second == NULL) return;
  second_flow_end(*second);
  memory_free(second);
}

bool second_flow_is_due(const struct run *run, int64_t pass) {
  const int64_t every = run->config.training.second_flow;
  return every > 0 && run->config.run.model == MODEL_GFE && (pass + 1) % every == 0;
}

static real *new_latents(const struct run *run) {
  return memory_new(real, (size_t)run->sets[SET_TRAIN]->local_count * real_padded(run->decoder->d));
}

// For each sample the entry with the smallest loss among those of other samples. If there is none,
// it keeps its own latent.
static void choose(const struct run *run, const struct dictionary *dictionary, real *latents) {
  const struct dataset *data = run->sets[SET_TRAIN];
  const size_t stride = real_padded(run->decoder->d);
  const struct samples samples = {
      .count = data->local_count, .y = data->y, .w = data->w, .weight_sum = data->weight_sum};
  int64_t *all = memory_new(int64_t, samples.count), *entry = memory_new(int64_t, samples.count);
  for (int64_t i = 0; i < samples.count; i++) all[i] = i;
  const struct ranking_wishes wishes = {.trained = true,
                                        .exclude_own = true,
                                        .count = samples.count,
                                        .chosen = all,
                                        .rows = run->evaluation_rows};
  ranking_run(run->decoder, dictionary, &samples, &wishes, 1,
              &(struct ranking_found){.entries = entry});
  for (int64_t i = 0; i < samples.count; i++)
    if (entry[i] >= 0)
      memcpy(latents + (size_t)i * stride, dictionary->z + (size_t)entry[i] * stride,
             stride * sizeof(real));
  memory_free(&all);
  memory_free(&entry);
}

void second_flow_begin(struct second_flow *second, int64_t pass, const real *latents) {
  const struct run *run = second->run;
  second_flow_end(second);
  if (!second_flow_is_due(run, pass)) return;
  const enum phase before = clock_enter(PHASE_FLOW);
  struct dictionary *dictionary = dictionary_fit_latents(run, latents);
  second->latents = new_latents(run);
  memcpy(second->latents, latents,
         (size_t)run->sets[SET_TRAIN]->local_count * real_padded(run->decoder->d) * sizeof(real));
  choose(run, dictionary, second->latents);
  dictionary_destroy(&dictionary);
  clock_enter(before);
}

const real *second_flow_latents(const struct second_flow *second) { return second->latents; }

void second_flow_end(struct second_flow *second) { memory_free(&second->latents); }

void second_flow_resume(struct second_flow *second, int64_t pass, int64_t batch) {
  second_flow_end(second);
  if (batch > 0 && second_flow_is_due(second->run, pass))
    second->latents = new_latents(second->run);
}

void second_flow_state(struct second_flow *second, struct state_field samples,
                       struct state *state) {
  if (second->latents == NULL) return;
  const size_t d = second->run->decoder->d;
  samples.name = "second_z";
  samples.text = "latents where the second flows of samples begin in this epoch";
  samples.components = "latent";
  samples.type = STATE_REAL;
  samples.data = second->latents;
  samples.width = d;
  samples.stride = real_padded(d) * sizeof(real);
  state_add(state, samples);
}

struct starts *second_flow_take(struct shard *shard) {
  if (shard->second == NULL) return NULL;
  const size_t latent = real_padded(shard->d);
  struct starts *starts = starts_create(shard->samples.count, 2, shard->d);
  for (size_t i = 0; i < (size_t)shard->samples.count; i++) {
    starts->kind[2 * i] = START_TRAINED;
    starts->kind[2 * i + 1] = START_DICTIONARY;
    memcpy(starts->z + 2 * i * latent, shard->encoding->z + i * latent, latent * sizeof(real));
    memcpy(starts->z + (2 * i + 1) * latent, shard->second + i * latent, latent * sizeof(real));
  }
  memory_free(&shard->second);
  return starts;
}

double second_flow_bytes(const struct run *run) {
  const double samples = ceil((double)run->shapes[SET_TRAIN].count / comm_size(run->comm));
  const double latent = (double)(real_padded(run->decoder->d) * sizeof(real));
  return samples * (latent + 2.0 * (double)sizeof(int64_t)) + dictionary_fit_bytes(run) +
         ranking_bytes(run->decoder, dictionary_fit_entries(run), (int64_t)samples,
                       run->evaluation_rows);
}
