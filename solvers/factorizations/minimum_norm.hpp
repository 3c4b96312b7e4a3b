#pragma once
#include <raphson/core/preconditioner.hpp>

#include <vector>

namespace raphson {

/// z = H⁺ r for a numerically singular H: by Cholesky with diagonal pivoting of the equilibrated matrix,
///
///     Pᵀ T H T P = [L₁; L₂][L₁; L₂]ᵀ,   L₁ r × r,
///
/// whose null space is spanned by T P [−L₁⁻ᵀL₂ᵀ; I]. With Π the orthogonal projection onto its complement and B the basic
/// solution, H⁺ = Π B Π: the least-squares solution of minimum norm, for consistent and inconsistent right-hand sides alike.
/// Hammarling, Higham, Lucas (2007) for the factorization. k·r² flops, 8k(2k − r) bytes.
class MinimumNormFactor final : public Preconditioner {
 public:
  /// Factors `scaled` = T H T, destroyed. Null when not finite or zero.
  static std::unique_ptr<MinimumNormFactor> make(Mat<double>& scaled, const Vec& t);

  std::string name() const override { return "pivoted Cholesky"; }
  Index size() const override { return t_.n_elem; }
  void solve(const Vec& r, Vec& z) const override;

  Index rank() const { return L_.n_cols; }
  /// Columns that depend on the others, increasing.
  std::vector<Index> dependent() const;
  /// "rank 998 of 1000: columns 17, 611 depend on others; minimum-norm step used"
  std::string text() const;

 private:
  MinimumNormFactor() = default;
  bool build_null_space(const Mat<double>& below);
  void project(Vec& v) const;

  Mat<double> L_;             ///< L₁
  std::vector<Index> order_;  ///< row i of the permuted matrix is row order_[i] of H
  Vec t_;
  Mat<double> null_;         ///< k × (k − r), columns of norm 1
  Mat<double> null_factor_;  ///< lower: null_ᵀ null_ = L Lᵀ
};

}  // namespace raphson
