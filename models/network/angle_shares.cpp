#include <raphson/core/kernels/targets.hpp>
#include <raphson/models/network/angle_shares.hpp>

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "raphson/models/network/angle_shares.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>  // once for each target: after the two above

HWY_BEFORE_NAMESPACE();
namespace raphson::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
constexpr Doubles tag{};
constexpr Index lanes = hn::MaxLanes(tag);

HWY_INLINE hn::Vec<Doubles> share_of(hn::Vec<Doubles> c) {
  const auto bounded = hn::Min(hn::Max(c, hn::Set(tag, -1.0)), hn::Set(tag, 1.0));
  return hn::NegMulAdd(hn::Acos(tag, bounded), hn::Set(tag, 0.15915494309189535), hn::Set(tag, 0.5));
}

void shares(const double* cosine, Index count, double* share) {
  Index i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(share_of(hn::LoadU(tag, cosine + i)), tag, share + i);
  if (i == count) return;
  HWY_ALIGN double rest[lanes] = {};
  std::copy_n(cosine + i, count - i, rest);
  hn::Store(share_of(hn::Load(tag, rest)), tag, rest);
  std::copy_n(rest, count - i, share + i);
}

}  // namespace raphson::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raphson {

HWY_EXPORT(shares);

void angle_shares(const double* cosine, Index count, double* share) { HWY_DYNAMIC_DISPATCH(shares)(cosine, count, share); }

}  // namespace raphson
#endif
