#include "engine/pod_samples.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/pod_samples_kernels.h"
#include "ground/least.h"
#include "ground/memory.h"
#include "numerics/dense.h"
#include "numerics/isa.h"
#include "numerics/reduction.h"

ISA_VARIANTS(struct pod_samples_kernels, pod_samples_kernels);

enum { CHAIN = 256, BAND = 96 };  // terms of a chain; outputs that share a packed block

// ---- who has what ----

// All samples' part of this rank's entries: pieces of rows, to every rank from every other.
static real *transpose(const struct pod_samples *s, const real *y) {
  const int ranks = comm_size(s->comm);
  const struct pod_sheet *mine = &s->entries, *rows = &s->rows;
  real *all = memory_new(real, (size_t)s->total * mine->stride);
  struct comm_piece *sent = memory_new(struct comm_piece, rows->count * ranks);
  struct comm_piece *received = memory_new(struct comm_piece, s->total);
  size_t count = 0;
  for (int r = 0; r < ranks; r++) {
    const int64_t first = comm_share_first((int64_t)s->n, ranks, r),
                  end = comm_share_first((int64_t)s->n, ranks, r + 1);
    for (int64_t i = 0; i < rows->count && end > first; i++)
      sent[count++] = (struct comm_piece){r, (real *)y + (size_t)i * rows->stride + first,
                                          (size_t)(end - first) * sizeof(real)};
  }
  for (int64_t m = 0; m < s->total; m++)
    received[m] =
        (struct comm_piece){comm_share_home(s->total, ranks, m), all + (size_t)m * mine->stride,
                            mine->entry_count * sizeof(real)};
  comm_transfer(s->comm, sent, count, received, mine->entry_count > 0 ? (size_t)s->total : 0);
  memory_free(&sent);
  memory_free(&received);
  return all;
}

static void make_sheets(struct pod_samples *s, const struct dataset *set, const real *y) {
  const int ranks = comm_size(s->comm), rank = comm_rank(s->comm);
  assert(set->local_first == comm_share_first(set->count, ranks, rank));
  s->rows = (struct pod_sheet){.first = set->local_first,
                               .count = set->local_count,
                               .entry_count = set->n,
                               .stride = set->stride,
                               .y = y,
                               .w = set->w};
  s->entries = s->rows;
  if (ranks == 1) return;
  struct pod_sheet *mine = &s->entries;
  mine->first = 0;
  mine->count = s->total;
  mine->entry = (size_t)comm_share_first((int64_t)s->n, ranks, rank);
  mine->entry_count = (size_t)comm_share_first((int64_t)s->n, ranks, rank + 1) - mine->entry;
  mine->stride = real_padded(mine->entry_count);
  mine->y = mine->own_y = transpose(s, y);
  if (set->w != NULL) mine->w = mine->own_w = transpose(s, set->w);
}

void pod_samples_share_rows(const struct pod_samples *s, size_t columns, const double *rows,
                            double *all) {
  const size_t first = (size_t)s->rows.first * columns, count = (size_t)s->rows.count * columns;
  memset(all, 0, (size_t)s->total * columns * sizeof *all);
  for (size_t i = 0; i < count; i++) all[first + i] = rows[i] + 0.0;  // no -0, which sums lose
  comm_sum_double(s->comm, all, (size_t)s->total * columns);          // of one number and zeros
}

void pod_samples_share_entries(const struct pod_samples *s, size_t columns, double *all) {
  const size_t first = s->entries.entry * columns, end = first + s->entries.entry_count * columns;
  for (size_t i = 0; i < s->n * columns; i++) all[i] = i < first || i >= end ? 0.0 : all[i] + 0.0;
  comm_sum_double(s->comm, all, s->n * columns);
}

// ---- weights and mean ----

// Whether all samples have the weights of the first one, which `first` [stride] gets on all ranks.
static bool weights_are_shared(const struct pod_samples *s, real *first) {
  const struct pod_sheet *rows = &s->rows;
  const size_t bytes = rows->stride * sizeof *first;
  if (rows->count > 0 && rows->first == 0) memcpy(first, rows->w, bytes);
  comm_broadcast(s->comm, first, bytes, comm_share_home(s->total, comm_size(s->comm), 0));
  int64_t differ = 0;
  for (int64_t i = 0; i < rows->count && !differ; i++)
    differ = memcmp(rows->w + (size_t)i * rows->stride, first, bytes) != 0;
  comm_max_int64(s->comm, &differ, 1);
  return !differ;
}

static void find_weights(struct pod_samples *s) {
  for (size_t j = 0; j < s->n; j++) s->factor[j] = 1.0;
  if (s->rows.w == NULL) return;
  real *first = memory_new(real, s->rows.stride);
  if (weights_are_shared(s, first)) {
    for (size_t j = 0; j < s->n; j++) s->factor[j] = sqrt((double)first[j]);
    s->rows.w = s->entries.w = NULL;
  } else {
    for (size_t i = 0; i < (size_t)s->rows.count * s->rows.stride; i++)
      s->weight = fmax(s->weight, (double)s->rows.w[i]);
    comm_max_double(s->comm, &s->weight, 1);
  }
  memory_free(&first);
}

static void find_mean(struct pod_samples *s) {
  const struct pod_sheet *mine = &s->entries;
  double *weights = memory_new(double, mine->entry_count), *sums = s->mean + mine->entry;
  for (int64_t m = 0; m < mine->count; m++) {
    const real *y = mine->y + (size_t)m * mine->stride;
    const real *w = mine->w == NULL ? NULL : mine->w + (size_t)m * mine->stride;
    for (size_t j = 0; j < mine->entry_count; j++) {
      const double weight = w == NULL ? 1.0 : (double)w[j];
      sums[j] += weight * (double)y[j];
      weights[j] += weight;
    }
  }
  for (size_t j = 0; j < mine->entry_count; j++)
    sums[j] = weights[j] > 0.0 ? sums[j] / weights[j] : 0.0;
  memory_free(&weights);
  pod_samples_share_entries(s, 1, s->mean);
}

struct pod_samples *pod_samples_create(struct comm *comm, const struct dataset *set,
                                       const real *y) {
  struct pod_samples *s = memory_new(struct pod_samples, 1);
  *s = (struct pod_samples){.comm = comm, .total = set->count, .n = set->n};
  s->mean = memory_new(double, set->n);
  s->factor = memory_new(double, set->n);
  make_sheets(s, set, y);
  find_weights(s);
  find_mean(s);
  return s;
}

void pod_samples_destroy(struct pod_samples **samples) {
  if (*samples == NULL) return;
  memory_free(&(*samples)->entries.own_y);
  memory_free(&(*samples)->entries.own_w);
  memory_free(&(*samples)->mean);
  memory_free(&(*samples)->factor);
  memory_free(samples);
}

// ---- products ----

// A block of Y, samples from row `first` of a sheet on: block [samples][CHAIN].
static void take(const struct pod_samples *s, const struct pod_sheet *sheet, int64_t first,
                 size_t samples, size_t entry, size_t entries, double *block) {
  const struct pod_samples_kernels *kernels = pod_samples_kernels_variants[isa_chosen()];
  const double *mean = s->mean + sheet->entry + entry, *factor = s->factor + sheet->entry + entry;
  for (size_t i = 0; i < samples; i++, block += CHAIN) {
    const size_t at = ((size_t)first + i) * sheet->stride + entry;
    const real *y = sheet->y + at;
    kernels->centre(entries, y, mean, factor, block);
    if (sheet->w == NULL) continue;
    const real *w = sheet->w + at;
    for (size_t j = 0; j < entries; j++) block[j] *= (double)w[j] / s->weight;
  }
}

void pod_samples_to_entries(const struct pod_samples *s, size_t columns, const double *by_sample,
                            double *by_entry) {
  const struct pod_sheet *mine = &s->entries;
  double *block = memory_new(double, CHAIN *CHAIN);
  memset(by_entry, 0, s->n * columns * sizeof *by_entry);
  for (size_t j = 0; j < mine->entry_count; j += BAND)
    for (size_t m = 0; m < (size_t)s->total; m += CHAIN) {
      const size_t entries = least(BAND, mine->entry_count - j);
      const size_t samples = least(CHAIN, (size_t)s->total - m);
      take(s, mine, (int64_t)m, samples, j, entries, block);
      dense_multiply(&(struct dense_product){.rows = entries,
                                             .depth = samples,
                                             .columns = columns,
                                             .a = block,
                                             .row_step = 1,
                                             .depth_step = CHAIN,
                                             .b = by_sample + m * columns,
                                             .b_stride = columns,
                                             .c = by_entry + (mine->entry + j) * columns,
                                             .c_stride = columns});
    }
  memory_free(&block);
  pod_samples_share_entries(s, columns, by_entry);
}

void pod_samples_to_rows(const struct pod_samples *s, size_t columns, const double *by_entry,
                         double *by_sample) {
  const struct pod_sheet *rows = &s->rows;
  double *block = memory_new(double, BAND *CHAIN);
  memset(by_sample, 0, (size_t)rows->count * columns * sizeof *by_sample);
  for (size_t m = 0; m < (size_t)rows->count; m += BAND)
    for (size_t j = 0; j < s->n; j += CHAIN) {
      const size_t samples = least(BAND, (size_t)rows->count - m);
      const size_t entries = least(CHAIN, s->n - j);
      take(s, rows, (int64_t)m, samples, j, entries, block);
      dense_multiply(&(struct dense_product){.rows = samples,
                                             .depth = entries,
                                             .columns = columns,
                                             .a = block,
                                             .row_step = CHAIN,
                                             .depth_step = 1,
                                             .b = by_entry + j * columns,
                                             .b_stride = columns,
                                             .c = by_sample + m * columns,
                                             .c_stride = columns});
    }
  memory_free(&block);
}

double pod_samples_squares(const struct pod_samples *s) {
  const struct pod_sheet *rows = &s->rows;
  double *block = memory_new(double, CHAIN), *sums = memory_new(double, rows->count);
  for (int64_t m = 0; m < rows->count; m++)
    for (size_t j = 0; j < s->n; j += CHAIN) {
      const size_t entries = least(CHAIN, s->n - j);
      take(s, rows, m, 1, j, entries, block);
      for (size_t k = 0; k < entries; k++) sums[m] += block[k] * block[k];
    }
  const double sum = reduction_sum(comm_ranks(s->comm), sums, (size_t)rows->count);
  memory_free(&block);
  memory_free(&sums);
  return sum;
}

// ---- some of them ----

struct dataset *pod_samples_thin(struct comm *comm, const struct dataset *set, int64_t most) {
  const int ranks = comm_size(comm), rank = comm_rank(comm);
  const int64_t total = set->count < most ? set->count : most;
  struct dataset *few = memory_new(struct dataset, 1);
  *few = (struct dataset){.count = total, .n = set->n, .stride = set->stride};
  few->local_first = comm_share_first(total, ranks, rank);
  few->local_count = comm_share_first(total, ranks, rank + 1) - few->local_first;
  few->y = memory_new(real, (size_t)few->local_count * set->stride);
  if (set->w != NULL) few->w = memory_new(real, (size_t)few->local_count * set->stride);
  struct comm_piece *sent = memory_new(struct comm_piece, 2 * total);
  struct comm_piece *received = memory_new(struct comm_piece, 2 * few->local_count);
  size_t sent_count = 0, received_count = 0;
  for (int64_t j = 0; j < total; j++) {
    const int64_t from = j * set->count / total;
    const int target = comm_share_home(total, ranks, j);
    const int source = comm_share_home(set->count, ranks, from);
    const size_t bytes = set->stride * sizeof(real);
    const size_t here = (size_t)(from - set->local_first) * set->stride;
    const size_t there = (size_t)(j - few->local_first) * set->stride;
    for (int weights = 0; weights <= (set->w != NULL); weights++) {
      if (source == rank)
        sent[sent_count++] = (struct comm_piece){target, (weights ? set->w : set->y) + here, bytes};
      if (target == rank)
        received[received_count++] =
            (struct comm_piece){source, (weights ? few->w : few->y) + there, bytes};
    }
  }
  comm_transfer(comm, sent, sent_count, received, received_count);
  memory_free(&sent);
  memory_free(&received);
  return few;
}

void pod_samples_thin_free(struct dataset **few) {
  memory_free(&(*few)->y);
  memory_free(&(*few)->w);
  memory_free(few);
}
