#include "ground/agreement.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ground/checksum.h"
#include "ground/error.h"

struct statement {
  char host[65], text[256];
};

void agreement_check(const struct ranks *ranks, const char *what, const char *text) {
  struct statement own = {.host = ""};
  gethostname(own.host, sizeof own.host - 1);
  snprintf(own.text, sizeof own.text, "%s", text);
  struct statement first = own;
  ranks_broadcast(ranks, &first, sizeof first, 0);
  if (strcmp(own.text, first.text) == 0) return;
  error_fatal("%s differs between ranks: %s on host %s (rank %d), %s on host %s (rank 0)", what,
              own.text, own.host, ranks_rank(ranks), first.text, first.host);
}

void agreement_check_bytes(const struct ranks *ranks, const char *what, const void *data,
                           size_t bytes) {
  char text[32];
  snprintf(text, sizeof text, "checksum %016" PRIx64, checksum(data, bytes, 0));
  agreement_check(ranks, what, text);
}
