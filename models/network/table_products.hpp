#pragma once
/// J u and Jᵀv of a ReLU network on dense data by table lookups on the bits. Internal to TwoLayerRelu.

#include <raphson/core/data_matrix.hpp>
#include <raphson/models/network/activation_pattern.hpp>

namespace raphson {

/// y (n) = m^{-1/2} Σᵣ aᵣ Φᵢᵣ ⟨u_r, xᵢ⟩ for binary Φ and rows first, …, first + Φ.points() − 1 of dense X; u is d × m.
/// nmd/4 additions, where the definition takes nmd multiply-adds.
void table_multiply(const DataMatrix& X, Index first, const ActivationPattern& Phi, const Vec& signs, const double* u, double* y);

/// u (d × m) = m^{-1/2} (aᵣ Σᵢ Φᵢᵣ vᵢ xᵢ)ᵣ for the same. The same number of additions.
void table_multiply_transposed(const DataMatrix& X, const ActivationPattern& Phi, const Vec& signs, const double* v, double* u);

/// y = J Jᵀ v: the two products without writing Jᵀv. The signs, ±1, cancel.
void table_multiply_normal(const DataMatrix& X, const ActivationPattern& Phi, const double* v, double* y);

}  // namespace raphson
