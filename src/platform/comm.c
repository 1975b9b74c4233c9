#include "platform/comm.h"

#include <assert.h>
#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ground/log.h"
#include "ground/memory.h"

enum { CHUNK = 1 << 30 };  // bytes in one message: MPI counts are int

struct comm {
  MPI_Comm handle;
  int rank, size;
  struct ranks ranks;
};

static void abort_all(int code) { MPI_Abort(MPI_COMM_WORLD, code); }

static void check(int result, const char *call) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(result, text, &length);
  error_fatal("%s failed: %s", call, text);
}

static void sum_int64(void *comm, int64_t *values, size_t count) {
  comm_sum_int64(comm, values, count);
}

static void sum_double(void *comm, double *values, size_t count) {
  comm_sum_double(comm, values, count);
}

static void max_int64(void *comm, int64_t *values, size_t count) {
  comm_max_int64(comm, values, count);
}

static void max_double(void *comm, double *values, size_t count) {
  comm_max_double(comm, values, count);
}

static void broadcast(void *comm, void *data, size_t bytes, int root) {
  comm_broadcast(comm, data, bytes, root);
}

static struct ranks ranks_of(struct comm *comm) {
  return (struct ranks){.context = comm,
                        .rank = comm->rank,
                        .size = comm->size,
                        .sum_int64 = sum_int64,
                        .sum_double = sum_double,
                        .max_int64 = max_int64,
                        .max_double = max_double,
                        .broadcast = broadcast};
}

struct comm *comm_start(int *argc, char ***argv) {
  // Open MPI 4.1: vulcan can hang in collective writes, and data sieving has corrupted files.
  setenv("OMPI_MCA_fcoll", "^vulcan", 0);
  setenv("OMPI_MCA_fbtl_posix_write_datasieving", "0", 0);
  check(MPI_Init(argc, argv), "MPI_Init");
  struct comm *comm = memory_new(struct comm, 1);
  comm->handle = MPI_COMM_WORLD;
  MPI_Comm_set_errhandler(comm->handle, MPI_ERRORS_RETURN);
  MPI_Comm_rank(comm->handle, &comm->rank);
  MPI_Comm_size(comm->handle, &comm->size);
  comm->ranks = ranks_of(comm);
  error_register_abort(comm->rank, abort_all);
  log_start(comm->rank);
  return comm;
}

void comm_finish(struct comm **comm) {
  memory_free(comm);
  MPI_Finalize();
  error_register_abort(0, NULL);
}

int comm_rank(const struct comm *comm) { return comm->rank; }

int comm_size(const struct comm *comm) { return comm->size; }

const struct ranks *comm_ranks(const struct comm *comm) { return &comm->ranks; }

const void *comm_handle(const struct comm *comm) { return &comm->handle; }

const char *comm_library(void) {
  static char version[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(version, &length);
  version[strcspn(version, ",\n")] = '\0';
  return version;
}

double comm_memory(struct comm *comm) {
  MPI_Comm node;
  int ranks = 0;
  check(MPI_Comm_split_type(comm->handle, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node),
        "MPI_Comm_split_type");
  MPI_Comm_size(node, &ranks);
  MPI_Comm_free(&node);
  double bytes = -(double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / ranks;
  comm_max_double(comm, &bytes, 1);
  return -bytes;
}

void comm_barrier(struct comm *comm) { check(MPI_Barrier(comm->handle), "MPI_Barrier"); }

static int chunk_bytes(size_t left) { return left < CHUNK ? (int)left : CHUNK; }

void comm_broadcast(struct comm *comm, void *data, size_t bytes, int root) {
  assert(root >= 0 && root < comm->size);
  for (size_t done = 0; done < bytes; done += CHUNK)
    check(MPI_Bcast((char *)data + done, chunk_bytes(bytes - done), MPI_BYTE, root, comm->handle),
          "MPI_Bcast");
}

void comm_settle(struct comm *comm, const struct error *error) {
  int first = error_is_set(error) ? comm->rank : INT_MAX;
  check(MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, comm->handle), "MPI_Allreduce");
  if (first == INT_MAX) return;
  struct error common = *error;
  comm_broadcast(comm, common.text, sizeof common.text, first);
  if (comm->rank == 0) {
    fflush(stdout);
    fprintf(stderr, "gfe_hpc: %s\n", common.text);
    fflush(stderr);
  }
  comm_finish(&comm);
  exit(EXIT_CODE_USER);
}

static void reduce(struct comm *comm, void *values, size_t count, size_t size, MPI_Datatype type,
                   MPI_Op operation) {
  const size_t most = CHUNK / size;
  for (size_t done = 0; done < count; done += most)
    check(MPI_Allreduce(MPI_IN_PLACE, (char *)values + done * size,
                        (int)(count - done < most ? count - done : most), type, operation,
                        comm->handle),
          "MPI_Allreduce");
}

void comm_sum_int64(struct comm *comm, int64_t *values, size_t count) {
  reduce(comm, values, count, sizeof *values, MPI_INT64_T, MPI_SUM);
}

void comm_sum_double(struct comm *comm, double *values, size_t count) {
  reduce(comm, values, count, sizeof *values, MPI_DOUBLE, MPI_SUM);
}

void comm_max_int64(struct comm *comm, int64_t *values, size_t count) {
  reduce(comm, values, count, sizeof *values, MPI_INT64_T, MPI_MAX);
}

void comm_max_double(struct comm *comm, double *values, size_t count) {
  reduce(comm, values, count, sizeof *values, MPI_DOUBLE, MPI_MAX);
}

void comm_gather_double(struct comm *comm, const double *values, size_t count, double *all) {
  check(MPI_Gather(values, (int)count, MPI_DOUBLE, all, (int)count, MPI_DOUBLE, 0, comm->handle),
        "MPI_Gather");
}

void comm_exchange(struct comm *comm, size_t bytes, const void *send, const int *send_counts,
                   void *receive, const int *receive_counts) {
  const size_t ranks = (size_t)comm->size;
  assert(bytes <= INT_MAX && send_counts[comm->rank] == receive_counts[comm->rank]);
  int *send_starts = memory_new(int, ranks), *receive_starts = memory_new(int, ranks);
  for (size_t r = 1; r < ranks; r++) {
    send_starts[r] = send_starts[r - 1] + send_counts[r - 1];
    receive_starts[r] = receive_starts[r - 1] + receive_counts[r - 1];
  }
  MPI_Datatype item;
  check(MPI_Type_contiguous((int)bytes, MPI_BYTE, &item), "MPI_Type_contiguous");
  check(MPI_Type_commit(&item), "MPI_Type_commit");
  check(MPI_Alltoallv(send, send_counts, send_starts, item, receive, receive_counts, receive_starts,
                      item, comm->handle),
        "MPI_Alltoallv");
  MPI_Type_free(&item);
  memory_free(&send_starts);
  memory_free(&receive_starts);
}

void comm_send(struct comm *comm, const void *data, size_t bytes, int destination) {
  assert(destination >= 0 && destination < comm->size && destination != comm->rank);
  for (size_t done = 0; done < bytes; done += CHUNK)
    check(MPI_Send((const char *)data + done, chunk_bytes(bytes - done), MPI_BYTE, destination, 0,
                   comm->handle),
          "MPI_Send");
}

void comm_receive(struct comm *comm, void *data, size_t bytes, int source) {
  assert(source >= 0 && source < comm->size && source != comm->rank);
  for (size_t done = 0; done < bytes; done += CHUNK)
    check(MPI_Recv((char *)data + done, chunk_bytes(bytes - done), MPI_BYTE, source, 0,
                   comm->handle, MPI_STATUS_IGNORE),
          "MPI_Recv");
}

// ---- shares ----

// floor(rank N / R), without the product.
int64_t comm_share_first(int64_t count, int ranks, int rank) {
  assert(count >= 0 && rank >= 0 && rank <= ranks);
  return count / ranks * rank + count % ranks * rank / ranks;
}

int comm_share_home(int64_t count, int ranks, int64_t i) {
  assert(i >= 0 && i < count);
  return (int)(((i + 1) * ranks - 1) / count);
}
