#include "data/reader.h"

#include "platform/comm.h"

const struct reader *const readers[] = {
    &reader_hdf5, &reader_npy, &reader_idx, &reader_cifar, &reader_circle,
};
const int reader_count = sizeof readers / sizeof *readers;

void dataset_read_rows(struct comm *comm, const struct dataset_source *source,
                       const struct dataset_rows *rows, enum element element, void *values,
                       struct error *error) {
  readers[source->reader]->read(comm, source, rows, element, values, error);
}

struct dataset_range dataset_share(const struct comm *comm, struct dataset_range range) {
  const int ranks = comm_size(comm), rank = comm_rank(comm);
  const int64_t first = comm_share_first(range.count, ranks, rank);
  return (struct dataset_range){range.first + first,
                                comm_share_first(range.count, ranks, rank + 1) - first};
}
