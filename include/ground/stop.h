// Whether the run should stop cleanly: a signal, a file STOP in the run directory, or the end of
// its time. This is what the present rank has noticed; the ranks reach agreement elsewhere (job.c).
#ifndef GFE_STOP_H
#define GFE_STOP_H

enum stop_reason { STOP_NONE, STOP_USR1, STOP_USR2, STOP_TERM, STOP_XCPU, STOP_FILE, STOP_TIME };

// The text in summary.json, such as "signal USR1"; NULL beyond the last.
const char *stop_name(enum stop_reason reason);

// Catches USR1, USR2, TERM and XCPU from now on.
void stop_catch_signals(void);

// Lets them terminate the program again, at once if one has been caught: for use where nothing
// could be saved.
void stop_release_signals(void);

struct stop;  // owned by the caller of stop_create()

// Watches the file `directory`/STOP and the time: `walltime` seconds from the start of the program,
// unless 0, or Slurm's limit for the job, whichever comes first. For rank 0.
struct stop *stop_create(const char *directory, double walltime);
void stop_destroy(struct stop **stop);

// Seconds left; infinite without a limit, and for `stop` NULL.
double stop_seconds_left(const struct stop *stop);

// The reason to stop, if any, given that `reserve` seconds must be left for stopping. With `stop`
// NULL (ranks other than 0), only signals are considered.
enum stop_reason stop_noticed(struct stop *stop, double reserve);

#endif
