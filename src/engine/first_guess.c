#include "engine/first_guess.h"

#include <math.h>
#include <string.h>

#include "engine/dictionary.h"
#include "engine/dictionary_fit.h"
#include "engine/dictionary_metric.h"
#include "engine/observation.h"
#include "engine/pod_branch.h"
#include "engine/pod_codes.h"
#include "engine/predictor_fit.h"
#include "engine/ranking.h"
#include "engine/starts.h"
#include "ground/clock.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "input/config_table.h"

// A further try pays off where a flow ends above this many times the loss of the trained latents,
static const double poor = 3.0;
// and from a start at which the loss is at most this many times that at the first.
static const double promising = 16.0;

static const bool *wanted(const struct run *run) { return run->config.evaluation.start; }

static bool wants_trained(const struct run *run) {
  return wanted(run)[START_MEAN] || wanted(run)[START_DICTIONARY];
}

// Whether all flows begin at z = 0, once.
static bool is_plain(const struct run *run) {
  for (int k = 0; k < START_COUNT; k++)
    if (k != START_ZERO && wanted(run)[k]) return false;
  return true;
}

void first_guess_prepare(struct run *run) {
  const enum phase before = clock_enter(PHASE_FLOW);
  if (wanted(run)[START_PREDICTOR] && run->predictor == NULL)
    run->predictor = predictor_fit_train(run);
  if (wants_trained(run) && run->dictionary == NULL) run->dictionary = dictionary_fit(run);
  clock_enter(before);
}

void first_guess_prepare_provisional(struct run *run, const real *latents, double loss) {
  if (!wants_trained(run) || run->dictionary != NULL) return;
  const enum phase before = clock_enter(PHASE_FLOW);
  run->dictionary = dictionary_fit_latents(run, latents);
  run->dictionary->trained_loss = loss;
  run->dictionary->provisional = true;
  clock_enter(before);
}

void first_guess_drop_provisional(struct run *run) {
  if (run->dictionary != NULL && run->dictionary->provisional) dictionary_destroy(&run->dictionary);
}

// ---- candidates ----

// A start specific to each sample.
typedef void own_start(struct run *run, const struct samples *samples, struct encoding *encoding);

static void start_at_guess(struct run *run, const struct samples *samples,
                           struct encoding *encoding) {
  predictor_apply(run->predictor, samples, encoding);
}

// The codes that the decoder's linear layer alone decodes best.
static void start_at_codes(struct run *run, const struct samples *samples,
                           struct encoding *encoding) {
  struct pod *pod = pod_branch_take(run->decoder);
  pod_encode(pod, (size_t)samples->count, samples->y, samples->w, encoding->z);
  pod_destroy(&pod);
}

// Missing entries are passed on as they are stored, as in the training of the encoder.
static void start_at_encoder(struct run *run, const struct samples *samples,
                             struct encoding *encoding) {
  const struct decoder *decoder = run->decoder;
  const size_t d = real_padded(decoder->d), n = real_padded(decoder->n);
  const size_t room = run->evaluation_rows;
  struct network_pass *encoder = network_pass_create(decoder->encoder, room, false);
  for (int64_t first = 0; first < samples->count; first += (int64_t)room) {
    const int64_t left = samples->count - first;
    const size_t rows = left < (int64_t)room ? (size_t)left : room;
    memcpy(network_pass_input(encoder), samples->y + (size_t)first * n, rows * n * sizeof(real));
    memcpy(encoding->z + (size_t)first * d,
           network_pass_forward(encoder, decoder_values(decoder), rows), rows * d * sizeof(real));
  }
  network_pass_destroy(&encoder);
}

static void start_at_random(struct run *run, const struct samples *samples,
                            struct encoding *encoding) {
  const size_t d = run->decoder->d, stride = real_padded(d);
  for (int64_t i = 0; i < samples->count; i++)
    for (size_t k = 0; k < d; k++)
      encoding->z[(size_t)i * stride + k] = (real)rng_uniform(
          (uint64_t)run->config.run.seed, RNG_START, (uint64_t)samples_position(samples, i), k);
}

static own_start *const own_starts[START_COUNT] = {[START_POD] = start_at_codes,
                                                   [START_PREDICTOR] = start_at_guess,
                                                   [START_ENCODER] = start_at_encoder,
                                                   [START_UNIFORM] = start_at_random};

static bool has_own(const struct run *run) {
  for (int k = 0; k < START_COUNT; k++)
    if (wanted(run)[k] && own_starts[k] != NULL) return true;
  return false;
}

static enum start kind_of_entry(int64_t entry) {
  return entry == DICTIONARY_ZERO   ? START_ZERO
         : entry == DICTIONARY_MEAN ? START_MEAN
                                    : START_DICTIONARY;
}

static void set_start(struct starts *starts, size_t d, int64_t i, size_t t, enum start kind,
                      const real *z, double loss) {
  const size_t k = (size_t)i * starts->tries + t;
  starts->kind[k] = (int8_t)kind;
  starts->loss[k] = loss;
  memcpy(starts->z + k * real_padded(d), z, real_padded(d) * sizeof(real));
}

// The samples still to be encoded, and the outputs that any of them observes (borrowed; NULL: all).
struct waiting {
  int64_t count, *sample;
  const struct observation *observation;
};

// The metrics of the entries that flows may begin at.
static void add_metrics(struct run *run, const struct waiting *waiting, const int64_t *entries,
                        struct starts *starts) {
  struct dictionary_metric *work = dictionary_metric_begin(run);
  for (int64_t k = 0; k < waiting->count && work != NULL; k++) {
    const size_t first = (size_t)waiting->sample[k] * starts->tries;
    for (size_t t = first; t < first + starts->tries; t++)
      if (entries[t] >= DICTIONARY_TRAINED)
        starts->metric[t] = dictionary_metric_of(work, entries[t]);
  }
  dictionary_metric_end(&work);
}

// The starts shared by all samples, ranked; if these are worthwhile (`curved`), with metrics and
// guesses.
static void add_shared(struct run *run, const struct samples *samples,
                       const struct waiting *waiting, bool exclude_own, bool curved,
                       struct starts *starts) {
  const size_t d = run->decoder->d;
  struct dictionary *plain = run->dictionary == NULL ? dictionary_create(d, 0) : NULL;
  if (plain != NULL) dictionary_complete(plain);
  const struct dictionary *dictionary = plain != NULL ? plain : run->dictionary;
  const struct ranking_wishes wishes = {.zero = wanted(run)[START_ZERO],
                                        .mean = wanted(run)[START_MEAN],
                                        .trained = wanted(run)[START_DICTIONARY],
                                        .exclude_own = exclude_own,
                                        .most = ranking_most(run->decoder, !curved),
                                        .count = waiting->count,
                                        .chosen = waiting->sample,
                                        .rows = run->evaluation_rows};
  if (curved) {
    starts->guess = memory_new(real, (size_t)samples->count * starts->tries * real_padded(d));
    starts->guessed = memory_new(bool, (size_t)samples->count * starts->tries);
  }
  const struct ranking_found found = {
      .entries = memory_new(int64_t, (size_t)samples->count * starts->tries),
      .losses = starts->loss,
      .guesses = starts->guess,
      .guessed = starts->guessed};
  // The own entry of a sample is recognised by all of its entries.
  const struct observation *part = exclude_own ? NULL : waiting->observation;
  ranking_run(part != NULL ? part->decoder : run->decoder, dictionary,
              part != NULL ? &part->samples : samples, &wishes, starts->tries, &found);
  for (int64_t k = 0; k < waiting->count; k++)
    for (size_t t = 0; t < starts->tries; t++) {
      const int64_t i = waiting->sample[k];
      const size_t place = (size_t)i * starts->tries + t;
      const int64_t entry = found.entries[place];
      if (entry >= 0)
        set_start(starts, d, i, t, kind_of_entry(entry),
                  dictionary->z + (size_t)entry * real_padded(d), starts->loss[place]);
    }
  if (curved && !dictionary->provisional) add_metrics(run, waiting, found.entries, starts);
  int64_t *entries = found.entries;
  memory_free(&entries);
  dictionary_destroy(&plain);
}

// The guess of the best shared start stays in front: it may be better than the own start, too.
static void move_guesses(struct starts *starts, size_t stride, size_t first, size_t moved) {
  if (starts->guess == NULL || moved == 0) return;
  memmove(starts->guess + (first + 2) * stride, starts->guess + (first + 1) * stride,
          (moved - 1) * stride * sizeof(real));
  memmove(starts->guessed + first + 2, starts->guessed + first + 1, moved - 1);
  starts->guessed[first + 1] = false;
}

// Puts a sample's own start before the shared ones, with the metric of the best of these, where its
// loss is smaller, else behind them if there is room.
static void insert(struct starts *starts, size_t d, int64_t i, enum start kind, const real *z,
                   double loss) {
  const size_t stride = real_padded(d), first = (size_t)i * starts->tries;
  size_t count = 0;
  const bool best =
      starts->kind[first] == START_NONE || loss < starts->loss[first] || isnan(starts->loss[first]);
  while (count < starts->tries && starts->kind[first + count] != START_NONE) count++;
  if (best) {
    const size_t moved = count < starts->tries ? count : starts->tries - 1;
    memmove(starts->metric + first + 1, starts->metric + first, moved * sizeof *starts->metric);
    memmove(starts->loss + first + 1, starts->loss + first, moved * sizeof *starts->loss);
    memmove(starts->kind + first + 1, starts->kind + first, moved * sizeof *starts->kind);
    memmove(starts->z + (first + 1) * stride, starts->z + first * stride,
            moved * stride * sizeof(real));
    move_guesses(starts, stride, first, moved);
  }
  if (best || count < starts->tries) set_start(starts, d, i, best ? 0 : count, kind, z, loss);
}

static void take_first(const struct starts *starts, const struct samples *samples, size_t d,
                       struct encoding *encoding) {
  for (int64_t i = 0; i < samples->count; i++) {
    const real *guess = starts_guess(starts, d, i, 0);
    const real *z = guess != NULL ? guess : starts_latent(starts, d, i, 0);
    real *to = encoding->z + (size_t)i * real_padded(d);
    if (encoding->status[i] != STATUS_RUNNING) continue;
    if (z == NULL)
      memset(to, 0, real_padded(d) * sizeof *to);
    else
      memcpy(to, z, real_padded(d) * sizeof *to);
  }
}

static void find_losses(const struct run *run, const struct samples *samples,
                        const struct waiting *waiting, const struct encoding *encoding,
                        double *losses) {
  const struct observation *part = waiting->observation;
  samples_losses(part != NULL ? &part->samples : samples,
                 part != NULL ? part->decoder : run->decoder, run->evaluation_rows, waiting->count,
                 waiting->sample, encoding->z, losses);
}

static void add_own(struct run *run, const struct samples *samples, const struct waiting *waiting,
                    struct starts *starts) {
  const size_t d = run->decoder->d, stride = real_padded(d);
  struct encoding *encoding = encoding_create(samples->count, d);
  double *losses = memory_new(double, samples->count);
  for (int kind = 0; kind < START_COUNT; kind++) {
    if (!wanted(run)[kind] || own_starts[kind] == NULL) continue;
    own_starts[kind](run, samples, encoding);
    find_losses(run, samples, waiting, encoding, losses);
    for (int64_t k = 0; k < waiting->count; k++) {
      const int64_t i = waiting->sample[k];
      insert(starts, d, i, (enum start)kind, encoding->z + (size_t)i * stride, losses[i]);
    }
  }
  memory_free(&losses);
  encoding_destroy(&encoding);
}

// ---- all together ----

static bool is_automatic(const struct run *run) {
  return run->config.automatic[config_parameter_find("evaluation.tries")] != AUTOMATIC_NO;
}

static size_t most_tries(const struct run *run) { return (size_t)run->config.evaluation.tries; }

// How many flows a sample may take. With `auto`, more than one only if all entries count: with few
// of them observed, more tries lower the loss, but not the error.
static size_t tries_of(const struct run *run, bool weighted) {
  return is_automatic(run) && weighted ? 1 : most_tries(run);
}

static double enough_of(const struct run *run) {
  if (!is_automatic(run)) return -INFINITY;
  return run->dictionary == NULL ? INFINITY : poor * run->dictionary->trained_loss;
}

static struct waiting find_waiting(const struct samples *samples,
                                   const struct observation *observation,
                                   const struct encoding *encoding) {
  struct waiting waiting = {.sample = memory_new(int64_t, samples->count),
                            .observation = observation};
  for (int64_t i = 0; i < samples->count; i++)
    if (encoding->status[i] == STATUS_RUNNING) waiting.sample[waiting.count++] = i;
  return waiting;
}

void first_guess_start(struct run *run, const struct samples *samples,
                       const struct observation *observation, bool exclude_own,
                       struct encoding *encoding) {
  const size_t d = run->decoder->d;
  first_guess_prepare(run);
  int64_t weighted = samples->w != NULL;
  comm_max_int64(run->comm, &weighted, 1);
  const bool curved = !weighted && run->dictionary != NULL;
  struct starts *starts = starts_create(samples->count, tries_of(run, weighted), d);
  struct waiting waiting = find_waiting(samples, observation, encoding);
  starts->enough = enough_of(run);
  starts->near = d <= DICTIONARY_METRIC_LATENT;
  if (is_automatic(run) && run->dictionary != NULL) starts->factor = run->dictionary->factor;
  if (is_plain(run))
    for (int64_t i = 0; i < samples->count; i++)
      starts->kind[(size_t)i * starts->tries] = START_ZERO;
  else
    add_shared(run, samples, &waiting, exclude_own, curved, starts);
  if (has_own(run)) add_own(run, samples, &waiting, starts);
  if (is_automatic(run)) starts_cut(starts, samples->count, promising);
  memory_free(&waiting.sample);
  take_first(starts, samples, d, encoding);
  if (run->predictor != NULL) encoding->metric = run->predictor->metric;
  encoding->starts = starts;
}

void first_guess_end(struct encoding *encoding) {
  struct starts *starts = encoding->starts;
  encoding->starts = NULL;
  starts_destroy(&starts);
}

uint64_t first_guess_identity(const struct run *run) {
  if (is_plain(run)) return 0;
  const uint64_t files = run->predictor_checksum + run->dictionary_checksum;
  return files != 0 ? files : run->data_checksum[SET_TRAIN];
}

// Samples of the largest set on a rank.
static double most_samples(const struct run *run) {
  double most = 0.0;
  for (int set = 0; set < SET_COUNT; set++)
    if (run->used[set])
      most = fmax(most, ceil((double)run->shapes[set].count / comm_size(run->comm)));
  return most;
}

// Its starts and, for a moment, one more start of each.
static double starts_of_all_bytes(const struct run *run) {
  const size_t d = run->decoder->d, tries = most_tries(run);
  return most_samples(run) *
         ((double)starts_bytes(tries, d) + (double)(tries + 3) * (double)sizeof(int64_t) +
          (double)encoding_memory_bytes(ENCODING_BY_FLOW, d));
}

// These are done one after the other.
double first_guess_bytes(const struct run *run) {
  const int64_t entries =
      wants_trained(run) ? dictionary_fit_entries(run) : (int64_t)DICTIONARY_TRAINED;
  double most =
      ranking_bytes(run->decoder, entries, (int64_t)most_samples(run), run->evaluation_rows);
  if (wanted(run)[START_PREDICTOR]) most = fmax(most, predictor_fit_bytes(run));
  if (wants_trained(run) && run->used[SET_TRAIN]) most = fmax(most, dictionary_fit_bytes(run));
  if (wanted(run)[START_DICTIONARY]) most = fmax(most, dictionary_metric_bytes(run));
  return most + starts_of_all_bytes(run);
}
