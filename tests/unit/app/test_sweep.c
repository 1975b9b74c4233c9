// Sweeps: the tasks that a section defines, their values and names, and every mistake in it.
#define _POSIX_C_SOURCE 200809L  // mkdtemp()

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/sweep.h"
#include "app/sweep_internal.h"
#include "ground/memory.h"
#include "input/config_compare.h"
#include "support/test.h"

// The keys of the section sweep begin in line 4.
#define INPUT                                       \
  "data: {train: {generate: circle, count: 200}}\n" \
  "decoder: {latent: 1, layers: [{dense: 2}], loss: mse}\n"

static struct config config, plain;  // large, so not on the stack

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  if (file == NULL) error_fatal("cannot write %s", path);
  fputs(text, file);
  fclose(file);
}

// The sweep of INPUT with this section, owned; NULL with a message.
static struct sweep *read_section(const char *section, const char *override, struct error *error) {
  char text[4096];
  snprintf(text, sizeof text, INPUT "sweep:\n%s", section);
  write_file("input.yaml", text);
  error->text[0] = '\0';
  return sweep_read("input.yaml", &override, override != NULL ? 1 : 0, error);
}

// Reads the values of a task into `config`.
static void choose(struct sweep *sweep, int64_t task) {
  struct error error = {""};
  CHECK(sweep_choose(sweep, task, &config, &error), "%s", error.text);
}

// ---- order and values ----

static void test_grid(void) {
  struct error error;
  struct sweep *sweep = read_section(
      "  grid:\n    training.batch: [10, 20]\n    training.learning_rate: [1e-3, 0.1, ~]\n", NULL,
      &error);
  CHECK(sweep != NULL && sweep_count(sweep) == 6, "%s", error.text);
  const double rates[] = {1e-3, 0.1, 2e-3};  // none given: the default
  for (int64_t task = 0; task < 6; task++) {
    choose(sweep, task);
    CHECK(config.training.batch == (task < 3 ? 10 : 20), "task %lld: %lld", (long long)task,
          (long long)config.training.batch);
    CHECK(config.training.optimiser.learning_rate == rates[task % 3], "task %lld: %g",
          (long long)task, config.training.optimiser.learning_rate);
  }
  sweep_destroy(&sweep);
}

// random is slowest, then grid, zip, list; what an entry leaves out is the file's value.
static void test_product(void) {
  struct error error;
  struct sweep *sweep = read_section(
      "  list:\n    - {training.epochs: 7, decoder.layers: [{dense: 9}, {dense: 2}]}\n"
      "    - {encoding.tolerance: 0.25}\n"
      "  zip: {training.batch: [10, 20, 30], run.seed: [1, 2, 3]}\n"
      "  grid: {training.updates: [1, 2]}\n"
      "  random: {samples: 2, training.optimiser: {choices: [adam, sgd, rmsprop]}}\n",
      NULL, &error);
  CHECK(sweep != NULL && sweep_count(sweep) == 24, "%s", error.text);
  for (int64_t task = 0; task < 24; task++) {
    choose(sweep, task);
    const bool first = task % 2 == 0;
    CHECK(config.training.epochs == (first ? 7 : 1), "list");
    CHECK(config.decoder.layers.count == (first ? 2 : 1), "layers");
    CHECK(config.encoding.tolerance == (first ? 1e-4 : 0.25), "list");
    CHECK(config.training.batch == 10 * (task / 2 % 3 + 1), "zip");
    CHECK(config.run.seed == task / 2 % 3 + 1, "zip");
    CHECK(config.training.updates == task / 6 % 2 + 1, "grid");
    CHECK(config.evaluation.solver.h0 == config.encoding.h0, "inherits");
  }
  sweep_destroy(&sweep);
}

static void test_inheritance(void) {
  struct error error;
  struct sweep *sweep = read_section("  grid: {encoding.memory: [3, 5]}\n", NULL, &error);
  choose(sweep, 1);
  CHECK(config.evaluation.solver.memory == 5, "evaluation is as encoding in every task");
  sweep_destroy(&sweep);
}

static void test_random(void) {
  enum { SAMPLES = 2000 };
  struct error error;
  const char *section =
      "  random:\n    samples: %d\n    seed: 3\n"
      "    training.learning_rate: {range: [1e-4, 1e-2], log: true}\n"
      "    training.batch: {range: [5, 8]}\n    encoding.memory: {range: [1, 100], log: true}\n"
      "    encoding.growth: {range: [2, 4]}\n";
  char text[512];
  snprintf(text, sizeof text, section, SAMPLES);
  struct sweep *many = read_section(text, NULL, &error);
  CHECK(many != NULL && sweep_count(many) == SAMPLES, "%s", error.text);
  double decades = 0.0, growth = 0.0, product = 0.0;
  int batches[4] = {0}, ones = 0;
  for (int64_t task = 0; task < SAMPLES; task++) {
    choose(many, task);
    const double rate = config.training.optimiser.learning_rate;
    const int64_t batch = config.training.batch, memory = config.encoding.memory;
    CHECK(rate >= 1e-4 && rate <= 1e-2, "rate %g", rate);
    CHECK(batch >= 5 && batch <= 8, "batch %lld", (long long)batch);
    CHECK(memory >= 1 && memory <= 100, "memory %lld", (long long)memory);
    CHECK(config.encoding.growth >= 2 && config.encoding.growth <= 4, "growth");
    decades += log10(rate) + 3.0;
    growth += config.encoding.growth - 3.0;
    product += (log10(rate) + 3.0) * (config.encoding.growth - 3.0);
    batches[batch - 5]++;
    ones += memory == 1;
  }
  // Means of 2,000 uniform numbers, deviation 1 / sqrt(3): within five standard errors of 0.
  const double bound = 5.0 / sqrt(3.0 * SAMPLES);
  CHECK(fabs(decades / SAMPLES) < bound, "mean of log10 %g", decades / SAMPLES);
  CHECK(fabs(growth / SAMPLES) < bound, "mean %g", growth / SAMPLES);
  CHECK(fabs(product / SAMPLES) < bound, "two keys go together: %g", product / SAMPLES);
  for (int b = 0; b < 4; b++) CHECK(abs(batches[b] - 500) < 100, "batch %d: %d", b + 5, batches[b]);
  CHECK(fabs(ones - SAMPLES * log(2.0) / log(101.0)) < 100, "log of an integer: %d ones", ones);

  // A task's values depend neither on the number of samples nor on the other keys.
  struct sweep *few = read_section(
      "  random: {samples: 3, seed: 3, training.batch: {range: [5, 8]}}\n", NULL, &error);
  for (int64_t task = 0; task < 3; task++) {
    choose(few, task);
    const int64_t batch = config.training.batch;
    choose(many, task);
    CHECK(config.training.batch == batch, "task %lld", (long long)task);
  }
  sweep_destroy(&few);
  sweep_destroy(&many);
}

// ---- names and choice ----

static void test_directories(void) {
  struct error error;
  const char *section = "  grid: {training.batch: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}\n";
  struct sweep *sweep = read_section(section, "run.directory=study", &error);
  const char *const overrides[] = {"training.batch=4"};
  choose(sweep, 3);
  char expected[CONFIG_TEXT], hash[20];
  write_file("plain.yaml", INPUT);
  CHECK(config_read(&plain, "plain.yaml", overrides, 1, &error), "%s", error.text);
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)config_hash(&plain));
  snprintf(expected, sizeof expected, "study/task_03_%.8s", hash);
  CHECK(strcmp(config.run.directory, expected) == 0, "%s, not %s", config.run.directory, expected);
  strcpy(plain.run.directory, expected);
  CHECK(memcmp(&config, &plain, sizeof config) == 0, "not the values of the plain input");
  sweep_destroy(&sweep);

  // A directory of the same input is taken, however many zeros its name has; strangers are none.
  char name[CONFIG_TEXT];
  snprintf(name, sizeof name, "study/task_3_%.8s", hash);
  mkdir("study", 0777);
  mkdir(name, 0777);
  mkdir("study/task_11_00000000", 0777);
  mkdir("study/task_4_0000", 0777);
  mkdir("study/task_x_00000000", 0777);
  sweep = read_section(section, "run.directory=study", &error);
  choose(sweep, 3);
  CHECK(strcmp(config.run.directory, name) == 0, "%s, not %s", config.run.directory, name);
  sweep_destroy(&sweep);

  // One of another input is in the way.
  mkdir("study/task_05_00000000", 0777);
  sweep = read_section(section, "run.directory=study", &error);
  CHECK(!sweep_choose(sweep, 5, &config, &error), "accepted");
  const char *const parts[] = {"study/task_05_", "task_05_00000000 exists", "run.directory"};
  for (size_t i = 0; i < 3; i++) CHECK(strstr(error.text, parts[i]) != NULL, "%s", error.text);
  sweep_destroy(&sweep);
  const char *const made[] = {"study/task_05_00000000",
                              "study/task_x_00000000",
                              "study/task_4_0000",
                              "study/task_11_00000000",
                              name,
                              "study"};
  for (size_t i = 0; i < 6; i++) rmdir(made[i]);
}

static void refuses_task(const char *section, int64_t task, const char *slurm,
                         const char *message) {
  struct error error;
  if (slurm != NULL) setenv("SLURM_ARRAY_TASK_ID", slurm, 1);
  struct sweep *sweep = section != NULL ? read_section(section, NULL, &error) : NULL;
  if (section == NULL) {
    error.text[0] = '\0';
    sweep = sweep_read("plain.yaml", NULL, 0, &error);
  }
  CHECK(sweep != NULL && !sweep_choose(sweep, task, &config, &error), "accepted: %s", message);
  CHECK(strstr(error.text, message) != NULL, "'%s', not '%s'", error.text, message);
  sweep_destroy(&sweep);
  unsetenv("SLURM_ARRAY_TASK_ID");
}

static void test_choice(void) {
  const char *section = "  grid: {training.batch: [1, 2, 3]}\n";
  struct error error;
  unsetenv("SLURM_ARRAY_TASK_ID");
  refuses_task(section, SWEEP_NO_TASK, NULL,
               "a sweep of 3 tasks; --task N runs one of them (0 to 2");
  refuses_task(section, 3, NULL, "--task 3: input.yaml has 3 tasks, 0 to 2");
  refuses_task(section, SWEEP_NO_TASK, "3", "SLURM_ARRAY_TASK_ID = 3: input.yaml has 3 tasks");
  refuses_task(section, SWEEP_NO_TASK, "two", "SLURM_ARRAY_TASK_ID = two");
  refuses_task(NULL, 0, NULL, "--task 0: plain.yaml has no section sweep");

  setenv("SLURM_ARRAY_TASK_ID", "2", 1);
  struct sweep *sweep = read_section(section, NULL, &error);
  choose(sweep, SWEEP_NO_TASK);
  CHECK(config.training.batch == 3, "Slurm's index counts");
  choose(sweep, 0);
  CHECK(config.training.batch == 1, "--task wins over it");
  sweep_destroy(&sweep);
  sweep = read_section("", NULL, &error);
  CHECK(sweep != NULL && sweep_count(sweep) == 0, "an empty section is none");
  choose(sweep, SWEEP_NO_TASK);
  CHECK(config.training.batch == 20, "a single run does not look at Slurm's index");
  sweep_destroy(&sweep);
  unsetenv("SLURM_ARRAY_TASK_ID");
}

// ---- mistakes ----

static const struct {
  const char *section, *override, *message;
} wrong[] = {
    {"  gird: {training.batch: [1]}\n", NULL,
     "input.yaml:4: sweep.gird = {...}: must be random, grid, zip or list; did you mean grid?"},
    {"  - 3\n", NULL, "input.yaml:3: sweep = [...]: must be a section with random, grid, zip or"},
    {"  grid: [1]\n", NULL, "input.yaml:4: sweep.grid = [...]: must be keys with a list of values"},
    {"  grid: {}\n", NULL, "sweep.grid = {...}: must be keys with a list of values"},
    {"  grid: {training.bach: [1]}\n", NULL,
     "input.yaml:4: training.bach = [...]: unknown key; did you mean training.batch?"},
    {"  grid: {training: [1]}\n", NULL, "training = [...]: is a section; give one of its keys"},
    {"  grid: {batch: [1]}\n", NULL,
     "batch = [...]: unknown section; did you mean training.batch?"},
    {"  grid: {sweep.grid: [1]}\n", NULL,
     "sweep.grid = [...]: can be given only in the input file"},
    {"  grid: {training.batch: 3}\n", NULL,
     "input.yaml:4: training.batch = 3: must be a list of values to try, such as [1, 2, 5]"},
    {"  grid: {training.batch: []}\n", NULL, "training.batch = [...]: must be a list of values"},
    {"  grid: {training.batch: }\n", NULL, "training.batch: must be a list of values"},
    {"  grid:\n    training.batch:\n      - 3\n      - -3\n", NULL,
     "input.yaml:7: training.batch = -3: must be at least 1 (task 1 of the sweep)"},
    {"  grid: {training.optimiser: [adam, adma]}\n", NULL, "did you mean adam?"},
    {"  grid: {run.directory: [a, b]}\n", NULL, "input.yaml:4: run.directory = [...]: cannot be"},
    {"  grid: {training.batch: [1], training.batch: [2]}\n", NULL, "given twice"},
    {"  grid: {training.batch: [1]}\n  zip:\n    training.batch: [1]\n", NULL,
     "input.yaml:6: training.batch = [...]: is swept twice, in lines 4 and 6"},
    {"  zip:\n    training.batch: [1, 2]\n    run.seed: [1, 2, 3]\n", NULL,
     "input.yaml:6: run.seed = [...]: has 3 values, but training.batch in line 5 has 2"},
    {"  list: {training.batch: 3}\n", NULL, "sweep.list = {...}: must be a list of tasks such as"},
    {"  list: []\n", NULL, "sweep.list = [...]: must be a list of tasks"},
    {"  list: [3]\n", NULL, "sweep.list = 3: must be keys with a value each"},
    {"  list:\n    - {training.batch: 3}\n    - {training.batch: 0}\n", NULL,
     "input.yaml:6: training.batch = 0: must be at least 1 (task 1"},
    {"  list: [{training.batch: 3}, {training.bacth: 3}]\n", NULL, "did you mean training.batch?"},
    {"  random: {samples: 2, training.tile: {range: [0, 5]}}\n", NULL, "must be at least 1"},
    {"  random: {samples: 2, training.tile: {range: [auto, 5]}}\n", NULL, "must be an integer"},
    {"  random: {training.batch: {range: [1, 2]}}\n", NULL, "needs samples: the number of draws"},
    {"  random: {samples: 0, run.seed: {range: [1, 2]}}\n", NULL,
     "input.yaml:4: sweep.random.samples = 0: must be at least 1"},
    {"  random: {samples: 3}\n", NULL, "sweep.random = {...}: names no key to vary"},
    {"  random: {samples: 3, seed: x, run.seed: {range: [1, 2]}}\n", NULL,
     "sweep.random.seed = x: must be an integer"},
    {"  random: {samples: 3, run.seed: [1, 2]}\n", NULL,
     "run.seed = [...]: must be {range: [lowest, highest]}, optionally with log: true, or"},
    {"  random: {samples: 3, run.seed: {range: [1, 2], choices: [3]}}\n", NULL, "must be {range:"},
    {"  random: {samples: 3, run.seed: {rang: [1, 2]}}\n", NULL,
     "rang = [...]: must be range, log or choices; did you mean range?"},
    {"  random: {sampels: 3, run.seed: {range: [1, 2]}}\n", NULL, "needs samples"},
    {"  random: {samples: 3, run.sed: {range: [1, 2]}}\n", NULL, "did you mean run.seed?"},
    {"  random: {samples: 3, run.seed: {range: [1, 2, 3]}}\n", NULL, "the range must be two"},
    {"  random: {samples: 3, run.seed: {range: [2, 1]}}\n", NULL,
     "the range must be [lowest, highest]"},
    {"  random: {samples: 3, run.seed: {range: [1, 2.5]}}\n", NULL,
     "run.seed = 2.5: must be an integer"},
    {"  random: {samples: 3, training.batch: {range: [0, 2]}}\n", NULL,
     "training.batch = 0: must be at least 1"},
    {"  random: {samples: 3, run.seed: {range: [0, 2], log: true}}\n", NULL,
     "a range with log: true must begin above 0"},
    {"  random: {samples: 3, run.seed: {range: [1, 2], log: maybe}}\n", NULL,
     "sweep.random.log = maybe: must be true or false"},
    {"  random: {samples: 3, training.optimiser: {range: [1, 2]}}\n", NULL,
     "a range needs a key with numbers; give choices"},
    {"  random: {samples: 3, run.seed: {choices: []}}\n", NULL, "must be a list of values"},
    {"  random: {samples: 1001, run.seed: {range: [1, 2]}}\n"
     "  grid: {training.batch: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], training.updates: [1, 2, 3, 4, 5,"
     " 6, 7, 8, 9, 10], training.epochs: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}\n",
     NULL, "input.yaml:3: sweep = {...}: has 1.001e+06 tasks; at most 1000000 are allowed"},
    // Values that are wrong together, in a task that is not the first.
    {"  grid: {encoding.solver: [lbfgs, amd], encoding.h0: [1, 20]}\n", NULL,
     "input.yaml:4: encoding.h0 = 20: amd needs h_min <= h0 <= h_max in encoding; they are 1, 20 "
     "and 10 (task 3 of the sweep)"},
    {"  grid: {run.seed: [1, 2]}\n", "run.seed=3",
     "--set run.seed=3: run.seed is also swept in input."},
    {"  grid: {run.seed: [1, 2]}\n", "sweep.grid=3",
     "sweep.grid: can be given only in the input file"},
    {"  grid: {run.seed: [1, 2]}\n", "training.batch=0",
     "--set training.batch=0: must be at least"},
};

static void test_wrong(void) {
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct error error;
    struct sweep *sweep = read_section(wrong[i].section, wrong[i].override, &error);
    CHECK(sweep == NULL, "accepted: %s", wrong[i].section);
    CHECK(strstr(error.text, wrong[i].message) != NULL, "'%s', not '%s'", error.text,
          wrong[i].message);
    CHECK(strchr(error.text, '\n') == NULL, "more than one line: %s", error.text);
    sweep_destroy(&sweep);
  }
}

int main(void) {
  char directory[] = "/tmp/gfe_sweep_XXXXXX";
  if (mkdtemp(directory) == NULL || chdir(directory) != 0) error_fatal("cannot use %s", directory);
  test_grid();
  test_product();
  test_inheritance();
  test_random();
  test_directories();
  test_choice();
  test_wrong();
  unlink("input.yaml");
  unlink("plain.yaml");
  rmdir(directory);
  return test_summary();
}
