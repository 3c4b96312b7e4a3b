#pragma once
/// φ′ of every neuron at every observation, kept compactly. Internal to TwoLayerRelu.

#include <raphson/core/aligned.hpp>
#include <raphson/models/network/common_bits.hpp>
#include <raphson/models/two_layer_relu.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace raphson {

/// Passes over a network go through tiles of neurons × observations; one tile of doubles (128 KiB) stays in cache.
inline constexpr Index tile_neurons = 256;
inline constexpr Index tile_points = 64;

/// Φᵢᵣ = φ′(⟨wᵣ,xᵢ⟩), n × m: one bit each for ReLU (1{z ≥ 0}, also at −0.0), a double for softplus.
class ActivationPattern {
 public:
  ActivationPattern(Index points, Index neurons, const Activation& activation);

  Index points() const { return points_; }
  Index neurons() const { return neurons_; }
  bool is_binary() const { return binary_; }

  /// What an n × m pattern occupies: nm/8 bytes, each row rounded up to an odd number of cache lines, or 8nm for softplus.
  static double bytes(Index points, Index neurons, const Activation& activation);

  /// Takes in what one observation showed: z (or φ′(z) for softplus) of `count` neurons from `first`, a multiple of tile_neurons.
  /// Different tiles may be stored from different threads.
  void store(Index point, Index first, Index count, const double* z);

  /// T(r, i) = Φ(point + i, first + r) for r < count ≤ tile_neurons, i < points; leading dimension tile_neurons. `first` is a
  /// multiple of tile_neurons.
  void expand(Index first, Index count, Index point, Index points, double* T) const;

  double at(Index point, Index neuron) const;

  /// Σᵣ Φᵢᵣ².
  double squared_norm(Index point) const;

  /// C(a, b) = Σᵣ Φ(i + a, r) Φ(j + b, r) for a < rows, b < cols; leading dimension `rows`. For ReLU these are whole numbers: how many
  /// neurons are active at both observations.
  void overlaps(Index i, Index rows, Index j, Index cols, double* C) const;
  double overlap(Index i, Index j) const;
  /// values[e] = Σᵣ Φᵢᵣ Φⱼᵣ for j = index[e], e < count.
  void overlaps(Index i, const Index* index, Index count, double* values) const;

  /// The bits of a binary pattern, one row an observation; bits beyond the last neuron are 0.
  BitRows bits() const { return {bits_.data(), stride_, words_}; }
  std::uint64_t* row_bits(Index point) { return bits_.data() + point * stride_; }

  /// "neuron 3 at observation 7 (nan)", or empty.
  std::string non_finite() const;

 private:
  Index points_, neurons_;
  Index words_,
      stride_;  ///< of a row of bits: whole cache lines, and an odd number of them, so that rows differ in their place in the cache
  bool binary_;
  AlignedVector<std::uint64_t> bits_;
  std::vector<double> values_;  ///< the same, neurons_ each
};

}  // namespace raphson
