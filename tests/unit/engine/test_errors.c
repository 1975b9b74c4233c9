// Errors of sets made up here, of three channels of very different units, with entries left out,
// against sums over all samples in long double.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/errors.h"
#include "ground/memory.h"
#include "ground/rng.h"
#include "support/mpi_test.h"

enum { CHANNELS = 3, SPACE = 35, ENTRIES = CHANNELS * SPACE, SAMPLES = 41, ZERO = 5 };

static double normal(uint64_t i, uint64_t j) { return rng_uniform(4, RNG_TEST, i, j) - 0.4; }

static const double scales[] = {128.0, 0.01, 1e-3}, offsets[] = {2.0, -0.5, 0.0};

static double undo(size_t j, double value) {
  return value * scales[j / SPACE] + offsets[j / SPACE];
}

// Sample ZERO is 0 throughout, in data units.
static real sample(int64_t i, size_t j) {
  return i == ZERO ? (real)(-offsets[j / SPACE] / scales[j / SPACE]) : (real)normal((uint64_t)i, j);
}

static real reconstruction(int64_t i, size_t j) {
  return (real)((double)sample(i, j) + 0.1 * normal(1000 + (uint64_t)i, j));
}

// Weights of several sizes, every fifth 0; an entry that never counts.
static real weight(int64_t i, size_t j) { return j == 7 ? 0 : (real)((i + (int64_t)j) % 5); }

struct made {
  struct run run;
  struct dataset data;
  bool weighted;
  int64_t broken;  // a sample whose reconstruction is not finite, or -1
};

static void reconstruct(const void *context, int64_t first, int64_t count, real *x) {
  const struct made *made = context;
  for (int64_t i = 0; i < count; i++) {
    const int64_t s = made->data.local_first + first + i;
    for (size_t j = 0; j < made->data.stride; j++)
      x[(size_t)i * made->data.stride + j] = j >= ENTRIES        ? (real)NAN
                                             : s == made->broken ? (real)NAN
                                                                 : reconstruction(s, j);
  }
}

static void make(struct made *made, struct comm *comm, bool weighted) {
  const int64_t shape[] = {CHANNELS, SPACE};
  struct dataset *data = &made->data;
  *made = (struct made){.weighted = weighted, .broken = -1};
  data->count = SAMPLES;
  data->local_first = comm_share_first(SAMPLES, comm_size(comm), comm_rank(comm));
  data->local_count =
      comm_share_first(SAMPLES, comm_size(comm), comm_rank(comm) + 1) - data->local_first;
  data->n = ENTRIES;
  data->stride = real_padded(ENTRIES);
  data->y = memory_new(real, (size_t)data->local_count * data->stride);
  if (weighted) data->w = memory_new(real, (size_t)data->local_count * data->stride);
  for (int64_t i = 0; i < data->local_count; i++)
    for (size_t j = 0; j < ENTRIES; j++) {
      const size_t at = (size_t)i * data->stride + j;
      const int64_t s = data->local_first + i;
      if (weighted) data->w[at] = weight(s, j);
      data->y[at] = weighted && weight(s, j) == 0 ? 0 : sample(s, j);
    }
  made->run.comm = comm;
  made->run.sets[SET_TEST] = data;
  struct view *view = view_plain("h", SAMPLES, 1, &shape[1]);
  view->channels = CHANNELS;
  made->run.views[SET_TEST] = view;
  made->run.scaling = scaling_create(ENTRIES, CHANNELS);
  memcpy(made->run.scaling->scale, scales, sizeof scales);
  memcpy(made->run.scaling->offset, offsets, sizeof offsets);
}

static void unmake(struct made *made) {
  memory_free(&made->data.y);
  memory_free(&made->data.w);
  view_destroy(&made->run.views[SET_TEST]);
  scaling_destroy(&made->run.scaling);
}

// ---- the same by hand ----

static bool counts(const struct made *made, int64_t i, size_t j) {
  return !made->weighted || weight(i, j) > 0;
}

static long double mean_of(const struct made *made, size_t j) {
  long double sum = 0, seen = 0;
  for (int64_t i = 0; i < SAMPLES; i++)
    if (counts(made, i, j)) sum += (long double)sample(i, j), seen++;
  return seen > 0 ? sum / seen : 0;
}

static int rising(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

struct expected {
  double number[ERRORS_NUMBERS], channel[CHANNELS], channel_max[CHANNELS];
};

static void expect(const struct made *made, struct expected *e) {
  long double error[CHANNELS + 1] = {0}, norm[CHANNELS + 1] = {0}, spread = 0;
  double relative[SAMPLES];
  size_t count = 0;
  *e = (struct expected){.number = {0}};
  for (int64_t i = 0; i < SAMPLES; i++) {
    long double own_error = 0, own_norm = 0;
    for (size_t j = 0; j < ENTRIES; j++) {
      if (!counts(made, i, j)) continue;
      const size_t c = j / SPACE;
      const long double x = undo(j, (double)reconstruction(i, j)),
                        y = undo(j, (double)sample(i, j));
      const long double centred = ((long double)sample(i, j) - mean_of(made, j)) * scales[c];
      error[c] += (x - y) * (x - y);
      norm[c] += y * y;
      spread += centred * centred;
      own_error += (x - y) * (x - y);
      own_norm += y * y;
      e->channel_max[c] = fmax(e->channel_max[c], (double)fabsl(x - y));
    }
    error[CHANNELS] += own_error;
    norm[CHANNELS] += own_norm;
    if (i != ZERO) relative[count++] = (double)sqrtl(own_error / own_norm);
  }
  qsort(relative, count, sizeof *relative, rising);
  for (size_t k = 0; k < count; k++) e->number[ERRORS_MEAN] += relative[k] / (double)count;
  e->number[ERRORS_RELATIVE] = (double)sqrtl(error[CHANNELS] / norm[CHANNELS]);
  e->number[ERRORS_MEDIAN] = (relative[19] + relative[20]) / 2;                 // 0.5 * 39 = 19.5
  e->number[ERRORS_P95] = relative[37] + 0.05 * (relative[38] - relative[37]);  // 37.05
  e->number[ERRORS_WORST] = relative[count - 1];
  e->number[ERRORS_CENTRED] = (double)sqrtl(error[CHANNELS] / spread);
  for (int c = 0; c < CHANNELS; c++) {
    e->channel[c] = (double)sqrtl(error[c] / norm[c]);
    e->number[ERRORS_MAX] = fmax(e->number[ERRORS_MAX], e->channel_max[c]);
  }
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-7 * fabs(b); }

static struct errors *measure(struct made *made) {
  real *mean = errors_mean_sample(&made->run, SET_TEST);
  struct errors *errors = errors_measure(&made->run, SET_TEST, mean, reconstruct, made);
  memory_free(&mean);
  return errors;
}

static void compare(struct comm *comm, bool weighted) {
  struct made made;
  struct expected expected;
  make(&made, comm, weighted);
  expect(&made, &expected);
  struct errors *errors = measure(&made);
  const char *what = weighted ? "weighted" : "plain";
  for (int k = 0; k < ERRORS_NUMBERS; k++)
    CHECK(near(errors->number[k], expected.number[k]), "%s: %s is %.10g, not %.10g", what,
          errors_name(k), errors->number[k], expected.number[k]);
  for (int c = 0; c < CHANNELS; c++) {
    CHECK(near(errors->channel_relative[c], expected.channel[c]), "%s: channel %d", what, c);
    CHECK(near(errors->channel_max[c], expected.channel_max[c]), "%s: channel %d, largest", what,
          c);
  }
  for (int64_t i = 0; i < made.data.local_count; i++)
    if (made.data.local_first + i == ZERO)
      CHECK(isnan(errors->sample_relative[i]), "%s: relative to nothing: %g", what,
            errors->sample_relative[i]);
  char name[64];
  snprintf(name, sizeof name, "%s numbers", what);
  mpi_test_same_bits(comm, name, errors->number, sizeof errors->number);
  snprintf(name, sizeof name, "%s channels", what);
  mpi_test_same_bits(comm, name, errors->channel_relative, CHANNELS * sizeof(double));
  errors_destroy(&errors);
  unmake(&made);
}

static void lose_one(struct comm *comm) {
  struct made made;
  make(&made, comm, false);
  made.broken = 17;
  struct errors *errors = measure(&made);
  for (int k = 0; k < ERRORS_MAX; k++)
    CHECK(isnan(errors->number[k]), "%s of a lost flow: %g", errors_name(k), errors->number[k]);
  CHECK(isinf(errors->number[ERRORS_MAX]), "largest: %g", errors->number[ERRORS_MAX]);
  for (int64_t i = 0; i < made.data.local_count; i++)
    CHECK(isinf(errors->sample_relative[i]) == (made.data.local_first + i == made.broken),
          "sample %lld", (long long)i);
  errors_destroy(&errors);
  unmake(&made);
}

// Of the training set, if it is loaded.
static void take_mean(struct comm *comm) {
  struct made made, train;
  make(&made, comm, false);
  make(&train, comm, false);
  for (int64_t i = 0; i < train.data.local_count; i++)
    for (size_t j = 0; j < ENTRIES; j++) train.data.y[(size_t)i * train.data.stride + j] = (real)j;
  made.run.sets[SET_TRAIN] = &train.data;
  real *mean = errors_mean_sample(&made.run, SET_TEST);
  for (size_t j = 0; j < ENTRIES; j++)
    CHECK(mean[j] == (real)j, "entry %zu: %g", j, (double)mean[j]);
  memory_free(&mean);
  unmake(&made);
  unmake(&train);
}

int main(int argc, char **argv) {
  struct comm *comm = comm_start(&argc, &argv);
  compare(comm, false);
  compare(comm, true);
  lose_one(comm);
  take_mean(comm);
  return mpi_test_summary(&comm);
}
