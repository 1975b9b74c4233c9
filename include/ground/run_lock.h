// One job at a time in a run directory. This is ensured by the operating system's lock on the file
// run.lock, which ends with the process, however it ends. Where the file system does not support
// locks, a heartbeat in the same file takes its place, and that of a killed job stays valid for 5
// minutes.
#ifndef GFE_RUN_LOCK_H
#define GFE_RUN_LOCK_H

#include "ground/error.h"

// "HOST.PROCESS", which identifies this process among all that may write in the directory; static.
const char *run_lock_owner(void);

// Locks the directory, which must exist, for this process until run_lock_release() or its end.
// False, with a message that names the holder, if another job has locked it. By one rank, one lock
// at a time: nothing else in the process may open run.lock, as closing it would end the lock.
bool run_lock_take(const char *directory, struct error *error);
void run_lock_release(void);

// Ends the job if it holds a lock but its directory has been removed, or replaced by another in
// which another job may be working: nothing may be overwritten there.
void run_lock_confirm(void);

// A quick check before work that might be in vain: false, with the message of run_lock_take(), if
// another job holds the directory, which need not exist. By one rank that does not hold it itself.
// Heartbeats are left to run_lock_take().
bool run_lock_is_free(const char *directory, struct error *error);

#endif
