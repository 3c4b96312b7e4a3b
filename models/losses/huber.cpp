#include <raphson/core/error.hpp>
#include <raphson/core/kernels/vector_math.hpp>
#include <raphson/models/losses.hpp>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace raphson {
namespace {

/// Quadratic within δ of the target, linear beyond, where the second derivative is 0: rows far off say nothing about curvature.
class Huber final : public Loss {
 public:
  explicit Huber(double delta) : delta_(delta) {}
  std::string name() const override { return "huber"; }
  std::string formula() const override { return fmt::format("huber(zᵢ − yᵢ; δ = {:g})", delta_); }

  void evaluate(std::span<const double> z, std::span<const double> y, double* value, double* first, double* second) const override {
    vector_math::huber(z.data(), y.data(), z.size(), delta_, value, first, second);
  }

  bool secant_curvature(std::span<const double> z, std::span<const double> y, double* curvature) const override {
    for (Index i = 0; i < z.size(); ++i) curvature[i] = std::min(1.0, delta_ / std::abs(z[i] - y[i]));
    return true;
  }

 private:
  double delta_;
};

}  // namespace

std::shared_ptr<const Loss> huber_loss(double delta) {
  if (!(delta > 0) || !std::isfinite(delta)) throw InputError(fmt::format("huber: delta = {}; it must be positive and finite.", delta));
  return std::make_shared<const Huber>(delta);
}

}  // namespace raphson
