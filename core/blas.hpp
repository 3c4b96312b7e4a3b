#pragma once
/// Checked-size front to the Fortran BLAS and LAPACK, for core/dense.cpp. Sizes must fit the library's 32-bit integers; callers block.

#include <cstddef>

namespace raphson::blas {

template <class Real>
void gemm(bool ta, bool tb, std::size_t m, std::size_t n, std::size_t k, Real alpha, const Real* A, std::size_t lda, const Real* B,
          std::size_t ldb, Real beta, Real* C, std::size_t ldc);
template <class Real>
void gemv(bool t, std::size_t m, std::size_t n, Real alpha, const Real* A, std::size_t lda, const Real* x, Real beta, Real* y);
template <class Real>
Real dot(std::size_t n, const Real* x, const Real* y);
/// B (m×n) ← B L⁻ᵀ, L n×n lower.
template <class Real>
void trsm_right_transposed(std::size_t m, std::size_t n, const Real* L, std::size_t ldl, Real* B, std::size_t ldb);
/// x ← L⁻¹x or L⁻ᵀx.
template <class Real>
void trsv(bool transpose, std::size_t n, const Real* L, std::size_t ldl, Real* x);
/// LAPACK; each returns info.
template <class Real>
int potrf(std::size_t n, Real* G, std::size_t ldg);
template <class Real>
int gelqf(std::size_t m, std::size_t n, Real* A, std::size_t lda);
template <class Real>
int syevd(bool vectors, std::size_t n, Real* G, std::size_t ldg, Real* values);
int sterf(std::size_t n, double* diagonal, double* off_diagonal);

}  // namespace raphson::blas
