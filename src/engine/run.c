#include "engine/run.h"

#include "engine/pod.h"
#include "ground/memory.h"
#include "ground/text.h"

static const char *const set_names[] = {"train", "test", "encode"};

const char *set_name(enum set set) { return IN_TABLE(set_names, set) ? set_names[set] : NULL; }

const struct data_options *run_data(const struct run *run, enum set set) {
  const struct data_options *const options[] = {&run->config.data.train, &run->config.data.test,
                                                &run->config.data.encode};
  return options[set];
}

void run_forget_predictor(struct run *run) {
  predictor_destroy(&run->predictor);
  run->predictor_checksum = 0;
}

void run_destroy(struct run **run) {
  if (*run == NULL) return;
  for (int set = 0; set < SET_COUNT; set++) {
    dataset_close(&(*run)->sources[set]);
    dataset_destroy(&(*run)->sets[set]);
    view_destroy(&(*run)->views[set]);
  }
  scaling_destroy(&(*run)->scaling);
  decoder_destroy(&(*run)->decoder);
  pod_destroy(&(*run)->pod);
  predictor_destroy(&(*run)->predictor);
  memory_free(run);
}
