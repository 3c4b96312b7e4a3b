#pragma once
/// How wide a two-layer network should be for the data at hand.

#include <raphson/core/data_matrix.hpp>

#include <string>

namespace raphson {

struct WidthChoice {
  Index width;
  std::string reason;  ///< "16 weights a row"
};

/// m = 16·n/d rounded up to a power of two, so that m·d is 16 to 32 times n, between 1024 and 16384; where 16384 neurons are fewer than two
/// weights a row, 2·n/d rounded up.
///
/// Interpolation needs m·d ≥ n, and unit steps about 1.5 times that on smooth targets. On real data (bench-nets_real_data --width …)
/// boston, yacht, energy and diabetes train from m·d ≈ 3n on and concrete from about 4n; from there to 16n the number of steps falls to
/// about a half, and beyond that by little, while a step takes longer. n counts the rows of X, d its columns as the network sees them.
/// Throws InputError for an empty X.
WidthChoice recommended_width(const DataMatrix& X);

}  // namespace raphson
