// Files that, after a crash of the program or the machine, are either complete or absent.
#ifndef GFE_DURABLE_H
#define GFE_DURABLE_H

// All failures are the environment's errors.

// Durably renames a file within its directory, replacing any existing one. Does nothing if `from`
// does not exist. A job that has lost its run directory ends (run_lock_confirm()).
void durable_rename(const char *from, const char *to);

// Flushes a file's bytes to disk, then calls durable_rename(): a complete file takes its place.
void durable_put(const char *from, const char *to);

#endif
