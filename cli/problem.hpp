#pragma once
/// From arguments to a model and its start.

#include "cli/arguments.hpp"
#include "cli/console.hpp"

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
  Vec held_target;                       ///< on its own scale
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
  Vec outputs(const DataMatrix& X, const Vec& theta) const;
  Index rows() const { return data.features.rows(); }
  bool validated() const { return !held_target.is_empty(); }
};

/// Reads the file and makes the model. Throws InputError for whatever is wrong with the data.
Problem load_problem(const ProblemArguments& arguments, Console& console);

/// The first Gram system of the problem, at its start. Owns what the system refers to.
struct FirstStep {
  std::unique_ptr<Linearization> at;
  GramSystem system;
};
FirstStep first_step(const Problem& problem, const Options& options);

/// How train_network is to go.
TrainOptions training_options(const ProblemArguments& arguments, Options options);

/// Runs one solver of the table from theta (replaced by the best point).
Summary run_solver(const Problem& problem, const SolverRow& row, LinearSolver* solver, const ProblemArguments& arguments, Options options,
                   Vec& theta);

/// Options for this row: limits that depend on the kind of solver.
Options options_for(const ProblemArguments& arguments, const SolverRow& row);

/// Root mean squared error of a network's fit on the scale of the target as read.
double train_rmse(const Problem& problem, const Vec& theta);
/// The same on the rows to validate on.
double validation_rmse(const Problem& problem, const Vec& theta);

}  // namespace raphson::cli
