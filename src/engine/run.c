#include "engine/run.h"

#include <math.h>

#include "engine/pod.h"
#include "ground/memory.h"
#include "ground/text.h"

static const char *const set_names[] = {"train", "test", "encode", "validation"};

const char *set_name(enum set set) { return IN_TABLE(set_names, set) ? set_names[set] : NULL; }

const struct data_options *run_data(const struct run *run, enum set set) {
  const struct data_options *const options[] = {&run->config.data.train, &run->config.data.test,
                                                &run->config.data.encode,
                                                &run->config.data.validation};
  const bool held_out = set == SET_VALIDATION && run->config.training.validation > 0.0;
  return options[held_out ? SET_TRAIN : set];
}

double run_held_out_loss(const struct run *run) {
  if (run->held_out_loss != NULL) return *run->held_out_loss;
  return run->dictionary != NULL ? run->dictionary->held_out_loss : NAN;
}

void run_forget_guesses(struct run *run) {
  predictor_destroy(&run->predictor);
  dictionary_destroy(&run->dictionary);
  run->predictor_checksum = run->dictionary_checksum = 0;
}

void run_destroy(struct run **run) {
  if (*run == NULL) return;
  for (int set = 0; set < SET_COUNT; set++) {
    dataset_close(&(*run)->sources[set]);
    dataset_destroy(&(*run)->sets[set]);
    view_destroy(&(*run)->views[set]);
  }
  hold_out_destroy(&(*run)->hold_out);
  scaling_destroy(&(*run)->scaling);
  decoder_destroy(&(*run)->decoder);
  pod_destroy(&(*run)->pod);
  predictor_destroy(&(*run)->predictor);
  dictionary_destroy(&(*run)->dictionary);
  memory_free(run);
}
