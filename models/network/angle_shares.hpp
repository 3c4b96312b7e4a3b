#pragma once
#include <raphson/core/types.hpp>

namespace raphson {

/// share_i = (π − arccos cᵢ)/2π, the chance that a Gaussian w has both ⟨w,x⟩ ≥ 0 and ⟨w,x′⟩ ≥ 0 where cᵢ is the cosine between x and x′.
/// Cosines beyond ±1 by rounding count as ±1.
void angle_shares(const double* cosine, Index count, double* share);

}  // namespace raphson
