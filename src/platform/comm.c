#include "platform/comm.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ground/log.h"
#include "ground/memory.h"

enum { MESSAGE_BYTES = 1 << 30 };  // MPI counts are int

struct comm {
  MPI_Comm handle;
  int rank, size;
  size_t most;  // bytes in one message of MPI
  struct ranks ranks;
  MPI_Op combination;  // of struct ranks_numbers
  // Of the last comm_combine(): a block of so many numbers, and its type.
  int64_t *block;
  size_t block_count;
  MPI_Datatype block_type;
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

static void sum_share(void *comm, const double *values, size_t count, double *share) {
  comm_sum_share(comm, values, count, share);
}

static void combine(void *comm, const struct ranks_numbers *numbers) {
  comm_combine(comm, numbers);
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
                        .combine = combine,
                        .sum_share = sum_share,
                        .broadcast = broadcast};
}

static void combine_blocks(void *in, void *inout, int *count, MPI_Datatype *type);

struct comm *comm_start(int *argc, char ***argv) {
  // Open MPI 4.1: vulcan can hang in collective writes, and data sieving has corrupted files.
  setenv("OMPI_MCA_fcoll", "^vulcan", 0);
  setenv("OMPI_MCA_fbtl_posix_write_datasieving", "0", 0);
  check(MPI_Init(argc, argv), "MPI_Init");
  struct comm *comm = memory_new(struct comm, 1);
  comm->handle = MPI_COMM_WORLD;
  comm->most = MESSAGE_BYTES;
  MPI_Comm_set_errhandler(comm->handle, MPI_ERRORS_RETURN);
  MPI_Comm_rank(comm->handle, &comm->rank);
  MPI_Comm_size(comm->handle, &comm->size);
  check(MPI_Op_create(combine_blocks, 1, &comm->combination), "MPI_Op_create");
  comm->ranks = ranks_of(comm);
  error_register_abort(comm->rank, abort_all);
  log_start(comm->rank);
  return comm;
}

static void free_block(struct comm *comm) {
  if (comm->block != NULL) MPI_Type_free(&comm->block_type);
  memory_free(&comm->block);
}

void comm_finish(struct comm **comm) {
  free_block(*comm);
  MPI_Op_free(&(*comm)->combination);
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
  double bytes = -fmin(memory_of_machine("") / ranks, memory_of_process());
  comm_max_double(comm, &bytes, 1);
  return -bytes;
}

void comm_barrier(struct comm *comm) { check(MPI_Barrier(comm->handle), "MPI_Barrier"); }

void comm_limit_messages(struct comm *comm, size_t bytes) {
  assert(bytes >= sizeof(int64_t) && bytes <= MESSAGE_BYTES);
  comm->most = bytes;
}

// How many of the `left` bytes go into the next message.
static int message_bytes(const struct comm *comm, size_t left) {
  return (int)(left < comm->most ? left : comm->most);
}

void comm_broadcast(struct comm *comm, void *data, size_t bytes, int root) {
  assert(root >= 0 && root < comm->size);
  for (size_t done = 0; done < bytes; done += comm->most)
    check(MPI_Bcast((char *)data + done, message_bytes(comm, bytes - done), MPI_BYTE, root,
                    comm->handle),
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
  const size_t most = comm->most / size;
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

// A block of numbers as MPI sees it: one element of a dedicated type, which is never split.
enum { BLOCK_SUMS, BLOCK_MAXIMA, BLOCK_HEAD };  // where the counts stand, then sums and maxima

static void combine_blocks(void *in, void *inout, int *count, MPI_Datatype *type) {
  (void)type;
  const int64_t *from = in;
  int64_t *to = inout;
  for (int k = 0; k < *count; k++) {
    const int64_t sums = to[BLOCK_SUMS], maxima = to[BLOCK_MAXIMA];
    from += BLOCK_HEAD;
    to += BLOCK_HEAD;
    for (int64_t i = 0; i < sums; i++) *to++ += *from++;
    for (int64_t i = 0; i < maxima; i++, to++, from++) *to = *from > *to ? *from : *to;
  }
}

// A block of `count` numbers, the same as last time if it had as many.
static int64_t *block_of(struct comm *comm, size_t count) {
  if (comm->block != NULL && comm->block_count == count) return comm->block;
  free_block(comm);
  comm->block = memory_new(int64_t, count);
  comm->block_count = count;
  check(MPI_Type_contiguous((int)count, MPI_INT64_T, &comm->block_type), "MPI_Type_contiguous");
  check(MPI_Type_commit(&comm->block_type), "MPI_Type_commit");
  return comm->block;
}

void comm_combine(struct comm *comm, const struct ranks_numbers *numbers) {
  const size_t sums = numbers->sum_count, maxima = numbers->max_count;
  const size_t count = BLOCK_HEAD + sums + maxima;
  if (comm->size == 1) return;
  assert(count <= MESSAGE_BYTES / sizeof(int64_t));
  int64_t *block = block_of(comm, count);
  block[BLOCK_SUMS] = (int64_t)sums;
  block[BLOCK_MAXIMA] = (int64_t)maxima;
  if (sums > 0) memcpy(block + BLOCK_HEAD, numbers->sums, sums * sizeof *block);
  if (maxima > 0) memcpy(block + BLOCK_HEAD + sums, numbers->maxima, maxima * sizeof *block);
  check(MPI_Allreduce(MPI_IN_PLACE, block, 1, comm->block_type, comm->combination, comm->handle),
        "MPI_Allreduce");
  if (sums > 0) memcpy(numbers->sums, block + BLOCK_HEAD, sums * sizeof *block);
  if (maxima > 0) memcpy(numbers->maxima, block + BLOCK_HEAD + sums, maxima * sizeof *block);
}

void comm_gather_double(struct comm *comm, const double *values, size_t count, double *all) {
  assert(count <= MESSAGE_BYTES / sizeof *values);
  check(MPI_Gather(values, (int)count, MPI_DOUBLE, all, (int)count, MPI_DOUBLE, 0, comm->handle),
        "MPI_Gather");
}

// ---- transfers ----

// Requests under way.
struct requests {
  MPI_Request *list;
  size_t count, room;
};

static MPI_Request *new_request(struct requests *requests) {
  if (requests->count == requests->room) {
    requests->room = 2 * requests->room + 16;
    MPI_Request *more = memory_new(MPI_Request, requests->room);
    if (requests->count > 0) memcpy(more, requests->list, requests->count * sizeof *more);
    memory_free(&requests->list);
    requests->list = more;
  }
  return &requests->list[requests->count++];
}

// The blocks of memory that make a message of MPI.
struct blocks {
  int *lengths;
  MPI_Aint *addresses;
  int count;
};

// Posts the blocks as one message and empties the list.
static void post_blocks(struct comm *comm, struct blocks *blocks, int rank, bool sends,
                        struct requests *requests) {
  MPI_Datatype type;
  check(
      MPI_Type_create_hindexed(blocks->count, blocks->lengths, blocks->addresses, MPI_BYTE, &type),
      "MPI_Type_create_hindexed");
  check(MPI_Type_commit(&type), "MPI_Type_commit");
  MPI_Request *request = new_request(requests);
  if (sends)
    check(MPI_Isend(MPI_BOTTOM, 1, type, rank, 0, comm->handle, request), "MPI_Isend");
  else
    check(MPI_Irecv(MPI_BOTTOM, 1, type, rank, 0, comm->handle, request), "MPI_Irecv");
  MPI_Type_free(&type);  // freed once the message is complete
  blocks->count = 0;
}

// The blocks of the pieces (given in order[0 ... count - 1]) for or from one rank, a message for
// every comm->most bytes: sender and receiver know the same sizes, and so the same messages.
static void post_pieces(struct comm *comm, const struct comm_piece *pieces, const size_t *order,
                        size_t count, bool sends, struct requests *requests) {
  struct blocks blocks = {.lengths = memory_new(int, count + 1),
                          .addresses = memory_new(MPI_Aint, count + 1)};
  size_t bytes = 0;  // in the blocks
  for (size_t i = 0; i < count; i++) {
    const struct comm_piece *piece = &pieces[order[i]];
    for (size_t done = 0; done < piece->bytes;) {
      const size_t left = piece->bytes - done, space = comm->most - bytes;
      const size_t length = left < space ? left : space;
      check(MPI_Get_address((char *)piece->data + done, &blocks.addresses[blocks.count]),
            "MPI_Get_address");
      blocks.lengths[blocks.count++] = (int)length;
      bytes += length;
      done += length;
      if (bytes < comm->most) continue;
      post_blocks(comm, &blocks, pieces[order[i]].rank, sends, requests);
      bytes = 0;
    }
  }
  if (bytes > 0) post_blocks(comm, &blocks, pieces[order[0]].rank, sends, requests);
  memory_free(&blocks.lengths);
  memory_free(&blocks.addresses);
}

// Posts all pieces, rank by rank, those of a rank in the order in which they are given.
static void post_all(struct comm *comm, const struct comm_piece *pieces, size_t count, bool sends,
                     struct requests *requests) {
  const size_t ranks = (size_t)comm->size;
  size_t *starts = memory_new(size_t, ranks + 1), *order = memory_new(size_t, count);
  for (size_t i = 0; i < count; i++) {
    assert(pieces[i].rank >= 0 && pieces[i].rank < comm->size);
    starts[pieces[i].rank + 1]++;
  }
  for (size_t r = 0; r < ranks; r++) starts[r + 1] += starts[r];
  for (size_t i = 0; i < count; i++) order[starts[pieces[i].rank]++] = i;
  for (size_t r = 0, first = 0; r < ranks; first = starts[r++]) {  // starts[r]: now its end
    assert(starts[r] - first < INT_MAX);
    if (starts[r] > first)
      post_pieces(comm, pieces, order + first, starts[r] - first, sends, requests);
  }
  memory_free(&starts);
  memory_free(&order);
}

void comm_transfer(struct comm *comm, const struct comm_piece *sent, size_t sent_count,
                   const struct comm_piece *received, size_t received_count) {
  struct requests requests = {0};
  post_all(comm, received, received_count, false, &requests);
  post_all(comm, sent, sent_count, true, &requests);
  assert(requests.count <= INT_MAX);
  check(MPI_Waitall((int)requests.count, requests.list, MPI_STATUSES_IGNORE), "MPI_Waitall");
  memory_free(&requests.list);
}

void comm_send(struct comm *comm, const void *data, size_t bytes, int destination) {
  assert(destination >= 0 && destination < comm->size && destination != comm->rank);
  for (size_t done = 0; done < bytes; done += comm->most)
    check(MPI_Send((const char *)data + done, message_bytes(comm, bytes - done), MPI_BYTE,
                   destination, 0, comm->handle),
          "MPI_Send");
}

void comm_receive(struct comm *comm, void *data, size_t bytes, int source) {
  assert(source >= 0 && source < comm->size && source != comm->rank);
  for (size_t done = 0; done < bytes; done += comm->most)
    check(MPI_Recv((char *)data + done, message_bytes(comm, bytes - done), MPI_BYTE, source, 0,
                   comm->handle, MPI_STATUS_IGNORE),
          "MPI_Recv");
}

// ---- shares ----

enum { SHARE_PIECE = 16 };  // numbers

static struct comm_share share_of(size_t count, int ranks, int rank) {
  const int64_t pieces = (int64_t)((count + SHARE_PIECE - 1) / SHARE_PIECE);
  size_t first = SHARE_PIECE * (size_t)comm_share_first(pieces, ranks, rank);
  size_t end = SHARE_PIECE * (size_t)comm_share_first(pieces, ranks, rank + 1);
  if (end > count) end = count;
  if (first > end) first = end;
  return (struct comm_share){first, end - first};
}

struct comm_share comm_share(const struct comm *comm, size_t count) {
  return share_of(count, comm->size, comm->rank);
}

// A stretch of an array, short enough for a message, and the part of it in each rank's share.
struct stretch {
  int *counts, *starts;  // [size] elements; from the beginning of the stretch
};

static struct stretch stretch_create(const struct comm *comm) {
  return (struct stretch){memory_new(int, comm->size), memory_new(int, comm->size)};
}

static void stretch_destroy(struct stretch *stretch) {
  memory_free(&stretch->counts);
  memory_free(&stretch->starts);
}

// Cuts elements [first, end) of `count`.
static void stretch_cut(const struct comm *comm, size_t count, size_t first, size_t end,
                        struct stretch *stretch) {
  for (int r = 0; r < comm->size; r++) {
    const struct comm_share share = share_of(count, comm->size, r);
    const size_t begin = share.first > first ? share.first : first;
    const size_t stop = share.first + share.count < end ? share.first + share.count : end;
    stretch->counts[r] = stop > begin ? (int)(stop - begin) : 0;
    stretch->starts[r] = stop > begin ? (int)(begin - first) : 0;
  }
}

void comm_sum_share(struct comm *comm, const double *values, size_t count, double *share) {
  const size_t most = comm->most / sizeof *values;
  struct stretch stretch = stretch_create(comm);
  for (size_t first = 0; first < count; first += most) {
    stretch_cut(comm, count, first, count - first < most ? count : first + most, &stretch);
    check(MPI_Reduce_scatter(values + first, share, stretch.counts, MPI_DOUBLE, MPI_SUM,
                             comm->handle),
          "MPI_Reduce_scatter");
    share += stretch.counts[comm->rank];
  }
  stretch_destroy(&stretch);
}

void comm_collect_shares(struct comm *comm, void *values, size_t count, size_t size) {
  const size_t most = comm->most / size;
  struct stretch stretch = stretch_create(comm);
  MPI_Datatype element;
  check(MPI_Type_contiguous((int)size, MPI_BYTE, &element), "MPI_Type_contiguous");
  check(MPI_Type_commit(&element), "MPI_Type_commit");
  for (size_t first = 0; first < count; first += most) {
    stretch_cut(comm, count, first, count - first < most ? count : first + most, &stretch);
    check(MPI_Allgatherv(MPI_IN_PLACE, 0, element, (char *)values + first * size, stretch.counts,
                         stretch.starts, element, comm->handle),
          "MPI_Allgatherv");
  }
  MPI_Type_free(&element);
  stretch_destroy(&stretch);
}

// floor(rank N / R), without the product.
int64_t comm_share_first(int64_t count, int ranks, int rank) {
  assert(count >= 0 && rank >= 0 && rank <= ranks);
  return count / ranks * rank + count % ranks * rank / ranks;
}

int comm_share_home(int64_t count, int ranks, int64_t i) {
  assert(i >= 0 && i < count);
  return (int)(((i + 1) * ranks - 1) / count);
}
