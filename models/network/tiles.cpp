#include <raphson/core/dense.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/tiles.hpp>

#include <algorithm>

namespace raphson {

TileWeights::TileWeights(const DataMatrix& X, const double* W, Index neurons) : X_(X), W_(W) {
  if (!X.is_sparse()) return;
  const Index d = X.cols();
  transposed_.set_size(neurons, d);
  const Blocks blocks{d, 64};
  parallel_for(blocks.count(), [&](Index b) {
    for (Index k = blocks.begin(b); k < blocks.end(b); ++k) {
      for (Index r = 0; r < neurons; ++r) transposed_(r, k) = W[r * d + k];
    }
  });
}

void TileWeights::project(Index first, Index count, Index point, Index points, double* T) const {
  if (!X_.is_sparse()) {
    const Index d = X_.cols();
    gemm(true, false, count, points, d, 1.0, W_ + first * d, d, X_.dense().colptr(point), d, 0.0, T, tile_neurons);
    return;
  }
  const arma::sp_mat& X = X_.sparse();
  for (Index i = 0; i < points; ++i) {
    double* t = T + i * tile_neurons;
    std::fill(t, t + count, 0.0);
    for (Index e = X.col_ptrs[point + i]; e < X.col_ptrs[point + i + 1]; ++e) {
      const double x = X.values[e];
      const double* w = transposed_.colptr(X.row_indices[e]) + first;
      for (Index r = 0; r < count; ++r) t[r] += x * w[r];
    }
  }
}

TileCollector::TileCollector(const DataMatrix& X, Index count, double* out) : X_(X), count_(count), out_(out) {
  if (X.is_sparse()) {
    transposed_.assign(count * X.cols(), 0.0);
  } else {
    std::fill(out, out + count * X.cols(), 0.0);
  }
}

void TileCollector::add(const double* T, Index point, Index points) {
  if (!X_.is_sparse()) {
    const Index d = X_.cols();
    gemm(false, true, d, count_, points, 1.0, X_.dense().colptr(point), d, T, tile_neurons, 1.0, out_, d);
    return;
  }
  const arma::sp_mat& X = X_.sparse();
  for (Index i = 0; i < points; ++i) {
    const double* t = T + i * tile_neurons;
    for (Index e = X.col_ptrs[point + i]; e < X.col_ptrs[point + i + 1]; ++e) {
      const double x = X.values[e];
      double* sum = transposed_.data() + X.row_indices[e] * count_;
      for (Index r = 0; r < count_; ++r) sum[r] += x * t[r];
    }
  }
}

void TileCollector::finish() {
  if (!X_.is_sparse()) return;
  const Index d = X_.cols();
  for (Index r = 0; r < count_; ++r) {
    for (Index k = 0; k < d; ++k) out_[r * d + k] = transposed_[k * count_ + r];
  }
}

std::vector<std::pair<Index, Index>> lower_pairs(Index tiles) {
  std::vector<std::pair<Index, Index>> pairs;
  for (Index I = 0; I < tiles; ++I) {
    for (Index J = 0; J <= I; ++J) pairs.emplace_back(I, J);
  }
  return pairs;
}

void inner_products(const DataMatrix& data, Index i, Index rows, Index j, Index cols, double* C) {
  const Index d = data.cols();
  if (!data.is_sparse()) {
    const arma::mat& X = data.dense();
    gemm(true, false, rows, cols, d, 1.0, X.colptr(i), d, X.colptr(j), d, 0.0, C, rows);
    return;
  }
  const arma::sp_mat& X = data.sparse();
  std::vector<double> spread(d, 0.0);
  for (Index a = 0; a < rows; ++a) {
    for (Index e = X.col_ptrs[i + a]; e < X.col_ptrs[i + a + 1]; ++e) spread[X.row_indices[e]] = X.values[e];
    for (Index b = 0; b < cols; ++b) {
      double sum = 0;
      for (Index e = X.col_ptrs[j + b]; e < X.col_ptrs[j + b + 1]; ++e) sum += X.values[e] * spread[X.row_indices[e]];
      C[b * rows + a] = sum;
    }
    for (Index e = X.col_ptrs[i + a]; e < X.col_ptrs[i + a + 1]; ++e) spread[X.row_indices[e]] = 0;
  }
}

}  // namespace raphson
