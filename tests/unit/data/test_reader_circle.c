// Generated points: on the circle, all around it, each independent of the others.
#include "support/data_files.h"

static void test_circle(struct comm *comm) {
  struct data_options from = {.generate = GENERATE_CIRCLE, .count = 1000};
  struct dataset *whole = read_good(comm, &from, MISSING_ERROR);
  from.first = 400;
  from.count = 7;
  struct dataset *part = read_good(comm, &from, MISSING_ERROR);
  double *all = gather(comm, whole), *some = gather(comm, part);
  CHECK(whole->n == 2 && whole->axes == 1 && whole->shape[0] == 2, "points of %zu numbers",
        whole->n);
  CHECK(memcmp(some, all + 2 * 400, 14 * sizeof *some) == 0, "a sample depends on the range");
  int quadrants[4] = {0};
  for (int i = 0; i < 1000; i++) {
    CHECK(fabs(hypot(all[2 * i], all[2 * i + 1]) - 1) < 1e-6, "point %d is not on the circle", i);
    quadrants[2 * (all[2 * i] > 0) + (all[2 * i + 1] > 0)]++;
  }
  for (int q = 0; q < 4; q++) CHECK(abs(quadrants[q] - 250) < 60, "%d points", quadrants[q]);
  mpi_test_same_bits(comm, "circle", all, 2000 * sizeof *all);
  memory_free(&all);
  memory_free(&some);
  dataset_destroy(&whole);
  dataset_destroy(&part);
}

// A subset of generated points is made of points of the whole.
static void test_circle_selection(struct comm *comm) {
  struct data_options from = {.generate = GENERATE_CIRCLE, .count = 100};
  struct dataset *whole = read_good(comm, &from, MISSING_ERROR);
  double *all = gather(comm, whole);
  from.stride = 3;
  from.subset = 11;
  struct dataset *part = read_good(comm, &from, MISSING_ERROR);
  CHECK(part->count == 11, "%lld points", (long long)part->count);
  for (int64_t i = 0; i < part->local_count; i++) {
    const int64_t place = part->index[i];
    CHECK(place % 3 == 0 && (double)part->y[i * (int64_t)part->stride] == all[2 * place] &&
              (double)part->y[i * (int64_t)part->stride + 1] == all[2 * place + 1],
          "point %lld", (long long)place);
  }
  memory_free(&all);
  dataset_destroy(&whole);
  dataset_destroy(&part);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  scratch_make(comm);
  test_circle(comm);
  test_circle_selection(comm);
  scratch_remove(comm);
  return mpi_test_summary(&comm);
}
