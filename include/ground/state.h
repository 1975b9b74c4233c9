// What determines the future of a run, as a list of named arrays: each module with a state adds its
// own, and checkpoints write, check and read whatever is on the list.
#ifndef GFE_STATE_H
#define GFE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum state_type { STATE_REAL, STATE_DOUBLE, STATE_INT64, STATE_INT8 };
size_t state_type_size(enum state_type type);

enum { STATE_FIELDS = 96 };

// An array of rows of `width` elements each, `stride` bytes apart. Names and data are borrowed;
// reading stores into `data`.
struct state_field {
  const char *group, *name, *text;       // such as "history", "step_loss", and a description
  const char *unit;                      // NULL: "1"
  const char *(*value_name)(int value);  // names of its values 0, 1, ..., or NULL
  const char *dimension, *components;    // names of the axes; components NULL: rows of one number
  enum state_type type;
  void *data;
  bool newer;                   // checkpoints of earlier versions lack it: `data` is then unchanged
  bool shared;                  // ranks have different rows; otherwise each has all
  bool even;                    // shared, but each rank's rows begin at a multiple of 8
  int64_t total, first, count;  // rows in all, and those of this rank
  size_t width, stride;
};

struct state {
  struct state_field fields[STATE_FIELDS];
  size_t count;
};

// Adds a field; fields of a group with the same dimension have as many rows. Too many fields are a
// programming error: error_fatal().
void state_add(struct state *state, struct state_field field);

// Adds `count` numbers, gap-free, that are the same on all ranks.
void state_add_numbers(struct state *state, const char *group, const char *name,
                       enum state_type type, void *data, int64_t count, const char *dimension,
                       const char *text);

// Bytes of one row without gaps.
size_t state_row_bytes(const struct state_field *field);

// Copies rows [first, first + count), counted from this rank's first one, to or from a gap-free
// block.
void state_pack(const struct state_field *field, int64_t first, int64_t count, void *block);
void state_unpack(const struct state_field *field, int64_t first, int64_t count, const void *block);

#endif
