#pragma once
/// Inner loops over blocks of dense rows, one thread each, in the vector instructions of the machine at hand.
///
/// A block is `count` rows of `width` numbers, row i at C + i·stride. Every row's sum is accumulated in the same order wherever the block
/// is cut, and rows are added to y one after the other: results depend on the machine's vector length, never on the blocks.

#include <raphson/core/types.hpp>

namespace raphson::kernels {

template <class Real>
struct RowBlock {
  const Real* data = nullptr;
  Index stride = 0, count = 0, width = 0;
};

/// t[i] = ⟨row i, x⟩ + shift. One read of the block, 2·count·width flops.
template <class Real>
void multiply_rows(const RowBlock<Real>& C, const Real* x, Real shift, Real* t);

/// y += Σ t[i] · row i.
template <class Real>
void add_rows(const RowBlock<Real>& C, const Real* t, Real* y);

/// y = Σ t[i] · row[i] for `count` rows of `width` numbers that lie anywhere.
template <class Real>
void sum_scattered_rows(const Real* const* row, const Real* t, Index count, Index width, Real* y);

/// t[i] = weight[i] · (⟨row i, x⟩ + shift), then y += Σ t[i] · row i: AᵀDAx from one read of the block. weight may be null: ones.
template <class Real>
void normal_rows(const RowBlock<Real>& C, const Real* x, Real shift, const Real* weight, Real* t, Real* y);

}  // namespace raphson::kernels
