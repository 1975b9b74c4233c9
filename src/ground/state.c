#include "ground/state.h"

#include <assert.h>
#include <string.h>

#include "ground/error.h"
#include "ground/real.h"

size_t state_type_size(enum state_type type) {
  static const size_t sizes[] = {[STATE_REAL] = sizeof(real),
                                 [STATE_DOUBLE] = sizeof(double),
                                 [STATE_INT64] = sizeof(int64_t),
                                 [STATE_INT8] = sizeof(int8_t)};
  return sizes[type];
}

// Whether the other fields of its group with this dimension have as many rows.
__attribute__((unused)) static bool has_one_length(const struct state *state,
                                                   const struct state_field *field) {
  bool same = true;
  for (size_t i = 0; i < state->count; i++) {
    const struct state_field *other = state->fields + i;
    if (strcmp(other->group, field->group) == 0 && strcmp(other->dimension, field->dimension) == 0)
      same = same && other->total == field->total;
  }
  return same;
}

void state_add(struct state *state, struct state_field field) {
  if (state->count == STATE_FIELDS)
    error_fatal("no place for %s/%s among %d arrays of state", field.group, field.name,
                STATE_FIELDS);
  assert(field.first >= 0 && field.first + field.count <= field.total);
  assert(field.stride >= state_row_bytes(&field));
  assert(has_one_length(state, &field));
  state->fields[state->count++] = field;
}

void state_add_numbers(struct state *state, const char *group, const char *name,
                       enum state_type type, void *data, int64_t count, const char *dimension,
                       const char *text) {
  state_add(state, (struct state_field){.group = group,
                                        .name = name,
                                        .text = text,
                                        .dimension = dimension,
                                        .type = type,
                                        .data = data,
                                        .total = count,
                                        .count = count,
                                        .width = 1,
                                        .stride = state_type_size(type)});
}

size_t state_row_bytes(const struct state_field *field) {
  return field->width * state_type_size(field->type);
}

void state_pack(const struct state_field *field, int64_t first, int64_t count, void *block) {
  assert(first >= 0 && first + count <= field->count);
  const size_t bytes = state_row_bytes(field);
  for (int64_t i = 0; i < count; i++)
    memcpy((char *)block + (size_t)i * bytes,
           (const char *)field->data + (size_t)(first + i) * field->stride, bytes);
}

void state_unpack(const struct state_field *field, int64_t first, int64_t count,
                  const void *block) {
  assert(first >= 0 && first + count <= field->count);
  const size_t bytes = state_row_bytes(field);
  for (int64_t i = 0; i < count; i++)
    memcpy((char *)field->data + (size_t)(first + i) * field->stride,
           (const char *)block + (size_t)i * bytes, bytes);
}
