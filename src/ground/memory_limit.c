// How much memory there is. A control group limits the processes in it and in the groups below it,
// so that the least limit on the way from a process's own group up to the root counts.
// /proc/self/cgroup names that group, in a line "NUMBER:CONTROLLERS:PATH" for each hierarchy, that
// of version 2 without controllers; /proc/self/mountinfo says where a hierarchy is mounted, and
// from which group on (cgroups(7), proc(5)).
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ground/memory.h"

enum { LINE = 4096, PLACE = 3 * LINE };  // bytes; a path is made of root, mount point and group

enum version { VERSION_1, VERSION_2, VERSIONS };

// The files with the limits of a group: each holds a number, or a word where there is no limit.
// (Beyond `high` processes are slowed down until they give memory back.)
static const char *const files[VERSIONS][2] = {
    [VERSION_1] = {"memory.limit_in_bytes", NULL}, [VERSION_2] = {"memory.max", "memory.high"}};

// Whether "a,b,c" has the word.
static bool lists(const char *text, const char *word) {
  const size_t length = strlen(word);
  for (;;) {
    const size_t next = strcspn(text, ",");
    if (next == length && strncmp(text, word, length) == 0) return true;
    if (text[next] == '\0') return false;
    text += next + 1;
  }
}

static double read_limit(const char *group, const char *name) {
  char path[PLACE + 32];
  double bytes = INFINITY;
  if (name == NULL) return bytes;
  snprintf(path, sizeof path, "%s/%s", group, name);
  FILE *file = fopen(path, "r");
  if (file == NULL) return bytes;
  if (fscanf(file, "%lf", &bytes) != 1) bytes = INFINITY;
  fclose(file);
  return bytes;
}

// The least limit of the group at `place`, and of those above it down to the first `top` bytes.
static double least_limit(char place[PLACE], size_t top, enum version version) {
  double least = INFINITY;
  for (;;) {
    for (size_t i = 0; i < 2; i++) least = fmin(least, read_limit(place, files[version][i]));
    char *slash = strrchr(place, '/');
    if (slash == NULL || slash < place + top) return least;
    *slash = '\0';
  }
}

// The group of this process in a hierarchy of that version that limits memory; false if none is.
static bool find_group(const char *root, enum version version, char group[LINE]) {
  char path[LINE + 32], line[LINE];
  snprintf(path, sizeof path, "%.*s/proc/self/cgroup", LINE, root);
  FILE *file = fopen(path, "r");
  bool found = false;
  while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *name = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (name == NULL) continue;
    *controllers++ = *name++ = '\0';
    found = version == VERSION_2 ? *controllers == '\0' : lists(controllers, "memory");
    if (found) snprintf(group, LINE, "%s", name);
  }
  if (file != NULL) fclose(file);
  return found;
}

// What `group` is below the group that is mounted. One that lies elsewhere (a container that sees
// the names of its host, or "/../x") is that group itself.
static const char *below(const char *group, const char *mounted) {
  const size_t length = strcmp(mounted, "/") == 0 ? 0 : strlen(mounted);
  if (strncmp(group, mounted, length) != 0 || (group[length] != '/' && group[length] != '\0'))
    return "";
  const char *rest = group + length;
  return strcmp(rest, "/") == 0 || strstr(rest, "/..") != NULL ? "" : rest;
}

// The limit in the hierarchies of one version, of each place where they are mounted.
static double limit_of(const char *root, enum version version) {
  char group[LINE], path[LINE + 32], line[LINE], mounted[LINE], point[LINE], type[LINE],
      super[LINE];
  double least = INFINITY;
  if (!find_group(root, version, group)) return least;
  snprintf(path, sizeof path, "%.*s/proc/self/mountinfo", LINE, root);
  FILE *file = fopen(path, "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    const char *rest = strstr(line, " - ");
    if (rest == NULL || sscanf(line, "%*s %*s %*s %s %s", mounted, point) != 2 ||
        sscanf(rest, " - %s %*s %s", type, super) != 2)
      continue;
    if (version == VERSION_2 ? strcmp(type, "cgroup2") != 0
                             : strcmp(type, "cgroup") != 0 || !lists(super, "memory"))
      continue;
    char place[PLACE];
    const int top = snprintf(place, sizeof place, "%s%s", root, point);
    if (top < 0 || (size_t)top >= sizeof place) continue;
    snprintf(place + top, sizeof place - (size_t)top, "%s", below(group, mounted));
    least = fmin(least, least_limit(place, (size_t)top, version));
  }
  if (file != NULL) fclose(file);
  return least;
}

double memory_of_machine(const char *root) {
  const double built_in = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  return fmin(built_in, fmin(limit_of(root, VERSION_1), limit_of(root, VERSION_2)));
}

double memory_of_process(void) {
  struct rlimit limit;
  const bool limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return limited ? (double)limit.rlim_cur : INFINITY;
}
