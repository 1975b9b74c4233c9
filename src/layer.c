#include "layer.h"

extern const struct layer_ops layer_dense;

static const struct layer_ops *const table[] = {[LAYER_DENSE] = &layer_dense};

const char *layer_name(int kind) {
  return kind >= 0 && (size_t)kind < sizeof table / sizeof *table ? table[kind]->name : NULL;
}

const struct layer_ops *layer_ops(int kind) { return table[kind]; }
