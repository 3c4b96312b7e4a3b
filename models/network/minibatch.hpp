#pragma once
#include <raphson/models/two_layer_relu.hpp>

namespace raphson {

/// Mini-batch Gram-Gauss-Newton (Cai et al. 2019; CGH+19 in the first paper's Table 1): every step solves the Gram system of `batch`
/// rows alone and moves W by it, W ← W − J_Bᵀ(J_B J_Bᵀ)⁻¹(f_B − y_B). Every epoch deals the rows out anew, by Options::seed.
///
/// Contract of minimize with unit steps; an iteration is one batch, and the whole residual, ‖f − y‖ over all rows, is measured once an
/// epoch: the history has a row for each, and the tolerance is looked at then. Damping (0: none) is relative to the mean diagonal of
/// each batch's Gram matrix. A batch step costs 2bdm flops for f, b²m/64 words for the Gram matrix and what the solver takes for b
/// unknowns. Diverges where batches undo each other: status `diverged`, W the best point measured. Throws InputError for batch 0 and for a
/// net with a penalty, whose minimizer batches do not agree on.
Summary minibatch_gauss_newton(const TwoLayerRelu& model, LinearSolver& solver, Vec& W, Index batch, double damping = 0,
                               const Options& options = {});

}  // namespace raphson
