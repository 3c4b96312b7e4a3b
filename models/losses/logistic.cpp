#include <raphson/core/error.hpp>
#include <raphson/models/losses.hpp>

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace raphson {
namespace {

/// The distinct values of y in increasing order; at most `most` of them.
std::set<double> distinct(const Vec& y, Index most) {
  std::set<double> values;
  for (const double label : y) {
    values.insert(label);
    if (values.size() == most) break;
  }
  return values;
}

[[noreturn]] void refuse_labels(const Vec& y) {
  constexpr Index shown = 6;
  const std::set<double> all = distinct(y, y.n_elem + 1);
  const std::set<double> head(all.begin(), std::next(all.begin(), static_cast<std::ptrdiff_t>(std::min<Index>(all.size(), shown))));
  throw InputError(fmt::format("logistic needs two classes; y has {} distinct value{} {{{}{}}}.", all.size(), all.size() == 1 ? "" : "s",
                               fmt::join(head, ", "), all.size() > shown ? ", …" : ""));
}

/// log(1+exp(−m)), m = yz. Everything comes from e = exp(−|m|) ≤ 1, so that nothing overflows or cancels at any margin.
class Logistic final : public Loss {
 public:
  std::string name() const override { return "logistic"; }
  std::string formula() const override { return "log(1+exp(−yᵢzᵢ))"; }

  void evaluate(std::span<const double> z, std::span<const double> y, double* value, double* first, double* second) const override {
    for (Index i = 0; i < z.size(); ++i) {
      const double m = y[i] * z[i];
      const double e = std::exp(-std::abs(m));
      if (value) value[i] = (m < 0 ? -m : 0.0) + std::log1p(e);
      if (first) first[i] = -y[i] * (m < 0 ? 1 : e) / (1 + e);
      if (second) second[i] = e / ((1 + e) * (1 + e));
    }
  }

  std::string prepare(Vec& y) const override {
    Loss::prepare(y);
    const std::set<double> labels = distinct(y, 3);
    if (labels.size() != 2) refuse_labels(y);
    const double low = *labels.begin(), high = *labels.rbegin();
    y.transform([low](double label) { return label == low ? -1.0 : 1.0; });
    return fmt::format("labels {}, {} → −1, +1", low, high);
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
