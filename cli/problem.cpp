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
  if (problem.data.target.n_cols > 1)
    throw InputError(
        fmt::format("{} has one target, --target names {}. Several outputs are for relu.", arguments.loss, problem.data.target.n_cols));
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
  require_finite(arma::vectorise(data.target), "y");
  if (arguments.widths.size() > 1 && data.target.n_cols > 1)
    throw InputError(
        fmt::format("--target names {} columns: networks of several hidden layers have one output. Give one --width.", data.target.n_cols));
  if (arguments.widths.size() > 1 && arguments.train_output)
    throw InputError("--train-output is for networks of one hidden layer: give --width one number.");
  if (data.target.n_cols > 1 && arguments.train_output)
    throw InputError(fmt::format("--train-output is for one target, --target names {}. Fit them one by one.", data.target.n_cols));
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
  options.l2 = arguments.l2;
  options.train_output = arguments.train_output;
  problem.network = std::make_shared<TwoLayerRelu>(std::move(X), problem.scaling.targets(data.target), options);
  problem.start = problem.network->initial_weights();
}

arma::rowvec rmse_of(const Problem& problem, const DataMatrix& X, const arma::mat& target, const Vec& theta) {
  const arma::mat error = problem.scaling.undo_targets(problem.outputs(X, theta)) - target;
  arma::rowvec rmse(error.n_cols);
  for (Index c = 0; c < error.n_cols; ++c) rmse(c) = arma::norm(error.col(c)) / std::sqrt(static_cast<double>(error.n_rows));
  return rmse;
}

}  // namespace

const Model& Problem::model() const {
  if (linear) return *linear;
  if (deep) return *deep;
  return *network;
}

const DataMatrix& Problem::features() const { return linear ? linear->data() : deep ? deep->data() : network->data(); }

arma::mat Problem::outputs(const DataMatrix& X, const Vec& theta) const {
  if (deep) return deep->predict(X, theta);
  return network->predict(X, theta);
}

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
  step.step = std::make_unique<StepSystem>(*step.at);
  step.system = step.step->system;
  step.system.seed = Seed{options.seed};
  return step;
}

SolverSettings solver_settings(const Problem& problem, const ProblemArguments& arguments) {
  SolverSettings settings = arguments.solver;
  const std::string& name = settings.network_sketch;
  if (name.empty()) return settings;
  if (!problem.network) throw InputError(fmt::format("--sketch {} is for networks of one hidden layer: give --width one number.", name));
  const TwoLayerRelu& net = *problem.network;
  if (net.output_trained())
    throw InputError(
        fmt::format("--sketch {} does not go with --train-output: columns of Jᵀ are no products of neurons and features.", name));
  const Index residuals = net.data().rows() * net.outputs();
  if (net.parameters() < residuals)
    throw InputError(fmt::format("--sketch {} is for more weights than residuals: {} for {} here. Give a larger --width.", name,
                                 net.parameters(), residuals));
  settings.sketch.kind = find_network_sketch(name, net.data().cols());
  return settings;
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

arma::rowvec train_rmse(const Problem& problem, const Vec& theta) {
  return rmse_of(problem, problem.features(), problem.data.target, theta);
}

arma::rowvec validation_rmse(const Problem& problem, const Vec& theta) {
  return rmse_of(problem, problem.held_features, problem.held_target, theta);
}

double validation_error(const Problem& problem, const Vec& theta) {
  const arma::rowvec rmse = validation_rmse(problem, theta);
  if (rmse.n_elem == 1) return rmse(0);
  return arma::norm(rmse / problem.scaling.target_deviation) / std::sqrt(static_cast<double>(rmse.n_elem));
}

std::vector<std::string> target_names(const std::string& names, Index count) {
  std::vector<std::string> list;
  for (std::size_t begin = 0; begin <= names.size() && !names.empty();) {
    const std::size_t end = std::min(names.find(',', begin), names.size());
    list.push_back(names.substr(begin, end - begin));
    begin = end + 1;
  }
  if (list.size() == count) return list;
  list.clear();
  for (Index c = 0; c < count; ++c) list.push_back(std::to_string(c));
  return list;
}

}  // namespace raphson::cli
