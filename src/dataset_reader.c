#include "dataset_reader.h"

#include "distribution.h"

const struct dataset_reader *const dataset_readers[] = {
    &dataset_reader_hdf5,  &dataset_reader_npy,    &dataset_reader_idx,
    &dataset_reader_cifar, &dataset_reader_circle,
};
const int dataset_reader_count = sizeof dataset_readers / sizeof *dataset_readers;

void dataset_read_rows(struct comm *comm, const struct dataset_source *source,
                       const struct dataset_rows *rows, enum element element, void *values,
                       struct error *error) {
  dataset_readers[source->reader]->read(comm, source, rows, element, values, error);
}

struct dataset_range dataset_share(const struct comm *comm, struct dataset_range range) {
  const int ranks = comm_size(comm), rank = comm_rank(comm);
  const int64_t first = distribution_first(range.count, ranks, rank);
  return (struct dataset_range){range.first + first,
                                distribution_first(range.count, ranks, rank + 1) - first};
}
