#include <math.h>

#include "app/report.h"
#include "decoder/activation.h"
#include "engine/budget.h"
#include "ground/log.h"
#include "ground/text.h"
#include "input/config_write.h"

static void check_line(const char *what, double bytes) {
  const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  for (; bytes >= 1024.0 && unit < 4; unit++) bytes /= 1024.0;
  log_line("  %-44s %8.1f %s", what, bytes, units[unit]);
}

static void check_network(const char *name, const struct network *network) {
  log_line("\n%s\n  layer  kind            output             activation     parameters", name);
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    if (layer->number == LAYER_NONE) continue;
    char to[LAYER_SHAPE_TEXT];
    log_line("  %5zu  %-14s  %-17s  %-12s %12zu", layer->number, layer_name(layer->kind),
             layer_shape_text(&layer->to, to), activation_name(layer->activation),
             layer->weight_count + layer->bias_count);
  }
  log_line("  total %60zu", network_parameters(network));
  log_line("  forward and backward pass for one sample: %.3g MFLOP", 1e-6 * network_flops(network));
}

static void check_memory(const struct run *run) {
  struct budget_part parts[BUDGET_PARTS];
  const size_t count = budget_parts(run, parts);
  log_line("\nmemory per rank, at most");
  for (size_t i = 0; i < count; i++) check_line(parts[i].name, parts[i].bytes);
  check_line("total", budget_bytes(run));
  check_line("run.memory_limit", run->config.run.memory_limit);
}

// Arrays stored for each sample shown: itself, its reconstructions, deviations, weights.
static double arrays_shown(const struct run *run, enum set set) {
  const struct config *config = &run->config;
  const bool new = set == SET_TEST || set == SET_ENCODE;
  const bool bars = new && config->evaluation.uncertainty != UNCERTAINTY_NONE;
  double arrays = 2.0;
  if (config->evaluation.pod) arrays += 1.0;
  if (bars) arrays += 1.0;
  if (bars && config->evaluation.prior != PRIOR_NONE && config->evaluation.modes > 1) arrays += 2.0;
  if (run->shapes[set].weights || run->shapes[set].missing ||
      config->data.missing.kind != MISSING_ERROR)
    arrays += 1.0;
  return arrays;
}

static double results_bytes(const struct run *run, size_t parameters) {
  const struct decoder *decoder = run->decoder;
  double bytes = (double)parameters * (double)sizeof(real);
  for (int set = 0; set < SET_COUNT; set++) {
    if (!run->used[set]) continue;
    const double count = (double)run->shapes[set].count;
    const double shown = fmin(count, (double)run->config.output.reconstructions);
    const double by = run->config.evaluation.pod ? 2.0 : 1.0;
    const double errors = 2.0 * (double)sizeof(double), index = (double)sizeof(int64_t);
    bytes +=
        count * ((double)encoding_file_bytes(ENCODING_BY_FLOW, decoder->d) + by * errors + index) +
        arrays_shown(run, (enum set)set) * shown * (double)decoder->n * (double)sizeof(real);
    if (decoder->encoder != NULL)
      bytes += count * ((double)encoding_file_bytes(ENCODING_BY_ENCODER, decoder->d) + errors);
    if (run->shapes[set].labels) bytes += count * index;
  }
  return bytes;
}

// Parameters, those of the decoder to keep, what the optimiser remembers, and latents.
static double checkpoint_bytes(const struct run *run, size_t parameters) {
  const struct config *config = &run->config;
  const double copies = config_validates(config) && config->training.keep == KEEP_BEST ? 2.0 : 1.0;
  const double sample =
      copies * (double)run->decoder->d * (double)sizeof(real) + (double)sizeof(int64_t);
  return copies * (double)parameters * (double)sizeof(real) +
         (double)optimiser_bytes(&config->training.optimiser, parameters) +
         sample * (double)run->shapes[SET_TRAIN].count;
}

static void check_files(const struct run *run) {
  size_t parameters = network_parameters(run->decoder->network);
  if (run->decoder->encoder != NULL) parameters += network_parameters(run->decoder->encoder);
  log_line("\nfiles");
  check_line("results.h5", results_bytes(run, parameters));
  if (run->config.run.task[TASK_TRAIN] && run->config.training.epochs > 0)
    check_line("checkpoint.h5 and checkpoint.h5.prev, each", checkpoint_bytes(run, parameters));
}

static void check_sets(const struct run *run, const struct dataset_survey surveys[SET_COUNT]) {
  log_line("\ndata, as in the files\n  %-8s %10s  %-16s %12s %12s %12s %12s", "set", "samples",
           "shape", "min", "max", "mean", "missing");
  for (int set = 0; set < SET_COUNT; set++) {
    if (!run->used[set]) continue;
    const struct dataset_shape *shape = &run->shapes[set];
    char axes[128] = "";
    for (int i = 0; i < shape->axes; i++)
      text_append(axes, sizeof axes, "%s%lld", i > 0 ? " x " : "", (long long)shape->shape[i]);
    log_line("  %-8s %10lld  %-16s %12.6g %12.6g %12.6g %12lld", set_name(set),
             (long long)shape->count, axes[0] != '\0' ? axes : "1", surveys[set].all.min,
             surveys[set].all.max, surveys[set].all.mean, (long long)surveys[set].all.missing);
  }
}

static void check_axis(const struct view_axis *axis, const char *what) {
  const double *values = axis->coordinates;
  log_text("  %-11s %-16s %10lld", what, axis->name, (long long)axis->length);
  if (values != NULL) log_text("  %.6g to %.6g", values[0], values[axis->length - 1]);
  log_line("%s%s", axis->units[0] != '\0' ? " " : "", axis->units);
}

// The structure of a set's samples.
static void check_view(const struct run *run, enum set set, const struct dataset_survey *survey) {
  const struct view *view = run->views[set];
  const bool known = view->layout[0] != '\0';
  log_line("\nsamples of %s%s%s", set_name(set), known ? ", layout " : "", view->layout);
  for (int a = 0; a < view->numbering_axes; a++)
    check_axis(&view->numbering[a], a == 0 ? "along axis" : "and axis");
  for (int a = 0; a < view->space_axes; a++) check_axis(&view->space[a], a == 0 ? "space" : "");
  log_line("  %-11s %-16s %12s %12s %12s %12s %12s", "channel", "units", "min", "max", "mean",
           "deviation", "missing");
  for (int64_t c = 0; c < view->channels; c++) {
    const struct dataset_moments *moments = &survey->channel[c];
    const char *units = view->channel[c].units;
    log_line("  %-11s %-16s %12.6g %12.6g %12.6g %12.6g %12lld", view->channel[c].name,
             units[0] != '\0' ? units : "-", moments->min, moments->max, moments->mean,
             moments->deviation, (long long)moments->missing);
  }
}

void report_check(const struct run *run, const struct dataset_survey surveys[SET_COUNT]) {
  check_sets(run, surveys);
  for (int set = 0; set < SET_COUNT; set++)
    if (run->used[set]) check_view(run, set, &surveys[set]);
  check_network("decoder", run->decoder->network);
  if (run->decoder->encoder != NULL) check_network("encoder", run->decoder->encoder);
  check_memory(run);
  check_files(run);
  log_line("\ninput, with all defaults");
  if (comm_rank(run->comm) == 0) config_write(&run->config, stdout);
  log_line("\nThe input is valid. Nothing has been written.");
}
