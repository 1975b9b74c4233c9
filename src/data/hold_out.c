#include "data/hold_out.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "ground/memory.h"
#include "ground/rng.h"

// ---- which ----

// A random number for each of this rank's samples, the same for all of a group.
static uint64_t *draw(const struct dataset *dataset, uint64_t seed) {
  uint64_t *drawn = memory_new(uint64_t, dataset->local_count);
  for (int64_t i = 0; i < dataset->local_count; i++)
    drawn[i] = rng_bits(seed, RNG_HOLD_OUT, (uint64_t)dataset->group[i], 0);
  return drawn;
}

// Samples of all ranks whose number is at most `bound`. Collective.
static int64_t count_up_to(struct comm *comm, const uint64_t *drawn, int64_t local_count,
                           uint64_t bound) {
  int64_t count = 0;
  for (int64_t i = 0; i < local_count; i++) count += drawn[i] <= bound;
  comm_sum_int64(comm, &count, 1);
  return count;
}

// The smallest bound up to which there are at least `wanted` samples (1 or more). Collective.
static uint64_t find_bound(struct comm *comm, const uint64_t *drawn, int64_t local_count,
                           int64_t wanted) {
  uint64_t least = 0, most = UINT64_MAX;
  while (least < most) {
    const uint64_t middle = least + (most - least) / 2;
    if (count_up_to(comm, drawn, local_count, middle) >= wanted)
      most = middle;
    else
      least = middle + 1;
  }
  return least;
}

// The groups with the smallest numbers, up to some number of samples.
struct lowest {
  uint64_t bound;  // the largest number of a group among them, unless there is none
  int64_t count;   // samples
};

static bool is_among(const struct lowest *lowest, uint64_t number) {
  return lowest->count > 0 && number <= lowest->bound;
}

// Those with about `goal` samples: of the two numbers possible, the nearer one. Collective.
static struct lowest find_lowest(struct comm *comm, const uint64_t *drawn,
                                 const struct dataset *dataset, double goal) {
  const int64_t local = dataset->local_count, most = dataset->count;
  const int64_t wanted = ceil(goal) < (double)most ? (int64_t)ceil(goal) : most;
  if (wanted < 1) return (struct lowest){.count = 0};
  const uint64_t bound = find_bound(comm, drawn, local, wanted);
  const int64_t with = count_up_to(comm, drawn, local, bound);
  const int64_t without = bound > 0 ? count_up_to(comm, drawn, local, bound - 1) : 0;
  if ((double)with - goal <= goal - (double)without) return (struct lowest){bound, with};
  return (struct lowest){bound - (without > 0), without};
}

struct hold_out *hold_out_choose(struct comm *comm, const struct dataset *dataset, double share,
                                 uint64_t seed, int64_t fold) {
  assert(share > 0.0 && share < 1.0 && fold >= 0);
  const int64_t local = dataset->local_count;
  struct hold_out *hold_out = memory_new(struct hold_out, 1);
  *hold_out = (struct hold_out){
      .whole = dataset->count, .local_whole = local, .held = memory_new(bool, local)};
  uint64_t *drawn = draw(dataset, seed);
  const uint64_t first = find_bound(comm, drawn, local, 1);
  hold_out->least = count_up_to(comm, drawn, local, first);
  const double goal = share * (double)dataset->count;
  const struct lowest before = find_lowest(comm, drawn, dataset, (double)fold * goal);
  const struct lowest all = find_lowest(comm, drawn, dataset, (double)(fold + 1) * goal);
  hold_out->count = all.count - before.count;
  for (int64_t i = 0; i < local; i++)
    hold_out->held[i] = is_among(&all, drawn[i]) && !is_among(&before, drawn[i]);
  memory_free(&drawn);
  return hold_out;
}

void hold_out_destroy(struct hold_out **hold_out) {
  if (*hold_out == NULL) return;
  memory_free(&(*hold_out)->held);
  memory_free(&(*hold_out)->rest_first);
  memory_free(&(*hold_out)->part_first);
  view_destroy(&(*hold_out)->view);
  memory_free(hold_out);
}

// ---- rows ----

// An array of a data set with a row per sample.
struct column {
  char **rows;
  size_t bytes;  // of a row
};
enum { COLUMNS = 7 };

static void list_columns(struct dataset *dataset, struct column columns[COLUMNS]) {
  const size_t entries = dataset->stride * sizeof(real);
  const struct column all[COLUMNS] = {{(char **)&dataset->y, entries},
                                      {(char **)&dataset->w, entries},
                                      {(char **)&dataset->weight_sum, sizeof(double)},
                                      {(char **)&dataset->label, sizeof(int64_t)},
                                      {(char **)&dataset->real_label, sizeof(double)},
                                      {(char **)&dataset->index, sizeof(int64_t)},
                                      {(char **)&dataset->group, sizeof(int64_t)}};
  memcpy(columns, all, sizeof all);
}

static void copy_row(const struct column *to, int64_t i, const struct column *from, int64_t j) {
  memmove(*to->rows + (size_t)i * to->bytes, *from->rows + (size_t)j * from->bytes, to->bytes);
}

// Moves the rows that are held out to an owned array and closes the gaps.
static char *take_rows(const struct hold_out *hold_out, const struct column *column,
                       int64_t count) {
  char *taken = memory_new(char, (size_t)count * column->bytes);
  const struct column part = {&taken, column->bytes};
  int64_t kept = 0, held = 0;
  for (int64_t i = 0; i < hold_out->local_whole; i++) {
    if (hold_out->held[i])
      copy_row(&part, held++, column, i);
    else
      copy_row(column, kept++, column, i);
  }
  return taken;
}

// The reverse, starting from the last row.
static void put_rows(const struct hold_out *hold_out, const struct column *column,
                     const struct column *part, int64_t kept, int64_t held) {
  for (int64_t i = hold_out->local_whole; i-- > 0;) {
    if (hold_out->held[i])
      copy_row(column, i, part, --held);
    else
      copy_row(column, i, column, --kept);
  }
}

// ---- shares ----

// [ranks + 1] where each rank's samples begin if this rank has `local_count`, owned. Collective.
static int64_t *gather_firsts(struct comm *comm, int64_t local_count) {
  const int ranks = comm_size(comm);
  int64_t *first = memory_new(int64_t, ranks + 1);
  first[comm_rank(comm) + 1] = local_count;
  comm_sum_int64(comm, first, (size_t)ranks + 1);
  for (int r = 0; r < ranks; r++) first[r + 1] += first[r];
  return first;
}

// The same for the standard shares of a set.
static int64_t *even_firsts(struct comm *comm, int64_t count) {
  const int ranks = comm_size(comm);
  int64_t *first = memory_new(int64_t, ranks + 1);
  for (int r = 0; r <= ranks; r++) first[r] = comm_share_first(count, ranks, r);
  return first;
}

// Lists the pieces that this rank's samples [mine[0], mine[1]), whose rows begin at `rows`, share
// with those of each rank, which begin at `others`. Returns their number.
static size_t list_common(struct comm *comm, const int64_t *mine, const int64_t *others,
                          const struct column *column, char *rows, struct comm_piece *pieces) {
  size_t count = 0;
  for (int r = 0; r < comm_size(comm); r++) {
    const int64_t first = others[r] > mine[0] ? others[r] : mine[0];
    const int64_t end = others[r + 1] < mine[1] ? others[r + 1] : mine[1];
    if (first < end)
      pieces[count++] = (struct comm_piece){r, rows + (size_t)(first - mine[0]) * column->bytes,
                                            (size_t)(end - first) * column->bytes};
  }
  return count;
}

// Moves the samples from the shares that begin at `from` to those that begin at `to`; afterwards
// this rank has room for `room` of them. Collective.
static void move_rows(struct comm *comm, struct dataset *dataset, const int64_t *from,
                      const int64_t *to, int64_t room) {
  const int rank = comm_rank(comm), ranks = comm_size(comm);
  struct comm_piece *sent = memory_new(struct comm_piece, ranks),
                    *received = memory_new(struct comm_piece, ranks);
  struct column columns[COLUMNS];
  list_columns(dataset, columns);
  dataset->local_first = to[rank];
  dataset->local_count = to[rank + 1] - to[rank];
  dataset->count = to[ranks];
  for (int c = 0; c < COLUMNS; c++) {
    int64_t there = *columns[c].rows != NULL;
    comm_max_int64(comm, &there, 1);
    if (!there || memcmp(from, to, (size_t)(ranks + 1) * sizeof *to) == 0) continue;
    char *rows = memory_new(char, (size_t)room *columns[c].bytes);
    const size_t out = list_common(comm, from + rank, to, &columns[c], *columns[c].rows, sent);
    const size_t in = list_common(comm, to + rank, from, &columns[c], rows, received);
    comm_transfer(comm, sent, out, received, in);
    memory_release(*columns[c].rows);
    *columns[c].rows = rows;
  }
  memory_free(&sent);
  memory_free(&received);
}

// From where this rank has `local_count` samples to even shares. Returns where they began, owned.
static int64_t *even_out(struct comm *comm, struct dataset *dataset, int64_t local_count) {
  int64_t *first = gather_firsts(comm, local_count);
  int64_t *even = even_firsts(comm, first[comm_size(comm)]);
  const int rank = comm_rank(comm);
  move_rows(comm, dataset, first, even, even[rank + 1] - even[rank]);
  memory_free(&even);
  return first;
}

// Back to where the samples were, with room for `room` of them.
static void move_back(struct comm *comm, struct dataset *dataset, const int64_t *first,
                      int64_t room) {
  int64_t *even = even_firsts(comm, dataset->count);
  move_rows(comm, dataset, even, first, room);
  memory_free(&even);
}

// ---- splitting and reuniting ----

void hold_out_split(struct hold_out *hold_out, struct comm *comm, struct dataset *dataset,
                    struct view **view, struct dataset **part, struct view **part_view) {
  assert(hold_out->view == NULL && dataset->local_count == hold_out->local_whole);
  int64_t held = 0;
  for (int64_t i = 0; i < hold_out->local_whole; i++) held += hold_out->held[i];
  *part = memory_new(struct dataset, 1);
  **part = *dataset;
  struct column columns[COLUMNS], parts[COLUMNS];
  list_columns(dataset, columns);
  list_columns(*part, parts);
  for (int c = 0; c < COLUMNS; c++)
    if (*columns[c].rows != NULL) *parts[c].rows = take_rows(hold_out, &columns[c], held);
  hold_out->rest_first = even_out(comm, dataset, hold_out->local_whole - held);
  hold_out->part_first = even_out(comm, *part, held);
  *part_view = view_part(*view, (*part)->count);
  hold_out->view = *view;
  *view = view_part(hold_out->view, dataset->count);
}

void hold_out_join(struct hold_out *hold_out, struct comm *comm, struct dataset *dataset,
                   struct view **view, struct dataset **part, struct view **part_view) {
  assert(hold_out->view != NULL);
  move_back(comm, dataset, hold_out->rest_first, hold_out->local_whole);
  const int64_t *held = hold_out->part_first + comm_rank(comm);
  move_back(comm, *part, hold_out->part_first, held[1] - held[0]);
  struct column columns[COLUMNS], parts[COLUMNS];
  list_columns(dataset, columns);
  list_columns(*part, parts);
  for (int c = 0; c < COLUMNS; c++)
    if (*columns[c].rows != NULL)
      put_rows(hold_out, &columns[c], &parts[c], dataset->local_count, (*part)->local_count);
  dataset->local_first += (*part)->local_first;
  dataset->local_count = hold_out->local_whole;
  dataset->count = hold_out->whole;
  dataset_destroy(part);
  view_destroy(view);
  view_destroy(part_view);
  *view = hold_out->view;
  hold_out->view = NULL;
  memory_free(&hold_out->rest_first);
  memory_free(&hold_out->part_first);
}
