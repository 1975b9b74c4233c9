#include "decoder/activation.h"

#include <assert.h>

#include "decoder/activation_kernels.h"
#include "ground/text.h"
#include "numerics/isa.h"

ISA_VARIANTS(struct activation_kernels, activation_kernels);

static const char *const names[ACTIVATION_KINDS] = {
    [ACTIVATION_IDENTITY] = "identity", [ACTIVATION_ELU] = "elu",
    [ACTIVATION_RELU] = "relu",         [ACTIVATION_LEAKY_RELU] = "leaky_relu",
    [ACTIVATION_TANH] = "tanh",         [ACTIVATION_SIGMOID] = "sigmoid",
    [ACTIVATION_SOFTPLUS] = "softplus", [ACTIVATION_SILU] = "silu",
    [ACTIVATION_GELU] = "gelu"};

const char *activation_name(int kind) { return IN_TABLE(names, kind) ? names[kind] : NULL; }

static const struct activation_kernels *kernels(struct activation_block block) {
  assert(block.columns % 8 == 0 && block.columns <= block.stride);
  (void)block;
  return activation_kernels_variants[isa_chosen()];
}

void activation_forward(struct activation phi, struct activation_block block, real *s,
                        real *slope) {
  kernels(block)->kinds[phi.kind].forward(phi, block, s, slope);
}

void activation_curve(struct activation phi, struct activation_block block, real *s, real *slope,
                      real *curvature) {
  kernels(block)->kinds[phi.kind].curve(phi, block, s, slope, curvature);
}

void activation_backward(struct activation_block block, const real *slope, real *delta) {
  kernels(block)->backward(block, slope, delta);
}

void activation_tangent(struct activation_block block, const real *slope, real *bend, real *s_dot) {
  kernels(block)->tangent(block, slope, bend, s_dot);
}

void activation_tangent_backward(struct activation_block block, const real *slope, const real *bend,
                                 real *delta, real *delta_dot) {
  kernels(block)->tangent_backward(block, slope, bend, delta, delta_dot);
}
