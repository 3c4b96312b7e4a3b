#pragma once
/// The passes of row_passes.hpp, and the Gram matrix, over rows of a few numbers, which fill no vector: sums stay in registers.

#include <raphson/core/kernels/row_passes.hpp>
#include <raphson/core/types.hpp>

namespace raphson::kernels {

constexpr Index widest_narrow = 6;  ///< numbers a row

/// t[r] = ⟨row r, x⟩ + shift; y += Σ t[r] · row r; both with t[r] = weight[r]·(⟨row r, x⟩ + shift) between them (weight may be null).
/// 1 ≤ width ≤ widest_narrow.
template <class Real>
void multiply_narrow_rows(const RowBlock<Real>& C, const Real* x, Real shift, Real* t);
template <class Real>
void add_narrow_rows(const RowBlock<Real>& C, const Real* t, Real* y);
template <class Real>
void normal_narrow_rows(const RowBlock<Real>& C, const Real* x, Real shift, const Real* weight, Real* t, Real* y);

/// Lower triangle of G (k × k) += Σ aᵣaᵣᵀ, aᵣ = scale[r]·[row r | 1], k = width + 1 where `constant`, else width; scale may be null.
/// 1 ≤ width ≤ widest_narrow.
void add_narrow_gram(const RowBlock<double>& C, const double* scale, bool constant, double* G);

}  // namespace raphson::kernels
