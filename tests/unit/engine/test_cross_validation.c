// Cross-validation: the mean loss over all samples held out decides, and the start is kept unless
// the gain is significant, in several folds or one. Expected values by hand; gains of the whole
// are given with the standard error of the jackknife, relative gains with that of their mean.
#include <math.h>
#include <string.h>

#include "engine/cross_validation.h"
#include "ground/memory.h"
#include "support/mpi_test.h"

enum { MOST = 4, PASSES = 2 };

// Two folds of two or more samples; their groups, and losses of the start and after each pass.
struct course {
  int64_t count[2];
  int64_t group[2 * MOST];
  double loss[1 + PASSES][2 * MOST];
  int64_t kept;
  double start, kept_loss;
};

static void add_fold(struct comm *comm, struct cross_validation *cross, const struct course *course,
                     int fold) {
  const int64_t before = fold == 0 ? 0 : course->count[0], count = course->count[fold];
  const int64_t first = comm_share_first(count, comm_size(comm), comm_rank(comm));
  const int64_t end = comm_share_first(count, comm_size(comm), comm_rank(comm) + 1);
  int64_t group[MOST];
  memcpy(group, course->group + before + first, (size_t)(end - first) * sizeof *group);
  const struct dataset held = {
      .count = count, .local_first = first, .local_count = end - first, .group = group};
  for (int64_t pass = 0; pass <= PASSES; pass++)
    cross_validation_add(cross, comm, &held, pass, course->loss[pass] + before + first);
  cross_validation_next(cross, count);
}

static void check(struct comm *comm, const struct course *course, const char *name) {
  struct cross_validation *cross = cross_validation_create(2 * MOST, PASSES, 2);
  add_fold(comm, cross, course, 0);
  add_fold(comm, cross, course, 1);
  const struct validation_choice choice = cross_validation_choose(cross, LOSS_BCE);
  CHECK(choice.kept == course->kept, "%s: kept %lld", name, (long long)choice.kept);
  CHECK(fabs(choice.start - course->start) < 1e-14, "%s: start %.17g", name, choice.start);
  CHECK(fabs(choice.kept_loss - course->kept_loss) < 1e-14, "%s: %.17g", name, choice.kept_loss);
  cross_validation_destroy(&cross);
}

// One fold of four samples, whose losses are 1 at the start unless it `lacks` them, as a checkpoint
// of an earlier version does; then `earlier`, which are replaced, and `loss`.
static void check_single(struct comm *comm, bool lacks, const double loss[MOST], bool confirmed) {
  static const double start[MOST] = {1, 1, 1, 1}, earlier[MOST] = {.9, .9, .9, .9};
  const double *rows[] = {start, earlier, loss};
  int64_t group[MOST];
  const int64_t first = comm_share_first(MOST, comm_size(comm), comm_rank(comm));
  const int64_t end = comm_share_first(MOST, comm_size(comm), comm_rank(comm) + 1);
  for (int64_t i = first; i < end; i++) group[i - first] = i;
  const struct dataset held = {
      .count = MOST, .local_first = first, .local_count = end - first, .group = group};
  struct cross_validation *cross = cross_validation_create(MOST, PASSES, 1);
  for (int64_t pass = lacks ? 1 : 0; pass <= PASSES; pass++)
    cross_validation_add(cross, comm, &held, pass, rows[pass] + first);
  cross_validation_next(cross, MOST);
  struct validation_choice choice = {.kept = 2, .start = 1, .kept_loss = .75};
  CHECK(cross_validation_confirm(cross, &choice) == confirmed && choice.kept == (confirmed ? 2 : 0),
        "kept %lld", (long long)choice.kept);
  CHECK(choice.kept_loss == (confirmed ? .75 : 1), "loss %g", choice.kept_loss);
  choice.kept = 0;
  CHECK(cross_validation_confirm(cross, &choice) && choice.kept == 0, "the start");
  cross_validation_destroy(&cross);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  // Relative gains .143 four times; and a gain of .200 +- .212, relative gains .170 +- .169.
  check_single(comm, false, (double[]){.75, .75, .75, .75}, true);
  check_single(comm, false, (double[]){.2, .9, .9, 1.2}, false);
  check_single(comm, true, (double[]){.2, .9, .9, 1.2}, true);
  // Differences .2 in all four samples: no spread.
  check(comm,
        &(struct course){.count = {2, 2},
                         .group = {0, 1, 2, 3},
                         .loss = {{1, 2, 3, 4}, {.9, 1.9, 2.9, 3.9}, {.8, 1.8, 2.8, 3.8}},
                         .kept = 2,
                         .start = 2.5,
                         .kept_loss = 2.3},
        "a gain of every sample");
  // Each fold alone would keep pass 1 or the start; the mean of five samples has its minimum
  // after the second pass.
  check(comm,
        &(struct course){.count = {3, 2},
                         .group = {0, 1, 2, 3, 4},
                         .loss = {{1, 1, 1, 1, 1}, {.8, .8, .8, 1.2, 1.2}, {.9, .9, .9, .8, .8}},
                         .kept = 2,
                         .start = 1,
                         .kept_loss = .86},
        "the mean of both folds");
  // The whole gains .160 +- .215; relative gains .061 +- .093.
  check(comm,
        &(struct course){.count = {2, 2},
                         .group = {0, 1, 2, 3},
                         .loss = {{2, 1, 1, 1}, {1, 1, 1, 1.2}, {2, 2, 2, 2}},
                         .kept = 0,
                         .start = 1.25,
                         .kept_loss = 1.25},
        "a gain of a single sample");
  // The whole gains .238 +- .075; relative gains .141 +- .048.
  check(comm,
        &(struct course){.count = {2, 2},
                         .group = {0, 1, 2, 3},
                         .loss = {{1, 1, 1, 1}, {.6, .7, .8, .95}, {2, 2, 2, 2}},
                         .kept = 1,
                         .start = 1,
                         .kept_loss = .7625},
        "more than the standard error");
  // The whole gains .200 +- .300, relative gains .143 +- .190. If the samples were six
  // observations, the standard errors would be .134 and .085.
  check(comm,
        &(struct course){
            .count = {3, 3},
            .group = {7, 7, 7, 9, 9, 9},
            .loss = {{1, 1, 1, 1, 1, 1}, {.5, .5, .5, 1.1, 1.1, 1.1}, {2, 2, 2, 2, 2, 2}},
            .kept = 0,
            .start = 1,
            .kept_loss = 1},
        "a gain of a single group");
  // The whole gains .014 +- .596; relative gains .499 +- .168: one large loss does not hide them.
  check(comm,
        &(struct course){.count = {2, 2},
                         .group = {0, 1, 2, 3},
                         .loss = {{100, 1, 1, 1}, {101, .2, .2, .2}, {101, 1, 1, 1}},
                         .kept = 1,
                         .start = 25.75,
                         .kept_loss = 25.4},
        "a gain of all small losses");
  // The whole gains .474 +- .093, relative gains .108 +- .119: many small losses that rise do not
  // hide it.
  check(comm,
        &(struct course){.count = {4, 4},
                         .group = {0, 1, 2, 3, 4, 5, 6, 7},
                         .loss = {{9, 8, 9, 8, 1, 1, 1, 1},
                                  {3, 4, 3, 4, 1.5, 1.5, 1.5, 1.5},
                                  {9, 9, 9, 9, 9, 9, 9, 9}},
                         .kept = 1,
                         .start = 4.75,
                         .kept_loss = 2.5},
        "a gain of all large losses");
  // A gain of .5 %, however certain.
  check(comm,
        &(struct course){.count = {2, 2},
                         .group = {0, 1, 2, 3},
                         .loss = {{1, 1, 1, 1}, {.995, .995, .995, .995}, {NAN, 1, 1, 1}},
                         .kept = 0,
                         .start = 1,
                         .kept_loss = 1},
        "less than 1 %");
  return mpi_test_summary(&comm);
}
