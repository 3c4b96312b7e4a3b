#include "cli/held_out.hpp"

#include <raphson/core/error.hpp>
#include <raphson/core/interrupt.hpp>
#include <raphson/models/network/recommended_width.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace raphson::cli {
namespace {

std::vector<double> two_labels(const Vec& y) {
  const auto [smallest, largest] = std::ranges::minmax(y);
  return {smallest, largest};
}

void make_linear(Problem& problem, const ModelArguments& arguments) {
  LinearModelOptions options;
  options.l2 = arguments.l2;
  options.intercept = arguments.intercept;
  options.weights = problem.data.weights;
  options.offset = problem.data.offset;
  problem.linear = std::make_shared<LinearModel>(problem.data.features, problem.data.target,
                                                 make_loss_named(arguments.loss, arguments.of_loss), options);
  if (has_classes(arguments.loss)) problem.labels = two_labels(problem.data.target);
  problem.start.zeros(problem.linear->parameters());
}

/// Takes the rows to validate on out of the data, or reads them.
HeldRows held_rows(Problem& problem, const ProblemArguments& arguments) {
  if (arguments.validation) return hold_out(problem.data, *arguments.validation, arguments.options.seed);
  if (arguments.validation_data.empty()) return {};
  return read_held_out(arguments.validation_data, arguments.read, problem.data);
}

void make_network(Problem& problem, const ProblemArguments& all) {
  const ModelArguments& arguments = all.model;
  Dataset& data = problem.data;
  require_nonempty(data.features, "A");
  require_finite(data.features, "A");
  require_finite(data.target, "y");
  HeldRows held = held_rows(problem, all);
  problem.scaling.columns = arguments.standardize_columns;
  problem.scaling.constant = arguments.constant_feature;
  problem.scaling.unit_rows = arguments.unit_rows;
  problem.scaling.target = arguments.standardize_target;
  problem.scaling.fit(data.features, data.target);
  const Activation activation = arguments.activation == "softplus" ? Activation::softplus(arguments.sharpness) : Activation::relu();
  if (!held.target.is_empty()) problem.held_features = problem.scaling.features(held.features);
  problem.held_target = std::move(held.target);
  problem.held_text = std::move(held.text);
  DataMatrix X = problem.scaling.features(data.features);
  problem.widths = arguments.widths;
  if (problem.widths.empty()) {
    WidthChoice choice = recommended_width(X);
    problem.widths = {choice.width};
    problem.width_reason = std::move(choice.reason);
  }
  if (problem.widths.size() > 1) {
    const DeepReluOptions options{.widths = problem.widths, .activation = activation, .seed = all.options.seed};
    problem.deep = std::make_shared<DeepRelu>(std::move(X), problem.scaling.targets(data.target), options);
    problem.start = problem.deep->initial_weights();
    return;
  }
  TwoLayerReluOptions options;
  options.width = problem.widths.front();
  options.activation = activation;
  options.seed = all.options.seed;
  problem.network = std::make_shared<TwoLayerRelu>(std::move(X), problem.scaling.targets(data.target), options);
  problem.start = problem.network->initial_weights();
}

}  // namespace

const Model& Problem::model() const {
  if (linear) return *linear;
  if (deep) return *deep;
  return *network;
}

const DataMatrix& Problem::features() const { return linear ? linear->data() : deep ? deep->data() : network->data(); }

Vec Problem::outputs(const DataMatrix& X, const Vec& theta) const { return deep ? deep->predict(X, theta) : network->predict(X, theta); }

Problem load_problem(const ProblemArguments& arguments, Console& console) {
  Problem problem;
  const Stopwatch clock;
  console.stage("reading " + arguments.data);
  problem.data = read(arguments.data, arguments.read);
  console.stage("preparing");
  if (arguments.model.is_network())
    make_network(problem, arguments);
  else
    make_linear(problem, arguments.model);
  problem.read_seconds = clock.seconds();
  console.stage("");
  return problem;
}

FirstStep first_step(const Problem& problem, const Options& options) {
  FirstStep step;
  step.at = problem.model().linearize(problem.start);
  step.system.A = step.at->matrix();
  step.system.b = &step.at->right_hand_side();
  step.system.penalty = step.at->penalty();
  step.system.c = step.at->least_squares_target();
  step.system.seed = Seed{options.seed};
  return step;
}

Options options_for(const ProblemArguments& arguments, const SolverRow& row) {
  Options options = arguments.options;
  const Index most = row.first_order() ? 2000 : arguments.model.loss == "relu" ? TrainOptions().max_iterations : options.max_iterations;
  options.max_iterations = arguments.max_iterations.value_or(most);
  return options;
}

TrainOptions training_options(const ProblemArguments& arguments, Options options) {
  TrainOptions training;
  static_cast<Options&>(training) = std::move(options);
  training.continuation = arguments.model.continuation;
  return training;
}

Summary run_solver(const Problem& problem, const SolverRow& row, LinearSolver* solver, const ProblemArguments& arguments, Options options,
                   Vec& theta) {
  if (row.first_order()) return row.descend(problem.model(), theta, options);
  if (!problem.network) return minimize(problem.model(), *solver, theta, options);
  return train_network(*problem.network, *solver, theta, training_options(arguments, std::move(options)));
}

double validation_rmse(const Problem& problem, const Vec& theta) {
  const Vec fitted = problem.scaling.undo_targets(problem.outputs(problem.held_features, theta));
  return arma::norm(fitted - problem.held_target) / std::sqrt(static_cast<double>(fitted.n_elem));
}

double train_rmse(const Problem& problem, const Vec& theta) {
  const Vec fitted = problem.scaling.undo_targets(problem.outputs(problem.features(), theta));
  return arma::norm(fitted - problem.data.target) / std::sqrt(static_cast<double>(problem.rows()));
}

}  // namespace raphson::cli
