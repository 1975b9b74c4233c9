// What the libraries alone take: MPI, HDF5 and OpenBLAS initialised, one product computed. The
// memory of this process is the floor that bench_start.py compares gfe_hpc with.
#include <cblas.h>
#include <hdf5.h>
#include <mpi.h>
#include <stdlib.h>

enum { SIZE = 64 };

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  H5open();
  openblas_set_num_threads(1);
  float *matrix = calloc(3 * SIZE * SIZE, sizeof *matrix);
  if (matrix == NULL) return 1;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIZE, SIZE, SIZE, 1, matrix, SIZE,
              matrix + SIZE * SIZE, SIZE, 0, matrix + 2 * SIZE * SIZE, SIZE);
  free(matrix);
  H5close();
  MPI_Finalize();
  return 0;
}
