#include <raphson/core/error.hpp>
#include <raphson/models/losses.hpp>

#include <cmath>

#include <fmt/format.h>

namespace raphson {
namespace {

/// The check loss u(τ − 1{u < 0}), u = y − z, averaged over u ± h: τu + (u − h)²/(4h) within h of 0, the check loss itself beyond. In this
/// form nothing cancels however close τ is to 0 or far u from 0.
struct Quantile {
  double tau, h;

  double value(double z, double y) const {
    const double u = y - z;
    if (std::abs(u) <= h) return tau * u + (u - h) * (u - h) / (4 * h);
    return (u > 0 ? tau : tau - 1) * u;
  }
  double first(double z, double y) const { return -slope((y - z) / h); }
  double second(double z, double y) const { return std::abs(y - z) <= h ? 1 / (2 * h) : 0.0; }
  /// The minimum lies at u = h(1 − 2τ).
  double secant(double z, double y) const {
    const double u = (y - z) / h, from_least = u - (1 - 2 * tau);
    return std::abs(u) <= 1 ? 1 / (2 * h) : slope(u) / (h * from_least);
  }

 private:
  double slope(double u) const { return u > 1 ? tau : u < -1 ? tau - 1 : tau - 0.5 * (1 - u); }
};

}  // namespace

std::shared_ptr<const Loss> quantile_loss(double tau, double width) {
  if (!(tau > 0 && tau < 1)) throw InputError(fmt::format("quantile: tau = {}; it must lie between 0 and 1.", tau));
  if (!(width > 0) || !std::isfinite(width)) throw InputError(fmt::format("quantile: width = {}; it must be positive and finite.", width));
  return make_loss(Quantile{tau, width}, "quantile", fmt::format("quantile(yᵢ − zᵢ; τ = {:g}, h = {:g})", tau, width));
}

}  // namespace raphson
