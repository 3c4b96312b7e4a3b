#include <raphson/core/kernels/vector_math.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/jacobian.hpp>
#include <raphson/models/network/sign_bits.hpp>
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

/// Σ aᵣ log(1+exp(βzᵣ))/β; z is replaced by the derivative 1/(1+exp(−βz)).
double sum_softplus(Index count, const double* a, double beta, double* z) {
  // log(1+exp(t)) and its derivative are the logistic loss of label −1 and its slope.
  static constexpr auto label = [] {
    std::array<double, tile_neurons> minus_one{};
    minus_one.fill(-1);
    return minus_one;
  }();
  std::array<double, tile_neurons> t{}, value{};
  for (Index r = 0; r < count; ++r) t[r] = beta * z[r];
  vector_math::logistic(t.data(), label.data(), count, value.data(), z, nullptr);
  double sum[8] = {};
  for (Index r = 0; r < count; ++r) sum[r % 8] += a[r] * value[r];
  return (((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]))) / beta;
}

/// ReLU on dense data: bits from floats that are certain, then f = J W by table lookups in double. Needs weights of moderate size: a NaN
/// of an inactive neuron would not show, and sums of huge ones could overflow where f does not.
void forward_bits(const DataMatrix& X, const Vec& signs, const double* W, Index first, ActivationPattern& pattern, double* f) {
  sign_bits(X, first, W, pattern);
  table_multiply(X, first, pattern, signs, W, f);
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

Vec forward(const DataMatrix& X, const Vec& signs, const Activation& activation, const double* W, ActivationPattern* pattern) {
  const Index n = X.rows(), m = signs.n_elem;
  const bool by_bits = activation.kind == Activation::Kind::relu && !X.is_sparse();
  if (by_bits && moderate(W, X.cols() * m)) {
    Vec output(n);
    if (pattern) {
      forward_bits(X, signs, W, 0, *pattern, output.memptr());
      return output;
    }
    const Blocks parts{n, 4096};
    for (Index p = 0; p < parts.count(); ++p) {
      ActivationPattern bits(parts.length(p), m, activation);
      forward_bits(X, signs, W, parts.begin(p), bits, output.memptr() + parts.begin(p));
    }
    return output;
  }
  if (by_bits && pattern) sign_bits(X, 0, W, *pattern);
  const TileWeights weights(X, W, m);
  const Blocks panels{n, tile_points};
  const double scale = 1 / std::sqrt(static_cast<double>(m));
  Vec f(n);
  parallel_for(panels.count(), [&](Index panel) {
    const Index point = panels.begin(panel), points = panels.length(panel);
    std::vector<double> tile(tile_neurons * tile_points), sum(points, 0.0);
    for (Index first = 0; first < m; first += tile_neurons) {
      const Index count = std::min(tile_neurons, m - first);
      weights.project(first, count, point, points, tile.data());
      for (Index i = 0; i < points; ++i) {
        double* z = tile.data() + i * tile_neurons;
        const double* a = signs.memptr() + first;
        sum[i] += activation.kind == Activation::Kind::relu ? sum_relu(count, a, z) : sum_softplus(count, a, activation.sharpness, z);
        if (pattern && !by_bits) pattern->store(point + i, first, count, z);
      }
    }
    for (Index i = 0; i < points; ++i) f[point + i] = scale * sum[i];
  });
  return f;
}

}  // namespace raphson
