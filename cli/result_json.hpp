#pragma once
/// Results for programs to read.

#include "cli/problem.hpp"

#include <raphson/models/regularization_path.hpp>

#include <string>
#include <vector>

namespace raphson::cli {

/// One run of compare; `cannot` says why a solver did not run.
struct ComparedRun {
  const SolverRow* row = nullptr;
  Summary summary;
  std::string cannot;
  Estimate estimate;        ///< of the first system, at the measured rates of this machine; seconds NaN for first-order methods
  double read_seconds = 0;  ///< predicted for what the objective costs a step
  bool ran() const { return cannot.empty(); }
  /// Predicted for as many steps as were taken.
  double predicted() const {
    const auto steps = static_cast<double>(summary.iterations);
    return estimate.run_seconds(steps) + (steps + 1) * read_seconds;
  }
};

/// One point of a path with what is known of it beside its summary.
struct PathRow {
  const PathPoint* point = nullptr;
  double norm = 0;                                               ///< ‖x‖₂ without the intercept
  double training = 0;                                           ///< loss a row, without the penalty
  double validation = std::numeric_limits<double>::quiet_NaN();  ///< the same on the rows kept back
};

/// status, message, objective, gradient_norm, relative_gradient_norm, iterations, inner_iterations, seconds, solver {asked, used,
/// reason}, seed, threads, coefficients, intercept (0 without one; null for relu), history; for relu also residual_ratio (null with
/// a penalty) and train_rmse, and where there are rows to validate on validation_rmse (also in every row of history), rows_fitted and
/// rows_validated. RMSE of several outputs are lists, and what history has is the figure of all that --patience watches. Numbers that are
/// not finite are null.
std::string fit_json(const Problem& problem, const Summary& summary, const std::string& asked, const Vec& theta);

/// formula, best_objective, seed, threads and one entry a solver in `runs`: the fields above less coefficients and intercept, or
/// solver and cannot; predicted_seconds too.
std::string compare_json(const Problem& problem, const std::vector<ComparedRun>& runs, double best);

/// formula, rows_fitted, rows_kept_back, seed, threads, best (position in `points` of the best by validation; null without) and in `points`
/// for each penalty the fields of fit_json without history, and l2, norm, training_loss, validation_loss (null without).
std::string path_json(const Problem& problem, const std::string& formula, const std::vector<PathRow>& rows, Index kept_back,
                      std::optional<Index> best, const std::string& asked);

}  // namespace raphson::cli
