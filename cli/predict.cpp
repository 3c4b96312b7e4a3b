#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/model_file.hpp"
#include "cli/output_file.hpp"

#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace raphson::cli {
namespace {

/// Columns `index` of C, in that order. Dense data only: files with names are.
DataMatrix select_columns(const DataMatrix& C, const std::vector<Index>& index) {
  arma::uvec rows(index.size());
  std::ranges::copy(index, rows.begin());
  return DataMatrix::from_rows(arma::mat(C.dense().rows(rows)));
}

/// The model's features out of the file's columns: by name where both have names, else by number.
DataMatrix matched_features(const SavedModel& model, const Dataset& data) {
  const DataMatrix& C = data.features;
  if (!model.feature_names.empty() && !data.feature_names.empty() && !C.is_sparse()) {
    std::vector<Index> index;
    for (const std::string& name : model.feature_names) {
      const auto found = std::ranges::find(data.feature_names, name);
      if (found == data.feature_names.end())
        throw InputError(fmt::format("{} has no column '{}', which the model needs.", data.source, name));
      index.push_back(static_cast<Index>(found - data.feature_names.begin()));
    }
    return index.size() == C.cols() && std::ranges::is_sorted(index) ? C : select_columns(C, index);
  }
  if (C.cols() != model.columns)
    throw InputError(fmt::format("{} has {} columns, the model was trained on {}.{}", data.source, C.cols(), model.columns,
                                 C.cols() > model.columns ? " Name the target by --target, and leave others out by --ignore." : ""));
  return C;
}

struct Predictions {
  arma::mat margin, mean;  ///< a column for each output
};

Predictions predict_linear(const SavedModel& model, const DataMatrix& C, const Vec& offset) {
  Predictions p;
  p.margin = C.multiply(model.coefficients) + model.intercept;
  if (!offset.is_empty()) p.margin += offset;
  p.mean = p.margin;
  const auto loss = make_loss_named(model.loss, model.of_loss);
  p.mean.transform([&](double z) { return loss->mean(z); });
  return p;
}

template <class Network>
Predictions predicted_by(const Network& network, const SavedModel& model, const std::string& path) {
  if (!arma::approx_equal(arma::vectorise(network.output_signs()), model.signs, "absdiff", 0.0))
    throw InputError(fmt::format("{} is not a Raphson model: its signs do not follow from its seed.", path));
  const arma::mat f = model.scaling.undo_targets(network.predict(network.data(), model.coefficients));
  return {f, f};
}

Predictions predict_network(const SavedModel& model, const DataMatrix& C, const std::string& path) {
  const DataMatrix X = model.scaling.features(C);
  const arma::mat none(X.rows(), model.outputs, arma::fill::zeros);
  if (model.widths.size() > 1)
    return predicted_by(DeepRelu(X, none, {.widths = model.widths, .activation = model.activation, .seed = model.seed}), model, path);
  TwoLayerReluOptions options;
  options.width = model.widths.front();
  options.activation = model.activation;
  options.seed = model.seed;
  options.train_output = model.train_output;
  return predicted_by(TwoLayerRelu(X, none, options), model, path);
}

/// Labels as ±1. `strict`: throws where a label was not seen in training, else returns an empty vector.
Vec signed_labels(const SavedModel& model, const Vec& y, bool strict) {
  Vec s(y.n_elem);
  for (Index i = 0; i < y.n_elem; ++i) {
    if (y(i) != model.labels[0] && y(i) != model.labels[1]) {
      if (!strict) return {};
      throw InputError(
          fmt::format("target {} in row {} is neither of the model's labels {{{}, {}}}.", y(i), i, model.labels[0], model.labels[1]));
    }
    s(i) = y(i) == model.labels[1] ? 1 : -1;
  }
  return s;
}

double poisson_deviance(const Vec& y, const Vec& mean) {
  double sum = 0;
  for (Index i = 0; i < y.n_elem; ++i) sum += (y(i) > 0 ? y(i) * std::log(y(i) / mean(i)) : 0) - (y(i) - mean(i));
  return 2 * sum;
}

double gamma_deviance(const Vec& y, const Vec& mean) {
  double sum = 0;
  for (Index i = 0; i < y.n_elem; ++i) sum += (y(i) - mean(i)) / mean(i) - std::log(y(i) / mean(i));
  return 2 * sum;
}

/// Accuracy, and the mean of the loss itself. `s`: ±1.
std::string class_error_text(const SavedModel& model, const Vec& margin, const Vec& s) {
  Vec value(s.n_elem);
  make_loss_named(model.loss, model.of_loss)->evaluate(margin, s, value.memptr(), nullptr, nullptr);
  const auto right = arma::accu((margin >= 0) == (s > 0));
  const double n = static_cast<double>(s.n_elem);
  return fmt::format("accuracy {:.4f} ({} of {}), {} {:.6f}", static_cast<double>(right) / n, right, s.n_elem,
                     model.loss == "logistic" ? "log loss" : "squared hinge loss", arma::mean(value));
}

/// The check loss itself, without smoothing, and how many targets lie below the prediction: about τ of them should.
std::string quantile_error_text(double tau, const Vec& y, const Vec& fitted) {
  const Vec u = y - fitted;
  const double n = static_cast<double>(y.n_elem), sum = arma::accu(arma::max(tau * u, (tau - 1) * u));
  return fmt::format("quantile loss {:.6g} a row at {:g}, {:.1f} % of targets below", sum / n, tau,
                     100 * static_cast<double>(arma::accu(u < 0)) / n);
}

std::string size_of_errors(const Vec& error) {
  const double n = static_cast<double>(error.n_elem);
  return fmt::format("RMSE {:.6g}, mean absolute error {:.6g}", arma::norm(error) / std::sqrt(n), arma::norm(error, 1) / n);
}

std::string outputs_error_text(const SavedModel& model, const arma::mat& error) {
  std::string text;
  const std::vector<std::string> names = target_names(model.target, model.outputs);
  for (Index c = 0; c < error.n_cols; ++c) text += fmt::format("{}{}: {}", c ? "; " : "", names[c], size_of_errors(error.col(c)));
  return text;
}

/// One line on how well the predictions meet the target; empty when the target says nothing (a LIBSVM file of unlabelled rows).
std::string error_text(const SavedModel& model, const Predictions& p, const arma::mat& y, bool strict) {
  if (y.n_cols != p.mean.n_cols)
    throw InputError(fmt::format("the model has {} output{}, --target names {} column{}.", p.mean.n_cols, p.mean.n_cols == 1 ? "" : "s",
                                 y.n_cols, y.n_cols == 1 ? "" : "s"));
  if (y.n_cols > 1) return outputs_error_text(model, p.mean - y);
  const double n = static_cast<double>(y.n_elem);
  if (has_classes(model.loss)) {
    const Vec s = signed_labels(model, y, strict);
    return s.is_empty() ? std::string() : class_error_text(model, p.margin, s);
  }
  if (model.loss == "quantile") return quantile_error_text(model.of_loss.quantile, y, p.mean);
  const double rmse = arma::norm(p.mean - y) / std::sqrt(n);
  if ((model.loss == "poisson" && y.min() >= 0) || (model.loss == "gamma" && y.min() > 0)) {
    const double deviance = model.loss == "poisson" ? poisson_deviance(y, p.mean) : gamma_deviance(y, p.mean);
    return fmt::format("deviance {:.6g} ({:.6g} a row), RMSE {:.6g}", deviance, deviance / n, rmse);
  }
  return size_of_errors(p.mean - y);
}

/// Of several outputs comma-separated columns.
std::string output_lines(const arma::mat& f) {
  std::string text;
  for (Index i = 0; i < f.n_rows; ++i)
    for (Index c = 0; c < f.n_cols; ++c) fmt::format_to(std::back_inserter(text), "{}{}", f(i, c), c + 1 < f.n_cols ? "," : "\n");
  return text;
}

std::string prediction_lines(const SavedModel& model, const Predictions& p, const std::string& type) {
  if (p.mean.n_cols > 1) return output_lines(p.mean);
  std::string text;
  for (Index i = 0; i < p.mean.n_elem; ++i) {
    const Index positive = p.margin(i) >= 0 ? 1 : 0;
    if (type == "label" && !model.target_labels.empty())
      fmt::format_to(std::back_inserter(text), "{}\n", model.target_labels[positive]);
    else
      fmt::format_to(std::back_inserter(text), "{}\n",
                     type == "label"    ? model.labels[positive]
                     : type == "margin" ? p.margin(i)
                                        : p.mean(i));
  }
  return text;
}

/// The training file's layout; the target may be missing unless it was asked for.
ReadOptions reading(const PredictArguments& arguments, const SavedModel& model) {
  ReadOptions read = arguments.read;
  read.has_target = !read.target.empty();
  if (!read.has_target) read.target = model.target;
  read.target_labels = model.target_labels;
  read.columns = model.columns;
  read.index_base = model.index_base;
  read.ignore.insert(read.ignore.end(), model.ignored.begin(), model.ignored.end());
  if (read.offset.empty()) read.offset = model.offset;
  if (!read.offset.empty() && model.offset.empty())
    throw InputError(fmt::format("--offset {}: the model was fitted without an offset.", read.offset));
  return read;
}

}  // namespace

int run_predict(const PredictArguments& arguments) {
  if (arguments.type != "mean" && arguments.type != "margin" && arguments.type != "label")
    unknown_name("type", arguments.type, {"mean", "margin", "label"});
  require_distinct({{"--data", arguments.data}, {"--model", arguments.model}, {"--output", arguments.output}});
  OutputFile output("--output", arguments.output);
  const ThreadScope threads(arguments.threads);
  Console console(arguments.quiet);

  console.stage("reading " + arguments.model);
  const SavedModel model = load_model(arguments.model);
  if (arguments.type == "label" && !has_classes(model.loss))
    throw InputError("--type label is for logistic and squared-hinge, not for " + model.loss + ".");
  console.stage("reading " + arguments.data);
  const Dataset data = read(arguments.data, reading(arguments, model));
  require_nonempty(data.features, "A");
  require_finite(data.features, "A");
  const DataMatrix C = matched_features(model, data);
  console.stage("predicting");
  const Predictions p = model.is_network() ? predict_network(model, C, arguments.model) : predict_linear(model, C, data.offset);
  console.stage("");

  const std::string errors = data.target.is_empty() ? "" : error_text(model, p, data.target, !arguments.read.target.empty());
  const std::string lines = prediction_lines(model, p, arguments.type);
  if (output.wanted()) {
    output.write(lines);
    output.commit();
    if (!errors.empty()) console.line(errors);
    console.line(fmt::format("wrote     {} predictions to {}", p.mean.n_rows, output.path()));
  } else {
    fmt::print("{}", lines);
    if (!errors.empty() && !arguments.quiet) fmt::print(stderr, "{}\n", errors);
  }
  return 0;
}

}  // namespace raphson::cli
