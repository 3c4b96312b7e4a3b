#pragma once
#include <raphson/core/preconditioner.hpp>
#include <raphson/solvers/factorizations/equilibration.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace raphson {

/// What a factorization that succeeded leaves behind: diag(t)(H + E)diag(t) ≈ L Lᵀ with powers of two t.
template <class Real>
struct ScaledFactor {
  Mat<Real> L;             ///< k × k, lower
  Vec t;                   ///< k
  double extra_shift = 0;  ///< largest diagonal entry of E, the shift that was needed beyond μ
};

/// The least pivot of the factor, relative to the diagonal of the matrix: an upper bound of the least eigenvalue of that matrix scaled to
/// a diagonal of ones.
template <class Real>
double least_pivot(const ScaledFactor<Real>& factor);

/// M⁻¹ = T L⁻ᵀ L⁻¹ T, in single or double precision. A solve takes 2k² flops; the residual is scaled to 1 before it is rounded
/// to single precision, so that it does not underflow.
template <class Real>
class TriangularPreconditioner final : public Preconditioner {
 public:
  TriangularPreconditioner(ScaledFactor<Real> factor, std::string name, Index sketch_size = 0, double error = 1)
      : factor_(std::move(factor)), name_(std::move(name)), sketch_size_(sketch_size), error_(error) {}

  std::string name() const override { return name_; }
  Index size() const override { return factor_.t.n_elem; }
  void solve(const Vec& r, Vec& z) const override;
  Index sketch_size() const override { return sketch_size_; }
  bool single() const override { return sizeof(Real) == 4; }
  /// Rounding moves the spectrum of the preconditioned matrix by 2⁻¹² √(d/n)/√pivot or so.
  bool half() const override { return single() && least_pivot(factor_) >= 1e-5; }
  double error() const override { return error_; }
  double extra_shift() const override { return factor_.extra_shift; }

 private:
  ScaledFactor<Real> factor_;
  std::string name_;
  Index sketch_size_;
  double error_;
};

/// σ below for a k × k matrix that would not factor: far above the rounding errors that amplify in its null space, and above what pivots
/// must exceed.
template <class Real>
double rescue_shift(Index k) {
  const double rounding = std::pow(static_cast<double>(std::numeric_limits<Real>::epsilon()), 2.0 / 3.0);
  return std::max(rounding, 2 * static_cast<double>(pivot_floor<Real>(k)));
}

/// Factor of G + diag(μ) + σ·diag, G destroyed, where σ (relative to the diagonal) is usually 0. False when a pivot is not above
/// the rounding errors (pivot_floor): the matrix is numerically singular, or not finite. k³/3 flops.
template <class Real>
[[nodiscard]] bool cholesky_factor(Mat<Real>& G, const Vec& mu, double relative_shift, ScaledFactor<Real>& factor);

/// Factor of BBᵀ + diag(μ) + σ·diag by LQ of [B, √diag], B k × s: twice the digits of a Cholesky factorization of BBᵀ.
/// False when a pivot is not above the rounding errors of B itself. 2(s + k)k² flops.
template <class Real>
[[nodiscard]] bool lq_stack_factor(const Mat<Real>& B, const Vec& mu, double relative_shift, ScaledFactor<Real>& factor);

}  // namespace raphson
