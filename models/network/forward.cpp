#include <raphson/core/threads.hpp>
#include <raphson/models/network/jacobian.hpp>
#include <raphson/models/network/sign_bits.hpp>
#include <raphson/models/network/softplus.hpp>
#include <raphson/models/network/table_products.hpp>
#include <raphson/models/network/tiles.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace raphson {
namespace {

/// Σ aᵣ max(zᵣ, 0), eight sums side by side. NaN stays NaN.
double sum_relu(Index count, const double* a, const double* z) {
  double sum[8] = {};
  Index r = 0;
  for (; r + 8 <= count; r += 8) {
    for (Index lane = 0; lane < 8; ++lane) sum[lane] += a[r + lane] * std::max(z[r + lane], 0.0);
  }
  for (; r < count; ++r) sum[r % 8] += a[r] * std::max(z[r], 0.0);
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/// Σ aᵣ valueᵣ/β.
double sum_softplus(Index count, const double* a, double beta, const double* value) {
  double sum[8] = {};
  for (Index r = 0; r < count; ++r) sum[r % 8] += a[r] * value[r];
  return (((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]))) / beta;
}

/// ReLU on dense data: bits from floats that are certain, then f = J W by table lookups in double. Needs weights of moderate size: a NaN
/// of an inactive neuron would not show, and sums of huge ones could overflow where f does not.
/// Row `first` of f is that of X.
void forward_bits(const DataMatrix& X, const Mat<double>& signs, const double* W, Index first, ActivationPattern& pattern, Mat<double>& f) {
  sign_bits(X, first, W, pattern);
  for (Index c = 0; c < signs.n_cols; ++c) table_multiply(X, first, pattern, signs.unsafe_col(c), W, f.colptr(c) + first);
}

bool moderate(const double* W, Index count) {
  constexpr Index piece = 1 << 16;
  const Blocks blocks{count, piece};
  std::vector<char> good(blocks.count(), 1);
  parallel_for(blocks.count(), [&](Index b) {
    bool within = true;
    for (Index i = blocks.begin(b); i < blocks.end(b); ++i) within &= std::abs(W[i]) < 1e140;
    good[b] = within ? 1 : 0;
  });
  return std::all_of(good.begin(), good.end(), [](char g) { return g != 0; });
}

}  // namespace

Mat<double> forward(const DataMatrix& X, const Mat<double>& signs, const Activation& activation, const double* W,
                    ActivationPattern* pattern) {
  const Index n = X.rows(), m = signs.n_rows, outputs = signs.n_cols;
  const bool relu = activation.kind == Activation::Kind::relu, by_bits = relu && !X.is_sparse();
  Mat<double> f(n, outputs);
  if (by_bits && moderate(W, X.cols() * m)) {
    if (pattern) {
      forward_bits(X, signs, W, 0, *pattern, f);
      return f;
    }
    const Blocks parts{n, 4096};
    for (Index p = 0; p < parts.count(); ++p) {
      ActivationPattern bits(parts.length(p), m, activation);
      forward_bits(X, signs, W, parts.begin(p), bits, f);
    }
    return f;
  }
  if (by_bits && pattern) sign_bits(X, 0, W, *pattern);
  const TileWeights weights(X, W, m);
  const Blocks panels{n, tile_points};
  const double scale = 1 / std::sqrt(static_cast<double>(m));
  parallel_for(panels.count(), [&](Index panel) {
    const Index point = panels.begin(panel), points = panels.length(panel);
    std::vector<double> tile(tile_neurons * tile_points), values(tile_neurons), sum(outputs * points, 0.0);
    for (Index first = 0; first < m; first += tile_neurons) {
      const Index count = std::min(tile_neurons, m - first);
      weights.project(first, count, point, points, tile.data());
      for (Index i = 0; i < points; ++i) {
        double* z = tile.data() + i * tile_neurons;
        if (!relu) softplus_here(count, activation.sharpness, z, values.data());
        for (Index c = 0; c < outputs; ++c) {
          const double* a = signs.colptr(c) + first;
          sum[c * points + i] += relu ? sum_relu(count, a, z) : sum_softplus(count, a, activation.sharpness, values.data());
        }
        if (pattern && !by_bits) pattern->store(point + i, first, count, z);
      }
    }
    for (Index e = 0; e < sum.size(); ++e) f(point + e % points, e / points) = scale * sum[e];
  });
  return f;
}

}  // namespace raphson
