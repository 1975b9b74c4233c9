// The input file: defaults, values, overrides, paths, messages, and writing what was read.
#define _POSIX_C_SOURCE 200809L  // mkdtemp()

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "ground/memory.h"
#include "input/config_read.h"
#include "input/config_write.h"
#include "support/test.h"

enum { OVERRIDES = 8 };

// The least that an input file can say; the keys of line 3 on are a test's own.
#define DATA "data: {train: {generate: circle, count: 200}}\n"
#define DECODER "decoder: {latent: 1, layers: [{dense: 2}], loss: mse}\n"
#define MINIMAL DATA DECODER

static struct config config, again;  // large, so not on the stack

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  if (file == NULL) error_fatal("cannot write %s", path);
  fputs(text, file);
  fclose(file);
}

// Reads `text` as the file input.yaml, with overrides that end with NULL.
static bool read_text(struct config *result, const char *text, const char *const *overrides,
                      struct error *error) {
  size_t count = 0;
  while (overrides != NULL && overrides[count] != NULL) count++;
  memset(error, 0, sizeof *error);
  write_file("input.yaml", text);
  return config_read(result, "input.yaml", overrides, count, error);
}

static bool read_minimal(struct config *result, const char *override, struct error *error) {
  const char *const overrides[] = {override, NULL};
  return read_text(result, MINIMAL, overrides, error);
}

static void test_defaults(void) {
  struct error error;
  CHECK(read_text(&config, MINIMAL, NULL, &error), "%s", error.text);
  CHECK(strcmp(config.run.directory, "runs/default") == 0, "%s", config.run.directory);
  CHECK(config.run.task[TASK_TRAIN] && !config.run.task[TASK_EVALUATE], "no data.test");
  CHECK(!config.run.task[TASK_ENCODE], "encode");
  CHECK(config.run.seed == 1, "seed");
  CHECK(config.data.train.generate == GENERATE_CIRCLE && config.data.train.count == 200, "circle");
  CHECK(config.data.scale.kind == SCALE_NONE && config.data.missing.kind == MISSING_ERROR, "data");
  CHECK(config.decoder.latent == 1 && config.decoder.layers.count == 1, "decoder");
  CHECK(config.decoder.layers.list[0].width == 2, "width");
  CHECK(config.decoder.layers.list[0].activation == ACTIVATION_IDENTITY, "activation");
  CHECK(config.decoder.loss == LOSS_MSE, "loss");
  CHECK(config.automatic[config_parameter_find("training.tile")] == AUTOMATIC_OPEN, "tile");
  CHECK(config_is_given(&config, "decoder.latent") && config_is_given(&config, "decoder.loss"),
        "without decoder.file");
  CHECK(config.encoding.solver == SOLVER_LBFGS && config.encoding.memory == 10, "solver");
  CHECK(config.encoding.tau == 1e4 && config.encoding.armijo == 1e-5, "amd");
  CHECK(config.training.batch == 20 && config.training.warm_start, "training");
  CHECK(config.training.optimiser.learning_rate == 2e-3, "learning rate");
  CHECK(config.output.reconstructions == 64, "output");
}

static void test_values(void) {
  struct error error;
  const char *text =
      "run: {directory: 'runs/one two', tasks: [encode, train], seed: 1e3}\n"
      "data:\n"
      "  train: {generate: circle, first: 5, count: 7}\n"
      "  encode: {generate: circle, count: 1}\n"
      "  scale: 255\n"
      "  missing: nan\n"
      "decoder:\n"
      "  latent: 3\n"
      "  layers:\n"
      "    - {dense: 4, activation: elu}\n"
      "    - dense: 5\n"
      "      activation:\n"
      "training: {warm_start: No, order: file, optimiser: sgd, batch: 64, epochs: 2.0}\n";
  CHECK(read_text(&config, text, NULL, &error), "%s", error.text);
  CHECK(strcmp(config.run.directory, "runs/one two") == 0, "%s", config.run.directory);
  CHECK(config.run.task[TASK_TRAIN] && config.run.task[TASK_ENCODE], "tasks");
  CHECK(!config.run.task[TASK_EVALUATE] && config.run.seed == 1000, "seed 1e3");
  CHECK(config.data.train.first == 5 && config.data.train.count == 7, "range");
  CHECK(config.data.scale.kind == SCALE_NUMBER && config.data.scale.value == 255, "scale");
  CHECK(config.data.missing.kind == MISSING_NAN, "missing");
  CHECK(config.decoder.layers.count == 2 && config.decoder.layers.list[0].width == 4, "layers");
  CHECK(config.decoder.layers.list[0].activation == ACTIVATION_ELU, "elu");
  CHECK(config.decoder.layers.list[1].activation == ACTIVATION_IDENTITY, "not given");
  CHECK(!config.training.warm_start && config.training.order == ORDER_FILE, "training");
  CHECK(config.training.optimiser.kind == OPTIMISER_SGD && config.training.epochs == 2, "sgd");
}

static void test_overrides(void) {
  struct error error;
  const char *text = MINIMAL "training: {batch: 30, epochs: wrong}\nrun: {seed: 9}\n";
  const char *const overrides[] = {"training.epochs=3",
                                   "training.batch=40",
                                   "training.batch=50",
                                   "run.seed=",
                                   "run.directory=a=b",
                                   "data.scale=~",
                                   "decoder.layers=[{dense: 7, activation: silu}, {dense: 2}]",
                                   NULL};
  CHECK(read_text(&config, text, overrides, &error), "%s", error.text);
  CHECK(config.training.epochs == 3, "an override replaces even a wrong value");
  CHECK(config.training.batch == 50, "the last override counts");
  CHECK(config.run.seed == 1, "no value means the default");
  CHECK(strcmp(config.run.directory, "a=b") == 0, "%s", config.run.directory);
  CHECK(config.decoder.layers.count == 2 && config.decoder.layers.list[0].width == 7, "layers");

  const char *const tasks[] = {"run.tasks=evaluate", "decoder.file=model.h5",
                               "data.test.generate=circle", "data.test.count=4", NULL};
  CHECK(read_text(&config, MINIMAL, tasks, &error), "%s", error.text);
  CHECK(config.run.task[TASK_EVALUATE] && !config.run.task[TASK_TRAIN], "a single task");
}

static void test_durations(void) {
  static const struct {
    const char *override;
    double seconds;
  } cases[] = {{"run.walltime=90.5", 90.5},         {"run.walltime=00:01:30", 90},
               {"run.walltime='30:00:00'", 1.08e5}, {"run.walltime=2-03:04:05", 183845},
               {"run.walltime=1:2:3", 3723},        {"run.walltime=1e3", 1000}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct error error;
    CHECK(read_minimal(&config, cases[i].override, &error), "%s", error.text);
    CHECK(config.run.walltime == cases[i].seconds, "%s: %g s", cases[i].override,
          config.run.walltime);
  }
}

static void test_bytes(void) {
  static const struct {
    const char *override;
    double bytes;
  } cases[] = {{"run.memory_limit=4e9", 4e9},
               {"run.memory_limit=4 GiB", 4294967296},
               {"run.memory_limit=1.5gb", 1.5e9},
               {"run.memory_limit=512M", 536870912},
               {"run.memory_limit=2  TiB", 2199023255552}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct error error;
    CHECK(read_minimal(&config, cases[i].override, &error), "%s", error.text);
    CHECK(config.run.memory_limit == cases[i].bytes, "%s: %g", cases[i].override,
          config.run.memory_limit);
  }
}

static void test_inheritance(void) {
  struct error error;
  const char *text = MINIMAL
      "encoding: {solver: amd, tau: 7, tolerance: 0.5, max_iterations: 3, h_max: 100}\n"
      "evaluation: {h_max: 50, h0: }\n";
  const char *const overrides[] = {"encoding.h0=2", NULL};
  CHECK(read_text(&config, text, overrides, &error), "%s", error.text);
  const struct solver_options *evaluation = &config.evaluation.solver;
  CHECK(evaluation->solver == SOLVER_AMD && evaluation->tau == 7, "as encoding");
  CHECK(evaluation->tolerance == 1e-5 && evaluation->max_iterations == 100, "defaults of its own");
  CHECK(evaluation->h_max == 50 && config.encoding.h_max == 100, "its own value");
  CHECK(evaluation->h0 == 2, "as encoding, by an override");
  CHECK(config.evaluation.every == 1, "every");
}

static void test_tasks(void) {
  struct error error;
  const char *test =
      "data: {train: {generate: circle, count: 5}, "
      "test: {generate: circle, count: 4}}\n" DECODER;
  CHECK(read_text(&config, test, NULL, &error), "%s", error.text);
  CHECK(config.run.task[TASK_EVALUATE], "data.test is there");

  const char *only_encode =
      "run: {tasks: [encode]}\ndecoder: {file: model.h5}\n"
      "data: {train: {file: not-here.gz}, encode: {file: samples.gz}}\n";
  CHECK(read_text(&config, only_encode, NULL, &error), "%s", error.text);
  CHECK(config.decoder.layers.count == 0, "left to decoder.file");
  CHECK(!config_is_given(&config, "decoder.latent") && !config_is_given(&config, "decoder.loss"),
        "left to decoder.file");
  CHECK(config.decoder.latent == 20 && config.decoder.loss == LOSS_BCE, "defaults");
}

static void test_paths(void) {
  struct error error = {0};
  write_file("inputs/input.yaml",
             "data: {train: {file: beside.gz, labels: samples.gz}}\n"
             "decoder: {layers: [{dense: 2}]}\n");
  CHECK(config_read(&config, "inputs/input.yaml", NULL, 0, &error), "%s", error.text);
  CHECK(strcmp(config.data.train.file, "inputs/beside.gz") == 0, "%s", config.data.train.file);
  CHECK(strcmp(config.data.train.labels, "samples.gz") == 0, "%s", config.data.train.labels);

  const char *const inside[] = {"data.train.dataset=/x", "data.train.labels=inside"};
  CHECK(config_read(&config, "inputs/input.yaml", inside, 2, &error), "%s", error.text);
  CHECK(strcmp(config.data.train.labels, "inside") == 0, "a path inside the HDF5 file");

  const char *const absent[] = {"data.train.file=absent.gz"};
  CHECK(!config_read(&config, "inputs/input.yaml", absent, 1, &error), "accepted");
  CHECK(strstr(error.text, "tried absent.gz and inputs/absent.gz") != NULL, "%s", error.text);
}

struct wrong {
  const char *text, *override, *message;
};

static const struct wrong wrong_files[] = {
    // the file as a whole
    {"", NULL, "input.yaml:1:1: empty"},
    {"# nothing\n", NULL, "input.yaml:1:1: empty"},
    {"- a\n", NULL, "input.yaml:1: must begin with a section"},
    {"text\n", NULL, "input.yaml:1: must begin with a section"},
    {"training:\n\tbatch: 3\n", NULL, "input.yaml:2:1: found a tab where spaces are needed"},
    {MINIMAL "run: {seed: 1}\nrun: {seed: 2}\n", NULL,
     "the key run is given twice, in lines 3 and 4"},
    {MINIMAL "run: {seed: 1, seed: 2}\n", NULL, "input.yaml:3:16: the key seed is given twice"},
    {MINIMAL "run: {seed: *one}\n", NULL, "anchors and aliases (& and *) are not supported"},
    // keys
    {MINIMAL "trainig:\n  batch: 3\n", NULL,
     "input.yaml:3: trainig = {...}: unknown section; did you mean training? Sections: run, data,"},
    {MINIMAL "training:\n  bach: 3\n", NULL,
     "input.yaml:4: training.bach = 3: unknown key; did you mean training.batch? Keys of "
     "training:"},
    {MINIMAL "encoding: {epochs: 3}\n", NULL,
     "input.yaml:3: encoding.epochs = 3: unknown key; did you mean training.epochs?"},
    {MINIMAL "latent: 3\n", NULL, "latent = 3: unknown section; did you mean decoder.latent?"},
    {MINIMAL "test: {count: 3}\n", NULL, "test = {...}: unknown section; did you mean data.test?"},
    {MINIMAL "training: {gugus: 3}\n", NULL,
     "training.gugus = 3: unknown key. Keys of training: epo"},
    {MINIMAL "training.batch: 3\n", NULL, "unknown section; write its parts as nested sections"},
    {MINIMAL "training: 3\n", NULL, "input.yaml:3: training = 3: must be a section"},
    {MINIMAL "training: [batch]\n", NULL, "training = [...]: must be a section"},
    // overrides
    {MINIMAL, "training.batch", "--set training.batch: must look like section.key=value"},
    {MINIMAL, "two\nlines", "--set two lines: must look like section.key=value"},
    {MINIMAL, "=3", "--set =3: must look like section.key=value"},
    {MINIMAL, "training=3", "--set training=3: training: is a section; give one of its keys"},
    {MINIMAL, "training.bach=3",
     "--set training.bach=3: training.bach: unknown key; did you mean tra"},
    {MINIMAL, "trainig.batch=3",
     "--set trainig.batch=3: trainig.batch: unknown section; did you mean"},
    {MINIMAL, "data.tset.count=3", "data.tset.count: unknown key; did you mean data.test?"},
    {MINIMAL, "training.batch.x=3", "training.batch.x: unknown key"},
    {MINIMAL, "training.batch=[1", "--set training.batch=[1: did not find expected ',' or ']'"},
    {MINIMAL, "training.batch=0", "--set training.batch=0: must be at least 1"},
    // types and bounds
    {MINIMAL "training: {batch: -3}\n", NULL,
     "input.yaml:3: training.batch = -3: must be at least 1"},
    {MINIMAL "training: {batch: 2.5}\n", NULL, "training.batch = 2.5: must be an integer"},
    {MINIMAL "training: {batch: twenty}\n", NULL, "training.batch = twenty: must be an integer"},
    {MINIMAL "training: {batch: 0x10}\n", NULL, "training.batch = 0x10: must be an integer"},
    {MINIMAL "training: {batch: [20]}\n", NULL, "training.batch = [...]: must be an integer"},
    {MINIMAL "training: {batch: 1e13}\n", NULL, "training.batch = 1e13: must be at most 1e9"},
    {MINIMAL "run: {seed: 99999999999999999999}\n", NULL, "must be at most 1e15"},
    {MINIMAL "run: {seed: -1}\n", NULL, "run.seed = -1: must be at least 0"},
    {MINIMAL "training: {learning_rate: 0}\n", NULL, "learning_rate = 0: must be greater than 0"},
    {MINIMAL "training: {learning_rate: fast}\n", NULL, "= fast: must be a finite number"},
    {MINIMAL "training: {learning_rate: 1e-3x}\n", NULL, "= 1e-3x: must be a finite number"},
    {MINIMAL "training: {beta1: 1}\n", NULL, "training.beta1 = 1: must be less than 1"},
    {MINIMAL "encoding: {tolerance: nan}\n", NULL, "tolerance = nan: must be a finite number"},
    {MINIMAL "encoding: {tolerance: .inf}\n", NULL, "tolerance = .inf: must be a finite number"},
    {MINIMAL "encoding: {tolerance: 1e999}\n", NULL, "tolerance = 1e999: must be a finite number"},
    {MINIMAL "encoding: {shrink: 1}\n", NULL, "encoding.shrink = 1: must be less than 1"},
    {MINIMAL "encoding: {growth: 0.9}\n", NULL, "encoding.growth = 0.9: must be at least 1"},
    {MINIMAL "encoding: {memory: 101}\n", NULL, "encoding.memory = 101: must be at most 100"},
    {MINIMAL "evaluation: {memory: 0}\n", NULL, "evaluation.memory = 0: must be at least 1"},
    {MINIMAL "training: {warm_start: maybe}\n", NULL, "= maybe: must be true or false"},
    {MINIMAL "training: {warm_start: [true]}\n", NULL, "must be true or false"},
    {MINIMAL "training: {optimiser: adma}\n", NULL,
     "training.optimiser = adma: must be adam, rmsprop or sgd; did you mean adam?"},
    {MINIMAL "encoding: {solver: {}}\n", NULL,
     "encoding.solver = {...}: must be lbfgs, amd, euler, rk4, heun or dopri5"},
    {MINIMAL "run: {directory: ''}\n", NULL, "run.directory = \"\": must not be empty"},
    {MINIMAL "run: {directory: [a]}\n", NULL, "run.directory = [...]: must be a text"},
    {MINIMAL "run: {tasks: [train, evalute]}\n", NULL,
     "run.tasks = evalute: must be train, evaluate, encode or gradient_check; did you mean "
     "evaluate?"},
    {MINIMAL "run: {tasks: []}\n", NULL,
     "run.tasks = [...]: must be a list such as [train, evaluate]"},
    {MINIMAL "run: {tasks: [train, train]}\n", NULL, "run.tasks = train: train is given twice"},
    {MINIMAL, "data.scale=-1", "must be greater than 0"},
    {MINIMAL, "data.scale=minmx",
     "standardise or number in (0,1e15], or {kind: ..., per: ...}; did you mean minmax?"},
    {MINIMAL, "data.scale={kind: none}", "must be minmax or standardise"},
    {MINIMAL, "data.scale={kind: minmax, per: chanel}",
     "must be all, channel or entry; did you mean channel?"},
    {MINIMAL, "data.scale={per: entry}", "kind is missing"},
    {MINIMAL, "data.scale={kind: minmax, axis: 0}", "unknown key axis"},
    {MINIMAL, "data.missing=.inf", "must be error, nan or number"},
    {MINIMAL, "data.train.mask=samples.gz", "cannot be combined with data.train.generate"},
    {MINIMAL, "data.scale=number", "must be none, minmax, standardise or number in (0,1e15]"},
    {MINIMAL, "training.tile=some", "must be an integer or auto"},
    {MINIMAL, "training.tile=-1", "must be at least 1"},
    {MINIMAL, "training.batch=auto", "must be an integer"},
    {MINIMAL, "run.memory_limit=4 Gb s", "must be a number of bytes, or one with a unit such as"},
    {MINIMAL, "run.memory_limit=4 E", "must be a number of bytes"},
    {MINIMAL, "run.memory_limit=0.5", "must be at least 1"},
    {MINIMAL, "run.walltime=-1", "must be at least 0"},
    {MINIMAL, "run.walltime=2:30", "must be a number of seconds, HH:MM:SS or D-HH:MM:SS"},
    {MINIMAL, "run.walltime=1:60:00", "must be a number of seconds, HH:MM:SS or D-HH:MM:SS"},
    {MINIMAL, "run.walltime=1-24:00:00", "must be a number of seconds, HH:MM:SS or D-HH:MM:SS"},
    {MINIMAL, "run.walltime=1:00:00h", "must be a number of seconds, HH:MM:SS or D-HH:MM:SS"},
    {MINIMAL, "run.walltime=-1-02:00:00", "must be at most 1e9"},
    {MINIMAL "run: {restart: nevr}\n", NULL,
     "input.yaml:3: run.restart = nevr: No such file or directory (tried nevr); must be auto, "
     "never "
     "or the path of a checkpoint; did you mean never?"},
    {MINIMAL, "run.restart=inputs", "inputs is a directory; a file is needed; must be auto, never"},
    {MINIMAL, "checkpoint.minutes=-1", "must be at least 0"},
    {MINIMAL, "checkpoint.epochs=0.5", "must be an integer"},
    {MINIMAL, "checkpoint.stpes=5", "did you mean checkpoint.steps?"},
    // lists of integers
    {MINIMAL, "data.train.classes=3", "must be a list of integers such as [0, 1, 2]"},
    {MINIMAL, "data.train.classes=[]", "must be a list of integers such as [0, 1, 2]"},
    {MINIMAL, "data.train.classes=[1, x]", "data.train.classes = x: must be an integer"},
    {MINIMAL, "data.train.classes=[1, 0.5]", "data.train.classes = 0.5: must be an integer"},
    {MINIMAL, "data.train.classes=[1, 2, 1]", "data.train.classes = 1: is given twice"},
    {MINIMAL, "data.train.stride=0", "must be at least 1"},
    // layers
    {DATA, NULL, "input.yaml: decoder.layers: must be given"},
    {MINIMAL, "decoder.layers=[]", "decoder.layers = [...]: must be a list of layers such as"},
    {MINIMAL, "decoder.layers={dense: 2}", "decoder.layers = {...}: must be a list of layers"},
    {MINIMAL, "decoder.layers=[2]", "decoder.layers[0] = 2: must be a layer such as {dense:"},
    {DATA "decoder:\n  layers:\n    - {dense: 2}\n    - {dense: 0}\n", NULL,
     "input.yaml:5: decoder.layers[1].dense = 0: must be at least 1"},
    {MINIMAL, "decoder.layers=[{dense: }]", "decoder.layers[0].dense: must be an integer"},
    {MINIMAL, "decoder.layers=[{dens: 3}]",
     "dens = 3: unknown key; a layer has dense, reshape, conv, "},
    {MINIMAL, "decoder.layers=[{activation: elu}]",
     "needs a key that gives the kind of layer: dense"},
    {MINIMAL, "decoder.layers=[{dense: 2, activation: elo}]", "did you mean elu?"},
    // keys that need each other
    {DECODER, NULL, "input.yaml: data.train: the task train needs data; give data.train.file or"},
    {MINIMAL, "run.tasks=[train, evaluate]", "data.test: the task evaluate needs data"},
    {MINIMAL "data.test:\n", NULL, "write its parts as nested sections"},
    {MINIMAL, "data.test.first=3", "data.test: the task evaluate needs data"},
    {MINIMAL, "run.tasks=[train, encode]", "data.encode: the task encode needs data"},
    {"data: {encode: {generate: circle, count: 1}}\nrun: {tasks: [encode]}\n" DECODER, NULL,
     "input.yaml:2: run.tasks = [...]: without the task train, a trained decoder is needed"},
    {MINIMAL, "data.train.file=samples.gz", "cannot be combined with data.train.generate = circle"},
    {MINIMAL, "data.train.labels=x",
     "cannot be combined with data.train.generate = circle; leave one out"},
    {MINIMAL, "data.train.count=0", "must be at least 1: generated data need a given number"},
    {MINIMAL "encoding: {coupling: batch}\n", NULL,
     "encoding.coupling = batch: needs encoding.solver = amd, but that is lbfgs"},
    {MINIMAL "encoding: {coupling: batch, solver: amd}\nevaluation: {solver: lbfgs}\n", NULL,
     "input.yaml:3: evaluation.coupling = batch: needs evaluation.solver = amd"},
    {MINIMAL "encoding: {solver: amd, h0: 20}\n", NULL,
     "encoding.h0 = 20: amd needs h_min <= h0 <= h_max in encoding; they are 1, 20 and 10"},
    {MINIMAL "encoding: {solver: amd, h_max: 0.5}\n", NULL,
     "encoding.h_max = 0.5: amd needs h_min"},
    {MINIMAL "evaluation: {solver: amd, h_min: 2}\n", NULL, "they are 2, 1 and 10"},
    // files
    {MINIMAL, "decoder.file=absent.h5", "No such file or directory (tried absent.h5)"},
    {MINIMAL, "decoder.file=inputs", "inputs is a directory; a file is needed"},
    {"data:\n  train:\n    file: absent.gz\n" DECODER, NULL,
     "input.yaml:3: data.train.file = absent.gz: No such file or directory (tried absent.gz)"},
    {"data: {train: {file: samples.gz, labels: /y}}\n" DECODER, NULL,
     "data.train.labels = /y: No such file or directory (tried /y); a path inside an HDF5 file"},
};

static void test_wrong(void) {
  for (size_t i = 0; i < sizeof wrong_files / sizeof wrong_files[0]; i++) {
    const struct wrong *wrong = &wrong_files[i];
    const char *const overrides[] = {wrong->override, NULL};
    struct error error;
    CHECK(!read_text(&config, wrong->text, overrides, &error), "accepted: %s%s", wrong->text,
          wrong->override != NULL ? wrong->override : "");
    CHECK(strstr(error.text, wrong->message) != NULL, "'%s', not '%s'", error.text, wrong->message);
    CHECK(strchr(error.text, '\n') == NULL, "more than one line: %s", error.text);
  }
}

// A value of `length` letters behind `key=`.
static char *long_override(const char *key, size_t length) {
  char *text = memory_new(char, strlen(key) + length + 2);
  const int begin = sprintf(text, "%s=", key);
  memset(text + begin, 'x', length);
  return text;
}

static void test_wrong_sizes(void) {
  static const struct {
    size_t length;
    const char *message;  // NULL: accepted
  } cases[] = {{CONFIG_TEXT - 1, NULL},
               {CONFIG_TEXT, "must be shorter than 1024 bytes"},
               {5000, "a text of 5000 bytes; at most 4096 are allowed"}};
  for (size_t i = 0; i < 3; i++) {
    struct error error;
    char *override = long_override("run.directory", cases[i].length);
    const bool read = read_minimal(&config, override, &error);
    CHECK(read == (cases[i].message == NULL), "%zu bytes: %s", cases[i].length, error.text);
    CHECK(read || strstr(error.text, cases[i].message) != NULL, "%s", error.text);
    memory_free(&override);
  }
  struct error error;
  char layers[1024] = "decoder.layers=[";
  for (int l = 0; l <= CONFIG_LAYERS; l++) strcat(layers, "{dense: 2},");
  strcat(layers, "]");
  CHECK(!read_minimal(&config, layers, &error), "accepted");
  CHECK(strstr(error.text, "65 layers; at most 64 are allowed") != NULL, "%s", error.text);

  char classes[1024] = "data.train.classes=[";
  for (int c = 0; c <= CONFIG_INTEGERS; c++) sprintf(classes + strlen(classes), "%d, ", c);
  strcat(classes, "]");
  error = (struct error){""};
  CHECK(!read_minimal(&config, classes, &error), "accepted");
  CHECK(strstr(error.text, "65 entries; at most 64 are allowed") != NULL, "%s", error.text);

  struct error absent = {0}, directory = {0};
  CHECK(!config_read(&config, "absent.yaml", NULL, 0, &absent), "accepted");
  CHECK(strstr(absent.text, "absent.yaml: cannot be opened: No such file") != NULL, "%s",
        absent.text);
  CHECK(!config_read(&config, "inputs", NULL, 0, &directory), "accepted");
  CHECK(strstr(directory.text, "inputs: cannot be read: Is a directory") != NULL, "%s",
        directory.text);
}

// Writes `config` and reads it back.
static void check_round_trip(const char *name) {
  FILE *file = fopen("used.yaml", "wb");
  config_write(&config, file);
  fclose(file);
  struct error error = {0};
  CHECK(config_read(&again, "used.yaml", NULL, 0, &error), "%s: %s", name, error.text);
  CHECK(memcmp(&config, &again, sizeof config) == 0, "%s: differs when read back", name);
}

static void test_round_trip(void) {
  static const char *const overrides[][OVERRIDES] = {
      {"run.seed=1000000000000000", "training.learning_rate=1.2345678901234567e-3",
       "encoding.tau=0.1", "data.scale=0.30000000000000004", "encoding.slope=5e-324",
       "encoding.alpha=1e15"},
      {"data.scale=minmax", "data.missing=nan", "encoding.solver=amd", "encoding.coupling=batch",
       "encoding.h_max=12.5", "evaluation.coupling=none", "training.warm_start=off"},
      {"run.directory=\"tab\\there, \\\"quote\\\", back\\\\slash, \\u2028, \\x85 and #x: y\""},
      {"run.directory=' leading and trailing '"},
      {"run.directory='null'"},
      {"run.directory='12'"},
      {"run.directory='~/x'"},
      {"run.directory=donn\xC3\xA9"
       "es/\xF0\x9F\x98\x80"},
      {"decoder.layers=[{dense: 100000000, activation: softplus}, {dense: 1}]"},
      {"decoder.file=model.h5", "decoder.layers=", "decoder.latent=", "decoder.loss="},
      {"decoder.file=model.h5", "run.tasks=[encode]", "data.encode.file=samples.gz",
       "data.encode.first=3", "data.train.generate=", "data.train.file=gone.gz"},
      {"data.test.file=samples.gz", "data.test.labels=samples.gz"},
      {"data.scale={kind: standardise, per: entry}", "data.missing=-9.99e+33"},
      {"data.scale={kind: minmax}", "data.missing=-999"},
      {"data.test.file=samples.gz", "data.test.mask=samples.gz:/land"},
      {"data.train.classes=[7, -3, 1000000000000000]", "data.train.stride=3", "data.train.subset=5",
       "data.train.subset_seed=8"},
      {"training.tile=0"},
      {"training.tile=12"},
      {"run.walltime=1-00:00:05", "run.restart=model.h5", "checkpoint.minutes=0.25"},
  };
  for (size_t i = 0; i < sizeof overrides / sizeof overrides[0]; i++) {
    struct error error;
    CHECK(read_text(&config, MINIMAL, overrides[i], &error), "%zu: %s", i, error.text);
    check_round_trip(overrides[i][0]);
  }
}

static void test_reference(void) {
  FILE *file = fopen("reference.yaml", "wb+");
  config_write_reference(file);
  rewind(file);
  char line[512];
  while (fgets(line, sizeof line, file) != NULL)
    CHECK(strlen(line) <= 101, "longer than 100 columns: %s", line);
  fclose(file);
  struct error error = {0};
  CHECK(config_read(&config, "reference.yaml", NULL, 0, &error), "%s", error.text);
  CHECK(config.run.task[TASK_TRAIN] && config.run.task[TASK_EVALUATE], "tasks");
  CHECK(config.decoder.layers.count == 2 && config.data.test.first == 200, "the examples");
  check_round_trip("the reference");

  // Beyond the examples the reference says what the defaults are.
  CHECK(read_text(&again, MINIMAL, NULL, &error), "%s", error.text);
  CHECK(memcmp(&config.encoding, &again.encoding, sizeof config.encoding) == 0, "encoding");
  CHECK(memcmp(&config.evaluation, &again.evaluation, sizeof config.evaluation) == 0, "evaluation");
  CHECK(memcmp(&config.training, &again.training, sizeof config.training) == 0, "training");
}

static void test_table(void) {
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    CHECK(config_parameter_find(parameter.key) == (int)i, "%s is there twice", parameter.key);
  }
  CHECK(config_parameter_find("training.bach") == -1, "found what is not there");
}

// What --help prints, owned; no line is longer than 100 columns.
static char *help_text(const char *name) {
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  config_write_help(name, stream);
  fclose(stream);
  for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
    CHECK(strcspn(line, "\n") <= 100, "longer than 100 columns: %.120s", line);
  return text;
}

// Whether an entry of the help has this key.
static bool help_has(const char *text, const char *key) {
  char line[96];
  snprintf(line, sizeof line, "\n  %s ", key);
  return strstr(text, line) != NULL;
}

static void test_help(void) {
  struct error error = {0};
  char *all = help_text(NULL);
  const size_t count = config_parameter_count();
  for (size_t i = 0; i < count; i++) {
    const struct config_parameter parameter = config_parameter(i);
    char grouped[80];
    snprintf(grouped, sizeof grouped, "%s.*", parameter.section->name);
    CHECK(config_help_finds(parameter.key, &error), "%s", error.text);
    CHECK(config_help_finds(parameter.section->name, &error), "%s", error.text);
    CHECK(help_has(all, parameter.key) || help_has(all, grouped), "no %s", parameter.key);
    char *one = help_text(parameter.key), *section = help_text(parameter.section->name);
    CHECK(help_has(one, parameter.key), "%s: '%s'", parameter.key, one);
    CHECK(help_has(section, parameter.key), "%s: '%s'", parameter.key, section);
    memory_release(one);
    memory_release(section);
  }
  CHECK(help_has(all, "data.test.*") && !help_has(all, "data.test.file"),
        "sets are explained once");
  memory_release(all);

  char *tries = help_text("evaluation.tries"), *sweep = help_text("sweep");
  CHECK(strstr(tries, "default auto)") != NULL && !help_has(tries, "evaluation.start"), "%s",
        tries);
  CHECK(strstr(sweep, "grid:") != NULL, "%s", sweep);
  memory_release(tries);
  memory_release(sweep);
  static const char *const wrong[][2] = {{"training.bach", "did you mean training.batch?"},
                                         {"batch", "did you mean training.batch?"},
                                         {"epoch", "did you mean training.epochs?"},
                                         {"tset", "did you mean data.test?"},
                                         {"trainig", "did you mean training?"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    error.text[0] = '\0';
    CHECK(!config_help_finds(wrong[i][0], &error) && strstr(error.text, wrong[i][1]) != NULL,
          "%s: %s", wrong[i][0], error.text);
  }
}

// Every beginning of a valid file is read or refused with a message.
static void test_truncated(void) {
  char text[] = MINIMAL "training: {batch: 12, order: file}\nencoding:\n  solver: amd\n  h0: 2\n";
  for (size_t length = strlen(text); length > 0; length--) {
    struct error error;
    text[length] = '\0';
    const bool read = read_text(&config, text, NULL, &error);
    CHECK(read == !error_is_set(&error), "at %zu: %s", length, error.text);
  }
}

static void remove_files(const char *directory) {
  static const char *const files[] = {"input.yaml",       "used.yaml", "reference.yaml",
                                      "samples.gz",       "model.h5",  "inputs/input.yaml",
                                      "inputs/beside.gz", "inputs"};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    CHECK(remove(files[i]) == 0, "cannot remove %s", files[i]);
  CHECK(chdir("/") == 0 && remove(directory) == 0, "something else was left in %s", directory);
}

int main(void) {
  char directory[] = "/tmp/test_config.XXXXXX";
  if (mkdtemp(directory) == NULL || chdir(directory) != 0 || mkdir("inputs", 0700) != 0)
    error_fatal("cannot work in %s", directory);
  write_file("samples.gz", "x");
  write_file("model.h5", "x");
  write_file("inputs/beside.gz", "x");
  test_defaults();
  test_values();
  test_overrides();
  test_durations();
  test_bytes();
  test_inheritance();
  test_tasks();
  test_paths();
  test_wrong();
  test_wrong_sizes();
  test_round_trip();
  test_reference();
  test_table();
  test_help();
  test_truncated();
  remove_files(directory);
  return test_summary();
}
