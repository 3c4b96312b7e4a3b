#pragma once
/// What training a network has beside fitting a line: rows to validate on, checkpoints, mini-batches, learning curves.

#include "cli/checkpoint_file.hpp"
#include "cli/output_file.hpp"
#include "cli/problem.hpp"

#include <memory>
#include <optional>

namespace raphson::cli {

/// One `fit relu`. For other losses everything but `run` does nothing.
class NetworkRun {
 public:
  /// Opens the files it writes and reads the checkpoint to resume. Throws InputError for what is wrong with either.
  explicit NetworkRun(const FitArguments& arguments);

  /// The problem whose first linear system is that of the first step: with --batch, of as many rows.
  Problem first_problem(const Problem& problem) const;
  /// Says where training goes on from. Throws InputError when the validation rows are not those of the checkpoint.
  void announce(Console& console, const Problem& problem) const;
  /// Trains; `options.callback` is told held-out errors too. theta is replaced as run_solver does, with patience by the best on held-out
  /// rows.
  Summary run(const Problem& problem, const SolverRow& row, LinearSolver* solver, Options options, Vec& theta);
  /// Errors on both kinds of rows, and how to go on after a run that was cut.
  void print_errors(Console& console, const Problem& problem, const Summary& summary, const Vec& theta) const;
  void draw(Console& console, const Problem& problem, const Summary& summary);

 private:
  TrainOptions with_checkpoints(const Problem& problem, Options options);
  Summary train(const Problem& problem, const SolverRow& row, LinearSolver* solver, Options options, Vec& theta);

  const FitArguments& arguments_;
  OutputFile checkpoint_, plot_;
  std::optional<CheckpointContent> resumed_;
  std::shared_ptr<EarlyStopping> watch_;
  Index saved_at_ = 0;  ///< iterations at the last checkpoint
};

}  // namespace raphson::cli
