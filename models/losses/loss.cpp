#include <raphson/core/error.hpp>
#include <raphson/models/losses.hpp>

namespace raphson {

bool Loss::secant_curvature(std::span<const double>, std::span<const double>, double*) const { return false; }

std::string Loss::prepare(Vec& y) const {
  require_finite(y, "y");
  return {};
}

std::string Loss::recession(std::span<const double>, std::span<const double>) const { return {}; }

}  // namespace raphson
