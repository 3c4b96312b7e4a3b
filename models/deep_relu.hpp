#pragma once
/// Networks of several hidden layers with fixed output signs, trained full batch.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/model.hpp>
#include <raphson/models/two_layer_relu.hpp>

#include <vector>

namespace raphson {

struct DeepReluOptions {
  std::vector<Index> widths = {512, 512};  ///< m₁, …, m_H of the hidden layers, each ≥ 1; H + 1 layers of weights in all
  Activation activation = {};
  std::uint64_t seed = 0;  ///< of W₁, …, W_H at the start and of a
};

/// h₀ = x, hₗ = √(2/mₗ) φ(Wₗhₗ₋₁) for l < H, f(x) = m_H^{-1/2} aᵀφ(W_H h_{H−1}) (the NTK parametrization: Jacot, Gabriel, Hongler 2018),
/// a ∈ {±1}^{m_H} fixed; every W is trained. L(θ) = ½ Σᵢ (f(xᵢ) − yᵢ)². One hidden layer is TwoLayerRelu, with the same start and
/// signs for the same seed.
///
/// Parameters: Wₗ layer after layer, in each the weights of one neuron after the other (m_{l−1} numbers); P = Σ mₗ₋₁mₗ, m₀ = d.
/// J ∈ R^{n×P} is never formed: with Hₗ₋₁ (n × mₗ₋₁) what a layer reads and Δₗ = ∂f/∂zₗ (n × mₗ) from one backward pass, Jᵀv is
/// Hₗ₋₁ᵀdiag(v)Δₗ and J u is Σₗ rowsum(Δₗ ∘ Hₗ₋₁Uₗ), 2nP flops each, and JJᵀ = Σₗ (Hₗ₋₁Hₗ₋₁ᵀ) ∘ (ΔₗΔₗᵀ), n²Σ(mₗ₋₁ + mₗ) flops. When P ≥ n
/// the system is in Jᵀ (Gram-Gauss-Newton), else in J, whose Gram matrix is formed from rows (nP² flops).
/// A point costs 4nP flops (forward and backward) and keeps 8n(m₁ + … + m_H + m₁ + … + m_{H−1}) bytes, twice while a step is tried; X may
/// be sparse. Throws InputError for no hidden layers, a width of 0, a sharpness that is not positive, non-finite data, sizes, and a
/// net that memory does not hold.
class DeepRelu : public Model {
 public:
  DeepRelu(DataMatrix X, Vec y, DeepReluOptions options = {});

  std::string name() const override;
  std::string formula() const override;
  Index parameters() const override;  ///< P
  double value(const Vec& theta) const override;
  std::unique_ptr<Linearization> linearize(const Vec& theta) const override;
  std::unique_ptr<Line> along(const Vec& theta, const Vec& p) const override;
  Criterion criterion() const override { return Criterion::residual_ratio; }
  std::vector<std::string> notes() const override;

  Vec initial_weights() const;      ///< standard Gaussian
  const Vec& output_signs() const;  ///< a (m_H)
  const std::vector<Index>& widths() const;
  const DataMatrix& data() const;
  const Vec& target() const;
  const Activation& activation() const;

  /// f for new rows.
  Vec predict(const DataMatrix& X, const Vec& theta) const;

 private:
  struct Data;
  std::shared_ptr<const Data> data_;
};

/// minimize with `options`, and with checkpoints to take it up again (models/network/train_state.hpp). There is no continuation: that part
/// of the options says nothing here.
Summary train_network(const DeepRelu& model, LinearSolver& solver, Vec& theta, const TrainOptions& options = {});

}  // namespace raphson
