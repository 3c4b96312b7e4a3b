#pragma once
/// Dense linear algebra on one process: BLAS and LAPACK called with one thread each, parallel by tiles of fixed shape, so that
/// results have the same bits for any thread count. Everything checks info and finiteness; nothing prints.

#include <raphson/core/types.hpp>

#include <vector>

namespace raphson {

/// C = alpha·op(A)·op(B) + beta·C with C m×n, inner dimension k: one thread. Real is float or double.
template <class Real>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, Real alpha, const Real* A, Index lda, const Real* B, Index ldb,
          Real beta, Real* C, Index ldc);
/// y = alpha·op(A)·x + beta·y, A m×n column-major: one thread.
template <class Real>
void gemv(bool transpose, Index m, Index n, Real alpha, const Real* A, Index lda, const Real* x, Real beta, Real* y);
template <class Real>
Real dot(Index n, const Real* x, const Real* y);

/// G = B Bᵀ, both triangles, for B k×s: parallel over fixed tiles. k²s flops.
template <class Real>
void outer_gram(const Mat<Real>& B, Mat<Real>& G);
/// Lower triangle of G (k×k) = B Bᵀ + beta·G for B k×s at leading dimension ldb: the same, accumulating.
template <class Real>
void add_outer_gram(Index k, Index s, const Real* B, Index ldb, Real beta, Mat<Real>& G);

/// Fills the upper triangle from the lower.
template <class Real>
void mirror_lower(Mat<Real>& G);

/// Cholesky factor in place: G = L Lᵀ, L in the lower triangle (the strict upper triangle is zeroed). False when G is not
/// numerically positive definite or not finite; G's content is then unspecified. k³/3 flops, parallel.
template <class Real>
[[nodiscard]] bool cholesky(Mat<Real>& G);

/// x = L⁻¹ x, x = L⁻ᵀ x, and both, for the L of cholesky.
template <class Real>
void solve_lower(const Mat<Real>& L, Col<Real>& x);
template <class Real>
void solve_lower_transposed(const Mat<Real>& L, Col<Real>& x);
template <class Real>
void cholesky_solve(const Mat<Real>& L, Col<Real>& x);

/// Cholesky with diagonal pivoting of a positive semidefinite G: P ᵀ G P = L Lᵀ with L k×rank lower trapezoidal; G is replaced by
/// L (first `rank` columns), order[i] is the row of G that became row i. Pivots below `threshold` end it. k·rank² flops
/// at most, in blocks of columns on all threads, half of them at the speed of memory.
template <class Real>
Index pivoted_cholesky(Mat<Real>& G, std::vector<Index>& order, Real threshold);

/// L (k×k, lower, positive diagonal up to sign) with B Bᵀ = L Lᵀ for B k×s, s ≥ k, by LQ factorization of B (that is QR of Bᵀ): twice the
/// digits of a Cholesky of B Bᵀ. B is destroyed. 2sk² − ⅔k³ flops. False when anything is not finite.
template <class Real>
[[nodiscard]] bool lq_factor(Mat<Real>& B, Mat<Real>& L);

/// Eigenvalues (increasing) of a symmetric k×k G; eigenvectors replace G when asked. False on failure or non-finite input.
template <class Real>
[[nodiscard]] bool symmetric_eigen(Mat<Real>& G, Col<Real>& values, bool vectors);

/// Solves the symmetric tridiagonal eigenproblem for its extreme eigenvalues: diagonal a, off-diagonal b. Used for Lanczos.
bool tridiagonal_extremes(const Vec& a, const Vec& b, double& smallest, double& largest);

/// ‖x‖₂; NaN when an element is not finite. arma::norm passes over a NaN among zeros and answers 0, which would look like convergence.
double checked_norm(const Vec& x);

bool all_finite(const double* x, Index n);
bool all_finite(const float* x, Index n);
template <class Real>
bool all_finite(const Mat<Real>& A) {
  return all_finite(A.memptr(), A.n_elem);
}

}  // namespace raphson
