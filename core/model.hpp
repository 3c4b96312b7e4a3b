#pragma once
/// What is minimized: an objective that can say what it looks like at a point.

#include <raphson/core/gram_system.hpp>
#include <raphson/core/types.hpp>

#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace raphson {

/// What a step in a Gram system's unknown z means, decided once by the linearization.
enum class StepForm {
  direct,   ///< p = z: Newton, or Gauss-Newton with at least as many residuals as parameters; A = D^{1/2}C or J
  adjoint,  ///< p = A z: Gauss-Newton with more parameters than residuals; A = Jᵀ, (JJᵀ + λI) z = −r
};

/// An adjoint step of an objective with a penalty ½μ‖θ − θ₀‖². With D = θ − θ₀, s = μ + λ and any z₀ ∈ R^k,
///
///     (JᵀJ + sI) p = −(Jᵀr + μD)   ⟺   (JJᵀ + sI) z = (μ/s) J D − r − (JJᵀ + sI) z₀,   p = Jᵀ(z + z₀) − (μ/s) D,
///
/// so that A b + (A Aᵀ + sI) offset = −∇f whatever z₀. That is to be chosen so that b vanishes with the gradient: solutions with a residual
/// relative to ‖b‖ are then good enough close to a minimizer too.
struct PenalizedStep {
  double shift = 0;  ///< s
  Vec b;             ///< (μ/s) J D − r − (JJᵀ + sI) z₀, k
  Vec offset;        ///< Jᵀz₀ − (μ/s) D, P: p = A z + offset
  double accuracy = 1;  ///< ‖∇f‖ / (‖J‖ ‖b‖), at most 1: a solution to η·accuracy leaves ‖(JᵀJ + sI)p + ∇f‖ ≤ η‖∇f‖
};

class Line;

/// An objective at one point θ: its value, gradient, and the tall matrix whose Gram matrix is the (Gauss-)Newton matrix.
/// Immutable; owns what it needs, so that it outlives the Line that produced it.
class Linearization {
 public:
  virtual ~Linearization() = default;

  virtual double value() const = 0;
  /// Differences of the objective below this are rounding error. Default: 8 u |f|; override where large terms cancel in f.
  virtual double value_resolution() const { return 8 * std::numeric_limits<double>::epsilon() * std::abs(value()); }
  virtual const Vec& gradient() const = 0;  ///< ∇f(θ), P

  /// A of the Gram system, and what its unknown means.
  virtual std::shared_ptr<const Operator> matrix() const = 0;
  virtual StepForm step_form() const { return StepForm::direct; }

  /// Right-hand side b: −∇f for direct steps, −r for adjoint ones.
  virtual const Vec& right_hand_side() const = 0;
  /// Part of the objective's curvature that is diagonal: μⱼ, k (an L2 penalty); null: none. Direct steps only.
  virtual const Vec* penalty() const { return nullptr; }
  /// c with b = Aᵀc, N, when the penalty vanishes or is part of A; null: unknown.
  virtual const Vec* least_squares_target() const { return nullptr; }

  /// For adjoint steps of an objective with a penalty: the system with `damping` added to the diagonal, which takes the place of
  /// right_hand_side (that is its b for damping 0). Empty: no such penalty.
  virtual std::optional<PenalizedStep> penalized_step(double damping) const {
    (void)damping;
    return std::nullopt;
  }

  /// ‖residuals‖₂ for least-squares models whose optimum is zero residual; NaN for others.
  virtual double residual_norm() const { return std::numeric_limits<double>::quiet_NaN(); }

  /// The objective along θ + t p, where this point can give it with less work than Model::along; null otherwise. It may outlive this point.
  virtual std::unique_ptr<Line> along(const Vec& p) const;

  /// A structural reason why no minimizer will be found (perfect separation), as advice; empty: none known.
  virtual std::string no_minimizer() const { return {}; }
};

/// The objective along θ + t p. A linear model reads its data once, for t = 1, and answers every other t from stored margins.
class Line {
 public:
  virtual ~Line() = default;
  virtual double value(double t) = 0;
  /// Linearization at θ + t p.
  virtual std::unique_ptr<Linearization> linearize(double t) = 0;
};

/// How a model's convergence is judged unless the user says otherwise.
enum class Criterion {
  automatic,          ///< the model's own
  relative_gradient,  ///< ‖∇f(θ)‖₂ ≤ tolerance · g₀, g₀ = max(‖∇f(θ₀)‖₂, model.gradient_scale())
  decrement,          ///< ½ pᵀ(−∇f) ≤ tolerance · max(1, |f|): half the squared Newton decrement
  residual_ratio,     ///< ‖r(θ)‖₂ ≤ tolerance · ‖r(θ₀)‖₂
};

/// f: R^P → R with values in R ∪ {+∞}.
///
/// To write one: derive, implement parameters, value, linearize; override along where the data can be read less often; add a row
/// to tests/contract/model_test.cpp, which compares every product with differences.
class Model {
 public:
  virtual ~Model() = default;

  virtual std::string name() const = 0;
  /// The objective as text with sums, weights and penalty: "Σ log(1+exp(−yᵢ⟨aᵢ,x⟩)) + ½·1·‖x‖²".
  virtual std::string formula() const = 0;
  virtual Index parameters() const = 0;  ///< P

  virtual double value(const Vec& theta) const = 0;
  virtual std::unique_ptr<Linearization> linearize(const Vec& theta) const = 0;
  /// Default: value and linearize at θ + t p. The line may refer to θ and p, which must outlive it.
  virtual std::unique_ptr<Line> along(const Vec& theta, const Vec& p) const;

  /// A cheaper objective of the same parameters whose minimizer is near this one's (a linear model on a sample of its rows): minimize
  /// starts from there when it is given no start of its own. Null: there is none, or it would not pay.
  virtual std::unique_ptr<Model> coarse() const { return nullptr; }

  virtual Criterion criterion() const { return Criterion::relative_gradient; }
  /// ‖∇f‖ at the model's neutral point (for instance θ = 0), so that a warm start is judged on the same scale; 0: unknown.
  virtual double gradient_scale() const { return 0; }
  /// Facts a user should see with the result ("19 groups of equal rows have different targets; residual_ratio ≥ 6.3e-2").
  virtual std::vector<std::string> notes() const { return {}; }
};

}  // namespace raphson
