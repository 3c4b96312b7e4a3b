#pragma once
/// Initial weights from which a network hardly has to move.

#include <raphson/models/two_layer_relu.hpp>

namespace raphson {

/// Weights that give f = 0 (nearly) however large they are: the neurons of sign −1 take the Gaussian weights of those of sign +1, in order,
/// so that each pair cancels; what one sign has in excess (about √m neurons) is small. All times `scale`.
///
/// The step that fits the targets has the same length at any scale, so that activations flip the less the larger it is: the regime in
/// which Theorem 4.1 lives (W stays near W₀), reached by scale instead of width (Chizat, Oyallon, Bach 2019, "On Lazy Training in
/// Differentiable Programming"). Unit steps then converge wherever JJᵀ at these weights is not numerically singular; the fit is that of the
/// kernel of Eq. (5), sampled by m neurons, and f carries rounding errors of some `scale`·10⁻¹⁶. With several outputs, where no pair
/// cancels in all of them, the initial weights times `scale`. Where the output layer is trained too, √scale times both layers: f and the
/// share by which weights move are those of `scale`, and both parts of J stay in proportion. Throws InputError unless scale is positive and
/// finite.
Vec lazy_start(const TwoLayerRelu& net, double scale);

}  // namespace raphson
