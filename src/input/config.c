#include "input/config.h"

#include <string.h>

#include "ground/text.h"

const char *task_name(int task) {
  static const char *const names[] = {"train", "evaluate", "encode", "gradient_check"};
  return IN_TABLE(names, task) ? names[task] : NULL;
}

const char *missing_name(int kind) {
  static const char *const names[] = {"error", "nan", "number"};
  return IN_TABLE(names, kind) ? names[kind] : NULL;
}

const char *scale_name(int kind) {
  static const char *const names[] = {"none", "number", "minmax", "standardise"};
  return IN_TABLE(names, kind) ? names[kind] : NULL;
}

const char *layout_name(int kind) {
  static const char *const names[] = {"auto", "plain", "pdebench", "well", "netcdf", "matlab"};
  return IN_TABLE(names, kind) ? names[kind] : NULL;
}

const char *scale_per_name(int per) {
  static const char *const names[] = {"all", "channel", "entry"};
  return IN_TABLE(names, per) ? names[per] : NULL;
}

const char *order_name(int kind) {
  static const char *const names[] = {"shuffled", "file"};
  return IN_TABLE(names, kind) ? names[kind] : NULL;
}

const char *model_name(int kind) {
  static const char *const names[] = {"gfe", "autoencoder", "pod"};
  return IN_TABLE(names, kind) ? names[kind] : NULL;
}

const char *initial_name(int kind) {
  static const char *const names[] = {"random", "pod", "auto"};
  return IN_TABLE(names, kind) ? names[kind] : NULL;
}

const char *generator_name(int kind) {
  static const char *const names[] = {"none", "circle"};
  return IN_TABLE(names, kind) ? names[kind] : NULL;
}

const char *outside_name(int kind) {
  static const char *const names[] = {"nearest", "zero"};
  return IN_TABLE(names, kind) ? names[kind] : NULL;
}

const char *start_name(int kind) {
  static const char *const names[] = {"zero",       "mean",    "pod",    "predictor",
                                      "dictionary", "encoder", "uniform"};
  return IN_TABLE(names, kind) ? names[kind] : NULL;
}

const char *start_taken_name(int kind) {
  return kind == START_TRAINED ? "trained" : start_name(kind);
}

const char *prior_name(int kind) {
  static const char *const names[] = {"auto", "none", "gaussian"};
  return IN_TABLE(names, kind) ? names[kind] : NULL;
}

const char *uncertainty_name(int kind) {
  static const char *const names[] = {"false", "true", "covariance"};
  return IN_TABLE(names, kind) ? names[kind] : NULL;
}

const char *keep_name(int kind) {
  static const char *const names[] = {"last", "best"};
  return IN_TABLE(names, kind) ? names[kind] : NULL;
}

bool config_data_is_given(const struct data_options *data) {
  return data->file[0] != '\0' || data->generate != GENERATE_NONE;
}

bool config_validates(const struct config *config) {
  return config->run.task[TASK_TRAIN] &&
         (config->training.validation > 0.0 || config_data_is_given(&config->data.validation));
}

bool config_makes_copies(const struct config *config) {
  const struct config_copies *copies = &config->training.copies;
  return config->run.task[TASK_TRAIN] &&
         (copies->shift > 0.0 || copies->scale > 0.0 || copies->rotation > 0.0 ||
          copies->reflect.count > 0 || copies->periodic.count > 0);
}

const char *config_inner_path(const char *text) {
  const char *place = text + strlen(text);
  for (const char *next = text; (next = strstr(next, ":/")) != NULL; next++) place = next + 1;
  return place;
}

bool config_wants_fewer(const struct config *config, int64_t epochs) {
  return config->run.task[TASK_TRAIN] && !config_validates(config) &&
         epochs > config->training.epochs;
}
