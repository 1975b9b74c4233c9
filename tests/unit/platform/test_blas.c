#include "platform/blas.h"
#include "support/test.h"

static void product(void) {
  const real a[] = {1, 2, 3, 4, 5, 6}, b[] = {1, 0, 2, 1, 0, 1};
  real c[4];
  blas_gemm(false, true, 2, 2, 3, a, 3, b, 3, 0, c, 2);  // a b^T
  CHECK(c[0] == 7 && c[1] == 4 && c[2] == 16 && c[3] == 10, "%g %g %g %g", (double)c[0],
        (double)c[1], (double)c[2], (double)c[3]);
  blas_gemm(false, false, 2, 2, 3, a, 3, b, 2, 1, c, 2);  // c += a b
  CHECK(c[0] == 7 + 5 && c[3] == 10 + 10 + 1, "%g %g", (double)c[0], (double)c[3]);
}

int main(void) {
  blas_start();
  product();
  CHECK(blas_kernel()[0] != '\0', "the kernel has a name");
  return test_summary();
}
