#include <raphson/core/kernels/vector_math.hpp>
#include <raphson/models/losses.hpp>
#include <raphson/models/losses/labels.hpp>

#include <cmath>

#include <fmt/format.h>

namespace raphson {
namespace {

/// log(1+exp(−yz)).
class Logistic final : public Loss {
 public:
  std::string name() const override { return "logistic"; }
  std::string formula() const override { return "log(1+exp(−yᵢzᵢ))"; }

  void evaluate(std::span<const double> z, std::span<const double> y, double* value, double* first, double* second) const override {
    vector_math::logistic(z.data(), y.data(), z.size(), value, first, second);
  }

  std::string prepare(Vec& y) const override {
    Loss::prepare(y);
    return two_classes(y, name());
  }

  double mean(double z) const override {
    const double e = std::exp(-std::abs(z));
    return (z < 0 ? e : 1) / (1 + e);
  }

  std::string recession(std::span<const double> q, std::span<const double> y) const override {
    Index falling = 0;
    for (Index i = 0; i < q.size(); ++i) {
      if (!(y[i] * q[i] >= 0)) return {};
      if (y[i] * q[i] > 0) ++falling;
    }
    if (falling == 0) return {};
    return fmt::format("fitted probabilities reach 0/1 for {:.3g} % of rows", 100.0 * double(falling) / double(q.size()));
  }
};

}  // namespace

std::shared_ptr<const Loss> logistic_loss() { return std::make_shared<const Logistic>(); }

}  // namespace raphson
