// Decoder files with damaged bytes. HDF5 crashes on some of them; whatever it does, the program
// ends with one of its own exit codes and a message that names the file, never by a signal.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decoder/activation.h"
#include "decoder/loss.h"
#include "files/decoder_file.h"
#include "ground/memory.h"
#include "support/test.h"

enum { FILES = 160, MOST_BYTES = 1 << 16, MESSAGE = 8192 };

static char good_path[512], bad_path[512], message_path[512];

// A decoder as a run writes it. In a child process: MPI, once ended, does not start again.
static void write_decoder(void) {
  int argc = 0;
  char **argv = NULL;
  struct comm *comm = comm_start(&argc, &argv);
  const struct layer_spec specs[] = {
      {.kind = LAYER_DENSE, .width = 5, .activation = ACTIVATION_TANH},
      {.kind = LAYER_DENSE, .width = 3, .activation = ACTIVATION_IDENTITY}};
  struct decoder *decoder = decoder_create(2, 2, specs, LOSS_MSE);
  decoder_initialise(decoder, 1);
  struct h5_file *file = h5_create(good_path, 0);
  struct scaling *scaling = scaling_create(3, 3);
  decoder_file_declare(file, decoder, scaling, "(3)");
  h5_close(&file);
  file = h5_open_parallel(good_path, comm);
  decoder_file_write(file, "/decoder", decoder->network, decoder->theta, 0);
  decoder_file_write_scaling(file, scaling, 0);
  scaling_destroy(&scaling);
  h5_close(&file);
  decoder_destroy(&decoder);
  comm_finish(&comm);
}

// Reads the damaged file as a run does: exit code 0, or 2 with a message.
static void read_decoder(void) {
  static struct config config;
  struct error error = {""};
  struct scaling *scaling = NULL;
  const int message = open(message_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(message, STDERR_FILENO);
  strcpy(config.decoder.file, bad_path);
  bool good = decoder_file_describe(&config, &scaling, &error);
  if (good) {
    struct decoder *decoder =
        decoder_create((size_t)config.decoder.latent, (size_t)config.decoder.layers.count,
                       config.decoder.layers.list, config.decoder.loss);
    good = decoder_file_read(bad_path, decoder, &error);
    decoder_destroy(&decoder);
  }
  scaling_destroy(&scaling);
  if (good) _exit(EXIT_CODE_DONE);
  fprintf(stderr, "%s\n", error.text);
  _exit(EXIT_CODE_USER);
}

static int run_child(void (*work)(void)) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(EXIT_CODE_DONE);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

static size_t load(const char *path, char *data, size_t size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return 0;
  const size_t length = fread(data, 1, size, file);
  fclose(file);
  return length;
}

// A few bytes of the file become others. Every second file is damaged where HDF5 keeps texts of
// attributes, whose lengths it believes.
static void damage(char *data, size_t size, unsigned seed) {
  const char *texts = memmem(data, size, "GCOL", 4);
  uint64_t random = seed;
  for (unsigned i = 0; i < 1 + seed / 2 % 4; i++) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    const bool among_texts = seed % 2 == 1 && texts != NULL;
    const size_t first = among_texts ? (size_t)(texts - data) : 0, span = among_texts ? 512 : size;
    const size_t place = first + (size_t)(random >> 33) % span;
    if (place < size) data[place] = (char)(random >> 56 & 1 ? 0xFF : random >> 40);
  }
}

static void test_damaged_files(void) {
  static char good[MOST_BYTES], bad[MOST_BYTES], message[MESSAGE];
  const size_t size = load(good_path, good, sizeof good);
  CHECK(size > 0 && size < sizeof good, "%zu bytes", size);
  int read = 0, refused = 0, crashed = 0;
  for (unsigned seed = 0; seed < FILES; seed++) {
    memcpy(bad, good, size);
    damage(bad, size, seed);
    FILE *file = fopen(bad_path, "wb");
    fwrite(bad, 1, size, file);
    fclose(file);
    const int status = run_child(read_decoder);
    CHECK(WIFEXITED(status), "damage %u ends by signal %d", seed, WTERMSIG(status));
    const int code = WEXITSTATUS(status);
    message[load(message_path, message, sizeof message - 1)] = '\0';
    const bool named = strstr(message, "decoder.file") != NULL && strstr(message, bad_path) != NULL;
    CHECK(code == EXIT_CODE_DONE || (code == EXIT_CODE_USER && named) ||
              (code == EXIT_CODE_ENVIRONMENT && named),
          "damage %u: exit code %d, %s", seed, code, message);
    read += code == EXIT_CODE_DONE;
    refused += code == EXIT_CODE_USER;
    crashed += code == EXIT_CODE_ENVIRONMENT;
  }
  printf("%d files read, %d refused, on %d HDF5 crashed\n", read, refused, crashed);
  CHECK(read > 0 && refused > 0, "the damage is not of all kinds");
}

int main(void) {
  const char *parent = getenv("TMPDIR");
  char directory[256];
  snprintf(directory, sizeof directory, "%s/gfe_test_XXXXXX", parent != NULL ? parent : "/tmp");
  if (mkdtemp(directory) == NULL) error_fatal("cannot make %s", directory);
  snprintf(good_path, sizeof good_path, "%s/good.h5", directory);
  snprintf(bad_path, sizeof bad_path, "%s/bad.h5", directory);
  snprintf(message_path, sizeof message_path, "%s/message", directory);
  CHECK(run_child(write_decoder) == 0, "a decoder file");
  test_damaged_files();
  unlink(good_path);
  unlink(bad_path);
  unlink(message_path);
  rmdir(directory);
  return test_summary();
}
