#include <raphson/core/error.hpp>
#include <raphson/models/losses.hpp>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace raphson {
namespace {

/// Quadratic within δ of the target, linear beyond, where the second derivative is 0: rows far off say nothing about curvature.
struct Huber {
  double delta;

  double value(double z, double y) const {
    const double u = std::abs(z - y);
    return u <= delta ? 0.5 * u * u : delta * (u - 0.5 * delta);
  }
  double first(double z, double y) const {
    const double u = z - y;
    return std::abs(u) > delta ? std::copysign(delta, u) : u;
  }
  double second(double z, double y) const { return std::abs(z - y) <= delta ? 1.0 : 0.0; }
  double secant(double z, double y) const { return std::min(1.0, delta / std::abs(z - y)); }
};

}  // namespace

std::shared_ptr<const Loss> huber_loss(double delta) {
  if (!(delta > 0) || !std::isfinite(delta)) throw InputError(fmt::format("huber: delta = {}; it must be positive and finite.", delta));
  return make_loss(Huber{delta}, "huber", fmt::format("huber(zᵢ − yᵢ; δ = {:g})", delta));
}

}  // namespace raphson
