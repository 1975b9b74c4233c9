#include "engine/encoding.h"

#include <string.h>

#include "flow/solver.h"
#include "ground/memory.h"
#include "input/config.h"

struct column {
  const char *name, *unit, *text;
  enum encoding_source source;
  enum state_type type;
  bool latent;                           // d numbers per sample instead of one
  const char *(*value_name)(int value);  // names of its values 0, 1, ..., or NULL
  size_t offset;                         // of its array in struct encoding
};

#define MEMBER(name) offsetof(struct encoding, name)

static const struct column columns[] = {
    {.name = "z",
     .text = "latent of each sample, the end of its gradient flow",
     .type = STATE_REAL,
     .latent = true,
     .offset = MEMBER(z)},
    {.name = "loss",
     .text = "reconstruction loss of each sample at its latent, mean over entries",
     .type = STATE_DOUBLE,
     .offset = MEMBER(loss)},
    {.name = "objective",
     .text = "what the flow minimised: the loss, plus the contribution of the prior if there is "
             "one",
     .type = STATE_DOUBLE,
     .offset = MEMBER(objective)},
    {.name = "z_encoder",
     .text = "latent of each sample as given by the autoencoder's encoder",
     .source = ENCODING_BY_ENCODER,
     .type = STATE_REAL,
     .latent = true,
     .offset = MEMBER(z)},
    {.name = "loss_encoder",
     .text = "reconstruction loss of each sample at z_encoder",
     .source = ENCODING_BY_ENCODER,
     .type = STATE_DOUBLE,
     .offset = MEMBER(loss)},
    {.name = "evaluations",
     .text = "gradient evaluations of the flow",
     .type = STATE_INT64,
     .offset = MEMBER(evaluations)},
    {.name = "iterations",
     .text = "accepted steps of the flow",
     .type = STATE_INT64,
     .offset = MEMBER(iterations)},
    {.name = "rejected",
     .text = "rejected trials of the flow",
     .type = STATE_INT64,
     .offset = MEMBER(rejected)},
    {.name = "status",
     .text = "how the flow ended",
     .type = STATE_INT8,
     .value_name = status_name,
     .offset = MEMBER(status)},
    {.name = "start",
     .text = "where the flow of z began",
     .type = STATE_INT8,
     .value_name = start_taken_name,
     .offset = MEMBER(start)},
    {.name = "tries",
     .text = "number of flows, from well-separated starts, of which the one ending lowest was kept",
     .type = STATE_INT64,
     .offset = MEMBER(tries)},
    {.name = "loss_other",
     .text = "smallest objective at the end of any other try; NaN if there was none",
     .type = STATE_DOUBLE,
     .offset = MEMBER(loss_other)},
};

enum { COLUMNS = sizeof columns / sizeof *columns };

// The array of a column; copied bytewise, as its type is given only by the table.
static void *array_of(const struct encoding *encoding, const struct column *column) {
  void *array;
  memcpy(&array, (const char *)encoding + column->offset, sizeof array);
  return array;
}

static void set_array(struct encoding *encoding, const struct column *column, void *array) {
  memcpy((char *)encoding + column->offset, &array, sizeof array);
}

static size_t row_bytes(const struct column *column, size_t width) {
  return (column->latent ? width : 1) * state_type_size(column->type);
}

static size_t sample_bytes(enum encoding_source source, size_t width) {
  size_t bytes = 0;
  for (size_t k = 0; k < COLUMNS; k++)
    if (columns[k].source == source) bytes += row_bytes(&columns[k], width);
  return bytes;
}

size_t encoding_file_bytes(enum encoding_source source, size_t d) {
  return sample_bytes(source, d);
}

size_t encoding_memory_bytes(enum encoding_source source, size_t d) {
  return sample_bytes(source, real_padded(d));
}

struct encoding *encoding_create(int64_t count, size_t d) {
  return encoding_create_by(ENCODING_BY_FLOW, count, d);
}

struct encoding *encoding_create_by(enum encoding_source source, int64_t count, size_t d) {
  struct encoding *encoding = memory_new(struct encoding, 1);
  encoding->source = source;
  for (size_t k = 0; k < COLUMNS; k++)
    if (columns[k].source == source)
      set_array(encoding, &columns[k],
                memory_allocate((size_t)count, row_bytes(&columns[k], real_padded(d))));
  if (encoding->status != NULL) memset(encoding->status, STATUS_RUNNING, (size_t)count);
  return encoding;
}

void encoding_destroy(struct encoding **encoding) {
  if (*encoding == NULL) return;
  for (size_t k = 0; k < COLUMNS; k++)
    if (columns[k].source == (*encoding)->source) memory_release(array_of(*encoding, &columns[k]));
  memory_free(encoding);
}

void encoding_fields(struct encoding *const by[ENCODING_SOURCES], size_t d,
                     struct state_field samples, struct state *state) {
  for (size_t k = 0; k < COLUMNS; k++) {
    const struct column *column = &columns[k];
    if (by[column->source] == NULL) continue;
    struct state_field field = samples;
    field.name = column->name;
    field.unit = column->unit;
    field.text = column->text;
    field.value_name = column->value_name;
    field.components = column->latent ? "latent" : NULL;
    field.type = column->type;
    field.data = array_of(by[column->source], column);
    field.width = column->latent ? d : 1;
    field.stride = row_bytes(column, real_padded(d));
    state_add(state, field);
  }
}
