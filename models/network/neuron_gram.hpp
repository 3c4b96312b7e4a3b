#pragma once
/// Sums over neurons of outer products of what all observations show them. Internal to TwoLayerRelu.

#include <raphson/core/row_gram.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/activation_pattern.hpp>

#include <algorithm>
#include <vector>

namespace raphson {

/// Lower triangle of G (n × n) += alpha V diag(factors)² Vᵀ (null: ones), V n × m given by tiles: tile(first, count, point, points, T)
/// leaves V(point + i, first + r) in T(r, i), leading dimension tile_neurons. Neurons go as rows of n numbers, so many at a time, into the
/// kernels of Gram matrices: n²m flops and 16 MiB. Real is float or double.
template <class Real, class Tile>
void add_neuron_gram(Index n, Index m, const Tile& tile, const Vec* factors, Real alpha, Mat<Real>& G) {
  const Index at_once = std::clamp<Index>((Index{1} << 21) / n / tile_neurons * tile_neurons, tile_neurons, 2048);
  std::vector<double> rows(std::min(m, at_once) * n);
  for (Index first = 0; first < m; first += at_once) {
    const Index count = std::min(at_once, m - first);
    const Blocks neurons{count, tile_neurons}, panels{n, tile_points};
    parallel_for(neurons.count() * panels.count(), [&](Index task) {
      const Index group = task / panels.count(), panel = task % panels.count();
      const Index begin = neurons.begin(group), point = panels.begin(panel), length = neurons.length(group), points = panels.length(panel);
      std::vector<double> T(tile_neurons * tile_points);
      tile(first + begin, length, point, points, T.data());
      for (Index r = 0; r < length; ++r) {
        for (Index i = 0; i < points; ++i) rows[(begin + r) * n + point + i] = T[r + i * tile_neurons];
      }
    });
    add_row_gram<Real, double>({rows.data(), count, n, n, factors ? factors->memptr() + first : nullptr}, alpha, G.memptr(), n);
  }
}

}  // namespace raphson
