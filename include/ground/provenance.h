// Where a result comes from: program, version, compiler, libraries, machine, time, command.
#ifndef GFE_PROVENANCE_H
#define GFE_PROVENANCE_H

#include <stdint.h>
#include <stdio.h>

// The version of the arithmetic: to be raised with every change that makes other bits of the same
// input. Runs go on with that version only with which they began.
#define PROVENANCE_ARITHMETIC "2"

// The names are openPMD's where it has one. Strings are owned by the module.
struct provenance_entry {
  const char *name, *value;
};

// Entries, ended by one with name NULL. `command` is the command line, `libraries` the versions of
// the libraries in use, `instruction_set` that of the products,
// `ranks` their number, `input` the resolved input
// file.
const struct provenance_entry *provenance_entries(const char *command, const char *libraries,
                                                  const char *instruction_set, int ranks,
                                                  const char *input);

// FNV-1a, 64 bits: names a text, guards nothing.
uint64_t provenance_hash(const char *text);

// Version, revision, floating-point type and arithmetic: what all ranks must have in common;
// static.
const char *provenance_program(void);

// Version, git revision, compiler, floating-point type: the answer of --version.
void provenance_write_version(FILE *stream);

#endif
