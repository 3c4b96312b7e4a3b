#pragma once
/// Training of a ReLU net with a penalty. Internal to train_network.

#include <raphson/models/network/train_journal.hpp>

namespace raphson {

/// Minimizers of a penalized ReLU net lie on kinks: the residuals do not vanish, and with every activation that flips the gradient jumps.
/// Steps of the net itself stall there well above the least objective. So: softplus(βz)/β for β = 4, 16, …, 4096, each to a relative
/// gradient of 1e-3, then Levenberg-Marquardt on the net itself until the objective no longer falls by 1e-6 of itself in five steps.
/// Contract of train_network; that end has status `unattainable` unless the gradient is within the tolerance after all.
/// `options`: with the journal's callback.
Summary train_penalized(const TwoLayerRelu& model, LinearSolver& solver, Vec& W, const TrainOptions& options, TrainJournal& journal);

}  // namespace raphson
