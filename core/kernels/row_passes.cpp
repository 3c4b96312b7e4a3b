#include <raphson/core/kernels/narrow_rows.hpp>
#include <raphson/core/kernels/row_passes.hpp>
#include <raphson/core/kernels/targets.hpp>

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "raphson/core/kernels/row_passes.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace raphson::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The first n < Lanes(d) numbers at p, zeros after them. Reads nothing beyond.
template <class D, class Real = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_part(D d, const Real* HWY_RESTRICT p, Index n) {
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
  return hn::MaskedLoad(hn::FirstN(d, n), d, p);
#else
  HWY_ALIGN Real buffer[hn::MaxLanes(d)] = {};
  std::copy_n(p, n, buffer);
  return hn::Load(d, buffer);
#endif
}

/// Lanes(d) numbers at p.
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const hn::TFromD<D>* HWY_RESTRICT p) {
  return hn::LoadU(d, p);
}
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const Half* HWY_RESTRICT p) {
  const hn::Rebind<hwy::float16_t, D> half;
  return hn::PromoteTo(d, hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(p)));
}
template <class D>
HWY_INLINE hn::Vec<D> load_part(D d, const Half* HWY_RESTRICT p, Index n) {
  HWY_ALIGN Half buffer[hn::MaxLanes(d)] = {};
  std::copy_n(p, n, buffer);
  return load(d, buffer);
}

template <class D, class Real = hn::TFromD<D>>
HWY_INLINE void store_part(D d, hn::Vec<D> v, Real* HWY_RESTRICT p, Index n) {
  HWY_ALIGN Real buffer[hn::MaxLanes(d)];
  hn::Store(v, d, buffer);
  std::copy_n(buffer, n, p);
}

/// t[r] = ⟨row r, x⟩ for R rows. Two sums a row hide the latency of one.
template <int R, class Stored, class Real>
HWY_INLINE void dots(const Stored* HWY_RESTRICT C, Index stride, Index width, const Real* HWY_RESTRICT x, Real* HWY_RESTRICT t) {
  const hn::ScalableTag<Real> d;
  const Index lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> even[R], odd[R];
  for (int r = 0; r < R; ++r) even[r] = odd[r] = hn::Zero(d);
  Index j = 0;
  for (; j + 2 * lanes <= width; j += 2 * lanes) {
    const auto x0 = hn::LoadU(d, x + j), x1 = hn::LoadU(d, x + j + lanes);
    for (int r = 0; r < R; ++r) {
      const Stored* row = C + static_cast<Index>(r) * stride + j;
      even[r] = hn::MulAdd(load(d, row), x0, even[r]);
      odd[r] = hn::MulAdd(load(d, row + lanes), x1, odd[r]);
    }
  }
  if (j + lanes <= width) {
    const auto x0 = hn::LoadU(d, x + j);
    for (int r = 0; r < R; ++r) even[r] = hn::MulAdd(load(d, C + static_cast<Index>(r) * stride + j), x0, even[r]);
    j += lanes;
  }
  if (j < width) {
    const auto x0 = load_part(d, x + j, width - j);
    for (int r = 0; r < R; ++r) odd[r] = hn::MulAdd(load_part(d, C + static_cast<Index>(r) * stride + j, width - j), x0, odd[r]);
  }
  for (int r = 0; r < R; ++r) t[r] = hn::GetLane(hn::SumOfLanes(d, hn::Add(even[r], odd[r])));
}

/// y += Σ t[r] · row r for R rows, in the order of the rows.
template <int R, class Stored, class Real>
HWY_INLINE void axpys(const Stored* HWY_RESTRICT C, Index stride, Index width, const Real* HWY_RESTRICT t, Real* HWY_RESTRICT y) {
  const hn::ScalableTag<Real> d;
  const Index lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> factor[R];
  for (int r = 0; r < R; ++r) factor[r] = hn::Set(d, t[r]);
  Index j = 0;
  for (; j + lanes <= width; j += lanes) {
    auto sum = hn::LoadU(d, y + j);
    for (int r = 0; r < R; ++r) sum = hn::MulAdd(load(d, C + static_cast<Index>(r) * stride + j), factor[r], sum);
    hn::StoreU(sum, d, y + j);
  }
  if (j < width) {
    auto sum = load_part(d, y + j, width - j);
    for (int r = 0; r < R; ++r) sum = hn::MulAdd(load_part(d, C + static_cast<Index>(r) * stride + j, width - j), factor[r], sum);
    store_part(d, sum, y + j, width - j);
  }
}

constexpr int together = 4;  ///< rows: enough to share the loads of x and y, few enough for the registers

template <class Stored, class Real>
HWY_INLINE void multiply(const RowBlock<Stored>& C, const Real* x, Real shift, Real* t) {
  Index i = 0;
  for (; i + together <= C.count; i += together) dots<together>(C.data + i * C.stride, C.stride, C.width, x, t + i);
  for (; i < C.count; ++i) dots<1>(C.data + i * C.stride, C.stride, C.width, x, t + i);
  for (i = 0; i < C.count; ++i) t[i] += shift;
}

template <class Stored, class Real>
HWY_INLINE void add(const RowBlock<Stored>& C, const Real* t, Real* y) {
  Index i = 0;
  for (; i + together <= C.count; i += together) axpys<together>(C.data + i * C.stride, C.stride, C.width, t + i, y);
  for (; i < C.count; ++i) axpys<1>(C.data + i * C.stride, C.stride, C.width, t + i, y);
}

template <int R, class Stored, class Real>
HWY_INLINE void normal_group(const RowBlock<Stored>& C, Index i, const Real* x, Real shift, const Real* weight, Real* t, Real* y) {
  const Stored* rows = C.data + i * C.stride;
  dots<R>(rows, C.stride, C.width, x, t + i);
  for (int r = 0; r < R; ++r) {
    const Index at = i + static_cast<Index>(r);
    t[at] += shift;
    if (weight) t[at] *= weight[at];
  }
  axpys<R>(rows, C.stride, C.width, t + i, y);
}

/// Wide rows: all dots of some, then all sums from the second-level cache, for memory delivers faster in long runs than in turns with sums.
/// Narrow ones: the rows of a group after each other.
template <class Stored, class Real>
HWY_INLINE void normal(const RowBlock<Stored>& C, const Real* x, Real shift, const Real* weight, Real* t, Real* y) {
  constexpr Index bytes = 1 << 18, wide = 96;
  if (C.width < wide) {
    Index i = 0;
    for (; i + together <= C.count; i += together) normal_group<together>(C, i, x, shift, weight, t, y);
    for (; i < C.count; ++i) normal_group<1>(C, i, x, shift, weight, t, y);
    return;
  }
  const Index step = std::max<Index>(bytes / (C.stride * sizeof(Stored)), together) / together * together;
  for (Index i = 0; i < C.count; i += step) {
    const RowBlock<Stored> rows{C.data + i * C.stride, C.stride, std::min(step, C.count - i), C.width};
    multiply(rows, x, shift, t + i);
    for (Index r = i; weight && r < i + rows.count; ++r) t[r] *= weight[r];
    add(rows, t + i, y);
  }
}

void multiply_f64(const RowBlock<double>& C, const double* x, double shift, double* t) { multiply(C, x, shift, t); }
void multiply_f32(const RowBlock<float>& C, const float* x, float shift, float* t) { multiply(C, x, shift, t); }
void add_f64(const RowBlock<double>& C, const double* t, double* y) { add(C, t, y); }
void add_f32(const RowBlock<float>& C, const float* t, float* y) { add(C, t, y); }
void normal_f64(const RowBlock<double>& C, const double* x, double shift, const double* weight, double* t, double* y) {
  normal(C, x, shift, weight, t, y);
}
void normal_f32(const RowBlock<float>& C, const float* x, float shift, const float* weight, float* t, float* y) {
  normal(C, x, shift, weight, t, y);
}

void multiply_half(const RowBlock<Half>& C, const float* x, float shift, float* t) { multiply(C, x, shift, t); }
void add_half(const RowBlock<Half>& C, const float* t, float* y) { add(C, t, y); }
void normal_half(const RowBlock<Half>& C, const float* x, float shift, const float* weight, float* t, float* y) {
  normal(C, x, shift, weight, t, y);
}

HWY_INLINE hn::Vec<hn::ScalableTag<float>> load_single(hn::ScalableTag<float> d, const double* p) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(d, static_cast<float>(*p));
#else
  const hn::ScalableTag<double> wide;
  const hn::Half<decltype(d)> part;
  return hn::Combine(d, hn::DemoteTo(part, hn::LoadU(wide, p + hn::Lanes(wide))), hn::DemoteTo(part, hn::LoadU(wide, p)));
#endif
}

bool round_half(const RowBlock<double>& C, const float* HWY_RESTRICT factor, Half* HWY_RESTRICT out, Index stride) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<hwy::float16_t, decltype(d)> half;
  const Index lanes = hn::Lanes(d);
  auto largest = hn::Zero(d), sum = hn::Zero(d);  // a NaN stays in the sum, whatever the maximum makes of it
  const auto one = [&](auto x, Half* to) HWY_ATTR {
    largest = hn::Max(largest, hn::Abs(x));
    sum = hn::MulAdd(x, hn::Zero(d), sum);
    hn::StoreU(hn::DemoteTo(half, x), half, reinterpret_cast<hwy::float16_t*>(to));
  };
  for (Index i = 0; i < C.count; ++i, out += stride) {
    std::fill(out + C.width, out + stride, Half(0));
    const double* row = C.data + i * C.stride;
    Index j = 0;
    for (; j + lanes <= C.width; j += lanes) one(hn::Mul(load_single(d, row + j), hn::LoadU(d, factor + j)), out + j);
    if (j == C.width) continue;
    HWY_ALIGN double rest[hn::MaxLanes(d)] = {};
    HWY_ALIGN Half rounded[hn::MaxLanes(d)];
    std::copy_n(row + j, C.width - j, rest);
    one(hn::Mul(load_single(d, rest), load_part(d, factor + j, C.width - j)), rounded);
    std::copy_n(rounded, C.width - j, out + j);
  }
  return hn::GetLane(hn::MaxOfLanes(d, largest)) <= 65504.0f && hn::GetLane(hn::SumOfLanes(d, sum)) == 0.0f;
}

bool half_numbers() { return HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128; }

}  // namespace raphson::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raphson::kernels {

namespace {
bool is_narrow(Index width) { return 1 <= width && width <= widest_narrow; }
}  // namespace

HWY_EXPORT(multiply_f64);
HWY_EXPORT(multiply_f32);
HWY_EXPORT(add_f64);
HWY_EXPORT(add_f32);
HWY_EXPORT(normal_f64);
HWY_EXPORT(normal_f32);
HWY_EXPORT(multiply_half);
HWY_EXPORT(add_half);
HWY_EXPORT(normal_half);
HWY_EXPORT(round_half);
HWY_EXPORT(half_numbers);

template <>
void multiply_rows<double>(const RowBlock<double>& C, const double* x, double shift, double* t) {
  if (is_narrow(C.width)) return multiply_narrow_rows(C, x, shift, t);
  HWY_DYNAMIC_DISPATCH(multiply_f64)(C, x, shift, t);
}
template <>
void multiply_rows<float>(const RowBlock<float>& C, const float* x, float shift, float* t) {
  if (is_narrow(C.width)) return multiply_narrow_rows(C, x, shift, t);
  HWY_DYNAMIC_DISPATCH(multiply_f32)(C, x, shift, t);
}
template <>
void add_rows<double>(const RowBlock<double>& C, const double* t, double* y) {
  if (is_narrow(C.width)) return add_narrow_rows(C, t, y);
  HWY_DYNAMIC_DISPATCH(add_f64)(C, t, y);
}
template <>
void add_rows<float>(const RowBlock<float>& C, const float* t, float* y) {
  if (is_narrow(C.width)) return add_narrow_rows(C, t, y);
  HWY_DYNAMIC_DISPATCH(add_f32)(C, t, y);
}
template <>
void normal_rows<double>(const RowBlock<double>& C, const double* x, double shift, const double* weight, double* t, double* y) {
  if (is_narrow(C.width)) return normal_narrow_rows(C, x, shift, weight, t, y);
  HWY_DYNAMIC_DISPATCH(normal_f64)(C, x, shift, weight, t, y);
}
template <>
void normal_rows<float>(const RowBlock<float>& C, const float* x, float shift, const float* weight, float* t, float* y) {
  if (is_narrow(C.width)) return normal_narrow_rows(C, x, shift, weight, t, y);
  HWY_DYNAMIC_DISPATCH(normal_f32)(C, x, shift, weight, t, y);
}

void multiply_half_rows(const RowBlock<Half>& C, const float* x, float shift, float* t) {
  HWY_DYNAMIC_DISPATCH(multiply_half)(C, x, shift, t);
}
void add_half_rows(const RowBlock<Half>& C, const float* t, float* y) { HWY_DYNAMIC_DISPATCH(add_half)(C, t, y); }
void normal_half_rows(const RowBlock<Half>& C, const float* x, float shift, const float* weight, float* t, float* y) {
  HWY_DYNAMIC_DISPATCH(normal_half)(C, x, shift, weight, t, y);
}
bool round_to_half(const RowBlock<double>& C, const float* factor, Half* out, Index stride) {
  return HWY_DYNAMIC_DISPATCH(round_half)(C, factor, out, stride);
}
bool has_half_numbers() { return HWY_DYNAMIC_DISPATCH(half_numbers)(); }

}  // namespace raphson::kernels
#endif
