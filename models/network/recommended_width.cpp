#include <raphson/core/error.hpp>
#include <raphson/models/network/recommended_width.hpp>

#include <bit>

#include <fmt/format.h>

namespace raphson {
namespace {

constexpr Index weights_a_row = 16, fewest_weights_a_row = 2;
constexpr Index smallest = 1024, largest = 16384;

Index rounded_up(Index count, Index part) { return (count + part - 1) / part; }

}  // namespace

WidthChoice recommended_width(const DataMatrix& X) {
  require_nonempty(X, "X");
  const Index n = X.rows(), d = X.cols();
  const Index wanted = std::bit_ceil(rounded_up(weights_a_row * n, d)), needed = rounded_up(fewest_weights_a_row * n, d);
  if (wanted < smallest) return {smallest, fmt::format("the least recommended; {:.3g} weights a row", double(smallest * d) / double(n))};
  if (wanted <= largest) return {wanted, fmt::format("{:.3g} weights a row", double(wanted * d) / double(n))};
  if (needed <= largest) return {largest, fmt::format("the most recommended; {:.3g} weights a row", double(largest * d) / double(n))};
  return {needed, fmt::format("{} weights a row, as few as unit steps do with", fewest_weights_a_row)};
}

}  // namespace raphson
