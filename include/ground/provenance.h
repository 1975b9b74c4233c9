// Where a result comes from: program, version, compiler, libraries, machine, time, command.
#ifndef GFE_PROVENANCE_H
#define GFE_PROVENANCE_H

#include <stdint.h>
#include <stdio.h>

// The version of the arithmetic: to be raised with every change that produces different bits from
// the same input. A run can be continued only with the version with which it began.
#define PROVENANCE_ARITHMETIC "2"

// Names follow openPMD where it defines one. Strings are owned by the module.
struct provenance_entry {
  const char *name, *value;
};

// Entries, terminated by one with name NULL. `command` is the command line, `libraries` the
// versions of the libraries in use, `instruction_set` that of the products, `ranks` the number of
// ranks, and `input` the resolved input file.
const struct provenance_entry *provenance_entries(const char *command, const char *libraries,
                                                  const char *instruction_set, int ranks,
                                                  const char *input);

// FNV-1a, 64 bits: identifies a text, without any guarantee against collisions.
uint64_t provenance_hash(const char *text);

// Version, revision, floating-point type and arithmetic, which all ranks must have in common;
// static.
const char *provenance_program(void);

// Version, git revision, compiler, floating-point type: the output of --version.
void provenance_write_version(FILE *stream);

#endif
