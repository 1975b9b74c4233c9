// Which decoder is kept: the initial one unless a later one is 1 % better, of later ones the one
// with the lowest loss; and when training is validated.
#include <math.h>

#include "engine/validation.h"
#include "support/test.h"

enum { MOST = 8 };

// Losses of the start and after passes 1, 2, ...; what is kept; validations since the lowest.
struct course {
  int count;
  double losses[MOST];
  int64_t kept, waited;
  enum loss_kind kind;
};

static void check_course(const struct course *course) {
  struct validation_choice choice = validation_begin(course->kind, course->losses[0]);
  int64_t told = 0;
  for (int pass = 1; pass < course->count; pass++)
    if (validation_judge(&choice, pass, course->losses[pass])) told = pass;
  const double kept = course->losses[course->kept];
  CHECK(choice.kept == course->kept && told == course->kept, "kept %lld, told %lld, not %lld",
        (long long)choice.kept, (long long)told, (long long)course->kept);
  CHECK(choice.kept_loss == kept || (isnan(kept) && isnan(choice.kept_loss)), "kept loss %g",
        choice.kept_loss);
  CHECK(choice.waited == course->waited, "waited %lld, not %lld", (long long)choice.waited,
        (long long)course->waited);
  CHECK(choice.latest == course->losses[course->count - 1] || isnan(choice.latest), "latest %g",
        choice.latest);
}

static int64_t count_due(int64_t epochs) {
  int64_t count = 0;
  for (int64_t pass = 1; pass <= epochs; pass++) count += validation_is_due(pass, epochs);
  return count;
}

int main(void) {
  static const struct course courses[] = {
      {1, {1.0}, 0, 0, LOSS_BCE},
      {4, {1.0, 0.995, 0.992, 0.991}, 0, 0, LOSS_BCE},         // lower, but never by 1 %
      {4, {1.0, 0.995, 0.980, 0.985}, 2, 1, LOSS_BCE},         // the second is
      {5, {1.0, 0.980, 0.979, 0.981, 0.979}, 2, 2, LOSS_BCE},  // among later ones any gain counts
      {4, {1.0, 1.1, 1.2, 1.3}, 0, 3, LOSS_BCE},
      {5, {1.0, 0.5, 0.6, 0.7, 0.4999}, 4, 0, LOSS_BCE},
      {2, {1.0, 0.99}, 1, 0, LOSS_BCE},           // exactly 1 %
      {4, {1.0, NAN, 0.5, NAN}, 2, 1, LOSS_BCE},  // what is lost is no gain
      {3, {NAN, 2.0, 3.0}, 1, 1, LOSS_BCE},       // nor a start to stay at
      {3, {1.0, INFINITY, -INFINITY}, 0, 2, LOSS_BCE},
      {3, {0.0, 0.0, 0.0}, 0, 2, LOSS_BCE},
      {4, {1.0, 0.9802, 0.9801, 0.9803}, 2, 1, LOSS_MSE},  // the root by 1 %
  };
  for (size_t i = 0; i < sizeof courses / sizeof *courses; i++) check_course(&courses[i]);

  for (int64_t epochs = 1; epochs <= 50; epochs++)
    CHECK(count_due(epochs) == epochs, "%lld of %lld", (long long)count_due(epochs),
          (long long)epochs);
  for (int64_t epochs = 51; epochs < 100000; epochs += 1 + epochs / 7) {
    const int64_t count = count_due(epochs);
    CHECK(count > 25 && count <= 51, "%lld of %lld", (long long)count, (long long)epochs);
    CHECK(validation_is_due(epochs, epochs), "the last of %lld", (long long)epochs);
  }
  return test_summary();
}
