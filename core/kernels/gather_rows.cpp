#include <raphson/core/aligned.hpp>
#include <raphson/core/kernels/gather_rows.hpp>
#include <raphson/core/kernels/targets.hpp>

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "raphson/core/kernels/gather_rows.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace raphson::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The vectors in which Src is read: those of Real, or half as many numbers as a vector of float holds.
template <class Real, class Src>
using Wide = hn::Rebind<Src, hn::ScalableTag<Src>>;

/// As many numbers of Real as a vector of Src holds.
template <class Real, class Src>
using Narrow = hn::Rebind<Real, hn::ScalableTag<Src>>;

template <class Real, class Src>
HWY_INLINE void store_rounded(hn::Vec<Wide<Real, Src>> v, Real* HWY_RESTRICT out) {
  if constexpr (sizeof(Real) == sizeof(Src)) {
    hn::StoreU(v, Wide<Real, Src>(), out);
  } else {
    const Narrow<Real, Src> d;
    hn::StoreU(hn::DemoteTo(d, v), d, out);
  }
}

template <class Real, class Src>
HWY_INLINE hn::Vec<Wide<Real, Src>> load_widened(const Real* HWY_RESTRICT at) {
  if constexpr (sizeof(Real) == sizeof(Src)) {
    return hn::LoadU(Wide<Real, Src>(), at);
  } else {
    return hn::PromoteTo(Wide<Real, Src>(), hn::LoadU(Narrow<Real, Src>(), at));
  }
}

template <class Src>
HWY_INLINE void ask_for(const Src* row, Index width) {
  for (Index j = 0; j < width; j += cache_line / sizeof(Src)) hwy::Prefetch(row + j);
  hwy::Prefetch(row + width - 1);
}

template <class Src, class Real>
HWY_INLINE void pack(const RowBlock<Src>& C, const Src* factor, Real* tile) {
  constexpr Index ahead = 24;  // rows
  const Wide<Real, Src> d;
  const Index lanes = hn::Lanes(d);
  for (Index i = 0; i < C.count; ++i) {
    const Src* HWY_RESTRICT row = C.data + i * C.stride;
    Real* HWY_RESTRICT out = tile + i * strip_width<Real>;
    if (i + ahead < C.count) ask_for(row + ahead * C.stride, C.width);
    const auto f = hn::Set(d, factor[i]);
    Index j = 0;
    for (; j + lanes <= C.width; j += lanes) store_rounded<Real, Src>(hn::Mul(f, hn::LoadU(d, row + j)), out + j);
    for (; j < C.width; ++j) out[j] = static_cast<Real>(factor[i] * row[j]);
    std::fill(out + j, out + strip_width<Real>, Real(0));
  }
}

/// Sums of `each` rows: known to the compiler where fixed > 0.
template <int fixed, class Real>
HWY_INLINE void gather_each(const Real* HWY_RESTRICT tile, const std::uint32_t* HWY_RESTRICT target, Index targets, Index each,
                            const std::uint16_t* HWY_RESTRICT entry, Real* HWY_RESTRICT sums) {
  const hn::ScalableTag<Real> d;
  constexpr int lanes = static_cast<int>(hn::MaxLanes(d)), vectors = static_cast<int>(strip_width<Real>) / lanes;
  constexpr Real sign[2] = {1, -1};
  if (fixed > 0) each = fixed;
  for (Index t = 0; t < targets; ++t, entry += each) {
    Real* HWY_RESTRICT out = sums + target[t] * strip_width<Real>;
    hn::Vec<decltype(d)> sum[vectors];
    for (int v = 0; v < vectors; ++v) sum[v] = hn::Load(d, out + v * lanes);
    HWY_UNROLL(8)
    for (Index e = 0; e < each; ++e) {
      const Real* HWY_RESTRICT row = tile + entry[e] / 2 * strip_width<Real>;
      const auto f = hn::Set(d, sign[entry[e] % 2]);
      for (int v = 0; v < vectors; ++v) sum[v] = hn::MulAdd(hn::Load(d, row + v * lanes), f, sum[v]);
    }
    for (int v = 0; v < vectors; ++v) hn::Store(sum[v], d, out + v * lanes);
  }
}

template <class Real>
HWY_INLINE void gather_tile(const Real* tile, const std::uint32_t* target, Index targets, Index each, const std::uint16_t* entry,
                            Real* sums) {
  switch (each) {
    case 1:
      return gather_each<1>(tile, target, targets, each, entry, sums);
    case 2:
      return gather_each<2>(tile, target, targets, each, entry, sums);
    case 3:
      return gather_each<3>(tile, target, targets, each, entry, sums);
    case 4:
      return gather_each<4>(tile, target, targets, each, entry, sums);
    case 5:
      return gather_each<5>(tile, target, targets, each, entry, sums);
    case 6:
      return gather_each<6>(tile, target, targets, each, entry, sums);
    default:
      return gather_each<0>(tile, target, targets, each, entry, sums);
  }
}

constexpr int together = 4;  ///< rows: enough to share the loads of y, few enough for the registers

/// y = first ? 0 : y, + Σ t[r] · row[r] for R rows; where `next`, the R rows from row[together] on are asked for.
template <int R, bool next, class Real, class Src>
HWY_INLINE void add_group(const Src* const* HWY_RESTRICT row, const Src* HWY_RESTRICT t, Index width, bool first, Real* HWY_RESTRICT y) {
  const Wide<Real, Src> d;
  const Index lanes = hn::Lanes(d), step = std::max(lanes, cache_line / sizeof(Src));
  hn::Vec<decltype(d)> factor[R];
  const Src *HWY_RESTRICT at[R], *HWY_RESTRICT later[R];
  for (int r = 0; r < R; ++r) {
    factor[r] = hn::Set(d, t[r]);
    at[r] = row[r];
    if (next) later[r] = row[together + r];
  }
  const auto sum_at = [&](Index j) HWY_ATTR {
    auto sum = first ? hn::Zero(d) : load_widened<Real, Src>(y + j);
    for (int r = 0; r < R; ++r) sum = hn::MulAdd(hn::LoadU(d, at[r] + j), factor[r], sum);
    return sum;
  };
  // The last numbers come as a whole vector too: summed first, stored last, since it overlaps the one before.
  const Index whole = width / lanes * lanes;
  auto last = hn::Zero(d);
  if (whole > 0 && whole < width) last = sum_at(width - lanes);
  Index j = 0;
  for (; j < whole; j += lanes) {
    if (next && j % step == 0) {
      for (int r = 0; r < R; ++r) hwy::Prefetch(later[r] + j);
    }
    store_rounded<Real, Src>(sum_at(j), y + j);
  }
  if (next) {
    for (int r = 0; r < R; ++r) hwy::Prefetch(later[r] + width - 1);
  }
  if (whole == width) return;
  if (whole > 0) return store_rounded<Real, Src>(last, y + width - lanes);
  for (; j < width; ++j) {
    Src sum = first ? Src(0) : static_cast<Src>(y[j]);
    for (int r = 0; r < R; ++r) sum += t[r] * at[r][j];
    y[j] = static_cast<Real>(sum);
  }
}

template <int R, class Real, class Src>
HWY_INLINE void add_some(const Src* const* row, const Src* t, Index known, Index width, bool first, Real* y) {
  if (together + R <= known) {
    add_group<R, true>(row, t, width, first, y);
  } else {
    add_group<R, false>(row, t, width, first, y);
  }
}

template <class Real, class Src>
HWY_INLINE void gather(const Src* const* row, const Src* t, Index count, Index ahead, Index width, Real* y) {
  if (count == 0) std::fill_n(y, width, Real(0));
  if (width == 0) return;
  const Index known = count + ahead;
  Index i = 0;
  for (; i + together <= count; i += together) add_some<together>(row + i, t + i, known - i, width, i == 0, y);
  switch (count - i) {
    case 1:
      return add_some<1>(row + i, t + i, known - i, width, i == 0, y);
    case 2:
      return add_some<2>(row + i, t + i, known - i, width, i == 0, y);
    case 3:
      return add_some<3>(row + i, t + i, known - i, width, i == 0, y);
    default:
      return;
  }
}

#define RAPHSON_KERNELS(Real, Src, name)                                                                    \
  void gather_##name(const Src* const* row, const Src* t, Index count, Index ahead, Index width, Real* y) { \
    gather(row, t, count, ahead, width, y);                                                                 \
  }                                                                                                         \
  void pack_##name(const RowBlock<Src>& C, const Src* factor, Real* tile) { pack(C, factor, tile); }
RAPHSON_KERNELS(double, double, f64)
RAPHSON_KERNELS(float, float, f32)
RAPHSON_KERNELS(float, double, f32_of_f64)
#undef RAPHSON_KERNELS

void tile_f64(const double* tile, const std::uint32_t* target, Index targets, Index each, const std::uint16_t* entry, double* sums) {
  gather_tile(tile, target, targets, each, entry, sums);
}
void tile_f32(const float* tile, const std::uint32_t* target, Index targets, Index each, const std::uint16_t* entry, float* sums) {
  gather_tile(tile, target, targets, each, entry, sums);
}

}  // namespace raphson::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raphson::kernels {

#define RAPHSON_KERNELS(Real, Src, name)                                                                             \
  HWY_EXPORT(gather_##name);                                                                                         \
  HWY_EXPORT(pack_##name);                                                                                           \
  template <>                                                                                                        \
  void gather_rows<Real, Src>(const Src* const* row, const Src* t, Index count, Index ahead, Index width, Real* y) { \
    HWY_DYNAMIC_DISPATCH(gather_##name)(row, t, count, ahead, width, y);                                             \
  }                                                                                                                  \
  template <>                                                                                                        \
  void pack_strip<Src, Real>(const RowBlock<Src>& C, const Src* factor, Real* tile) {                                \
    HWY_DYNAMIC_DISPATCH(pack_##name)(C, factor, tile);                                                              \
  }
RAPHSON_KERNELS(double, double, f64)
RAPHSON_KERNELS(float, float, f32)
RAPHSON_KERNELS(float, double, f32_of_f64)
#undef RAPHSON_KERNELS

HWY_EXPORT(tile_f64);
HWY_EXPORT(tile_f32);
template <>
void gather_strip<double>(const double* tile, const std::uint32_t* target, Index targets, Index each, const std::uint16_t* entry,
                          double* sums) {
  HWY_DYNAMIC_DISPATCH(tile_f64)(tile, target, targets, each, entry, sums);
}
template <>
void gather_strip<float>(const float* tile, const std::uint32_t* target, Index targets, Index each, const std::uint16_t* entry,
                         float* sums) {
  HWY_DYNAMIC_DISPATCH(tile_f32)(tile, target, targets, each, entry, sums);
}

}  // namespace raphson::kernels
#endif
