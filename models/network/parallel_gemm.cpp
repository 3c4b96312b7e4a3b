#include <raphson/core/dense.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/parallel_gemm.hpp>

#include <algorithm>
#include <vector>

namespace raphson {
namespace {

constexpr Index tile_rows = 256, tile_cols = 128;
constexpr Index few_tiles = 8;     ///< below this the inner dimension is shared out too
constexpr Index least_run = 1024;  ///< of the inner dimension

}  // namespace

void parallel_gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const double* A, Index lda, const double* B, Index ldb,
                   double* C, Index ldc) {
  const SingleThreadedBlas blas;
  const auto part = [&](Index i, Index rows, Index j, Index cols, Index from, Index depth, double* out, Index ldo) {
    gemm(transpose_a, transpose_b, rows, cols, depth, 1.0, A + (transpose_a ? i * lda + from : i + from * lda), lda,
         B + (transpose_b ? j + from * ldb : j * ldb + from), ldb, 0.0, out, ldo);
  };
  const Blocks rows{m, tile_rows}, cols{n, tile_cols}, runs = cut(k, least_run, 16);
  if (rows.count() * cols.count() >= few_tiles || runs.count() == 1) {
    return parallel_for(rows.count() * cols.count(), [&](Index task) {
      const Index i = task % rows.count(), j = task / rows.count();
      part(rows.begin(i), rows.length(i), cols.begin(j), cols.length(j), 0, k, C + rows.begin(i) + cols.begin(j) * ldc, ldc);
    });
  }
  std::vector<double> sum(m * n);
  parallel_sum<double>(
      runs, m * n, [&](Index run, double* partial) { part(0, m, 0, n, runs.begin(run), runs.length(run), partial, m); }, sum.data());
  for (Index j = 0; j < n; ++j) std::copy_n(sum.data() + j * m, m, C + j * ldc);
}

}  // namespace raphson
