#pragma once
/// A network of several hidden layers on its data, forward and backward. Internal to DeepRelu.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/preconditioner.hpp>
#include <raphson/models/two_layer_relu.hpp>

#include <memory>
#include <vector>

namespace raphson {

/// What a deep network is made of beside its weights. Layers count from 0 here; the last hidden one is layers() − 1.
struct LayeredNet {
  DataMatrix X;
  Vec y;
  std::vector<Index> widths;  ///< of the hidden layers
  Activation activation;
  Vec signs;                                         ///< a, ±1, one for each neuron of the last layer
  std::shared_ptr<const PreconditionerKind> kernel;  ///< that of this depth on X

  Index layers() const { return widths.size(); }
  Index inputs(Index layer) const { return layer == 0 ? X.cols() : widths[layer - 1]; }
  Index weights(Index layer) const { return inputs(layer) * widths[layer]; }
  Index begin(Index layer) const;  ///< where W of a layer begins in θ
  Index parameters() const { return begin(layers()); }
  double scale(Index layer) const;  ///< √(2/m) within, 1/√m at the last
};

/// What a forward pass leaves for the backward one.
struct LayerRecord {
  std::vector<Mat<double>> outputs;  ///< h of every layer but the last, n × m
  std::vector<Mat<double>> slopes;   ///< ∂h/∂z of every layer, n × m

  /// Bytes that it takes for n rows.
  static double bytes(double rows, const std::vector<Index>& widths);
};

/// f for every row of X; what J needs goes to `record` unless null. 2·nnz(X)·m₁ + 2nΣ mₗ₋₁mₗ flops.
Vec forward(const LayeredNet& net, const DataMatrix& X, const double* theta, LayerRecord* record);

/// Turns the slopes into Δₗ = ∂f/∂zₗ, layer by layer from the last: 2nΣ mₗ₋₁mₗ flops without the first layer's.
void backward(const LayeredNet& net, const double* theta, LayerRecord& record);

}  // namespace raphson
