#include <raphson/core/error.hpp>
#include <raphson/core/kernels/vector_math.hpp>
#include <raphson/models/losses.hpp>

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace raphson {
namespace {

/// exp(z) − yz. Where exp overflows the value is +∞, also at z = +∞, where the difference would be NaN.
class Poisson final : public Loss {
 public:
  std::string name() const override { return "poisson"; }
  std::string formula() const override { return "(exp(zᵢ) − yᵢzᵢ)"; }

  void evaluate(std::span<const double> z, std::span<const double> y, double* value, double* first, double* second) const override {
    constexpr Index chunk = 256;
    std::array<double, chunk> rate;
    for (Index begin = 0; begin < z.size(); begin += chunk) {
      const Index count = std::min<Index>(chunk, z.size() - begin);
      vector_math::exponentials(z.data() + begin, count, rate.data());
      for (Index i = begin; i < begin + count; ++i) {
        const double mu = rate[i - begin];
        if (value) value[i] = std::isinf(mu) ? mu : mu - (y[i] == 0 ? 0.0 : y[i] * z[i]);
        if (first) first[i] = mu - y[i];
        if (second) second[i] = mu;
      }
    }
  }

  std::string prepare(Vec& y) const override {
    Loss::prepare(y);
    for (Index i = 0; i < y.n_elem; ++i) {
      if (y(i) < 0) throw InputError(fmt::format("poisson: y[{}] = {} < 0.", i, y(i)));
    }
    return {};
  }

  double mean(double z) const override { return std::exp(z); }

  /// A zero count lets its rate go to 0; a positive one pins its margin.
  std::string recession(std::span<const double> q, std::span<const double> y) const override {
    Index falling = 0;
    for (Index i = 0; i < q.size(); ++i) {
      if (!(y[i] > 0 ? q[i] == 0 : q[i] <= 0)) return {};
      if (q[i] < 0) ++falling;
    }
    if (falling == 0) return {};
    return fmt::format("fitted rates reach 0 for {:.3g} % of rows", 100.0 * double(falling) / double(q.size()));
  }
};

}  // namespace

std::shared_ptr<const Loss> poisson_loss() { return std::make_shared<const Poisson>(); }

}  // namespace raphson
