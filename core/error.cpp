#include <raphson/core/error.hpp>

#include <fmt/format.h>
#include <cmath>

namespace raphson {

void require_finite(const Vec& v, std::string_view name) {
  Index count = 0, first = 0;
  for (Index i = 0; i < v.n_elem; ++i) {
    if (!std::isfinite(v[i]) && count++ == 0) first = i;
  }
  if (count == 0) return;
  throw InputError(fmt::format("{} has {} non-finite value{}; first at element {} ({}). Remove or impute {}.", name, count,
                               count == 1 ? "" : "s", first, v[first], count == 1 ? "it" : "them"));
}

void require_size(Index actual, Index expected, std::string_view name, std::string_view why) {
  if (actual == expected) return;
  throw InputError(fmt::format("{} has {} elements, expected {} ({}).", name, actual, expected, why));
}

std::string bytes_text(double bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  while (bytes >= 1024 && unit < 4) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", bytes, bytes < 10 && unit > 0 ? 1 : 0, units[unit]);
}

void require_memory(double bytes, double limit, std::string_view what, std::string_view advice) {
  if (bytes <= limit) return;
  throw InputError(fmt::format("{} ({}, limit {}).{}{}", what, bytes_text(bytes), bytes_text(limit), advice.empty() ? "" : " ", advice));
}

}  // namespace raphson
