#include <raphson/core/error.hpp>
#include <raphson/core/kernels/vector_math.hpp>
#include <raphson/models/losses.hpp>

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace raphson {
namespace {

/// z + y exp(−z): half the unit deviance of the gamma distribution with mean exp(z), less what y alone contributes. Where exp overflows the
/// value is +∞.
class Gamma final : public Loss {
 public:
  std::string name() const override { return "gamma"; }
  std::string formula() const override { return "(zᵢ + yᵢ exp(−zᵢ))"; }

  void evaluate(std::span<const double> z, std::span<const double> y, double* value, double* first, double* second) const override {
    constexpr Index chunk = 256;
    std::array<double, chunk> minus, inverse;
    for (Index begin = 0; begin < z.size(); begin += chunk) {
      const Index count = std::min<Index>(chunk, z.size() - begin);
      for (Index i = 0; i < count; ++i) minus[i] = -z[begin + i];
      vector_math::exponentials(minus.data(), count, inverse.data());
      for (Index i = begin; i < begin + count; ++i) {
        const double ratio = y[i] * inverse[i - begin];
        if (value) value[i] = std::isinf(ratio) ? ratio : z[i] + ratio;
        if (first) first[i] = 1 - ratio;
        if (second) second[i] = ratio;
      }
    }
  }

  std::string prepare(Vec& y) const override {
    Loss::prepare(y);
    for (Index i = 0; i < y.n_elem; ++i) {
      if (!(y(i) > 0)) throw InputError(fmt::format("gamma: y[{}] = {} <= 0.", i, y(i)));
    }
    return {};
  }

  double mean(double z) const override { return std::exp(z); }
};

}  // namespace

std::shared_ptr<const Loss> gamma_loss() { return std::make_shared<const Gamma>(); }

}  // namespace raphson
