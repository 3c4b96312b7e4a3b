#pragma once
/// Two-layer networks with fixed output signs, trained full batch (Brand, Peng, Song, Weinstein 2021, section 3).

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/minimize.hpp>
#include <raphson/core/model.hpp>

namespace raphson {

/// φ of the hidden layer.
struct Activation {
  enum class Kind { relu, softplus } kind = Kind::relu;
  double sharpness = 1;  ///< β of softplus(βz)/β, > 0; → ReLU as β → ∞
  static Activation relu() { return {}; }
  static Activation softplus(double sharpness = 1) { return {Kind::softplus, sharpness}; }
};

struct TwoLayerReluOptions {
  Index width = 4096;  ///< m ≥ 1
  Activation activation = {};
  std::uint64_t seed = 0;  ///< of W₀ and a
};

/// f(x) = m^{-1/2} Σᵣ aᵣ φ(⟨wᵣ,x⟩), a ∈ {±1}^m fixed, parameters W (row r is wᵣ, stored one after the other: d·m numbers),
/// L(W) = ½ Σᵢ (f(xᵢ) − yᵢ)².
///
/// J ∈ R^{n×md} is never formed: with Φᵢᵣ = φ′(⟨wᵣ,xᵢ⟩) (1{z ≥ 0} for ReLU, also at −0.0), JᵀV, JU and the Gram matrix
/// JJᵀ = (XXᵀ) ∘ (ΦΦᵀ)/m come from X, Φ and a. When md ≥ n the system is in Jᵀ (Gram-Gauss-Newton), else in J.
/// Memory: n·m activations at a time (a bit each for ReLU, a double for softplus), twice while a step is tried. Throws InputError for
/// width 0, a sharpness that is not positive, non-finite data, sizes, and a net that physical memory does not hold.
class TwoLayerRelu : public Model {
 public:
  TwoLayerRelu(DataMatrix X, Vec y, TwoLayerReluOptions options = {});

  std::string name() const override;
  std::string formula() const override;
  Index parameters() const override;  ///< m·d
  double value(const Vec& W) const override;
  std::unique_ptr<Linearization> linearize(const Vec& W) const override;
  std::unique_ptr<Line> along(const Vec& W, const Vec& p) const override;
  Criterion criterion() const override { return Criterion::residual_ratio; }
  std::vector<std::string> notes() const override;

  Vec initial_weights() const;      ///< W₀, standard Gaussian
  const Vec& output_signs() const;  ///< a (m)
  Index width() const;
  const DataMatrix& data() const;
  const Vec& target() const;
  const Activation& activation() const;

  /// f for new rows.
  Vec predict(const DataMatrix& X, const Vec& W) const;
  /// The same data, signs and width with another activation (smoothing continuation).
  TwoLayerRelu with_activation(Activation activation) const;

  /// The same net (signs, width, activation) on some of the rows, in the order given: a mini-batch. Throws InputError for an index that
  /// is out of range and for none at all.
  TwoLayerRelu on_rows(const std::vector<Index>& rows) const;

  /// Rows of X that coincide (bit for bit) but whose targets differ, and what they force: ‖f − y‖ ≥ floor for every W.
  struct Conflicts {
    Index groups = 0;        ///< groups of equal rows with different targets
    Index rows = 0;          ///< rows in those groups
    Index zero_rows = 0;     ///< rows of zeros, where f is φ(0)·Σaᵣ/√m whatever W, with another target
    double floor = 0;        ///< smallest ‖f − y‖₂ they allow: √Σ (yᵢ − mean of its group)²
    Index equal_groups = 0;  ///< groups of equal rows, conflicting or not
  };
  const Conflicts& conflicts() const;
  /// The same net for targets without conflicts: each replaced by the mean of its group of equal rows, or by f where the row is zero.
  /// The objective differs by the constant ½·floor², so that minimizers and steps are the same, and the residual can vanish.
  TwoLayerRelu with_attainable_targets() const;

 private:
  struct Data;
  explicit TwoLayerRelu(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

/// The kernel of Eq. (5), K(x, x′) = E[⟨x,x′⟩ 1{⟨w,x⟩ ≥ 0, ⟨w,x′⟩ ≥ 0}] = ⟨x,x′⟩ (π − ∠(x,x′)) / 2π for all pairs of rows; n × n.
/// With more hidden layers (DeepRelu) the neural tangent kernel of that depth (Jacot, Gabriel, Hongler 2018) by the arc-cosine recursion
/// of Cho and Saul (2009): the expectation of JJᵀ over Gaussian weights as the widths grow. Throws InputError for no hidden layers.
arma::mat relu_kernel(const DataMatrix& X, Index hidden_layers = 1);

/// How train_network trains.
struct TrainOptions : Options {
  /// When unit steps disappoint, go through smoothed activations: softplus(βz)/β with growing β, then the model's own.
  bool continuation = true;
  TrainOptions() { max_iterations = 1000; }  // over all stages
};

/// Trains from W (normally model.initial_weights()) in stages, as far as each is needed: undamped Gram-Gauss-Newton steps (Brand et al.
/// 2021, Algorithm 1), given up after five without a new best point; then Levenberg-Marquardt on softplus(βz)/β for β = 1, 4, 16, …,
/// 4096, then on the model itself.
///
/// Same contract as minimize, over all stages together: iterations, seconds, time limit, callback, cancel. The history runs on through
/// the stages (an iteration of a smoothed one names its activation in `fallback`, and its figures are the smoothed model's); the notes say
/// what each stage did. W and the summary's figures are those of the best point of the model itself; residual ratios refer to ‖f − y‖ of
/// the model itself at the start. `converged` means that this ratio is within tolerance; `unattainable`, that it is within 1 % of the floor
/// that conflicts() sets above the tolerance. A globalization other than automatic replaces the first stage's unit steps; with
/// continuation off, nothing follows it. A criterion other than residual_ratio makes this a plain call of minimize.
Summary train_network(const TwoLayerRelu& model, LinearSolver& solver, Vec& W, const TrainOptions& options = {});

}  // namespace raphson
