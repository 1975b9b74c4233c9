// A YAML text as a plain tree of nodes: the one module that calls libyaml. It accepts the part of
// YAML that an input file needs (scalars, lists, maps) and refuses the rest: anchors, aliases, tags
// and keys that are not scalars.
#ifndef GFE_YAML_TREE_H
#define GFE_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ground/error.h"

enum {
  YAML_TREE_BYTES = 1 << 20,  // longest text accepted
  YAML_TREE_SCALAR = 4096,    // longest scalar or key, in bytes
  YAML_TREE_DEPTH = 64,       // deepest nesting
  YAML_TREE_NODES = 4096      // most nodes
};

enum yaml_tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct yaml_tree {
  enum yaml_tree_kind kind;
  bool quoted;              // scalar: written in quotes or as a block
  int line, column;         // where it begins, from 1; in a map where its key does
  char *key;                // its name in the map that holds it, or NULL
  char *text;               // scalar
  size_t count;             // list or map: number of children
  struct yaml_tree *first;  // list or map: first child, in the order of the text
  struct yaml_tree *next;   // next child of the same parent, or NULL
  uint64_t text_hash;       // of the root: a hash of the text that was parsed
};

// Parses `length` bytes of UTF-8. Returns the root, owned, or NULL with a message in *error. The
// message begins with "name:line:column: ", or is the bare reason if `name` is NULL. A text without
// any value is an error.
struct yaml_tree *yaml_tree_parse(const char *text, size_t length, const char *name,
                                  struct error *error);

// The same for a file, whose path is used as the name in messages. A pipe is read once, until its
// writers have closed it; a signal ends the wait with an error.
struct yaml_tree *yaml_tree_read(const char *path, struct error *error);

void yaml_tree_destroy(struct yaml_tree **tree);

// The child of a map with this key (borrowed), or NULL.
const struct yaml_tree *yaml_tree_child(const struct yaml_tree *map, const char *key);

// Whether a scalar says "no value": nothing at all, ~ or null, without quotes.
bool yaml_tree_is_null(const struct yaml_tree *node);

#endif
