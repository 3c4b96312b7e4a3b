#pragma once
/// Exponentials, and losses made of them, over many numbers in the vector instructions of the machine at hand. Every element goes through
/// the same arithmetic wherever the range is cut.

#include <raphson/core/types.hpp>

namespace raphson::vector_math {

/// rate[i] = exp(z[i]), within 2 units in the last place; 0, +∞ and NaN as std::exp has them.
void exponentials(const double* z, Index count, double* rate);

/// log(1+exp(−m)), m = yz, y = ±1, and its derivatives in z, each where the pointer is not null. Everything comes from e = exp(−|m|) ≤ 1,
/// so that nothing overflows or cancels at any margin.
void logistic(const double* z, const double* y, Index count, double* value, double* first, double* second);

/// max(0, 1 − yz)², y = ±1, and its derivatives in z, each where the pointer is not null; NaN margins give NaN.
void squared_hinge(const double* z, const double* y, Index count, double* value, double* first, double* second);

/// ½u² for |u| ≤ δ, else δ(|u| − ½δ), u = z − y, and its derivatives in z, each where the pointer is not null; NaN margins give NaN values
/// and slopes.
void huber(const double* z, const double* y, Index count, double delta, double* value, double* first, double* second);

/// τu + (u − h)²/(4h) for |u| ≤ h, u = y − z, else τu above 0 and (τ − 1)u below, and its derivatives in z, as huber.
void quantile(const double* z, const double* y, Index count, double tau, double h, double* value, double* first, double* second);

/// x[i] = √x[i], 0 where x[i] < 0; NaN stays.
void roots(double* x, Index count);

}  // namespace raphson::vector_math
