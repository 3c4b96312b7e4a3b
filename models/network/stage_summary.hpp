#pragma once
/// From the calls of minimize within a training to its summary. Internal to the network models.

#include <raphson/core/minimize.hpp>

namespace raphson {

/// Status, names and work of a stage as those of the training so far; history, notes, figures and seconds are for the caller.
inline void take_over(const Summary& stage, Summary& training) {
  training.status = stage.status;
  training.message = stage.message;
  training.criterion = stage.criterion;
  training.solver_asked = stage.solver_asked;
  if (!stage.solver_used.empty()) training.solver_used = stage.solver_used;
  if (!stage.solver_reason.empty()) training.solver_reason = stage.solver_reason;
  training.inner_iterations += stage.inner_iterations;
  training.phases.linear_setup += stage.phases.linear_setup;
  training.phases.linear_solve += stage.phases.linear_solve;
  training.phases.objective += stage.phases.objective;
  training.seed = stage.seed;
  training.threads = stage.threads;
}

}  // namespace raphson
