#pragma once
/// Coordinates in which a least-squares problem is well conditioned, and the norm in which its backward error is measured.

#include <raphson/core/gram_system.hpp>

#include <functional>
#include <string>

namespace raphson {

/// x = P v with P ∈ R^{k×r} such that Ā P is nearly orthonormal, Ā = [A; diag(√μ)] ∈ R^{(N+k)×k}: P = T L⁻ᵀ for full rank, with
/// the LQ factor L of (S̄ĀT)ᵀ, S̄ = diag(S, I) or the identity, T equilibrating the columns of Ā; P = T U Σ⁻¹ from the singular
/// values of L above the rounding errors when the rank r is smaller.
class LeastSquaresFactor {
 public:
  /// From B = (SA)ᵀ (k×s, destroyed) and Sy (s). False when a number is not finite or `stop` says so.
  bool from_sketch(Mat<double>& B, Vec& Sy, const Vec& mu, const std::function<bool()>& stop);
  /// From A and y themselves, rows gathered in blocks and folded one after the other: 2(N + blocks·k)k² flops.
  bool from_rows(const Operator& A, const Vec& y, const Vec& mu, const std::function<bool()>& stop);

  Index size() const { return t_.n_elem; }
  Index rank() const { return deficient_ ? sigma_.n_elem : size(); }
  double condition() const { return condition_; }
  double frobenius() const { return frobenius_; }  ///< ‖L‖_F ≈ ‖ĀT‖_F

  /// The coordinates (r) of the sketched problem's solution, and the norm of the sketched residual.
  const Vec& start() const { return start_; }
  double sketched_residual() const { return sketched_residual_; }

  void to_solution(const Vec& v, Vec& x) const;     ///< x = P v
  void to_coordinates(const Vec& g, Vec& v) const;  ///< v = Pᵀ g
  /// T g from the coordinates of g: what backward errors are measured on.
  Vec scaled_gradient(const Vec& coordinates) const;
  Vec scaled_gradient_of(const Vec& g) const { return t_ % g; }
  double scaled_norm(const Vec& x) const;  ///< ‖T⁻¹x‖₂
  /// Removes from x what A maps to zero. Nothing at full rank.
  void minimum_norm(Vec& x) const;

  const Mat<double>& L() const { return L_; }

 private:
  bool finish(Mat<double>& B, Vec& w);
  void examine();
  void truncate();

  Mat<double> L_;
  Vec t_;
  Vec start_;
  double sketched_residual_ = 0, frobenius_ = 0, condition_ = 1;
  bool deficient_ = false;
  Mat<double> U_;     ///< k × r
  Vec sigma_;         ///< r
  Mat<double> null_;  ///< k × (k − r): orthonormal, spans the null space of A
};

/// ‖(‖x̂‖² L Lᵀ + ‖r‖² I)^{−1/2} ĝ‖₂ / ‖L‖_F, x̂ = T⁻¹x and ĝ = TĀᵀr: the backward error of x by Karlson and Waldén (1997), A alone
/// perturbed. The factorization takes 10/3 k³ flops and is kept while ‖x̂‖ and ‖r‖ keep their ratio within a factor of 1.5.
class BackwardError {
 public:
  /// False when a number is not finite.
  bool set(const LeastSquaresFactor& factor, double x_norm, double r_norm);
  double of(Vec scaled_gradient) const;

 private:
  Mat<double> root_;
  double x_norm_ = -1, r_norm_ = -1, unit_ = 1;
};

}  // namespace raphson
