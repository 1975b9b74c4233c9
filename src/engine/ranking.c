#include "engine/ranking.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "decoder/loss.h"
#include "engine/best_entries.h"
#include "engine/projection.h"
#include "engine/secants.h"
#include "ground/checksum.h"
#include "ground/memory.h"
#include "numerics/dense.h"
#include "numerics/product.h"

enum {
  PIECE_BYTES = 1 << 26,  // of decoded entries at a time
  BLOCK_BYTES = 1 << 25,  // of scores at a time
  ROWS = 48,              // of a product, unless a pass has fewer
  // Fewer entries or outputs are not worth shortening.
  MANY = 4 * PROJECTION_TERMS,
  // More entries than MOST saved no evaluations on images, and decoding them would make the
  // encoding of a small set slower.
  LEAST = 64,
  MOST = 1024
};

// Squares of the distances between starts. Steps tell from which of several near entries to start.
static const double apart = 0.25, apart_by_steps = 0.1;

int64_t ranking_origin(const struct samples *samples, size_t n, int64_t i) {
  const size_t bytes = real_padded(n) * sizeof(real), at = (size_t)i * real_padded(n);
  uint64_t sum = checksum(samples->y + at, bytes, 0);
  if (samples->w != NULL) sum += checksum(samples->w + at, bytes, bytes);
  return (int64_t)(sum != 0 ? sum : 1);
}

// A part of the dictionary, decoded and packed.
struct piece {
  size_t count, stride;     // entries; real_padded(count)
  real *x, *a;              // [count][real_padded(n)] outputs, and a of them
  double *sums;             // [count] of a
  real *bias;               // [stride] minus the sums, where all weights are 1
  real *panels, *panels_a;  // of x or its short vectors and, negated, of a
};

struct ranking {
  const struct decoder *decoder;
  const struct dictionary *dictionary;
  const struct samples *samples;
  struct network_pass *pass;
  struct piece piece;
  int64_t count;                     // entries of the dictionary that take part
  size_t most, stride;               // entries of a piece; real_padded(n)
  struct secants *secants;           // NULL: no guesses
  size_t candidates;                 // entries whose steps are compared
  double *penalty;                   // [entries] of the prior, or NULL
  real *rows, *scores;               // [room][stride] weighted samples; [block][score_stride]
  size_t block, score_stride, room;  // room: rows of a pass
  // Where all weights are 1 and the loss is mse, `scores` are only upper bounds, the products of
  // short vectors, and the scores themselves are computed for a few entries of each sample.
  bool bounded;
  struct projection *projection;
  double *overlap;  // [entries] products of one sample with outputs; NAN: not computed yet
  real *shorter;    // [max(room, most)][PROJECTION_TERMS]
};

static size_t rows_at_once(size_t rows) { return rows < ROWS ? rows : ROWS; }

// Whole vectors of scores.
static size_t entries_at_once(const struct decoder *decoder, int64_t count) {
  const size_t bytes = 4 * real_padded(decoder->n) * sizeof(real);
  const size_t most = PIECE_BYTES / bytes / REAL_PAD * REAL_PAD;
  if (most >= (size_t)count) return (size_t)count;
  return most > REAL_PAD ? most : REAL_PAD;
}

// Whether a number of entries is decoded at once, and their losses can be bounded.
static bool bounds(const struct decoder *decoder, bool weighted, int64_t count) {
  return decoder->loss == LOSS_MSE && !weighted && decoder->n >= MANY && count >= MANY &&
         entries_at_once(decoder, count) >= (size_t)count;
}

// Ranking takes a product of n terms per entry, or one of the short vectors and the shortening of
// the sample; an evaluation goes forward and back.
int64_t ranking_most(const struct decoder *decoder, bool weighted) {
  const double flops = network_flops(decoder->network), n = (double)decoder->n;
  const double full = flops / (2.0 * n);
  const double shorter = flops / (2.0 * PROJECTION_TERMS) - n;
  const int64_t most = DICTIONARY_TRAINED + MOST;
  const double entries = bounds(decoder, weighted, most) ? fmax(full, shorter) : full;
  return entries < LEAST ? LEAST : entries > MOST ? MOST : (int64_t)entries;
}

static size_t samples_at_once(int64_t count) {
  const size_t most = BLOCK_BYTES / (real_padded((size_t)count) * sizeof(real));
  return most < 1 ? 1 : most;
}

// A score is minus a loss, up to a factor by which the prior's part of the objective must be
// multiplied, too.
static double *penalties(const struct ranking *r) {
  const struct prior *prior = r->samples->prior;
  const size_t stride = real_padded(r->decoder->d), count = (size_t)r->count;
  if (prior == NULL) return NULL;
  const double factor = r->decoder->loss == LOSS_MSE ? 0.5 * prior->variance : prior->variance;
  double *penalty = memory_new(double, count);
  for (size_t k = 0; k < count; k++)
    penalty[k] = factor * prior_distance2(prior, r->dictionary->z + k * stride);
  return penalty;
}

static struct ranking ranking_begin(const struct decoder *decoder,
                                    const struct dictionary *dictionary,
                                    const struct samples *samples,
                                    const struct ranking_wishes *wishes) {
  assert(wishes->rows > 0);
  const int64_t first = DICTIONARY_TRAINED + wishes->most;
  const int64_t count = wishes->most > 0 && first < dictionary->count ? first : dictionary->count;
  struct ranking r = {.decoder = decoder,
                      .dictionary = dictionary,
                      .samples = samples,
                      .count = count,
                      .most = entries_at_once(decoder, count),
                      .stride = real_padded(decoder->n),
                      .block = samples_at_once(count),
                      .score_stride = real_padded((size_t)count),
                      .room = rows_at_once(wishes->rows)};
  if (r.block > (size_t)wishes->count) r.block = (size_t)wishes->count;
  r.bounded = bounds(decoder, samples->w != NULL, count);
  r.pass = network_pass_create(decoder->network, r.room, false);
  r.rows = memory_new(real, r.room * r.stride);
  r.scores = memory_new(real, r.block * r.score_stride);
  r.piece.x = memory_new(real, r.most * r.stride);
  r.piece.a = memory_new(real, r.most * r.stride);
  r.piece.sums = memory_new(double, r.most);
  r.piece.bias = memory_new(real, real_padded(r.most));
  r.overlap = memory_new(double, count);
  r.piece.panels =
      memory_new(real, product_panels_size(r.bounded ? PROJECTION_TERMS : decoder->n, r.most));
  if (samples->w != NULL)
    r.piece.panels_a = memory_new(real, product_panels_size(decoder->n, r.most));
  r.penalty = penalties(&r);
  if (!r.bounded) return r;
  r.shorter = memory_new(real, (r.most > r.room ? r.most : r.room) * PROJECTION_TERMS);
  return r;
}

static void ranking_end(struct ranking *r) {
  network_pass_destroy(&r->pass);
  secants_destroy(&r->secants);
  projection_destroy(&r->projection);
  memory_free(&r->shorter);
  memory_free(&r->overlap);
  memory_free(&r->rows);
  memory_free(&r->penalty);
  memory_free(&r->scores);
  memory_free(&r->piece.x);
  memory_free(&r->piece.a);
  memory_free(&r->piece.sums);
  memory_free(&r->piece.bias);
  memory_free(&r->piece.panels);
  memory_free(&r->piece.panels_a);
}

// Decodes entries first ... first + count - 1.
static void decode(struct ranking *r, size_t first, size_t count) {
  const size_t d = real_padded(r->decoder->d);
  for (size_t done = 0; done < count; done += r->room) {
    const size_t rows = count - done < r->room ? count - done : r->room;
    memcpy(network_pass_input(r->pass), r->dictionary->z + (first + done) * d,
           rows * d * sizeof(real));
    memcpy(r->piece.x + done * r->stride,
           network_pass_forward(r->pass, decoder_values(r->decoder), rows),
           rows * r->stride * sizeof(real));
  }
}

// The bounds are increased by the rounding of the bias.
static void shorten_piece(struct ranking *r) {
  const real rounding = (real)1e-6;
  struct piece *piece = &r->piece;
  r->projection = projection_create(r->decoder->n, piece->count, piece->x);
  projection_shorten(r->projection, piece->count, piece->x, r->shorter);
  product_pack(PROJECTION_TERMS, piece->count, r->shorter, 1, PROJECTION_TERMS, piece->panels);
  for (size_t k = 0; k < piece->count; k++) piece->bias[k] -= rounding * piece->bias[k];
}

static void prepare_piece(struct ranking *r, size_t first, size_t count) {
  struct piece *piece = &r->piece;
  const size_t n = r->decoder->n;
  piece->count = count;
  piece->stride = real_padded(count);
  decode(r, first, count);
  memset(piece->bias, 0, piece->stride * sizeof *piece->bias);
  for (size_t k = 0; k < count; k++) {
    piece->sums[k] =
        loss_potential(r->decoder->loss, n, piece->x + k * r->stride, piece->a + k * r->stride);
    piece->bias[k] = (real)-piece->sums[k];
  }
  if (r->bounded) {
    shorten_piece(r);
    return;
  }
  for (size_t k = 0; k < count * r->stride; k++) piece->a[k] = -piece->a[k];
  product_pack(n, count, piece->x, 1, r->stride, piece->panels);
  if (r->samples->w != NULL) product_pack(n, count, piece->a, 1, r->stride, piece->panels_a);
}

// y of the samples that are chosen, times w where samples have weights.
static void gather(const struct ranking *r, const int64_t *chosen, size_t rows) {
  const size_t stride = r->stride;
  for (size_t k = 0; k < rows; k++) {
    const size_t at = (size_t)chosen[k] * stride;
    memcpy(r->rows + k * stride, r->samples->y + at, stride * sizeof(real));
    if (r->samples->w == NULL) continue;
    for (size_t i = 0; i < stride; i++) r->rows[k * stride + i] *= r->samples->w[at + i];
  }
}

static void gather_weights(const struct ranking *r, const int64_t *chosen, size_t rows) {
  for (size_t k = 0; k < rows; k++)
    memcpy(r->rows + k * r->stride, r->samples->w + (size_t)chosen[k] * r->stride,
           r->stride * sizeof(real));
}

// Scores of the `rows` samples that are chosen, or their bounds, for the entries of the piece from
// `column` on: the larger the better.
static void score(struct ranking *r, const int64_t *chosen, size_t rows, size_t column,
                  real *scores) {
  const struct piece *piece = &r->piece;
  const size_t n = r->decoder->n;
  const bool weighted = r->samples->w != NULL;
  gather(r, chosen, rows);
  if (r->bounded) projection_shorten(r->projection, rows, r->rows, r->shorter);
  struct product_matrix m = {.terms = r->bounded ? PROJECTION_TERMS : n,
                             .outputs = piece->count,
                             .panels = piece->panels,
                             .ends = r->bounded ? NULL : r->decoder->chains};
  struct product_rows product = {.rows = rows,
                                 .a = r->bounded ? r->shorter : r->rows,
                                 .a_stride = r->bounded ? PROJECTION_TERMS : r->stride,
                                 .bias = weighted ? NULL : piece->bias,
                                 .c = scores + column,
                                 .c_stride = r->score_stride};
  product_multiply(&m, &product);
  if (!weighted) return;
  gather_weights(r, chosen, rows);
  product.add = true;
  m.panels = piece->panels_a;
  product_multiply(&m, &product);
}

static bool takes_part(const struct ranking *r, const struct ranking_wishes *wishes, int64_t entry,
                       int64_t origin) {
  if (entry == DICTIONARY_ZERO) return wishes->zero;
  if (entry == DICTIONARY_MEAN) return wishes->mean;
  return wishes->trained && !(wishes->exclude_own && r->dictionary->origin[entry] == origin);
}

// Whether an entry is far from others: by `least` standard deviations, squared, per latent number.
static bool lies_apart(const struct dictionary *dictionary, const int64_t *entries, size_t count,
                       int64_t entry, double least) {
  for (size_t t = 0; t < count; t++)
    if (!(dictionary_distance2(dictionary, entries[t], entry) > least * (double)dictionary->d))
      return false;
  return true;
}

// What a score leaves out of the sum of losses: for mse, the sum of w y^2 / 2.
static double left_out(const struct ranking *r, int64_t sample) {
  if (r->decoder->loss != LOSS_MSE) return 0.0;
  const real *y = r->samples->y + (size_t)sample * r->stride;
  const real *w = r->samples->w == NULL ? NULL : r->samples->w + (size_t)sample * r->stride;
  double sum = 0.0;
  for (size_t i = 0; i < r->decoder->n; i++)
    sum += (w == NULL ? 0.5 : 0.5 * (double)w[i]) * (double)y[i] * (double)y[i];
  return sum;
}

// A sample whose scores are known, and what is needed to compute more of them.
struct scored {
  int64_t sample, origin;
  const real *y, *scores;
  double left_out;
};

static double penalty_of(const struct ranking *r, int64_t entry) {
  return r->penalty == NULL ? 0.0 : r->penalty[entry];
}

// An upper bound of the score of an entry, including the prior's part, and the score itself.
static double bound_of(const struct ranking *r, const struct scored *s, int64_t entry) {
  return (double)s->scores[entry] - penalty_of(r, entry);
}

static double score_of(const struct ranking *r, const struct scored *s, int64_t entry) {
  if (!r->bounded) return bound_of(r, s, entry);
  const real *x = r->piece.x + (size_t)entry * r->stride;
  if (isnan(r->overlap[entry])) r->overlap[entry] = dense_dot_real(r->decoder->n, s->y, x);
  return r->overlap[entry] - r->piece.sums[entry] - penalty_of(r, entry);
}

// The best entry that is sufficiently far from the `count` that have been found, by its score or by
// its bound, of those whose bound is at least `floor`; -1: there is none.
static int64_t best_entry(const struct ranking *r, const struct ranking_wishes *wishes,
                          const struct scored *s, const int64_t *found, size_t count, double floor,
                          double (*value_of)(const struct ranking *, const struct scored *,
                                             int64_t)) {
  int64_t best = -1;
  double most = 0.0;
  for (int64_t k = 0; k < r->count; k++) {
    const double bound = bound_of(r, s, k);
    if (!isfinite(bound) || bound < floor || (best >= 0 && bound <= most)) continue;
    if (!takes_part(r, wishes, k, s->origin)) continue;
    if (!lies_apart(r->dictionary, found, count, k, apart)) continue;
    const double value = value_of(r, s, k);
    if (best >= 0 && !(value > most)) continue;
    best = k;
    most = value;
  }
  return best;
}

// The best entries of one sample that are sufficiently far apart, in addition to the `count` that
// have been found. No entry whose bound is below the score of another can be better than this one.
static void choose(const struct ranking *r, const struct ranking_wishes *wishes,
                   const struct scored *s, size_t count, size_t tries, int64_t *entries) {
  for (size_t t = count; t < tries; t++) {
    entries[t] = best_entry(r, wishes, s, entries, t, -INFINITY, bound_of);
    if (entries[t] >= 0 && r->bounded)
      entries[t] = best_entry(r, wishes, s, entries, t, score_of(r, s, entries[t]), score_of);
    if (entries[t] >= 0) continue;
    for (size_t rest = t; rest < tries; rest++) entries[rest] = -1;
    return;
  }
}

static struct best_entries best_bounds(const struct ranking *r, const struct ranking_wishes *wishes,
                                       const struct scored *s) {
  struct best_entries list = {.most = r->candidates};
  for (int64_t k = 0; k < r->count; k++) {
    const double bound = bound_of(r, s, k);
    if (bound > best_entries_least(&list) && isfinite(bound) && takes_part(r, wishes, k, s->origin))
      best_entries_add(&list, k, bound);
  }
  return list;
}

// The entries with the highest scores: of those with the highest bounds, and of the others whose
// bounds do not exclude them.
static struct best_entries best_scores(const struct ranking *r, const struct ranking_wishes *wishes,
                                       const struct scored *s) {
  const struct best_entries bounds = best_bounds(r, wishes, s);
  if (!r->bounded) return bounds;
  struct best_entries best = {.most = r->candidates};
  for (size_t k = 0; k < bounds.count; k++)
    best_entries_add(&best, bounds.entry[k], score_of(r, s, bounds.entry[k]));
  for (int64_t k = 0; k < r->count; k++)
    if (bound_of(r, s, k) >= best_entries_least(&best) && !best_entries_has(&bounds, k) &&
        takes_part(r, wishes, k, s->origin))
      best_entries_add(&best, k, score_of(r, s, k));
  return best;
}

// Of the entries with the highest scores, those from which steps are expected to lead to the
// highest ones. Returns how many are found.
static size_t choose_by_steps(struct ranking *r, const struct ranking_wishes *wishes,
                              const struct scored *s, size_t tries, int64_t *entries) {
  const struct best_entries candidates = best_scores(r, wishes, s);
  struct best_entries expected = {.most = candidates.most};
  for (size_t k = 0; k < candidates.count; k++) {
    const int64_t entry = candidates.entry[k];
    const double gain = entry < DICTIONARY_TRAINED ? 0.0 : secants_gain(r->secants, entry);
    best_entries_add(&expected, entry, candidates.value[k] + gain);
  }
  size_t found = 0;
  for (size_t k = 0; k < expected.count && found < tries; k++)
    if (lies_apart(r->dictionary, entries, found, expected.entry[k], apart_by_steps))
      entries[found++] = expected.entry[k];
  return found;
}

static void find_losses(const struct ranking *r, const struct scored *s, size_t tries,
                        const int64_t *entries, double *losses) {
  const double factor = r->decoder->loss == LOSS_MSE ? 2.0 : 1.0;
  for (size_t t = 0; t < tries; t++)
    losses[t] = entries[t] < 0 ? (double)NAN
                               : factor * (s->left_out - score_of(r, s, entries[t])) /
                                     r->samples->weight_sum[s->sample];
}

static void guess(struct ranking *r, const struct scored *s, size_t tries,
                  const struct ranking_found *found) {
  const size_t d = real_padded(r->decoder->d), first = (size_t)s->sample * tries;
  const size_t count =
      r->candidates > 1 ? tries : 1;  // further ones would take further differences
  for (size_t k = first; k < first + count; k++)
    found->guessed[k] = r->secants != NULL && found->entries[k] >= DICTIONARY_TRAINED &&
                        secants_step(r->secants, found->entries[k], found->guesses + k * d);
}

static struct scored scored_of(const struct ranking *r, const struct ranking_wishes *wishes,
                               int64_t sample, const real *scores) {
  const bool own = wishes->exclude_own;
  for (int64_t k = 0; k < r->count; k++) r->overlap[k] = (double)NAN;
  return (struct scored){.sample = sample,
                         .origin = own ? ranking_origin(r->samples, r->decoder->n, sample) : 0,
                         .y = r->samples->y + (size_t)sample * r->stride,
                         .scores = scores,
                         .left_out = left_out(r, sample)};
}

void ranking_run(const struct decoder *decoder, const struct dictionary *dictionary,
                 const struct samples *samples, const struct ranking_wishes *wishes, size_t tries,
                 const struct ranking_found *found) {
  if (wishes->count == 0) return;
  struct ranking r = ranking_begin(decoder, dictionary, samples, wishes);
  const size_t total = (size_t)r.count, wanted = (size_t)wishes->count;
  const bool whole = r.most >= total;  // decoded once
  if (whole) prepare_piece(&r, 0, total);
  if (whole && found->guesses != NULL && samples->w == NULL)
    r.secants = secants_create(decoder, dictionary, r.count, r.piece.x);
  r.candidates = secants_most(decoder);
  for (size_t done = 0; done < wanted; done += r.block) {
    const size_t block = wanted - done < r.block ? wanted - done : r.block;
    for (size_t column = 0; column < total; column += r.most) {
      if (!whole) prepare_piece(&r, column, total - column < r.most ? total - column : r.most);
      for (size_t row = 0; row < block; row += r.room)
        score(&r, wishes->chosen + done + row, block - row < r.room ? block - row : r.room, column,
              r.scores + row * r.score_stride);
    }
    for (size_t row = 0; row < block; row++) {
      const struct scored scored =
          scored_of(&r, wishes, wishes->chosen[done + row], r.scores + row * r.score_stride);
      const size_t first = (size_t)scored.sample * tries;
      if (r.secants != NULL) secants_begin_sample(r.secants, scored.y, scored.origin, r.overlap);
      const size_t by_steps =
          r.secants == NULL ? 0
                            : choose_by_steps(&r, wishes, &scored, tries, found->entries + first);
      choose(&r, wishes, &scored, by_steps, tries, found->entries + first);
      if (found->losses != NULL)
        find_losses(&r, &scored, tries, found->entries + first, found->losses + first);
      if (found->guesses != NULL) guess(&r, &scored, tries, found);
    }
  }
  ranking_end(&r);
}

double ranking_bytes(const struct decoder *decoder, int64_t entries, int64_t samples, size_t rows) {
  const size_t piece = entries_at_once(decoder, entries), pass = rows_at_once(rows);
  const size_t most = samples_at_once(entries),
               block = (size_t)samples < most ? (size_t)samples : most;
  const double row = (double)(real_padded(decoder->n) * sizeof(real));
  return secants_bytes(decoder, entries) + (4.0 * (double)piece + (double)pass) * row +
         (double)(block * real_padded((size_t)entries) * sizeof(real)) +
         (double)entries * (double)((real_padded(decoder->d) + decoder->d + 1) * sizeof(double));
}
