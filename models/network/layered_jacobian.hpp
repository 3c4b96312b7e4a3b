#pragma once
/// J of a network of several hidden layers, known by its products. Internal to DeepRelu.

#include <raphson/core/tall_operator.hpp>
#include <raphson/models/network/layers.hpp>

#include <memory>

namespace raphson {

/// J ∈ R^{n×P} at one θ. With Hₗ₋₁ (n × mₗ₋₁) what a layer reads and Δₗ = ∂f/∂zₗ (n × mₗ), row i holds δₗ(i) ⊗ hₗ₋₁(i), layer after
/// layer, so that products need neither a forward nor a backward pass.
class LayeredJacobian {
 public:
  LayeredJacobian(std::shared_ptr<const LayeredNet> net, LayerRecord record) : net_(std::move(net)), record_(std::move(record)) {}

  const LayeredNet& net() const { return *net_; }
  Index points() const { return net_->X.rows(); }
  Index parameters() const { return net_->parameters(); }

  double input(Index layer, Index point, Index k) const;  ///< Hₗ₋₁(i, k)
  double delta(Index layer, Index point, Index r) const { return record_.slopes[layer](point, r); }

  /// Y = J U, (J U)ᵢ = Σₗ ⟨δₗ(i), Uₗᵀhₗ₋₁(i)⟩, and Y = Jᵀ V, layer l being Hₗ₋₁ᵀ diag(v) Δₗ: 2nP flops a column each.
  void multiply(const Mat<double>& U, Mat<double>& Y) const;
  void multiply_transposed(const Mat<double>& V, Mat<double>& Y) const;

  void row(Index point, double* out) const;         ///< P numbers
  void column(Index parameter, double* out) const;  ///< n numbers

  /// J Jᵀ = Σₗ (Hₗ₋₁Hₗ₋₁ᵀ) ∘ (ΔₗΔₗᵀ), n × n: n²Σ(mₗ₋₁ + mₗ) flops, two more matrices of its size (one for a single hidden layer).
  /// Real is float or double: sums are in Real.
  template <class Real>
  void point_gram(Mat<Real>& G) const;
  void point_gram_diagonal(Vec& g) const;  ///< Σₗ ‖hₗ₋₁(i)‖²‖δₗ(i)‖²

  const std::shared_ptr<const PreconditionerKind>& kernel() const { return net_->kernel; }
  OperatorCost adjoint_cost() const;  ///< of A = Jᵀ
  OperatorCost direct_cost() const;   ///< of A = J

  std::string non_finite() const;  ///< "neuron 3 of hidden layer 2 at observation 7 (nan)", or empty

 private:
  std::shared_ptr<const LayeredNet> net_;
  LayerRecord record_;  ///< its slopes are Δ
};

/// A = Jᵀ (P × n) and A = J (n × P).
std::shared_ptr<const Operator> adjoint_operator(std::shared_ptr<const LayeredJacobian> J);
std::shared_ptr<const Operator> direct_operator(std::shared_ptr<const LayeredJacobian> J);

}  // namespace raphson
