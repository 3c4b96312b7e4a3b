#pragma once
/// Products of a tile of neurons with a tile of observations, dense or sparse. Internal to TwoLayerRelu.

#include <raphson/core/data_matrix.hpp>
#include <raphson/models/network/activation_pattern.hpp>

#include <utility>
#include <vector>

namespace raphson {

/// W (d × m) in the form that tiles of X read: as it is for dense data, transposed once for sparse data. Keeps a pointer to W.
class TileWeights {
 public:
  TileWeights(const DataMatrix& X, const double* W, Index neurons);
  /// T(r, i) = ⟨w_{first+r}, x_{point+i}⟩ for r < count, i < points; leading dimension tile_neurons.
  void project(Index first, Index count, Index point, Index points, double* T) const;

 private:
  const DataMatrix& X_;
  const double* W_;
  Mat<double> transposed_;  ///< m × d, sparse data only
};

/// out (d × count) = Σ over tiles of X_tile Tᵀ, for T as TileWeights::project makes it.
class TileCollector {
 public:
  TileCollector(const DataMatrix& X, Index count, double* out);
  void add(const double* T, Index point, Index points);
  void finish();  ///< `out` holds the result afterwards

 private:
  const DataMatrix& X_;
  Index count_;
  double* out_;
  std::vector<double> transposed_;  ///< count × d, sparse data only
};

/// Pairs (I, J), J ≤ I, of so many tiles of rows and columns, the largest rows last.
std::vector<std::pair<Index, Index>> lower_pairs(Index tiles);

/// C(a, b) = ⟨x_{i+a}, x_{j+b}⟩, leading dimension `rows`.
void inner_products(const DataMatrix& X, Index i, Index rows, Index j, Index cols, double* C);

}  // namespace raphson
