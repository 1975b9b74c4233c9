// Whether the run should stop in good order: a signal, a file STOP in the run directory, or the end
// of its time. What is asked here is what this rank has noticed; the ranks agree elsewhere (job.c).
#ifndef GFE_STOP_H
#define GFE_STOP_H

enum stop_reason { STOP_NONE, STOP_USR1, STOP_USR2, STOP_TERM, STOP_FILE, STOP_TIME };

// As summary.json has it, such as "signal USR1"; NULL beyond the last.
const char *stop_name(enum stop_reason reason);

// Catches USR1, USR2 and TERM from now on.
void stop_catch_signals(void);

// Lets them end the program again, at once if one has been caught: where nothing could be saved.
void stop_release_signals(void);

struct stop;  // owned by the caller of stop_create()

// Watches the file `directory`/STOP, and the time: `walltime` seconds from the start of the
// program, if it is not 0, and what Slurm gives the job; the earlier one counts. For rank 0.
struct stop *stop_create(const char *directory, double walltime);
void stop_destroy(struct stop **stop);

// Seconds left; infinite without a limit, and for `stop` NULL.
double stop_seconds_left(const struct stop *stop);

// Why to stop, if at all, when `reserve` seconds must be left for the end. Of
// `stop` NULL (other ranks than 0), the signals.
enum stop_reason stop_noticed(struct stop *stop, double reserve);

#endif
