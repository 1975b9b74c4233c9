#include "flow/flow.h"

extern const struct flow_ops flow_gradient, flow_nesterov;

static const struct flow_ops *const table[] = {
    [FLOW_GRADIENT] = &flow_gradient,
    [FLOW_NESTEROV] = &flow_nesterov,
};

const char *flow_name(int kind) {
  return kind >= 0 && (size_t)kind < sizeof table / sizeof *table ? table[kind]->name : NULL;
}

const struct flow_ops *flow_ops(int kind) { return table[kind]; }
