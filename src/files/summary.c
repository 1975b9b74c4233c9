#include "files/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ground/directory.h"
#include "ground/fingerprint.h"
#include "ground/memory.h"
#include "platform/yaml_tree.h"

static const char *scalar(const struct yaml_tree *map, const char *key) {
  const struct yaml_tree *child = map->kind == TREE_MAP ? yaml_tree_child(map, key) : NULL;
  return child != NULL && child->kind == TREE_SCALAR ? child->text : "";
}

static uint64_t hexadecimal(const struct yaml_tree *map, const char *key) {
  return strtoull(scalar(map, key), NULL, 16);
}

int64_t summary_results_bytes(const char *directory) {
  struct stat status;
  char *path = directory_path(directory, "results.h5");
  const bool there = stat(path, &status) == 0;
  memory_free(&path);
  return there ? (int64_t)status.st_size : -1;
}

bool summary_results_are_whole(const char *directory, const struct summary *summary) {
  if (summary->results_checksum == 0) return true;
  char *path = directory_path(directory, "results.h5");
  const bool whole = fingerprint_content(path) == summary->results_checksum;
  memory_free(&path);
  return whole;
}

// JSON is YAML, so it is read as that.
bool summary_read(const char *directory, uint64_t config_hash, struct summary *summary) {
  struct error ignored = {""};
  char hash[32], bytes[32], *path = directory_path(directory, "summary.json");
  struct yaml_tree *tree = yaml_tree_read(path, &ignored);
  memory_free(&path);
  *summary = (struct summary){.finished = false};
  if (tree == NULL) return false;
  snprintf(hash, sizeof hash, "%016" PRIx64, config_hash);
  snprintf(bytes, sizeof bytes, "%" PRId64, summary_results_bytes(directory));
  snprintf(summary->exit_reason, sizeof summary->exit_reason, "%s", scalar(tree, "exit_reason"));
  // The input matches either as given or as modified by the run (decoder.initial: pod).
  const bool same = strcmp(scalar(tree, "config_hash"), hash) == 0 ||
                    strcmp(scalar(tree, "input_hash"), hash) == 0;
  summary->finished = strcmp(summary->exit_reason, "done") == 0 && same &&
                      strcmp(scalar(tree, "results_bytes"), bytes) == 0;
  summary->epochs = strtoll(scalar(tree, "epochs"), NULL, 10);
  summary->given_files = hexadecimal(tree, "given_files");
  summary->results_checksum = hexadecimal(tree, "results_checksum");
  summary->decoder_checksum = hexadecimal(tree, "decoder_file_checksum");
  for (int set = 0; set < SET_COUNT; set++) {
    char key[64];
    snprintf(key, sizeof key, "%s_checksum", set_name(set));
    summary->data_checksum[set] = hexadecimal(tree, key);
  }
  yaml_tree_destroy(&tree);
  return true;
}
