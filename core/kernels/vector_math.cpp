#include <raphson/core/kernels/targets.hpp>
#include <raphson/core/kernels/vector_math.hpp>

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "raphson/core/kernels/vector_math.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>  // once for each target: after the two above

HWY_BEFORE_NAMESPACE();
namespace raphson::vector_math::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<double>;
using V = hn::Vec<D>;
constexpr Index widest = hn::MaxLanes(D());

/// Calls step(i, n) for runs of n ≤ Lanes numbers.
template <class Step>
HWY_INLINE void for_vectors(Index count, const Step& step) {
  const Index lanes = hn::Lanes(D());
  for (Index i = 0; i < count; i += lanes) step(i, std::min(lanes, count - i));
}

/// n numbers at p, `rest` in the lanes beyond.
HWY_INLINE V load(const double* p, Index n, double rest) {
  const D d;
  if (n == hn::Lanes(d)) return hn::LoadU(d, p);
  HWY_ALIGN double buffer[widest];
  std::fill(buffer, buffer + widest, rest);
  std::copy_n(p, n, buffer);
  return hn::Load(d, buffer);
}

HWY_INLINE void store(V v, double* p, Index n) {
  const D d;
  if (n == hn::Lanes(d)) return hn::StoreU(v, d, p);
  HWY_ALIGN double buffer[widest];
  hn::Store(v, d, buffer);
  std::copy_n(buffer, n, p);
}

void exponentials_here(const double* z, Index count, double* rate) {
  const D d;
  for_vectors(count, [&](Index i, Index n) HWY_ATTR {
    const V x = load(z + i, n, 0);
    // What the polynomial is good for; NaN fails the comparison.
    if (hn::AllTrue(d, hn::Lt(hn::Abs(x), hn::Set(d, 700.0)))) return store(hn::Exp(d, x), rate + i, n);
    const V bounded = hn::IfThenElseZero(hn::Lt(hn::Abs(x), hn::Set(d, 700.0)), x);
    store(hn::Exp(d, bounded), rate + i, n);
    for (Index r = i; r < i + n; ++r) {
      if (!(std::abs(z[r]) < 700)) rate[r] = std::exp(z[r]);
    }
  });
}

void logistic_here(const double* z, const double* y, Index count, double* value, double* first, double* second) {
  const D d;
  const V one = hn::Set(d, 1.0), zero = hn::Zero(d), least = hn::Set(d, -745.2);
  for_vectors(count, [&](Index i, Index n) HWY_ATTR {
    const V sign = load(y + i, n, 1), m = hn::Mul(sign, load(z + i, n, 0));
    const auto negative = hn::Lt(m, zero), number = hn::Eq(m, m);
    // Below −745.2 there is nothing but 0. A NaN is put back at the end.
    const V x = hn::IfThenElseZero(number, hn::Neg(hn::Abs(m)));
    const V e = hn::IfThenZeroElse(hn::Lt(x, least), hn::Exp(d, hn::Max(x, least)));
    const V sum = hn::Add(one, e);
    if (value) {
      const V g = hn::Add(hn::IfThenElse(negative, hn::Neg(m), zero), hn::Log1p(d, e));
      store(hn::IfThenElse(number, g, m), value + i, n);
    }
    if (first) {
      const V g = hn::Neg(hn::Mul(sign, hn::Div(hn::IfThenElse(negative, one, e), sum)));
      store(hn::IfThenElse(number, g, m), first + i, n);
    }
    if (second) store(hn::IfThenElse(number, hn::Div(e, hn::Mul(sum, sum)), m), second + i, n);
  });
}

void squared_hinge_here(const double* z, const double* y, Index count, double* value, double* first, double* second) {
  const D d;
  const V one = hn::Set(d, 1.0), zero = hn::Zero(d), two = hn::Set(d, 2.0);
  for_vectors(count, [&](Index i, Index n) HWY_ATTR {
    const V sign = load(y + i, n, 1), m = hn::Sub(one, hn::Mul(sign, load(z + i, n, 0)));
    const V gap = hn::IfThenZeroElse(hn::Lt(m, zero), m);  // a NaN stays one
    if (value) store(hn::Mul(gap, gap), value + i, n);
    if (first) store(hn::Neg(hn::Mul(two, hn::Mul(sign, gap))), first + i, n);
    if (second) store(hn::IfThenElse(hn::Gt(gap, zero), two, hn::Mul(zero, gap)), second + i, n);
  });
}

void huber_here(const double* z, const double* y, Index count, double delta, double* value, double* first, double* second) {
  const D d;
  const V limit = hn::Set(d, delta), half = hn::Set(d, 0.5), half_limit = hn::Set(d, 0.5 * delta), one = hn::Set(d, 1.0);
  for_vectors(count, [&](Index i, Index n) HWY_ATTR {
    const V u = hn::Sub(load(z + i, n, 0), load(y + i, n, 0)), size = hn::Abs(u);
    const auto near = hn::Le(size, limit);
    if (value) store(hn::IfThenElse(near, hn::Mul(half, hn::Mul(u, u)), hn::Mul(limit, hn::Sub(size, half_limit))), value + i, n);
    if (first) store(hn::IfThenElse(hn::Gt(size, limit), hn::CopySign(limit, u), u), first + i, n);  // a NaN stays one
    if (second) store(hn::IfThenElseZero(near, one), second + i, n);
  });
}

void quantile_here(const double* z, const double* y, Index count, double tau, double h, double* value, double* first, double* second) {
  const D d;
  const V zero = hn::Zero(d), width = hn::Set(d, h), below = hn::Set(d, 1 - tau), above = hn::Set(d, -tau);
  const V quarter = hn::Set(d, 4 * h), twice = hn::Set(d, 2 * h), level = hn::Set(d, tau), curvature = hn::Set(d, 1 / (2 * h));
  for_vectors(count, [&](Index i, Index n) HWY_ATTR {
    const V u = hn::Sub(load(y + i, n, 0), load(z + i, n, 0)), past = hn::Sub(u, width);
    const auto near = hn::Le(hn::Abs(u), width);
    // The derivative in z of the check loss itself: −τ above the target's quantile, 1 − τ below.
    const V side = hn::IfThenElse(hn::Gt(u, zero), above, below);
    if (value) {
      const V inside = hn::MulAdd(level, u, hn::Div(hn::Mul(past, past), quarter));
      store(hn::IfThenElse(near, inside, hn::Neg(hn::Mul(side, u))), value + i, n);
    }
    if (first) {
      const V inside = hn::Sub(above, hn::Div(past, twice));  // of a NaN a NaN, which is neither above nor below
      store(hn::IfThenElse(hn::Gt(hn::Abs(u), width), side, inside), first + i, n);
    }
    if (second) store(hn::IfThenElseZero(near, curvature), second + i, n);
  });
}

void roots_here(double* x, Index count) {
  const V zero = hn::Zero(D());
  for_vectors(count, [&](Index i, Index n) HWY_ATTR {
    const V v = load(x + i, n, 0);
    store(hn::IfThenElse(hn::Lt(v, zero), zero, hn::Sqrt(v)), x + i, n);
  });
}

}  // namespace raphson::vector_math::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raphson::vector_math {

HWY_EXPORT(exponentials_here);
HWY_EXPORT(logistic_here);
HWY_EXPORT(squared_hinge_here);
HWY_EXPORT(huber_here);
HWY_EXPORT(quantile_here);
HWY_EXPORT(roots_here);

void exponentials(const double* z, Index count, double* rate) { HWY_DYNAMIC_DISPATCH(exponentials_here)(z, count, rate); }
void logistic(const double* z, const double* y, Index count, double* value, double* first, double* second) {
  HWY_DYNAMIC_DISPATCH(logistic_here)(z, y, count, value, first, second);
}
void squared_hinge(const double* z, const double* y, Index count, double* value, double* first, double* second) {
  HWY_DYNAMIC_DISPATCH(squared_hinge_here)(z, y, count, value, first, second);
}
void huber(const double* z, const double* y, Index count, double delta, double* value, double* first, double* second) {
  HWY_DYNAMIC_DISPATCH(huber_here)(z, y, count, delta, value, first, second);
}
void quantile(const double* z, const double* y, Index count, double tau, double h, double* value, double* first, double* second) {
  HWY_DYNAMIC_DISPATCH(quantile_here)(z, y, count, tau, h, value, first, second);
}
void roots(double* x, Index count) { HWY_DYNAMIC_DISPATCH(roots_here)(x, count); }

}  // namespace raphson::vector_math
#endif
