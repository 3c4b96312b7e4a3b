#pragma once
/// Sparse Cholesky factorization of G + diag(μ), by CHOLMOD; the fill-reducing analysis is kept while the pattern of G stays.

#include <raphson/core/preconditioner.hpp>

#include <memory>

namespace raphson {

/// P D (G + diag(μ)) D Pᵀ + δI = L Lᵀ with D = equilibrating_scale(diagonal), so that the matrix factored has a diagonal near 1 and both
/// pivots and δ are relative to it; P by approximate minimum degree (Amestoy, Davis, Duff 1996). One thread, no BLAS: the same bits always.
/// Without RAPHSON_WITH_CHOLMOD the constructor throws InputError.
class SparseFactor final : public Preconditioner {
 public:
  SparseFactor();
  ~SparseFactor() override;
  SparseFactor(const SparseFactor&) = delete;
  SparseFactor& operator=(const SparseFactor&) = delete;

  /// What one factorization came to.
  struct Outcome {
    bool usable = false;       ///< L exists and every pivot is finite and positive
    double least_pivot = 0;    ///< smallest of Lⱼⱼ², relative to the diagonal; 0 after a breakdown
    Index column = 0;          ///< where it is, as a column of G: it depends, nearly, on those eliminated before it
    double largest_shift = 0;  ///< largest number that δ stood for on the diagonal of G
  };

  /// Factors for a finite G (k×k, both triangles stored, of which the lower is read) and μ (k, ≥ 0). A new pattern is analysed first; an
  /// entry of the diagonal that G does not store counts as zero. About Σ (column counts)² flops. Throws std::bad_alloc for lack of memory.
  Outcome factor(const arma::sp_mat& G, const Vec& mu, double delta);

  /// z = (G + diag(μ) + D⁻¹δD⁻¹)⁻¹ r (k) by the last usable factor. Four flops for every nonzero of L.
  void solve(const Vec& r, Vec& z) const override;

  std::string name() const override { return "sparse Cholesky"; }
  /// Of the pattern analysed last; zeros before.
  Index size() const override;
  Index factor_nonzeros() const;  ///< of L
  Index order_width() const;      ///< largest column count of L less one
  double flops() const;           ///< of one factorization
  Index analyses() const;
  Index factorizations() const;

  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace raphson
