#include "files/given_files.h"

#include "ground/checksum.h"
#include "ground/fingerprint.h"

enum { FILES = 3 * SET_COUNT + 1 };

struct given {
  const char *key, *path;  // borrowed
};

// Fills a list; returns how many. What is a place inside of an HDF5 file is listed like a file of
// its own: hardly ever is there one.
static size_t list_files(const struct run *run, struct given list[FILES]) {
  static const char *const keys[SET_COUNT][3] = {
      {"data.train.file", "data.train.labels", "data.train.weights"},
      {"data.test.file", "data.test.labels", "data.test.weights"},
      {"data.encode.file", "data.encode.labels", "data.encode.weights"}};
  size_t count = 0;
  for (int set = 0; set < SET_COUNT; set++) {
    const struct data_options *data = run_data(run, set);
    const char *const paths[] = {data->file, data->labels, data->weights};
    for (int i = 0; i < 3; i++)
      if (run->used[set] && paths[i][0] != '\0')
        list[count++] = (struct given){keys[set][i], paths[i]};
  }
  if (run->config.decoder.file[0] != '\0')
    list[count++] = (struct given){"decoder.file", run->config.decoder.file};
  return count;
}

uint64_t given_files_fingerprint(const struct run *run) {
  struct given list[FILES];
  uint64_t prints[FILES] = {0};
  const size_t count = list_files(run, list);
  for (size_t i = 0; i < count; i++) prints[i] = fingerprint(list[i].path);
  return checksum(prints, sizeof prints, 0);
}
