#include "ground/provenance.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "ground/real.h"
#include "revision.h"

enum { ENTRIES = 32, TEXT = 256 };

static struct provenance_entry entries[ENTRIES];
static size_t entry_count;

static void add(const char *name, const char *value) {
  if (value == NULL || value[0] == '\0' || entry_count + 1 >= ENTRIES) return;
  entries[entry_count++] = (struct provenance_entry){name, value};
  entries[entry_count] = (struct provenance_entry){NULL, NULL};
}

uint64_t provenance_hash(const char *text) {
  uint64_t value = 0xcbf29ce484222325U;
  for (; *text != '\0'; text++) value = (value ^ (unsigned char)*text) * 0x100000001b3U;
  return value;
}

static const char *now(void) {
  static char text[TEXT];
  const time_t seconds = time(NULL);
  struct tm local;
  localtime_r(&seconds, &local);
  strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &local);
  return text;
}

static const char *author(void) {
  const char *user = getenv("USER");
  return user != NULL ? user : getenv("LOGNAME");
}

static const char *machine(void) {
  static char text[TEXT];
  char host[128] = "";
  struct utsname system = {.machine = ""};
  gethostname(host, sizeof host - 1);
  uname(&system);
  snprintf(text, sizeof text, "%s (%.64s %.64s)", host, system.sysname, system.machine);
  return text;
}

const struct provenance_entry *provenance_entries(const char *command, const char *libraries,
                                                  const char *instruction_set, int ranks,
                                                  const char *input) {
  static char input_hash[32], rank_text[64];
  snprintf(input_hash, sizeof input_hash, "%016llx", (unsigned long long)provenance_hash(input));
  snprintf(rank_text, sizeof rank_text, "%d ranks x 1 thread", ranks);
  entry_count = 0;
  add("author", author());
  add("software", "gfe_hpc");
  add("softwareVersion", GFE_VERSION);
  add("revision", GFE_REVISION);
  add("date", now());
  add("softwareDependencies", libraries);
  add("compiler", GFE_COMPILER);
  add("precision", REAL_NAME);
  add("machine", machine());
  add("arithmetic", PROVENANCE_ARITHMETIC);
  add("instruction_set", instruction_set);
  add("parallelism", rank_text);
  add("command", command);
  add("slurm_job_id", getenv("SLURM_JOB_ID"));
  add("slurm_array_job_id", getenv("SLURM_ARRAY_JOB_ID"));
  add("slurm_array_task_id", getenv("SLURM_ARRAY_TASK_ID"));
  add("input_hash", input_hash);
  add("input", input);
  return entries;
}

const char *provenance_program(void) {
  return "gfe_hpc " GFE_VERSION " (revision " GFE_REVISION "), " REAL_NAME
         ", arithmetic " PROVENANCE_ARITHMETIC;
}

void provenance_write_version(FILE *stream) {
  fprintf(stream, "gfe_hpc %s (revision %s), %s, compiled by %s\n", GFE_VERSION, GFE_REVISION,
          REAL_NAME, GFE_COMPILER);
}
