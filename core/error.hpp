#pragma once
/// The one exception for a caller's mistake, and the checks that raise it before iteration 0.

#include <raphson/core/types.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace raphson {

/// A caller's mistake: the text says what, where (row, column), the numbers, and what to do.
/// Numerical trouble (singular systems, limits) is never an exception; it is a status.
class InputError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// Throws InputError unless every element of v is finite: "`name` has 3 non-finite values; first at element 17 (nan). ..."
void require_finite(const Vec& v, std::string_view name);

/// Throws InputError unless `actual == expected`: "`name` has 1000 elements, expected 5 (`why`)."
void require_size(Index actual, Index expected, std::string_view name, std::string_view why);

/// "3.2 GiB", "251 MB"-style text for a byte count (binary units).
std::string bytes_text(double bytes);

/// Throws InputError when `bytes > limit`: "`what` needs 107 GiB, limit 16 GiB. `advice`"
void require_memory(double bytes, double limit, std::string_view what, std::string_view advice);

}  // namespace raphson
