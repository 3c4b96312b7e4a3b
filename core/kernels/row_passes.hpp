#pragma once
/// Inner loops over blocks of dense rows, one thread each, in the vector instructions of the machine at hand.
///
/// A block is `count` rows of `width` numbers, row i at C + i·stride. Every row's sum is accumulated in the same order wherever the block
/// is cut, and rows are added to y one after the other: results depend on the machine's vector length, never on the blocks.

#include <raphson/core/types.hpp>

#include <cstdint>

namespace raphson::kernels {

/// The bits of an IEEE 754 binary16: eleven significant ones, at most 65504.
using Half = std::uint16_t;

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

/// t[i] = weight[i] · (⟨row i, x⟩ + shift), then y += Σ t[i] · row i: AᵀDAx from one read of the block. weight may be null: ones.
template <class Real>
void normal_rows(const RowBlock<Real>& C, const Real* x, Real shift, const Real* weight, Real* t, Real* y);

/// The same three from numbers of sixteen bits, sums in single precision.
void multiply_half_rows(const RowBlock<Half>& C, const float* x, float shift, float* t);
void add_half_rows(const RowBlock<Half>& C, const float* t, float* y);
void normal_half_rows(const RowBlock<Half>& C, const float* x, float shift, const float* weight, float* t, float* y);

/// out(i, j) = C(i, j)·factor[j], rounded, for count rows of `stride` ≥ width numbers, zero beyond width. False when one is not finite, or
/// too large.
[[nodiscard]] bool round_to_half(const RowBlock<double>& C, const float* factor, Half* out, Index stride);

/// Whether the machine has instructions for such numbers: without them they are no gain.
bool has_half_numbers();

}  // namespace raphson::kernels
