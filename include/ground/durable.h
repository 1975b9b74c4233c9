// Files that are whole after a crash of the program or the machine, or are not there.
#ifndef GFE_DURABLE_H
#define GFE_DURABLE_H

// All failures are the environment's errors.

// Renames a file within its directory, replacing what is there, and makes that safe. `from` need
// not exist: then nothing happens.
void durable_rename(const char *from, const char *to);

// Brings a file's bytes safely to its disk, then durable_rename(): a complete file takes its place.
void durable_put(const char *from, const char *to);

#endif
