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
  std::uint64_t seed = 0;     ///< of W₀ and a
  double l2 = 0;              ///< μ ≥ 0 of the penalty ½μ‖W − W₀‖²
  bool train_output = false;  ///< a is trained too, from signs; one output
};

/// f(x) = m^{-1/2} Σᵣ aᵣ φ(⟨wᵣ,x⟩), a ∈ {±1}^m fixed, parameters W (row r is wᵣ, stored one after the other: d·m numbers),
/// L(W) = ½ Σᵢ (f(xᵢ) − yᵢ)² + ½μ‖W − W₀‖².
///
/// With targets Y ∈ R^{n×C} there are C outputs f_c(x) = m^{-1/2} Σᵣ aᵣ_c φ(⟨wᵣ,x⟩) of the same W, each with its own signs, and
/// L(W) = ½‖f(X) − Y‖² + …; residuals are then nC numbers, output after output, and n below stands for nC.
///
/// With train_output the parameters are θ = (W, a), a behind W: m(d + 1) numbers, J = [J_W, J_a] ∈ R^{n×m(d+1)}, and W below stands for θ
/// (in the penalty too). For ReLU products with J still cost the same, on bits; JJᵀ = (XXᵀ) ∘ (Φ diag(a²) Φᵀ)/m + φ(XWᵀ)φ(XWᵀ)ᵀ/m takes
/// 2n²m flops. There is no sparse Gram matrix, and sketches have no use for factors of Jᵀ.
///
/// J ∈ R^{n×md} is never formed: with Φᵢᵣ = φ′(⟨wᵣ,xᵢ⟩) (1{z ≥ 0} for ReLU, also at −0.0), JᵀV, JU and the Gram matrix
/// JJᵀ = (XXᵀ) ∘ (ΦΦᵀ)/m come from X, Φ and a. When md ≥ n the system is in Jᵀ (Gram-Gauss-Newton), else in J.
/// With a penalty, μ > 0, convergence is judged by the gradient, relative to that at W₀: the residual does not vanish. Minimizers of a
/// ReLU net then lie on kinks, where the gradient jumps and need not vanish either: train_network smooths, and says where it ends.
/// Memory: n·m activations at a time (a bit each for ReLU, a double for softplus), twice while a step is tried. Throws InputError for
/// width 0, a sharpness that is not positive, non-finite data, sizes, train_output with several outputs, and a net that memory
/// does not hold.
class TwoLayerRelu : public Model {
 public:
  /// y: n × C, a vector for one output.
  TwoLayerRelu(DataMatrix X, Mat<double> y, TwoLayerReluOptions options = {});

  std::string name() const override;
  std::string formula() const override;
  Index parameters() const override;  ///< m·d, or m(d + 1) where the output is trained
  double value(const Vec& W) const override;
  std::unique_ptr<Linearization> linearize(const Vec& W) const override;
  std::unique_ptr<Line> along(const Vec& W, const Vec& p) const override;
  Criterion criterion() const override { return l2() > 0 ? Criterion::relative_gradient : Criterion::residual_ratio; }
  double gradient_scale() const override;  ///< with a penalty ‖∇L(W₀)‖, one linearization
  std::vector<std::string> notes() const override;

  Vec initial_weights() const;              ///< W₀, standard Gaussian; then a₀ where it is trained
  const Mat<double>& output_signs() const;  ///< a (m × C), or a₀; those of an output do not depend on how many there are
  Index width() const;
  Index outputs() const;  ///< C
  double l2() const;      ///< μ
  bool output_trained() const;
  const DataMatrix& data() const;
  const Mat<double>& target() const;  ///< n × C
  const Activation& activation() const;

  /// f for new rows, rows × C.
  Mat<double> predict(const DataMatrix& X, const Vec& W) const;
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
  /// ReLU only: the same for attainable targets with each group of g equal rows as one, times √g like its target, and without rows of
  /// zeros. As φ(√g z) = √g φ(z) the objective is that of with_attainable_targets(), and JJᵀ is not singular on account of equal rows.
  /// Throws InputError for softplus, and where nothing but zeros would be left.
  TwoLayerRelu with_equal_rows_merged() const;

 private:
  struct Data;
  explicit TwoLayerRelu(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

/// The kernel of Eq. (5), K(x, x′) = E[⟨x,x′⟩ 1{⟨w,x⟩ ≥ 0, ⟨w,x′⟩ ≥ 0}] = ⟨x,x′⟩ (π − ∠(x,x′)) / 2π for all pairs of rows; n × n.
/// With more hidden layers (DeepRelu) the neural tangent kernel of that depth (Jacot, Gabriel, Hongler 2018) by the arc-cosine recursion
/// of Cho and Saul (2009): the expectation of JJᵀ over Gaussian weights as the widths grow. `output`: the output layer is trained too,
/// which adds E[φφ] of the last layer, ‖x‖‖x′‖(sin ∠ + (π − ∠)cos ∠)/2π for one. Throws InputError for no hidden layers.
arma::mat relu_kernel(const DataMatrix& X, Index hidden_layers = 1, bool output = false);

struct TrainState;  // models/network/train_state.hpp

/// How train_network trains.
struct TrainOptions : Options {
  /// When the first steps disappoint, go on: through smoothed activations, then from larger and larger initial weights, see train_network.
  bool continuation = true;
  /// Every so many iterations (accepted steps) the solver drops what it keeps and the run can be taken up again; 0: never.
  Index checkpoint_every = 0;
  std::function<void(const TrainState&)> checkpoint = {};  ///< is given the run there; null: nobody wants it
  std::shared_ptr<const TrainState> resume = {};           ///< go on from here, see train_state.hpp
  TrainOptions() { max_iterations = 1000; }                // over all stages
};

/// Trains from W (normally model.initial_weights()) in stages, as far as each is needed; a stage is given up as soon as it disappoints:
///  1. undamped Gram-Gauss-Newton steps from W (Brand et al. 2021, Algorithm 1);
///  2. for ReLU, smoothing: Levenberg-Marquardt on softplus(4z)/4 and softplus(16z)/16 from initial weights three times as large, then
///     undamped steps on the model itself. For softplus, Levenberg-Marquardt on the model itself from such weights;
///  3. where there are parameters enough, undamped steps from lazy_start (models/network/lazy_start.hpp) 10, 1000 and 10⁵ times as large:
///     what interpolates at all, interpolates there, though the net learns no features any more;
///  4. Levenberg-Marquardt from the best point.
/// Equal rows are merged for steps on ReLU (with_equal_rows_merged), unless the solver sketches or preconditions.
///
/// Same contract as minimize, over all stages together: iterations, seconds, time limit, callback, cancel. The history runs on through
/// the stages (an iteration of a smoothed one names its activation in `fallback`, and its figures are the smoothed model's); the notes say
/// what each stage did. W and the summary's figures are those of the best point of the model itself; residual ratios refer to ‖f − y‖ of
/// the model itself at the start. `converged` means that this ratio is within tolerance; `unattainable`, that it is within 1 % of the floor
/// that conflicts() sets above the tolerance. A globalization other than automatic replaces the first stage's unit steps, is not given up
/// early, and for softplus is all; with continuation off, ReLU has stages 1 and 4 when automatic, else the first alone. A criterion other
/// than residual_ratio makes this a plain call of minimize, and so does a penalty; but a penalized ReLU net, unless continuation is off or
/// a globalization given, goes through softplus(βz)/β for β = 4, …, 4096 and ends when its own objective no longer falls: `unattainable`,
/// since on a kink no gradient is small.
Summary train_network(const TwoLayerRelu& model, LinearSolver& solver, Vec& W, const TrainOptions& options = {});

}  // namespace raphson
