#pragma once
/// A run of minimize that can be left and taken up again.

#include <raphson/core/globalization.hpp>
#include <raphson/core/stopping.hpp>

namespace raphson {

/// Everything that a run of minimize depends on from here on, between two iterations; 16 bytes a parameter.
struct RunState {
  Vec x;                  ///< the point reached
  Vec best;               ///< the best accepted point
  double best_value = 0;  ///< smallest objective, of iteration best_iteration
  Index best_iteration = 0;
  double smallest_measure = 0;  ///< smallest norm that outer steps reduce, of iteration smallest_measure_iteration
  Index smallest_measure_iteration = 0;
  Globalization globalization = Globalization::automatic;  ///< in force
  double damping = 0, damping_growth = 2;
  ForcingTerm::Memory forcing;
  std::vector<double> recent;  ///< objectives that a non-monotone step is compared with
  Index systems = 0;           ///< solved so far: numbers the seeds
  Stopping::References references;
  Summary summary;     ///< history, notes, phases and names so far
  double seconds = 0;  ///< spent so far
};

/// Where a run of minimize may be left, and where it begins.
struct Resumption {
  std::function<bool(Index iteration)> due = {};  ///< whether `take` is to be called after this iteration; null: never
  std::function<void(RunState state)> take = {};  ///< null: nobody wants to know
  const RunState* from = nullptr;                 ///< go on from here; null: begin at θ
};

/// minimize that can be left and taken up again to the same bits: where `due` says so, the solver forgets what it keeps between systems
/// (LinearSolver::reset) and the point is linearized anew, whether anyone takes the state or not, so that a run that begins there with a
/// fresh solver goes the same way. Rejected steps never end a stretch: `due` is asked after accepted ones and at the start.
///
/// With `from` θ need only have the right size; the options, less limits, callback and cancel, must be those of the run that was left.
/// Its callback sees the iterations that follow; the history is whole, and `seconds` counts on. The time limit is that of this call.
Summary minimize(const Model& model, LinearSolver& solver, Vec& theta, const Options& options, const Resumption& resumption);

}  // namespace raphson
