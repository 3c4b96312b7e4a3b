#include <raphson/core/kernels/narrow_rows.hpp>
#include <raphson/core/kernels/targets.hpp>

#include <cstddef>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "raphson/core/kernels/narrow_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// Plain loops over a number of columns that is known when they are compiled: what is gained on each target is its registers and its FMA.
HWY_BEFORE_NAMESPACE();
namespace raphson::kernels::HWY_NAMESPACE {

template <Index W, class Real>
HWY_INLINE Real dot(const Real* HWY_RESTRICT row, const Real* HWY_RESTRICT x, Real sum) {
  for (Index j = 0; j < W; ++j) sum += row[j] * x[j];
  return sum;
}

template <Index W, class Real>
void multiply(const RowBlock<Real>& C, const Real* x, Real shift, Real* HWY_RESTRICT t) {
  Real at[W];
  for (Index j = 0; j < W; ++j) at[j] = x[j];
  for (Index i = 0; i < C.count; ++i) t[i] = dot<W>(C.data + i * C.stride, at, shift);
}

/// Two sums a column hide the latency of one.
template <Index W, class Real>
void add(const RowBlock<Real>& C, const Real* HWY_RESTRICT t, Real* y) {
  Real even[W] = {}, odd[W] = {};
  Index i = 0;
  for (; i + 2 <= C.count; i += 2) {
    const Real* row = C.data + i * C.stride;
    for (Index j = 0; j < W; ++j) {
      even[j] += t[i] * row[j];
      odd[j] += t[i + 1] * row[C.stride + j];
    }
  }
  if (i < C.count) {
    for (Index j = 0; j < W; ++j) even[j] += t[i] * C.data[i * C.stride + j];
  }
  for (Index j = 0; j < W; ++j) y[j] += even[j] + odd[j];
}

template <Index W, class Real>
void normal(const RowBlock<Real>& C, const Real* x, Real shift, const Real* weight, Real* HWY_RESTRICT t, Real* y) {
  multiply<W>(C, x, shift, t);
  if (weight) {
    for (Index i = 0; i < C.count; ++i) t[i] *= weight[i];
  }
  add<W>(C, t, y);
}

/// sum (lower triangle by columns) += aaᵀ for the row, completed by a 1 where K = W + 1, and scaled.
template <Index W, Index K>
HWY_INLINE void add_outer(const double* HWY_RESTRICT row, double scale, double* HWY_RESTRICT sum) {
  double a[K];
  for (Index j = 0; j < W; ++j) a[j] = row[j] * scale;
  if constexpr (K > W) a[W] = scale;
  Index at = 0;
  for (Index j = 0; j < K; ++j) {
    for (Index l = j; l < K; ++l) sum[at++] += a[j] * a[l];
  }
}

template <Index W, Index K>
void gram(const RowBlock<double>& C, const double* scale, double* G) {
  double even[K * (K + 1) / 2] = {}, odd[K * (K + 1) / 2] = {};
  const auto scale_of = [scale](Index i) { return scale ? scale[i] : 1.0; };
  Index i = 0;
  for (; i + 2 <= C.count; i += 2) {
    add_outer<W, K>(C.data + i * C.stride, scale_of(i), even);
    add_outer<W, K>(C.data + (i + 1) * C.stride, scale_of(i + 1), odd);
  }
  if (i < C.count) add_outer<W, K>(C.data + i * C.stride, scale_of(i), even);
  Index at = 0;
  for (Index j = 0; j < K; ++j) {
    for (Index l = j; l < K; ++l, ++at) G[l + j * K] += even[at] + odd[at];
  }
}

/// Calls use(std::integral_constant<Index, width>()).
template <class Use, std::size_t... W>
HWY_INLINE void with_width(Index width, const Use& use, std::index_sequence<W...>) {
  static_cast<void>(((width == W + 1 ? (use(std::integral_constant<Index, W + 1>()), true) : false) || ...));
}
template <class Use>
HWY_INLINE void with_width(Index width, const Use& use) {
  with_width(width, use, std::make_index_sequence<widest_narrow>());
}

template <class Real>
void multiply_any(const RowBlock<Real>& C, const Real* x, Real shift, Real* t) {
  with_width(C.width, [&](auto w) { multiply<w()>(C, x, shift, t); });
}
template <class Real>
void add_any(const RowBlock<Real>& C, const Real* t, Real* y) {
  with_width(C.width, [&](auto w) { add<w()>(C, t, y); });
}
template <class Real>
void normal_any(const RowBlock<Real>& C, const Real* x, Real shift, const Real* weight, Real* t, Real* y) {
  with_width(C.width, [&](auto w) { normal<w()>(C, x, shift, weight, t, y); });
}

void narrow_multiply_f64(const RowBlock<double>& C, const double* x, double shift, double* t) { multiply_any(C, x, shift, t); }
void narrow_multiply_f32(const RowBlock<float>& C, const float* x, float shift, float* t) { multiply_any(C, x, shift, t); }
void narrow_add_f64(const RowBlock<double>& C, const double* t, double* y) { add_any(C, t, y); }
void narrow_add_f32(const RowBlock<float>& C, const float* t, float* y) { add_any(C, t, y); }
void narrow_normal_f64(const RowBlock<double>& C, const double* x, double shift, const double* weight, double* t, double* y) {
  normal_any(C, x, shift, weight, t, y);
}
void narrow_normal_f32(const RowBlock<float>& C, const float* x, float shift, const float* weight, float* t, float* y) {
  normal_any(C, x, shift, weight, t, y);
}
void narrow_gram(const RowBlock<double>& C, const double* scale, bool constant, double* G) {
  with_width(C.width, [&](auto w) { constant ? gram<w(), w() + 1>(C, scale, G) : gram<w(), w()>(C, scale, G); });
}

}  // namespace raphson::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raphson::kernels {

HWY_EXPORT(narrow_multiply_f64);
HWY_EXPORT(narrow_multiply_f32);
HWY_EXPORT(narrow_add_f64);
HWY_EXPORT(narrow_add_f32);
HWY_EXPORT(narrow_normal_f64);
HWY_EXPORT(narrow_normal_f32);
HWY_EXPORT(narrow_gram);

template <>
void multiply_narrow_rows<double>(const RowBlock<double>& C, const double* x, double shift, double* t) {
  HWY_DYNAMIC_DISPATCH(narrow_multiply_f64)(C, x, shift, t);
}
template <>
void multiply_narrow_rows<float>(const RowBlock<float>& C, const float* x, float shift, float* t) {
  HWY_DYNAMIC_DISPATCH(narrow_multiply_f32)(C, x, shift, t);
}
template <>
void add_narrow_rows<double>(const RowBlock<double>& C, const double* t, double* y) {
  HWY_DYNAMIC_DISPATCH(narrow_add_f64)(C, t, y);
}
template <>
void add_narrow_rows<float>(const RowBlock<float>& C, const float* t, float* y) {
  HWY_DYNAMIC_DISPATCH(narrow_add_f32)(C, t, y);
}
template <>
void normal_narrow_rows<double>(const RowBlock<double>& C, const double* x, double shift, const double* weight, double* t, double* y) {
  HWY_DYNAMIC_DISPATCH(narrow_normal_f64)(C, x, shift, weight, t, y);
}
template <>
void normal_narrow_rows<float>(const RowBlock<float>& C, const float* x, float shift, const float* weight, float* t, float* y) {
  HWY_DYNAMIC_DISPATCH(narrow_normal_f32)(C, x, shift, weight, t, y);
}
void add_narrow_gram(const RowBlock<double>& C, const double* scale, bool constant, double* G) {
  HWY_DYNAMIC_DISPATCH(narrow_gram)(C, scale, constant, G);
}

}  // namespace raphson::kernels
#endif
