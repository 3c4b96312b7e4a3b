#pragma once
/// Matrix products on all threads. Internal to the network models.

#include <raphson/core/types.hpp>

namespace raphson {

/// C = op(A)·op(B), C m × n at leading dimension ldc, inner dimension k: tiles of C of fixed shape, and where C has few of them, runs of
/// the inner dimension, so that the bits do not depend on the number of threads. 2mnk flops at the rate of BLAS.
void parallel_gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const double* A, Index lda, const double* B, Index ldb,
                   double* C, Index ldc);

}  // namespace raphson
