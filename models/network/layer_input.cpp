#include <raphson/core/threads.hpp>
#include <raphson/models/network/layer_input.hpp>
#include <raphson/models/network/parallel_gemm.hpp>
#include <raphson/models/network/tiles.hpp>

#include <algorithm>
#include <vector>

namespace raphson {

void project(const DataMatrix& X, Index neurons, const double* W, double* Z) {
  const Index n = X.rows(), d = X.cols();
  if (!X.is_sparse()) return parallel_gemm(true, false, n, neurons, d, X.dense().memptr(), d, W, d, Z, n);
  const arma::sp_mat& columns = X.sparse_columns();
  parallel_for(neurons, [&](Index r) {
    double* z = Z + r * n;
    std::fill(z, z + n, 0.0);
    for (Index k = 0; k < d; ++k) {
      const double w = W[r * d + k];
      for (Index e = columns.col_ptrs[k]; e < columns.col_ptrs[k + 1]; ++e) z[columns.row_indices[e]] += w * columns.values[e];
    }
  });
}

void collect(const DataMatrix& X, Index neurons, const double* D, double* G) {
  const Index n = X.rows(), d = X.cols();
  if (!X.is_sparse()) return parallel_gemm(false, false, d, neurons, n, X.dense().memptr(), d, D, n, G, d);
  const arma::sp_mat& columns = X.sparse_columns();
  parallel_for(neurons, [&](Index r) {
    for (Index k = 0; k < d; ++k) {
      double sum = 0;
      for (Index e = columns.col_ptrs[k]; e < columns.col_ptrs[k + 1]; ++e) sum += D[r * n + columns.row_indices[e]] * columns.values[e];
      G[r * d + k] = sum;
    }
  });
}

template <class Real>
void multiply_by_inner_products(const DataMatrix& X, Mat<Real>& G) {
  const SingleThreadedBlas blas;
  const Blocks tiles{X.rows(), 128};
  parallel_for(tiles.count(), [&](Index task) {
    const Index I = tiles.count() - 1 - task, i = tiles.begin(I), rows = tiles.length(I);  // the longest first
    std::vector<double> inner(rows * tiles.size);
    for (Index J = 0; J <= I; ++J) {
      const Index j = tiles.begin(J), cols = tiles.length(J);
      inner_products(X, i, rows, j, cols, inner.data());
      for (Index b = 0; b < cols; ++b) {
        for (Index a = I == J ? b : 0; a < rows; ++a) G(i + a, j + b) *= static_cast<Real>(inner[b * rows + a]);
      }
    }
  });
}

template void multiply_by_inner_products<double>(const DataMatrix&, Mat<double>&);
template void multiply_by_inner_products<float>(const DataMatrix&, Mat<float>&);

}  // namespace raphson
