#include "input/config.h"

#include "ground/text.h"

const char *task_name(int task) {
  static const char *const names[] = {"train", "evaluate", "encode", "gradient_check"};
  return IN_TABLE(names, task) ? names[task] : NULL;
}

const char *missing_name(int kind) {
  static const char *const names[] = {"error", "nan"};
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

const char *start_name(int kind) {
  static const char *const names[] = {"zero", "predictor", "pod"};
  return IN_TABLE(names, kind) ? names[kind] : NULL;
}
