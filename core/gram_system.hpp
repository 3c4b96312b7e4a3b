#pragma once
/// The one linear system of the library.

#include <raphson/core/interrupt.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/core/tall_operator.hpp>
#include <raphson/core/types.hpp>

#include <limits>
#include <memory>

namespace raphson {

/// (AᵀA + diag(μ)) z = b with A ∈ R^{N×k}, μⱼ = shift + penalty[j] ≥ 0, to be solved so that
///
///     ‖b − (AᵀA + diag(μ)) z‖₂ ≤ tolerance · ‖b‖₂.
///
/// This is the regression problem of Brand, Peng, Song, Weinstein (2021), Algorithm 2, with a shift. A plain view: it owns the
/// operator (shared) and refers to vectors that the caller keeps alive during solve.
struct GramSystem {
  std::shared_ptr<const Operator> A;
  const Vec* b = nullptr;        ///< right-hand side, k
  double shift = 0;              ///< μ, the same for all k unknowns
  const Vec* penalty = nullptr;  ///< additional μⱼ ≥ 0, k; null: none (an intercept that is not penalized has 0 here)
  const Vec* c = nullptr;        ///< when b = Aᵀc is known (least squares): c, N; null otherwise
  double tolerance = 1e-8;       ///< see the inequality above
  Seed seed{0};                  ///< fresh for every system; split it before drawing
  double contraction = std::numeric_limits<double>::quiet_NaN();  ///< how the previous outer step reduced the outer residual; NaN: none
  const Vec* moved =
      nullptr;  ///< θ − θ before, where b = −∇f(θ) and the system before had −∇f there: what steps show of ∇²f; null: not known
  bool continues = false;  ///< first of a run that continues the previous run of this solver object: the same data, a nearby problem
  const Interrupt* interrupt = nullptr;  ///< ask it once per inner iteration; null: never stop

  Index size() const { return A->cols(); }
  double mu(Index j) const { return shift + (penalty ? (*penalty)(j) : 0.0); }
  bool interrupted() const { return interrupt && (*interrupt)(); }

  /// y = (AᵀA + diag(μ)) x. Any number of columns.
  void apply(const Mat<double>& x, Mat<double>& y) const;
  /// y += diag(μ) x.
  void add_shift(const Mat<double>& x, Mat<double>& y) const;
  /// diag(μ), k.
  Vec shift_diagonal() const;
  /// ‖b − (AᵀA + diag(μ)) z‖₂ / ‖b‖₂ (0 when b and the residual vanish; NaN when anything is not finite). One read of A.
  double relative_residual(const Vec& z) const;
};

/// Throws InputError for what a caller can get wrong: no operator, b or penalty or c of another size, a negative or
/// non-finite shift, a tolerance that is not positive. Non-finite numbers in A or b are no exception here but the
/// status `failed` of the solver. Every solver calls it first.
void check(const GramSystem& system);

}  // namespace raphson
