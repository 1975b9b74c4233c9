#include "flow/flow.h"

#include "ground/text.h"

extern const struct flow_ops flow_gradient, flow_nesterov;

static const struct flow_ops *const table[] = {
    [FLOW_GRADIENT] = &flow_gradient,
    [FLOW_NESTEROV] = &flow_nesterov,
};

const char *flow_name(int kind) { return IN_TABLE(table, kind) ? table[kind]->name : NULL; }

const struct flow_ops *flow_ops(enum flow_kind kind) { return table[kind]; }
