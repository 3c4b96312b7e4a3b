#pragma once
#include <raphson/core/types.hpp>

namespace raphson {

/// Powers of two tⱼ with ½ ≤ tⱼ²·diagonalⱼ < 2, so that diag(t) G diag(t) has a diagonal near 1 and no rounding takes place: nearly
/// the best diagonal scaling for a Cholesky factorization (van der Sluis 1969). tⱼ = 1 where the diagonal is not positive.
Vec equilibrating_scale(const Vec& diagonal);

/// Squared pivots below this, for a diagonal near 1 and k unknowns, are rounding errors: 8·√k·ε.
template <class Real>
Real pivot_floor(Index k);

/// G ← diag(t) G diag(t).
template <class Real>
void scale_symmetric(Mat<Real>& G, const Vec& t);

}  // namespace raphson
