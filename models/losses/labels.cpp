#include <raphson/core/error.hpp>
#include <raphson/models/losses/labels.hpp>

#include <algorithm>
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

[[noreturn]] void refuse_labels(const Vec& y, std::string_view loss) {
  constexpr Index shown = 6;
  const std::set<double> all = distinct(y, y.n_elem + 1);
  const std::set<double> head(all.begin(), std::next(all.begin(), static_cast<std::ptrdiff_t>(std::min<Index>(all.size(), shown))));
  throw InputError(fmt::format("{} needs two classes; y has {} distinct value{} {{{}{}}}.", loss, all.size(), all.size() == 1 ? "" : "s",
                               fmt::join(head, ", "), all.size() > shown ? ", …" : ""));
}

}  // namespace

std::string two_classes(Vec& y, std::string_view loss) {
  const std::set<double> labels = distinct(y, 3);
  if (labels.size() != 2) refuse_labels(y, loss);
  const double low = *labels.begin(), high = *labels.rbegin();
  y.transform([low](double label) { return label == low ? -1.0 : 1.0; });
  return fmt::format("labels {}, {} → −1, +1", low, high);
}

}  // namespace raphson
