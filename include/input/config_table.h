// The declarative table behind config.h: one row per parameter, shared by the sections that have
// the same keys.
#ifndef GFE_CONFIG_TABLE_H
#define GFE_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "input/config.h"

enum config_type {      // stored as
  TYPE_BOOLEAN,         // bool
  TYPE_INTEGER,         // int64_t
  TYPE_NUMBER,          // double
  TYPE_DURATION,        // double, seconds: a number, or "HH:MM:SS" or "D-HH:MM:SS"
  TYPE_BYTES,           // double: a number, or one with a unit such as "4 GiB"
  TYPE_CHOICE,          // an enumeration, of the size of int
  TYPE_TEXT,            // char[CONFIG_TEXT]
  TYPE_DIRECTORY,       // char[CONFIG_TEXT]
  TYPE_FILE,            // char[CONFIG_TEXT], a file that exists
  TYPE_FILES,           // char[CONFIG_TEXT], a file that exists or a pattern that matches some
  TYPE_FILE_OR_INSIDE,  // the same, or a path inside the HDF5 file if `dataset` is given
  TYPE_MASK,            // the same, or a file and a path in it, FILE:/path
  TYPE_CHOICES,         // bool[], one per name: a list of some of them
  TYPE_SCALE,           // struct config_scale
  TYPE_MISSING,         // struct config_missing
  TYPE_INTEGERS,        // struct config_integers
  TYPE_NUMBERS,         // struct config_numbers: a number, or a list of them
  TYPE_NAMES,           // struct config_names
  TYPE_SELECT,          // struct config_select
  TYPE_LAYERS,          // struct config_layers
  TYPE_SIZES,           // struct layer_sizes
  TYPE_BRANCHES         // int64_t[2] in the layer, whose branches precede it
};

// The range of a number: [lower, upper], with or without its ends.
struct config_range {
  double lower, upper;
  enum { CLOSED = 0, OPEN_LOWER = 1, OPEN_UPPER = 2, OPEN = OPEN_LOWER | OPEN_UPPER } ends;
};

// How a restart treats a value that differs from that of the earlier run. Of those for a row and
// for its section, the one listed later applies.
enum config_change {
  CHANGE_REFUSED,           // the value has already influenced the results
  CHANGE_UNLESS_SCHEDULED,  // refused if the learning rate schedule or validations depend on it,
                            // else taken
  CHANGE_UNLESS_RECORDED,   // refused if the test set was encoded while training, else taken
  CHANGE_TAKEN,             // results are computed anew with it
  CHANGE_IRRELEVANT         // no result depends on it
};

struct config_row {
  const char *key;
  enum config_type type;
  size_t offset;              // from the section's struct
  const char *otherwise;      // the default as written in an input file, NULL = not given
  struct config_range range;  // numbers
  const char *(*name)(int);   // TYPE_CHOICE: the names, NULL beyond the last
  const char *unit;           // NULL for pure numbers and texts
  const char *evaluation;     // default in the section evaluation, NULL = as encoding
  unsigned kinds;             // rows of a layer: bits of the kinds that have this key
  unsigned activations;       // rows of a layer: bits of the activations that have it, 0 = all
  bool newer;                 // rows of a layer: decoder files without it mean the default
  const char *attribute;      // rows of a layer: its name in a decoder file, NULL = the key
  const char *most;           // TYPE_INTEGER: the name of the largest value, or NULL
  const char *automatic;      // can be `auto`; its text for restarts and in input files
  const char *text;           // one line for the user
  enum config_change change;
};

struct config_section {
  const char *name;  // "training", or "data.train" for a section inside a section
  const char *text;
  size_t offset;  // in struct config
  const struct config_row *rows;
  size_t count;
  bool evaluation;  // the defaults of the rows are those of `evaluation`
  enum config_change change;
};

// A parameter is a row in a section.
struct config_parameter {
  const struct config_section *section;
  const struct config_row *row;
  size_t index;
  char key[64];  // "training.batch"
};

// The number of parameters, and each of them, in the order of the table.
size_t config_parameter_count(void);
struct config_parameter config_parameter(size_t index);

// The index of a full key, or -1.
int config_parameter_find(const char *key);

// The default as text; NULL if there is none or, in evaluation, if it is the value in encoding.
const char *config_parameter_otherwise(const struct config_parameter *parameter);

// Whether a value that is not given is that of the same key in encoding.
bool config_parameter_inherits(const struct config_parameter *parameter);

// How a restart treats a changed value.
enum config_change config_parameter_change(const struct config_parameter *parameter);

// Where in struct config a parameter's value is, in bytes.
size_t config_parameter_offset(const struct config_parameter *parameter);

// Whether the parameter with a full key has a value: false if none was given and if it is left to
// decoder.file.
bool config_is_given(const struct config *config, const char *key);

// How the program chooses the value of a parameter: stores it in *config, knowing `facts`.
struct config_rule {
  const char *key;
  void (*choose)(struct config *config, const void *facts);
};

// Chooses the values that the input leaves to the program, by the rule of each parameter that is
// `auto`, which must have one.
void config_resolve(struct config *config, const struct config_rule *rules, size_t count,
                    const void *facts);

// Appends what a row accepts, such as "integer in [1,1e9], samples" or "adam, rmsprop or sgd".
void config_row_describe(const struct config_row *row, char *text, size_t size);

// The keys of one entry of decoder.layers, stored in struct layer_spec. A key that is a
// layer_name() gives the kind of layer; each entry has exactly one such key. Of the other keys of
// that kind, those without a default must be given.
extern const struct config_row config_layer_rows[];
extern const size_t config_layer_row_count;

// Whether layers of this kind have the row's key, and whether this layer does, given its
// activation, which is in an earlier row.
bool config_layer_has(const struct config_row *row, enum layer_kind kind);
bool config_layer_uses(const struct config_row *row, const struct layer_spec *layer);

#endif
