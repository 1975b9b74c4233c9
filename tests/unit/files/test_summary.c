// A run is finished if summary.json says so, of the same input, and results.h5 has its size.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/summary.h"
#include "ground/fingerprint.h"
#include "support/test.h"

static void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  if (file == NULL) exit(1);
  fputs(text, file);
  fclose(file);
}

static void expect(const char *text, bool read, const char *reason, bool finished) {
  struct summary summary;
  write_text("summary.json", text);
  CHECK(summary_read(".", 0x2a, &summary) == read, "%s", text);
  CHECK(strcmp(summary.exit_reason, reason) == 0 && summary.finished == finished,
        "%s: '%s', finished %d", text, summary.exit_reason, summary.finished);
}

int main(void) {
  static const char done[] =
      "{\n  \"train_loss\": null,\n  \"epochs\": 7,\n  \"config_hash\": \"000000000000002a\",\n"
      "  \"test_checksum\": \"00000000000000ff\",\n  \"results_bytes\": 4,\n"
      "  \"exit_reason\": \"done\"\n}\n";
  char directory[] = "/tmp/test_summary_XXXXXX";
  struct summary summary;
  if (mkdtemp(directory) == NULL || chdir(directory) != 0) return 1;
  CHECK(!summary_read(".", 0x2a, &summary) && !summary.finished, "no file");
  expect(done, true, "done", false);
  write_text("results.h5", "123");
  expect(done, true, "done", false);
  write_text("results.h5", "1234");
  expect(done, true, "done", true);
  CHECK(summary_read(".", 0x2a, &summary) && summary.data_checksum[SET_TEST] == 0xff &&
            summary.data_checksum[SET_TRAIN] == 0,
        "checksums");
  CHECK(summary.epochs == 7, "%lld epochs", (long long)summary.epochs);
  CHECK(summary_results_are_whole(".", &summary), "nothing is told of what is in results.h5");
  summary.results_checksum = fingerprint_content("results.h5");
  CHECK(summary_results_are_whole(".", &summary), "results.h5 as it was");
  write_text("results.h5", "1233");
  CHECK(!summary_results_are_whole(".", &summary), "another byte");
  expect("{\"config_hash\": \"000000000000002b\", \"exit_reason\": \"done\"}", true, "done", false);
  expect(
      "{\"config_hash\": \"000000000000002b\", \"input_hash\": \"000000000000002a\", "
      "\"exit_reason\": \"done\", \"results_bytes\": 4}",
      true, "done", true);
  expect("{\"config_hash\": \"000000000000002a\", \"exit_reason\": \"signal USR1\"}", true,
         "signal USR1", false);
  expect("{\"config_hash\": \"000000000000002a\"}", true, "", false);
  expect("[1, 2]", true, "", false);
  expect("{\"exit_reason\": \"do", false, "", false);
  unlink("summary.json");
  unlink("results.h5");
  if (chdir("/") == 0) rmdir(directory);
  return test_summary();
}
