// Cross-validation: the mean loss over all samples held out decides, and the start is kept unless
// the relative gain of groups is more than twice its standard error. Expected values by hand.
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
  struct cross_validation *cross = cross_validation_create(2 * MOST, PASSES);
  add_fold(comm, cross, course, 0);
  add_fold(comm, cross, course, 1);
  const struct validation_choice choice = cross_validation_choose(cross, LOSS_BCE);
  CHECK(choice.kept == course->kept, "%s: kept %lld", name, (long long)choice.kept);
  CHECK(fabs(choice.start - course->start) < 1e-14, "%s: start %.17g", name, choice.start);
  CHECK(fabs(choice.kept_loss - course->kept_loss) < 1e-14, "%s: %.17g", name, choice.kept_loss);
  cross_validation_destroy(&cross);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
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
  // Relative gains .333, 0, 0, -.091: mean .061, standard error .093.
  check(comm,
        &(struct course){.count = {2, 2},
                         .group = {0, 1, 2, 3},
                         .loss = {{2, 1, 1, 1}, {1, 1, 1, 1.2}, {2, 2, 2, 2}},
                         .kept = 0,
                         .start = 1.25,
                         .kept_loss = 1.25},
        "a gain of a single sample");
  // Relative gains .25, .176, .111, .026: mean .141, standard error .048.
  check(comm,
        &(struct course){.count = {2, 2},
                         .group = {0, 1, 2, 3},
                         .loss = {{1, 1, 1, 1}, {.6, .7, .8, .95}, {2, 2, 2, 2}},
                         .kept = 1,
                         .start = 1,
                         .kept_loss = .7625},
        "more than the standard error");
  // Relative gains .333 and -.048 of two groups: mean .143, standard error .190; the samples'
  // relative gains, if they were six observations, would have the standard error .085.
  check(comm,
        &(struct course){
            .count = {3, 3},
            .group = {7, 7, 7, 9, 9, 9},
            .loss = {{1, 1, 1, 1, 1, 1}, {.5, .5, .5, 1.1, 1.1, 1.1}, {2, 2, 2, 2, 2, 2}},
            .kept = 0,
            .start = 1,
            .kept_loss = 1},
        "a gain of a single group");
  // Relative gains -.005, .667, .667, .667: one large loss does not hide them.
  check(comm,
        &(struct course){.count = {2, 2},
                         .group = {0, 1, 2, 3},
                         .loss = {{100, 1, 1, 1}, {101, .2, .2, .2}, {101, 1, 1, 1}},
                         .kept = 1,
                         .start = 25.75,
                         .kept_loss = 25.4},
        "the gain of the typical sample");
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
