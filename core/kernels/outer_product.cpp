#include <raphson/core/kernels/outer_product.hpp>
#include <raphson/core/kernels/targets.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "raphson/core/kernels/outer_product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace raphson::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// A block of C that stays in registers: `vectors` vectors of rows by `columns` columns, 24 sums of the 32 registers of AVX-512, 12 of the
/// 16 of AVX2. `columns` divides the rows of a group.
constexpr int vectors = 3;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
constexpr int columns = 8;
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
constexpr int columns = 4;
#elif HWY_ARCH_ARM
constexpr int columns = 6;
#else
constexpr int columns = 2;
#endif

template <class Real>
constexpr Index group_rows() {
  return vectors * static_cast<Index>(hn::MaxLanes(hn::ScalableTag<Real>()));
}

/// C (group × columns) += alpha Σ_s a(:, s) b(:, s)ᵀ. a and b are groups; b starts at the first of `columns` rows.
template <class Real>
HWY_INLINE void block(const Real* HWY_RESTRICT a, const Real* HWY_RESTRICT b, Index depth, Real alpha, Real* HWY_RESTRICT C, Index ldc) {
  const hn::ScalableTag<Real> d;
  constexpr Index lanes = group_rows<Real>() / vectors, group = group_rows<Real>();
  hn::Vec<decltype(d)> sum[columns][vectors];
  for (int c = 0; c < columns; ++c) {
    for (int v = 0; v < vectors; ++v) sum[c][v] = hn::Zero(d);
  }
  for (Index s = 0; s < depth; ++s, a += group, b += group) {
    const auto a0 = hn::Load(d, a), a1 = hn::Load(d, a + lanes), a2 = hn::Load(d, a + 2 * lanes);
#pragma GCC unroll 8
    for (int c = 0; c < columns; ++c) {
      const auto factor = hn::Set(d, b[c]);
      sum[c][0] = hn::MulAdd(a0, factor, sum[c][0]);
      sum[c][1] = hn::MulAdd(a1, factor, sum[c][1]);
      sum[c][2] = hn::MulAdd(a2, factor, sum[c][2]);
    }
  }
  const auto scale = hn::Set(d, alpha);
  for (int c = 0; c < columns; ++c) {
    Real* out = C + static_cast<Index>(c) * ldc;
    for (int v = 0; v < vectors; ++v) {
      Real* at = out + static_cast<Index>(v) * lanes;
      hn::StoreU(hn::MulAdd(scale, sum[c][v], hn::LoadU(d, at)), d, at);
    }
  }
}

/// C(i, j) += alpha Σ_s P(i, s) Q(j, s) for groups [row_first, row_last) of P and [column_first, column_last) of Q; where `lower`, P is Q
/// and i ≥ j.
template <class Real>
HWY_INLINE void outer(const PackedPanel<Real>& P, const PackedPanel<Real>& Q, bool lower, Index row_first, Index row_last,
                      Index column_first, Index column_last, Real alpha, Real* C, Index ldc) {
  constexpr Index group = group_rows<Real>(), width = static_cast<Index>(columns);
  HWY_ALIGN Real edge[group * width];
  for (Index cg = column_first; cg < column_last; ++cg) {
    for (Index part = 0; part < group; part += width) {
      const Index j = cg * group + part;
      if (j >= Q.rows()) return;
      const Real* b = Q.group(cg) + part;
      for (Index rg = lower ? std::max(row_first, cg) : row_first; rg < row_last; ++rg) {
        const Index i = rg * group;
        if (i + group <= P.rows() && j + width <= Q.rows()) {
          block(P.group(rg), b, P.depth(), alpha, C + i + j * ldc, ldc);
          continue;
        }
        std::fill_n(edge, group * width, Real(0));
        block(P.group(rg), b, P.depth(), alpha, edge, group);
        for (Index c = 0; c < std::min(width, Q.rows() - j); ++c) {
          for (Index r = 0; r < std::min(group, P.rows() - i); ++r) C[i + r + (j + c) * ldc] += edge[r + c * group];
        }
      }
    }
  }
}

Index group_f64() { return group_rows<double>(); }
Index group_f32() { return group_rows<float>(); }
void outer_f64(const PackedPanel<double>& P, Index r0, Index r1, Index c0, Index c1, double alpha, double* C, Index ldc) {
  outer(P, P, true, r0, r1, c0, c1, alpha, C, ldc);
}
void outer_f32(const PackedPanel<float>& P, Index r0, Index r1, Index c0, Index c1, float alpha, float* C, Index ldc) {
  outer(P, P, true, r0, r1, c0, c1, alpha, C, ldc);
}
void product_f64(const PackedPanel<double>& P, const PackedPanel<double>& Q, double alpha, double* C, Index ldc) {
  outer(P, Q, false, 0, P.groups(), 0, Q.groups(), alpha, C, ldc);
}

}  // namespace raphson::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raphson::kernels {

HWY_EXPORT(group_f64);
HWY_EXPORT(group_f32);
HWY_EXPORT(outer_f64);
HWY_EXPORT(outer_f32);
HWY_EXPORT(product_f64);

template <>
Index outer_group<double>() {
  return HWY_DYNAMIC_DISPATCH(group_f64)();
}
template <>
Index outer_group<float>() {
  return HWY_DYNAMIC_DISPATCH(group_f32)();
}

template <class Real>
void PackedPanel<Real>::resize(Index rows, Index depth) {
  constexpr Index line = 64 / sizeof(Real);
  rows_ = rows;
  depth_ = depth;
  group_ = outer_group<Real>();
  groups_ = (rows + group_ - 1) / group_;
  const Index needed = groups_ * group_ * depth + line;
  if (memory_.size() < needed) memory_.resize(needed);
  const auto address = reinterpret_cast<std::uintptr_t>(memory_.data()) / sizeof(Real);
  data_ = memory_.data() + (line - address % line) % line;
}

template <class Real>
template <class Src>
void PackedPanel<Real>::pack(const DenseRows<Src>& A, Index begin, Index column, Index first, Index last) {
  for (Index s = 0; s < depth_; ++s) {
    const Index row = begin + s;
    const Src* source = A.data + row * A.stride + column;
    const Src scale = A.scale ? A.scale[row] : Src(1);
    for (Index g = first; g < last; ++g) {
      Real* out = data_ + g * group_ * depth_ + s * group_;
      const Index at = g * group_, count = std::min(group_, rows_ - at);
      const Index stored = std::min(count, A.width - std::min(A.width, column + at));
      if constexpr (std::is_same_v<Real, Src>) {
        if (stored == group_ && !A.scale) {
          std::memcpy(out, source + at, group_ * sizeof(Real));
          continue;
        }
      }
      for (Index r = 0; r < stored; ++r) out[r] = static_cast<Real>(scale * source[at + r]);
      for (Index r = stored; r < count; ++r) out[r] = static_cast<Real>(scale);  // the constant column
      std::fill(out + count, out + group_, Real(0));
    }
  }
}

template <>
void add_outer<double>(const PackedPanel<double>& P, Index row_first, Index row_last, Index column_first, Index column_last, double alpha,
                       double* C, Index ldc) {
  HWY_DYNAMIC_DISPATCH(outer_f64)(P, row_first, row_last, column_first, column_last, alpha, C, ldc);
}
template <>
void add_outer<float>(const PackedPanel<float>& P, Index row_first, Index row_last, Index column_first, Index column_last, float alpha,
                      float* C, Index ldc) {
  HWY_DYNAMIC_DISPATCH(outer_f32)(P, row_first, row_last, column_first, column_last, alpha, C, ldc);
}

void add_product(const PackedPanel<double>& P, const PackedPanel<double>& Q, double alpha, double* C, Index ldc) {
  HWY_DYNAMIC_DISPATCH(product_f64)(P, Q, alpha, C, ldc);
}

template class PackedPanel<double>;
template class PackedPanel<float>;
template void PackedPanel<double>::pack<double>(const DenseRows<double>&, Index, Index, Index, Index);
template void PackedPanel<float>::pack<float>(const DenseRows<float>&, Index, Index, Index, Index);
template void PackedPanel<float>::pack<double>(const DenseRows<double>&, Index, Index, Index, Index);

}  // namespace raphson::kernels
#endif
