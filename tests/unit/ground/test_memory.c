#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "ground/memory.h"
#include "support/no_memory.h"
#include "support/test.h"

// Blocks one after the other, the last one of `size` bytes.
struct job {
  size_t size;
  char *blocks[100], *last;
};

static void take(void *context) {
  struct job *job = context;
  for (int i = 0; i < 100; i++) job->blocks[i] = memory_new(char, 1000);
  for (int i = 0; i < 100; i += 3) memory_free(&job->blocks[i]);
  job->last = memory_new(char, job->size);
}

static void take_twice(void *context) {
  struct error inner = {""};
  struct job fitting = {.size = 10};
  CHECK(memory_attempt(take, &fitting, &inner), "the inner attempt succeeds");
  memory_attempt(take, context, &inner);
  CHECK(0, "the outer attempt has failed as a whole");
}

static void attempts(void) {
  struct error error = {""};
  struct job job = {.size = 10};
  CHECK(memory_attempt(take, &job, &error) && !error_is_set(&error), "what fits: %s", error.text);
  for (int i = 0; i < 100; i++) memory_free(&job.blocks[i]);
  CHECK(job.last != NULL && job.last[9] == 0, "what was taken stays");
  memory_free(&job.last);

  job.size = SIZE_MAX / 4;
  CHECK(!memory_attempt(take, &job, &error), "more than there is");
  CHECK(job.last == NULL && strstr(error.text, "out of memory") != NULL, "%s", error.text);
  error = (struct error){""};
  job.size = SIZE_MAX - 10;
  CHECK(!memory_attempt(take_twice, &job, &error) && error_is_set(&error), "an attempt in another");
}

// ---- limits of control groups ----

static char root[] = "/tmp/gfe_test_XXXXXX";

// Writes a file below `root`, and the directories on the way.
static void put(const char *path, const char *text) {
  char full[256];
  snprintf(full, sizeof full, "%s/%s", root, path);
  for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
    *slash = '\0';
    mkdir(full, 0777);
    *slash = '/';
  }
  FILE *file = fopen(full, "w");
  if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) error_fatal("%s", full);
}

static void expect(double bytes, const char *what) {
  const double found = memory_of_machine(root);
  CHECK(found == bytes, "%s: %.0f bytes instead of %.0f", what, found, bytes);
}

static void control_groups(void) {
  static const char job[] = "sys/fs/cgroup/system.slice/slurmstepd.scope/job_7";
  char path[256];
  if (mkdtemp(root) == NULL) error_fatal("%s", root);
  const double machine = memory_of_machine(root);
  CHECK(machine > 1e8, "%.0f bytes where there is no control group", machine);

  // Version 2: of this group and those above it, the least.
  put("proc/self/cgroup", "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n");
  put("proc/self/mountinfo",
      "22 1 0:20 / /proc rw - proc proc rw\n"
      "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
  snprintf(path, sizeof path, "%s/step_0/user/task_0/memory.max", job);
  put(path, "max\n");
  expect(machine, "no limit");
  snprintf(path, sizeof path, "%s/memory.max", job);
  put(path, "50000000\n");
  expect(50000000, "the job's limit");
  put("sys/fs/cgroup/system.slice/memory.max", "60000000\n");
  expect(50000000, "a larger one above it");
  put("sys/fs/cgroup/system.slice/memory.max", "40000000\n");
  expect(40000000, "a smaller one above it");
  put("sys/fs/cgroup/memory.max", "39000000\n");
  expect(39000000, "that of the mounted group");
  snprintf(path, sizeof path, "%s/step_0/memory.high", job);
  put(path, "30000000\n");
  expect(30000000, "what may be used at full speed");
  put("sys/fs/memory.max", "1000\n");
  expect(30000000, "nothing above the mount point");

  // A container that sees its host's names: what is mounted is its own group.
  put("proc/self/cgroup", "0::/docker/0123\n");
  put("proc/self/mountinfo", "30 24 0:26 /docker/0123 /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  expect(39000000, "a container");
  put("proc/self/cgroup", "0::/../elsewhere\n");
  put("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  expect(39000000, "a name outside of the container");

  // Version 1, where memory has a hierarchy of its own, beside one of version 2 without it.
  put("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/slurm/uid_0/job_7\n0::/\n");
  put("proc/self/mountinfo",
      "32 31 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
      "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,cpu,memory\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("sys/fs/cgroup/memory/slurm/uid_0/job_7/memory.limit_in_bytes", "9223372036854771712\n");
  expect(machine, "version 1 without a limit");
  put("sys/fs/cgroup/memory/slurm/uid_0/memory.limit_in_bytes", "70000000\n");
  expect(70000000, "version 1, a group above");
  put("sys/fs/cgroup/memory/slurm/uid_0/job_7/memory.limit_in_bytes", "20000000\n");
  expect(20000000, "version 1, the job's");

  put("proc/self/cgroup", "nonsense\n4:memory\n");
  expect(machine, "a file that says nothing");
  snprintf(path, sizeof path, "rm -r %s", root);
  if (system(path) != 0) error_fatal("cannot remove %s", root);
}

// The limit is taken back: a sanitizer needs more address space than that.
static void address_space(void) {
  struct rlimit before;
  if (getrlimit(RLIMIT_AS, &before) != 0) return;
  const struct rlimit limit = {(rlim_t)1 << 40, before.rlim_max};
  CHECK(memory_of_process() > 1e15 || before.rlim_cur != RLIM_INFINITY, "no limit here");
  if (setrlimit(RLIMIT_AS, &limit) != 0) return;
  const double found = memory_of_process();
  setrlimit(RLIMIT_AS, &before);
  CHECK(found == 1099511627776.0, "ulimit -v: %.0f", found);
}

int main(void) {
  attempts();
  control_groups();
  address_space();
  for (size_t count = 0; count < 200; count += 7) {
    double *x = memory_new(double, count);
    int zero = 1;
    for (size_t i = 0; i < count; i++) zero &= x[i] == 0.0;
    CHECK((uintptr_t)x % 64 == 0, "%zu elements are not aligned", count);
    CHECK(zero, "%zu elements are not zeroed", count);
    memory_free(&x);
    CHECK(x == NULL, "the pointer is not cleared");
  }
  return test_summary();
}
