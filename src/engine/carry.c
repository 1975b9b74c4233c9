#include "engine/carry.h"

#include <math.h>
#include <string.h>

#include "ground/memory.h"

enum {
  PASSES_BYTES = 1 << 25,  // at most; other samples pass through the decoder once more
  FEWEST_PASSES = 16       // must have room there: fewer are not worth the work space
};

static size_t curvature_size(const struct solver_options *options, size_t d, bool learns) {
  const struct solver_ops *ops = solver_ops(options);
  return learns && ops->curvature_size != NULL ? memory_rounded(ops->curvature_size(options, d))
                                               : 0;
}

static int64_t most_passes(size_t pass_size) {
  return (int64_t)(PASSES_BYTES / (pass_size * sizeof(real)));
}

bool carry_passes_pay(const struct decoder *decoder) {
  return most_passes(objective_pass_size(decoder)) >= FEWEST_PASSES;
}

struct carry *carry_create(const struct decoder *decoder, const struct solver_options *options,
                           bool learns, bool passes) {
  struct carry *carry = memory_new(struct carry, 1);
  carry->curvature_size = curvature_size(options, decoder->d, learns);
  carry->pass_size = objective_pass_size(decoder);
  carry->most = passes ? most_passes(carry->pass_size) : 0;
  return carry;
}

static void clear(struct carry *carry) {
  memory_free(&carry->curvature);
  memory_free(&carry->passes);
  memory_free(&carry->left);
}

void carry_destroy(struct carry **carry) {
  if (*carry == NULL) return;
  clear(*carry);
  memory_free(carry);
}

double carry_bytes(const struct decoder *decoder, const struct solver_options *options, bool learns,
                   bool passes, double samples) {
  const size_t pass_size = objective_pass_size(decoder);
  const double kept = passes ? fmin(samples, (double)most_passes(pass_size)) : 0.0;
  return samples * (double)curvature_size(options, decoder->d, learns) +
         kept * (double)(pass_size * sizeof(real));
}

void carry_begin(struct carry *carry, int64_t count) {
  if (count > carry->count || carry->passes == NULL) {
    clear(carry);
    carry->kept = count < carry->most ? count : carry->most;
    carry->curvature = memory_new(char, (size_t)count * carry->curvature_size);
    carry->passes = memory_new(real, (size_t)carry->kept * carry->pass_size);
    carry->left = memory_new(bool, carry->kept);
    carry->count = count;
  } else {
    memset(carry->curvature, 0, (size_t)count * carry->curvature_size);
  }
}

void carry_forget_passes(struct carry *carry) {
  memset(carry->left, 0, (size_t)carry->kept * sizeof *carry->left);
}

void *carry_curvature(const struct carry *carry, int64_t sample) {
  return carry->curvature_size > 0 ? carry->curvature + (size_t)sample * carry->curvature_size
                                   : NULL;
}

void carry_take_pass(struct carry *carry, int64_t sample, const struct objective *objective,
                     size_t row) {
  if (sample >= carry->kept) return;
  objective_take_pass(objective, row, carry->passes + (size_t)sample * carry->pass_size);
  carry->left[sample] = true;
}

const real *carry_pass(const struct carry *carry, int64_t sample) {
  return sample < carry->kept && carry->left[sample]
             ? carry->passes + (size_t)sample * carry->pass_size
             : NULL;
}
