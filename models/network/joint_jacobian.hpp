#pragma once
/// J of a two-layer network whose output layer is trained too, known by its products. Internal to TwoLayerRelu.

#include <raphson/models/network/jacobian.hpp>
#include <raphson/models/network/tiles.hpp>

#include <memory>

namespace raphson {

/// J = [J_W, J_a] ∈ R^{n×m(d+1)} at one θ = (W, a), one output: row i is m^{-1/2} (aᵣ Φᵢᵣ xᵢ)ᵣ, then m^{-1/2} (φ(⟨wᵣ,xᵢ⟩))ᵣ.
///
/// For ReLU φ(⟨w,x⟩) = φ′(⟨w,x⟩)⟨w,x⟩, so that with B, the J of an output layer of ones, J(u, v) = B(aᵣuᵣ + vᵣwᵣ)ᵣ and Jᵀy is
/// (aᵣMᵣ)ᵣ, (⟨wᵣ,Mᵣ⟩)ᵣ for M = Bᵀy: products cost what they do with J_W alone, on bits. Softplus takes another pass over the data for J_a.
class JointJacobian {
 public:
  JointJacobian(const NetworkData& data, Activation activation, ActivationPattern pattern, Vec theta);

  Index points() const { return B_->points(); }
  Index neurons() const { return B_->pattern().neurons(); }
  Index parameters() const { return B_->parameters() + neurons(); }
  const std::shared_ptr<const PreconditionerKind>& kernel() const { return kernel_; }

  void multiply(const Mat<double>& U, Mat<double>& Y) const;             ///< Y = J U
  void multiply_transposed(const Mat<double>& V, Mat<double>& Y) const;  ///< Y = Jᵀ V

  void row(Index point, double* out) const;         ///< m(d + 1) numbers
  void column(Index parameter, double* out) const;  ///< n numbers

  /// J Jᵀ = ((XXᵀ) ∘ (Φ diag(a²) Φᵀ) + φ(XWᵀ)φ(XWᵀ)ᵀ)/m, n × n: 2n²m flops, for a² is no bit; real activations are made tile by tile.
  /// Real is float or double: sums are in Real.
  template <class Real>
  void point_gram(Mat<Real>& G) const;
  void point_gram_diagonal(Vec& g) const;
  OperatorCost adjoint_cost() const;  ///< of A = Jᵀ
  OperatorCost direct_cost() const;   ///< of A = J

  std::string non_finite() const { return B_->pattern().non_finite(); }

 private:
  bool relu() const { return B_->pattern().is_binary(); }
  OperatorCost with_outputs(OperatorCost cost) const;
  double scale() const;  ///< m^{-1/2}
  double a(Index r) const { return theta_[B_->parameters() + r]; }
  double activation_at(Index point, Index r) const;  ///< φ(⟨wᵣ,xᵢ⟩)
  void activations(const TileWeights& weights, Index first, Index count, Index point, Index points, double* T) const;
  void collect_activations(const double* y, double* out) const;

  Activation activation_;
  Vec theta_;
  std::shared_ptr<const PreconditionerKind> kernel_;
  std::shared_ptr<const NetworkJacobian> B_;  ///< of an output layer of ones
};

/// A = Jᵀ (m(d+1) × n) and A = J (n × m(d+1)).
std::shared_ptr<const Operator> adjoint_operator(std::shared_ptr<const JointJacobian> J);
std::shared_ptr<const Operator> direct_operator(std::shared_ptr<const JointJacobian> J);

}  // namespace raphson
