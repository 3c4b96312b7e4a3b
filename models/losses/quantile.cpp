#include <raphson/core/error.hpp>
#include <raphson/core/kernels/vector_math.hpp>
#include <raphson/models/losses.hpp>

#include <cmath>

#include <fmt/format.h>

namespace raphson {
namespace {

/// The check loss u(τ − 1{u < 0}), u = y − z, averaged over u ± h: τu + (u − h)²/(4h) within h of 0, the check loss itself beyond. In this
/// form nothing cancels however close τ is to 0 or far u from 0.
class Quantile final : public Loss {
 public:
  Quantile(double tau, double h) : tau_(tau), h_(h) {}
  std::string name() const override { return "quantile"; }
  std::string formula() const override { return fmt::format("quantile(yᵢ − zᵢ; τ = {:g}, h = {:g})", tau_, h_); }

  void evaluate(std::span<const double> z, std::span<const double> y, double* value, double* first, double* second) const override {
    vector_math::quantile(z.data(), y.data(), z.size(), tau_, h_, value, first, second);
  }

  /// The minimum lies at u = h(1 − 2τ).
  bool secant_curvature(std::span<const double> z, std::span<const double> y, double* curvature) const override {
    for (Index i = 0; i < z.size(); ++i) {
      const double u = (y[i] - z[i]) / h_, slope = u > 1 ? tau_ : tau_ - 1;
      curvature[i] = std::abs(u) <= 1 ? 1 / (2 * h_) : slope / (h_ * (u - (1 - 2 * tau_)));
    }
    return true;
  }

 private:
  double tau_, h_;
};

}  // namespace

std::shared_ptr<const Loss> quantile_loss(double tau, double width) {
  if (!(tau > 0 && tau < 1)) throw InputError(fmt::format("quantile: tau = {}; it must lie between 0 and 1.", tau));
  if (!(width > 0) || !std::isfinite(width)) throw InputError(fmt::format("quantile: width = {}; it must be positive and finite.", width));
  return std::make_shared<const Quantile>(tau, width);
}

}  // namespace raphson
