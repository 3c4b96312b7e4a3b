#pragma once
/// From arguments to a model and its start.

#include "cli/arguments.hpp"
#include "cli/console.hpp"

#include <raphson/core/step_system.hpp>
#include <raphson/models/deep_relu.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/standardize.hpp>

#include <memory>

namespace raphson::cli {

/// Exactly one of `linear`, `network` and `deep` is there.
struct Problem {
  Dataset data;             ///< as read; the target on its own scale
  Standardization scaling;  ///< of a network
  std::shared_ptr<const LinearModel> linear;
  std::shared_ptr<const TwoLayerRelu> network;
  std::shared_ptr<const DeepRelu> deep;  ///< a network of several hidden layers
  DataMatrix held_features;              ///< of a network, as it sees them: rows to validate on; without them no rows
  arma::mat held_target;                 ///< on its own scale
  std::string held_text;                 ///< where they come from; "" without
  std::vector<Index> widths;             ///< of a network's hidden layers
  std::string width_reason;              ///< where the width was chosen, not given
  Vec start;
  std::vector<double> labels;  ///< of two classes: the smaller and the larger label
  double read_seconds = 0;

  const Model& model() const;
  bool is_network() const { return !linear; }
  const DataMatrix& features() const;  ///< as the model has them
  /// f of a network for rows that are scaled as its own.
  arma::mat outputs(const DataMatrix& X, const Vec& theta) const;
  Index rows() const { return data.features.rows(); }
  bool validated() const { return !held_target.is_empty(); }
  /// Whether the residual is to vanish: progress is shown by its ratio, else by the gradient or the objective.
  bool zero_residual() const { return is_network() && !(network && network->l2() > 0); }
};

/// Reads the file and makes the model. Throws InputError for whatever is wrong with the data.
Problem load_problem(const ProblemArguments& arguments, Console& console);

/// The first Gram system of the problem, at its start. Owns what the system refers to.
struct FirstStep {
  std::unique_ptr<Linearization> at;
  std::unique_ptr<StepSystem> step;
  GramSystem system;
};
FirstStep first_step(const Problem& problem, const Options& options);

/// The solver's settings once the data are known: names of sketches that depend on them become kinds. Throws InputError for those that
/// the network's Jacobian has no use for.
SolverSettings solver_settings(const Problem& problem, const ProblemArguments& arguments);

/// How train_network is to go.
TrainOptions training_options(const ProblemArguments& arguments, Options options);

/// Runs one solver of the table from theta (replaced by the best point).
Summary run_solver(const Problem& problem, const SolverRow& row, LinearSolver* solver, const ProblemArguments& arguments, Options options,
                   Vec& theta);

/// Options for this row: limits that depend on the kind of solver.
Options options_for(const ProblemArguments& arguments, const SolverRow& row);

/// Root mean squared error of each output of a network's fit on the scale of the target as read.
arma::rowvec train_rmse(const Problem& problem, const Vec& theta);
/// The same on the rows to validate on.
arma::rowvec validation_rmse(const Problem& problem, const Vec& theta);
/// What --patience watches: that RMSE; of several outputs the root mean square of theirs, each over the deviation of its target.
double validation_error(const Problem& problem, const Vec& theta);

/// Names of the targets: those of their columns, or numbers from 0.
std::vector<std::string> target_names(const std::string& names, Index count);

}  // namespace raphson::cli
