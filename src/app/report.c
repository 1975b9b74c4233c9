#include "app/report.h"

#include <math.h>
#include <stdio.h>

#include "decoder/loss.h"
#include "engine/model.h"
#include "engine/pod_start.h"
#include "engine/replay.h"
#include "ground/clock.h"
#include "ground/log.h"
#include "ground/memory.h"
#include "ground/text.h"
#include "input/config_write.h"
#include "numerics/isa.h"

static void report_set(const struct run *run, enum set set) {
  const struct dataset_shape *shape = &run->shapes[set];
  const struct data_options *options = run_data(run, set);
  char axes[128] = "";
  for (int i = 0, at = 0; i < shape->axes && at < 100; i++)
    at += snprintf(axes + at, sizeof axes - (size_t)at, "%s%lld", i > 0 ? " x " : "",
                   (long long)shape->shape[i]);
  char fields[512] = "";
  const struct view *view = run->views[set];
  for (int64_t i = 0; i < options->fields.count; i++)
    text_append(fields, sizeof fields, "%s%s", i > 0 ? ", " : "", options->fields.name[i]);
  const char *inside = fields[0] != '\0'             ? fields
                       : options->dataset[0] != '\0' ? options->dataset
                                                     : view->fields;
  char along[256] = "";
  for (int a = 0; a < view->numbering_axes && view->numbering_axes > 1; a++)
    text_append(along, sizeof along, "%s%s (%lld)", a == 0 ? ", along the axes " : " and ",
                view->numbering[a].name, (long long)view->numbering[a].length);
  static const char *const marks[2][2] = {{"", " (labelled)"},
                                          {" (weighted)", " (weighted, labelled)"}};
  log_line("  %-8s %lld samples of %s%s from %s%s%s%s", set_name(set), (long long)shape->count,
           axes, marks[shape->weights][shape->labels],
           options->generate != GENERATE_NONE ? generator_name(options->generate) : options->file,
           inside[0] != '\0' ? " " : "", inside, along);
}

// Whether one of the two branches that a layer sums is empty: the second does not end before it, or
// the first does not end before the second.
static bool passes_on(const struct network *network, size_t l) {
  const struct layer *sum = &network->layers[l];
  return sum->source[1] != l - 1 ||
         network->layers[sum->source[0] + 1].source[0] == sum->source[0];  // LAYER_NONE + 1 is 0
}

// The outputs of layers that do more than pass numbers on; a plus precedes the second branch of a
// sum.
static void report_widths(const struct network *network) {
  char to[LAYER_SHAPE_TEXT];
  char sign = '-';
  for (size_t l = 0; l < network->layer_count; l++) {
    const struct layer *layer = &network->layers[l];
    if (layer->sources == 2 && passes_on(network, l)) log_text(" + identity");
    if (layer->sources == 1 && layer->source[0] != (l > 0 ? l - 1 : LAYER_NONE)) sign = '+';
    if (layer->weight_count == 0) continue;
    log_text(" %c %s", sign, layer_shape_text(&layer->to, to));
    sign = '-';
  }
}

// The length of the first item of a list "key = value, key = [value, value], ...", with its comma.
static int item_length(const char *list) {
  int depth = 0, length = 0;
  for (; list[length] != '\0'; length++) {
    depth += (list[length] == '[') - (list[length] == ']');
    if (depth == 0 && list[length] == ',') return length + 1;
  }
  return length;
}

// A list of items after a name, broken between them into lines.
static void report_items(const char *name, const char *list) {
  enum { WIDTH = 100, INDENT = 2 + 8 };
  int column = INDENT;
  log_text("  %-8s", name);
  while (*list != '\0') {
    const int length = item_length(list);
    if (column + 1 + length > WIDTH) {
      log_text("\n%*s", INDENT, "");
      column = INDENT;
    }
    log_text(" %.*s", length, list);
    column += 1 + length;
    list += length;
    list += list[0] == ' ';
  }
  log_text("\n");
}

// What the input file leaves to the program.
static void report_chosen(const struct config *config) {
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  if (stream == NULL) error_fatal("out of memory");
  config_write_chosen(config, stream);
  if (fclose(stream) != 0) error_fatal("out of memory");
  if (text[0] != '\0') report_items("auto", text);
  memory_free(&text);
}

static void report_validation(const struct config *config) {
  log_text("  %-8s with ", "validate");
  if (config->training.validation > 0.0)
    log_text("%g of the training samples, in whole groups", config->training.validation);
  else
    log_text("data.validation");
  if (config->training.folds > 1) log_text(", %lld times", (long long)config->training.folds);
  log_text("; keep %s", keep_name((int)config->training.keep));
  if (config->training.patience > 0)
    log_text(", patience %lld", (long long)config->training.patience);
  log_line("%s", config->training.refit ? ", refit" : "");
}

// More than one update per batch, and of which samples.
static void report_updates(const struct run *run) {
  const struct config *config = &run->config;
  const int64_t count = run->shapes[SET_TRAIN].count, updates = config->training.updates;
  const int64_t epochs = config->training.epochs;
  if (updates == 1 || epochs == 0) return;
  const double uses = ((double)replay_uses(config, count, 0) +
                       (double)(epochs - 1) * (double)replay_uses(config, count, 1)) /
                      (double)count;
  if (config->training.replay)
    log_line(
        "  %-8s %lld updates per batch: the first uses the batch, the others samples drawn from "
        "all those loaded so far; a sample is loaded %lld times and used %.3g times",
        "", (long long)updates, (long long)epochs, uses);
  else
    log_line("  %-8s %lld updates per batch; a sample is used %.3g times", "", (long long)updates,
             uses);
}

static void report_last_layer(const struct run *run) {
  const int64_t steps = run->config.training.last_layer_steps;
  if (steps == 0 || run->config.training.epochs == 0) return;
  log_line("  %-8s %lld Newton step%s of the last layer before each update", "", (long long)steps,
           steps == 1 ? "" : "s");
}

// How training transforms its samples.
static void report_copies(const struct run *run) {
  const struct config_copies *copies = &run->config.training.copies;
  const struct view *view = run->views[SET_TRAIN];
  const char *between = " ";
  log_text("  %-8s of each sample, drawn anew in each pass:", "copies");
  if (copies->shift > 0.0) log_text("%sshift up to %g", between, copies->shift), between = ", ";
  if (copies->scale > 0.0)
    log_text("%sscale %g to %g", between, 1.0 - copies->scale, 1.0 + copies->scale), between = ", ";
  if (copies->rotation > 0.0)
    log_text("%srotation up to %g degrees", between, copies->rotation), between = ", ";
  for (int64_t i = 0; i < copies->reflect.count; i++, between = ", ")
    log_text("%sreflection along %s", between, copies->reflect.name[i]);
  for (int64_t i = 0; i < copies->periodic.count; i++, between = ", ")
    log_text("%sany shift along %s", between, copies->periodic.name[i]);
  log_text("; axes");
  for (int a = 0; a < view->space_axes; a++)
    log_text("%s %s (%lld)", a > 0 ? "," : "", view->space[a].name,
             (long long)view->space[a].length);
  log_line("%s", run->config.run.model == MODEL_GFE ? "; flows from z = 0" : "");
}

// What starts from POD, and how that changes the layers of the input file.
static void report_pod(const struct run *run) {
  if (!pod_start_wanted(run)) return;
  const int64_t d = run->config.decoder.latent, count = run->shapes[SET_TRAIN].count;
  if (run->config.run.model == MODEL_POD)
    log_line(
        "  %-8s the %lld leading modes of %lld samples; nothing is trained, and decoder.layers "
        "is ignored",
        "pod", (long long)d, (long long)count);
  else
    log_line(
        "  %-8s starts from POD: the given layers, whose output is initially 0, plus a linear "
        "layer with the %lld leading modes",
        "", (long long)d);
}

void report_start(const struct run *run) {
  const struct config *config = &run->config;
  const struct decoder *decoder = run->decoder;
  log_line("gfe_hpc %s: %s", GFE_VERSION,
           config->run.model == MODEL_POD ? "POD, the linear decoder with the smallest loss"
           : decoder->encoder != NULL     ? "learning an autoencoder"
                                          : "learning a decoder by gradient flow encoding");
  for (int set = 0; set < SET_COUNT; set++)
    if (run->used[set]) report_set(run, set);
  log_text("  %-8s %zu", "decoder", decoder->d);
  report_widths(decoder->network);
  log_line(", %zu parameters in " REAL_NAME ", loss %s", network_parameters(decoder->network),
           loss_name(decoder->loss));
  if (decoder->encoder != NULL) {
    log_text("  %-8s %zu", "encoder", decoder->n);
    report_widths(decoder->encoder);
    log_line(", %zu parameters", network_parameters(decoder->encoder));
  }
  report_pod(run);
  if (run->used[SET_TRAIN] && config->run.model != MODEL_POD) {
    const int64_t batch = config->training.batch, tiles = (batch + run->tile - 1) / run->tile;
    log_line(
        "  %-8s %lld epoch%s in batches of %lld, %lld tile%s of %lld samples; %s, rate %g; %s "
        "flow, %s",
        "training", (long long)config->training.epochs, config->training.epochs == 1 ? "" : "s",
        (long long)batch, (long long)tiles, tiles == 1 ? "" : "s", (long long)run->tile,
        optimiser_name(config->training.optimiser.kind), config->training.optimiser.learning_rate,
        flow_name(config->encoding.flow), solver_name(config->encoding.solver));
    report_updates(run);
    report_last_layer(run);
    if (config_makes_copies(config)) report_copies(run);
    if (config_validates(config)) report_validation(config);
    const int64_t parts = model_flows_are_free(run) ? batch : tiles;
    if (comm_size(run->comm) > parts)
      log_warning(
          "%d ranks share the %lld %s of a batch, so some are idle while training; "
          "raise training.batch%s",
          comm_size(run->comm), (long long)parts, parts == batch ? "samples" : "tiles",
          parts == batch ? "" : " or lower training.tile");
  }
  log_line("  %-8s %d, products by %s", "ranks", comm_size(run->comm), isa_name((int)isa_chosen()));
  report_chosen(config);
  log_line("  %-8s %s", "results", config->run.directory);
}

void report_finished(const struct run *run, int64_t epochs) {
  const struct config *config = &run->config;
  if (config_wants_fewer(config, epochs))
    log_line(
        "\nalready finished: %s/results.h5 contains the results of %lld epochs, more than the %lld "
        "of this input; to train for fewer, set run.restart: never",
        config->run.directory, (long long)epochs, (long long)config->training.epochs);
  else
    log_line(
        "\nalready finished: %s/results.h5 contains everything this input asks for; to run it "
        "again, set run.restart: never",
        config->run.directory);
}

static bool has_encoder_column(const struct run *run) {
  return run->decoder->encoder != NULL && run->used[SET_TEST];
}

// What the columns mean.
static void report_legend(const struct run *run) {
  const struct config *config = &run->config;
  const bool flows = config->run.model == MODEL_GFE;
  if (flows) log_line("\n  flows    gradient evaluations: median, 99th percentile and maximum");
  if (flows)
    log_line(
        "           stopped early: before they converged, as a rule by max_iterations = %lld%s",
        (long long)config->encoding.max_iterations,
        model_keeps_latents(run) && config->training.epochs > 1 ? "; the next epoch continues them"
                                                                : "");
  if (flows && config->training.second_flow > 0)
    log_line("  %-8s epoch with a second flow of each sample", "*");
  if (comm_size(run->comm) > 1 && flows)
    log_line("  %-8s time of the slowest rank in flows, over the mean of all ranks", "imbalance");
}

void report_epoch_header(const struct run *run) {
  if (run->config.training.epochs == 0) return;
  report_legend(run);
  log_line(
      "\n epoch   train loss    test loss   evaluations p50 / p99 / max   stopped early   "
      "seconds   imbalance%s%s",
      has_encoder_column(run) ? "   test loss by encoder" : "",
      run->used[SET_VALIDATION] ? "   validation loss" : "");
}

// A loss, or a dash if it was not computed, at the end of a column.
static void report_loss(int width, double loss) {
  char text[32] = "-";
  if (!isnan(loss)) snprintf(text, sizeof text, "%.6f", loss);
  log_text("%*s", width, text);
}

void report_epoch(const struct run *run, int64_t epoch, bool second,
                  const struct history_epoch *record) {
  log_text("%6lld%s%12.6f ", (long long)epoch + 1, second ? "*" : " ", record->train_loss);
  report_loss(12, record->test_loss);
  log_text(" %15lld / %lld / %-9lld %15lld %9.1f %11.2f", (long long)record->evaluations_p50,
           (long long)record->evaluations_p99, (long long)record->evaluations_max,
           (long long)record->not_converged, record->seconds, record->imbalance);
  if (has_encoder_column(run)) report_loss(23, record->test_loss_encoder);
  if (run->used[SET_VALIDATION] || !isnan(record->validation_loss))  // the last before a refit
    report_loss(18, record->validation_loss);
  log_text("\n");
}

void report_choice(const struct run *run, const struct trainer *trainer) {
  const struct validation_choice *choice = trainer_choice(trainer);
  if (choice == NULL) return;
  const struct trainer_position at = trainer_position(trainer);
  const long long planned = run->config.training.epochs, folds = run->config.training.folds;
  const long long had = folds > 1 ? planned : at.refit ? at.passes_before : at.epoch;
  if (had < planned)
    log_line("  stopped  after epoch %lld of %lld: no lower validation loss in %lld validations",
             had, planned, (long long)choice->waited);
  if (choice->kept == 0)
    log_line(
        "  kept     the start: validation loss %.6f; no significant gain of %.3g %% or "
        "more (lowest %.6f)",
        choice->start, 100.0 * choice->margin, choice->lowest);
  else
    log_line("  kept     epoch %lld of %lld: validation loss %.6f (start %.6f)",
             (long long)choice->kept, had, choice->kept_loss, choice->start);
  if (at.refit)
    log_line("  refit    from the initial decoder with all %lld samples, %lld epochs",
             (long long)run->shapes[SET_TRAIN].count, (long long)at.kept);
}

void report_evaluation(const struct run *run, const struct evaluation *evaluation) {
  const struct tally *tally = &evaluation->tally;
  static const char *const kinds[] = {[EVALUATION_NEW] = "",
                                      [EVALUATION_TRAINED] = " at the trained latents",
                                      [EVALUATION_AS_NEW] = " encoded as if new"};
  log_text("%-6s  mean %s loss %.6f%s, %.1f evaluations per sample;", set_name(evaluation->set),
           loss_name(run->decoder->loss), evaluation->loss, kinds[evaluation->kind],
           tally_mean(tally));
  static const char *const ends[] = {[STATUS_CONVERGED] = "converged",
                                     [STATUS_TAU] = "reached tau",
                                     [STATUS_LIMIT] = "stopped at max_iterations",
                                     [STATUS_UNDERFLOW] = "stopped, as no step was small enough",
                                     [STATUS_NONFINITE] = "stopped, as the loss was not finite"};
  _Static_assert(LENGTH(ends) == STATUS_COUNT, "a text per status");
  const char *between = "";
  for (int status = 0; status < STATUS_COUNT; status++) {
    if (tally->statuses[status] == 0) continue;
    log_text("%s %lld %s", between, (long long)tally->statuses[status], ends[status]);
    between = ",";
  }
  log_text("\n");
  if (!isnan(evaluation->objective))
    log_line("%-6s  with the prior of the trained latents: mean objective %.6f", "",
             evaluation->objective);
  if (evaluation->by_encoder != NULL)
    log_line("%-6s  mean %s loss %.6f by the encoder", "", loss_name(run->decoder->loss),
             evaluation->loss_encoder);
}

void report_as_new(double ratio) {
  static const double far_above = 1.5;
  if (!(ratio > far_above)) return;
  log_warning(
      "encoded as if they were new, the training samples have %.3g times the loss of their "
      "trained latents: flows do not find the minima that training found, so the latents and "
      "losses of new samples are poor as well, even where flows have converged. Try "
      "evaluation.start: auto, more evaluation.tries or evaluation.max_iterations, or more latents",
      ratio);
}

void report_gradient_check(const struct gradient_check *check) {
  log_line("\ngradient check of the mean loss of %lld samples, along random directions",
           (long long)check->count);
  log_line("  %-32s %12s %12s %8s   verdict", "gradient", "largest h", "remainder", "slope");
  for (int kind = 0; kind < check->kinds; kind++) {
    const struct taylor *taylor = &check->taylor[kind];
    log_line("  %-32s %12.3g %12.3g %8.3f   %s", gradient_check_name(check, kind), taylor->h[0],
             taylor->remainder[0], taylor->slope,
             gradient_check_passed(check, kind) ? "right (slope 2)"
                                                : "WRONG, or the loss is not "
                                                  "smooth here");
  }
  if (check->kinds < GRADIENT_KINDS)
    log_line("  The solver lbfgs has no adjoint, so its flow is not differentiated.");
}

void report_phases(struct run *run) {
  const int ranks = comm_size(run->comm);
  double spent[PHASE_COUNT];
  clock_read(spent);
  double *all = memory_new(double, ranks *PHASE_COUNT);
  comm_gather_double(run->comm, spent, PHASE_COUNT, all);
  if (comm_rank(run->comm) != 0) {
    memory_free(&all);
    return;
  }
  double total = 0.0;
  for (int i = 0; i < ranks * PHASE_COUNT; i++) total += all[i];
  log_line("\n seconds%s      min      mean       max       share",
           ranks > 1 ? " of a rank" : "          ");
  for (int phase = 0; phase < PHASE_COUNT; phase++) {
    double least = INFINITY, sum = 0.0, most = 0.0;
    for (int r = 0; r < ranks; r++) {
      const double seconds = all[r * PHASE_COUNT + phase];
      least = fmin(least, seconds);
      most = fmax(most, seconds);
      sum += seconds;
    }
    log_line(" %-14s %8.3f  %8.3f  %8.3f  %8.1f %%", phase_name(phase), least, sum / ranks, most,
             100.0 * sum / total);
  }
  memory_free(&all);
}
