#include <raphson/core/error.hpp>
#include <raphson/models/losses.hpp>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace raphson {
namespace {

/// The check loss u(τ − 1{u < 0}), u = y − z, averaged over u ± h: (τ − ½)u + (u² + h²)/(4h) within h of 0, the check loss itself beyond.
struct Quantile {
  double tau, h;

  double value(double z, double y) const {
    const double u = y - z, size = std::abs(u);
    return (tau - 0.5) * u + (size <= h ? (u * u + h * h) / (4 * h) : 0.5 * size);
  }
  double first(double z, double y) const { return -slope((y - z) / h); }
  double second(double z, double y) const { return std::abs(y - z) <= h ? 1 / (2 * h) : 0.0; }
  /// The minimum lies at u = h(1 − 2τ).
  double secant(double z, double y) const {
    const double u = (y - z) / h, from_least = u - (1 - 2 * tau);
    return std::abs(u) <= 1 ? 1 / (2 * h) : slope(u) / (h * from_least);
  }

 private:
  double slope(double u) const { return tau - 0.5 + 0.5 * (u < -1 ? -1 : u > 1 ? 1 : u); }
};

}  // namespace

std::shared_ptr<const Loss> quantile_loss(double tau, double width) {
  if (!(tau > 0 && tau < 1)) throw InputError(fmt::format("quantile: tau = {}; it must lie between 0 and 1.", tau));
  if (!(width > 0) || !std::isfinite(width)) throw InputError(fmt::format("quantile: width = {}; it must be positive and finite.", width));
  return make_loss(Quantile{tau, width}, "quantile", fmt::format("quantile(yᵢ − zᵢ; τ = {:g}, h = {:g})", tau, width));
}

}  // namespace raphson
