#pragma once
/// Which neurons are active: signs of projections, computed in float and certain. Internal to TwoLayerRelu.

#include <raphson/core/data_matrix.hpp>
#include <raphson/models/network/activation_pattern.hpp>

namespace raphson {

/// Bits 1{z ≥ 0}, z = Σₖ wᵣₖ xᵢₖ added in double in the order of k, of all m neurons (W is d × m) at rows first, …, first +
/// pattern.points() − 1 of dense X. Bits beyond the last neuron stay 0; a NaN gives 0.
///
/// Rows of X and W are scaled to unit norm and multiplied in float: 2nmd flops. With u = 2⁻²⁴ their product is within c = 1.1(d + 4)u of
/// the scaled z, whether this is exact or as double adds it (d + 1 roundings of the sum, one of either factor, Higham 2002, section 3.1);
/// where it is closer to 0 than that, and where W is not finite, z itself is computed.
void sign_bits(const DataMatrix& X, Index first, const double* W, ActivationPattern& pattern);

}  // namespace raphson
