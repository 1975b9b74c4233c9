// Comparison of inputs: lines, hash, and how a restart treats a difference.
#include <stdlib.h>
#include <string.h>

#include "ground/memory.h"
#include "input/config_compare.h"
#include "input/config_read.h"
#include "input/config_write.h"
#include "support/test.h"

#define INPUT                                                                            \
  "data: {train: {generate: circle, count: 200}, test: {generate: circle, count: 40}}\n" \
  "decoder: {latent: 1, layers: [{dense: 8, activation: elu}, {dense: 2}], loss: mse}\n"

enum { OVERRIDES = 7 };
static struct config before, now;  // large, so not on the stack
static char path[] = "/tmp/gfe_compare_XXXXXX";

// Reads INPUT with overrides that end with NULL.
static void read_input(struct config *config, const char *const *overrides) {
  struct error error = {""};
  size_t count = 0;
  while (count < OVERRIDES && overrides[count] != NULL) count++;
  CHECK(config_read(config, path, overrides, count, &error), "%s", error.text);
}

static void test_lines(void) {
  read_input(&now, (const char *const[OVERRIDES]){"training.learning_rate=0.1"});
  char *lines = config_lines(&now);
  size_t count = 0;
  for (const char *line = lines; *line != '\0'; line = strchr(line, '\n') + 1) count++;
  CHECK(count == config_parameter_count(), "%zu lines", count);
  const char *const wanted[] = {
      "training.learning_rate: 0.1\n", "run.tasks: [train, evaluate]\n", "run.walltime: 0\n",
      "decoder.layers: [{dense: 8, activation: elu}, {dense: 2, activation: identity}]\n",
      "data.train.file:\n"};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    CHECK(strstr(lines, wanted[i]) != NULL, "no line %s", wanted[i]);
  memory_free(&lines);

  // What decoder.file decides is the same text before and after it is read.
  now.given[config_parameter_find("decoder.latent")] = false;
  now.given[config_parameter_find("decoder.layers")] = false;
  const uint64_t open = config_hash(&now);
  now.decoder.latent = 7;
  now.decoder.layers.list[0].width = 9;
  CHECK(config_hash(&now) == open, "the hash depends on what decoder.file decides");
}

// Another value of every parameter: does it change the hash, and what is said of it?
struct change {
  const char *override;
  enum { REFUSED, TAKEN, PASSED } outcome;
  const char *text;     // the difference
  const char *both[2];  // overrides of both inputs
};

static const struct change changes[] = {
    {"training.batch=64", REFUSED, "training.batch: 20 before, 64 now", {0}},
    {"run.seed=2", REFUSED, "run.seed: 1 before, 2 now", {0}},
    {"data.train.count=201", REFUSED, "data.train.count: 200 before, 201 now", {0}},
    {"decoder.layers=[{dense: 2}]",
     REFUSED,
     "decoder.layers: [{dense: 8, activation: elu}, {dense: 2, activation: identity}] before, "
     "[{dense: 2, activation: identity}] now",
     {0}},
    {"training.schedule=step", REFUSED, "training.schedule: constant before, step now", {0}},
    {"data.missing=nan", REFUSED, "data.missing: error before, nan now", {0}},
    {"training.tile=5", REFUSED, "training.tile: 0 before, 5 now", {0}},
    // the spellings of a value that the program chooses
    {"training.tile=auto", PASSED, "", {0}},
    {"training.tile=0", PASSED, "", {0}},
    // epochs, without and with a schedule that counts them
    {"training.epochs=3", TAKEN, "training.epochs: 1 before, 3 now", {0}},
    {"training.epochs=3", TAKEN, "training.epochs: 1 before, 3 now", {"training.schedule=step"}},
    {"training.epochs=3",
     REFUSED,
     "training.epochs: 1 before, 3 now",
     {"training.schedule=cosine"}},
    {"training.epochs=3", TAKEN, "training.epochs: 1 before, 3 now", {"training.schedule=auto"}},
    {"training.replay=true",
     REFUSED,
     "training.replay: false before, true now",
     {"training.updates=2"}},
    {"encoding.again_iterations=3", REFUSED, "encoding.again_iterations: 0 before, 3 now", {0}},
    {"training.last_layer_steps=1", REFUSED, "training.last_layer_steps: 0 before, 1 now", {0}},
    {"training.updates=auto", REFUSED, "training.updates: 1 before, auto now", {0}},
    // what the test set is encoded with, recorded in the history or not
    {"evaluation.tolerance=0.5", REFUSED, "evaluation.tolerance: 1e-5 before, 0.5 now", {0}},
    {"evaluation.every=2", REFUSED, "evaluation.every: 1 before, 2 now", {0}},
    {"data.test.count=41", REFUSED, "data.test.count: 40 before, 41 now", {0}},
    {"data.test.count=41", TAKEN, "data.test.count: 40 before, 41 now", {"run.tasks=train"}},
    {"evaluation.h0=2", TAKEN, "evaluation.h0: 1 before, 2 now", {"evaluation.every=0"}},
    {"evaluation.every=1", TAKEN, "evaluation.every: 0 before, 1 now", {"evaluation.every=0"}},
    // results that are made anew
    {"run.tasks=train", TAKEN, "run.tasks: [train, evaluate] before, [train] now", {0}},
    {"output.reconstructions=3", TAKEN, "output.reconstructions: 64 before, 3 now", {0}},
    {"data.encode.first=3", TAKEN, "data.encode.first: 0 before, 3 now", {0}},
    {"gradient_check.count=3", TAKEN, "gradient_check.count: 20 before, 3 now", {0}},
    {"data.encode.file=/tmp/moved",
     TAKEN,
     "data.encode.file: not given before, /tmp/moved now",
     {0}},
    // what changes no result
    {"run.directory=elsewhere", PASSED, "", {0}},
    {"run.restart=never", PASSED, "", {0}},
    {"run.walltime=01:00:00", PASSED, "", {0}},
    {"checkpoint.minutes=1", PASSED, "", {0}},
    {"checkpoint.steps=7", PASSED, "", {0}},
};

static void choose_tile(struct config *config, const void *facts) {
  config->training.tile = *(const int64_t *)facts;
}

static void choose_limit(struct config *config, const void *facts) {
  (void)facts;
  config->run.memory_limit = 5e9;
}

// A choice of the program's is seen in the echo, and changes no comparison.
static void test_automatic(void) {
  static const struct config_rule rules[] = {{"training.tile", choose_tile},
                                             {"run.memory_limit", choose_limit}};
  const int64_t facts = 17;
  for (int given = 0; given < 2; given++) {
    char echo[256] = "";
    read_input(&now, (const char *const[OVERRIDES]){
                         "training.second_flow=0", "training.metric=false", "evaluation.start=zero",
                         "evaluation.tries=1", "evaluation.pod=false",
                         given ? "training.tile=17" : NULL, given ? "run.memory_limit=5e9" : NULL});
    char *open = config_lines(&now);
    const uint64_t hash = config_hash(&now);
    config_resolve(&now, rules, 2, &facts);
    CHECK(now.training.tile == 17, "%lld", (long long)now.training.tile);
    char *after = config_lines(&now);
    CHECK(strcmp(open, after) == 0 && config_hash(&now) == hash, "the choice changes the input");
    FILE *stream = fmemopen(echo, sizeof echo, "w");
    config_write_chosen(&now, stream);
    fclose(stream);
    CHECK(strcmp(echo, given ? "" : "run.memory_limit = 4.66 GiB, training.tile = 17") == 0, "'%s'",
          echo);
    memory_free(&open);
    memory_free(&after);
  }
}

static void test_changes(void) {
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    const struct change *c = &changes[i];
    const char *shared[OVERRIDES] = {c->both[0], c->both[1]};
    read_input(&before, shared);
    size_t at = 0;
    while (shared[at] != NULL) at++;
    shared[at] = c->override;
    read_input(&now, shared);
    char *lines = config_lines(&before);
    struct config_differences differences;
    const bool same = config_compare(lines, &now, &differences);
    CHECK(same == (c->outcome != REFUSED), "%s: %s", c->override, differences.refused);
    CHECK(strcmp(differences.refused, c->outcome == REFUSED ? c->text : "") == 0, "%s: '%s'",
          c->override, differences.refused);
    CHECK(strcmp(differences.taken, c->outcome == TAKEN ? c->text : "") == 0, "%s: '%s'",
          c->override, differences.taken);
    CHECK((config_hash(&before) == config_hash(&now)) == (c->outcome == PASSED), "hash: %s",
          c->override);
    config_differences_clear(&differences);
    memory_free(&lines);
  }
}

// Several at once, and inputs of programs that know other keys.
static void test_other_programs(void) {
  read_input(&now, (const char *const[OVERRIDES]){"training.batch=64", "training.momentum=0.5",
                                                  "evaluation.tau=3", "run.seed=4"});
  struct config_differences differences;
  CHECK(!config_compare("training.batch: 20\nrun.tasks: [train]\nencoding.tau: 3\n"
                        "training.magic: 7\ntraining.spell:\n",
                        &now, &differences),
        "accepted");
  // Of the rest every default counts; evaluation.tau was that of encoding.
  CHECK(
      strcmp(
          differences.refused,
          "run.seed: 1 before, 4 now; "
          "data.train.generate: none before, circle now; "
          "data.train.count: 0 before, 200 now; "
          "decoder.latent: 20 before, 1 now; "
          "decoder.layers: not given before, [{dense: 8, activation: elu}, {dense: 2, activation: "
          "identity}] now; "
          "decoder.loss: bce before, mse now; "
          "encoding.tau: 3 before, 1e4 now; "
          "training.batch: 20 before, 64 now; "
          "training.momentum: 0.9 before, 0.5 now; "
          "training.magic: 7 before, unknown now; "
          "training.spell: not given before, unknown now") == 0,
      "%s", differences.refused);
  CHECK(strstr(differences.taken, "evaluation.tau") == NULL, "%s", differences.taken);
  config_differences_clear(&differences);
}

// Every difference of a parameter is seen: none is left out of the lines.
static void test_nothing_overlooked(void) {
  read_input(&before, (const char *const[OVERRIDES]){NULL});
  char *lines = config_lines(&before);
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    char *line = strstr(lines, parameter.key);
    CHECK(line != NULL && line[strlen(parameter.key)] == ':', "no line of %s", parameter.key);
    const enum config_change change = config_parameter_change(&parameter);
    const bool training =
        strncmp(parameter.key, "training.", 9) == 0 || strncmp(parameter.key, "encoding.", 9) == 0;
    if (training && strcmp(parameter.key, "training.epochs") != 0)
      CHECK(change == CHANGE_REFUSED, "%s decides the past", parameter.key);
  }
  memory_free(&lines);
}

int main(void) {
  const int file = mkstemp(path);
  FILE *stream = fdopen(file, "w");
  fputs(INPUT, stream);
  fclose(stream);
  test_lines();
  test_automatic();
  test_changes();
  test_other_programs();
  test_nothing_overlooked();
  remove(path);
  return test_summary();
}
