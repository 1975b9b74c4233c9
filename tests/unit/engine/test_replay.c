// Which samples the updates of a batch use with training.replay: sizes, draws, and how often each
// sample is used.
#include "engine/replay.h"
#include "engine/sample_order.h"
#include "ground/memory.h"
#include "support/test.h"

enum { SAMPLES = 45, BATCH = 10, BATCHES = 5 };

static struct config *make(int64_t batch, int64_t updates, bool replay) {
  struct config *config = memory_new(struct config, 1);
  config->run.seed = 3;
  config->run.task[TASK_TRAIN] = true;
  config->training.batch = batch;
  config->training.updates = updates;
  config->training.replay = replay;
  return config;
}

// The last batch is smaller; in a later pass all samples have been loaded, unless the pass has
// copies of its own.
static void test_sizes(void) {
  static const int64_t size[BATCHES] = {10, 10, 10, 10, 5}, loaded[BATCHES] = {10, 20, 30, 40, 45};
  struct config *config = make(BATCH, 3, true);
  for (int copies = 0; copies < 2; copies++) {
    config->training.copies.shift = copies;
    for (int64_t k = 0; k < BATCHES; k++) {
      CHECK(replay_batch_size(config, SAMPLES, k) == size[k], "batch %lld", (long long)k);
      CHECK(replay_loaded(config, SAMPLES, 0, k) == loaded[k], "batch %lld", (long long)k);
      CHECK(replay_loaded(config, SAMPLES, 1, k) == (copies ? loaded[k] : SAMPLES),
            "batch %lld of the second pass, copies %d", (long long)k, copies);
    }
  }
  CHECK(replay_draw_size(config, 45) == 10, "a draw is as large as a batch");
  CHECK(replay_draw_size(config, 7) == 7, "but not larger than what has been loaded");
  memory_free(&config);
}

// 45 samples once, and two draws of 10 for each of 5 batches.
static void test_uses(void) {
  static const struct {
    int64_t count, batch, updates;
    bool replay;
    int64_t uses;
  } cases[] = {{45, 10, 3, true, 45 + 5 * 2 * 10},
               {45, 10, 3, false, 3 * 45},
               {45, 10, 1, false, 45},
               {45, 20, 3, true, 45 + 3 * 2 * 20},
               {7, 10, 3, true, 7 + 2 * 7},
               {40, 10, 4, true, 40 + 4 * 3 * 10}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    struct config *config = make(cases[k].batch, cases[k].updates, cases[k].replay);
    for (int64_t epoch = 0; epoch < 2; epoch++) {
      const int64_t uses = replay_uses(config, cases[k].count, epoch);
      CHECK(uses == cases[k].uses, "case %zu: %lld uses in pass %lld", k, (long long)uses,
            (long long)epoch);
    }
    memory_free(&config);
  }
}

static int64_t common(const struct sample_order *a, const struct sample_order *b) {
  int64_t same = 0;
  for (int64_t place = 0; place < BATCH; place++)
    same += sample_order_at(a, place) == sample_order_at(b, place);
  return same;
}

// A draw depends on seed and number of the update alone, and is none of the orders of the passes.
static void test_draws(void) {
  const struct dataset data = {.count = SAMPLES, .local_count = SAMPLES};
  struct config *config = make(BATCH, 3, true);
  struct sample_order *file = sample_order_in_file(&data);
  struct sample_order *draw = replay_draw(config, file, SAMPLES, 8);
  struct sample_order *again = replay_draw(config, file, SAMPLES, 8);
  struct sample_order *next = replay_draw(config, file, SAMPLES, 9);
  struct sample_order *pass = sample_order_shuffled(&data, 3, 8);
  config->run.seed = 4;
  struct sample_order *seed = replay_draw(config, file, SAMPLES, 8);
  CHECK(common(draw, again) == BATCH, "the draw of an update is always the same");
  CHECK(common(draw, next) < BATCH / 2, "another update draws others");
  CHECK(common(draw, seed) < BATCH / 2, "so does another seed");
  CHECK(common(draw, pass) < BATCH / 2, "a draw is not the beginning of a pass");

  struct sample_order *early = replay_draw(config, file, 12, 8);
  int64_t wrong = 0;
  for (int64_t place = 0; place < BATCH; place++) {
    wrong += sample_order_at(early, place) >= 12;
    for (int64_t other = 0; other < place; other++)
      wrong += sample_order_at(early, place) == sample_order_at(early, other);
  }
  CHECK(wrong == 0, "%lld samples drawn twice or before they were loaded", (long long)wrong);
  sample_order_destroy(&early);
  sample_order_destroy(&seed);
  sample_order_destroy(&pass);
  sample_order_destroy(&next);
  sample_order_destroy(&again);
  sample_order_destroy(&draw);
  sample_order_destroy(&file);
  memory_free(&config);
}

int main(void) {
  test_sizes();
  test_uses();
  test_draws();
  return test_summary();
}
