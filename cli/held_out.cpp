#include "cli/held_out.hpp"

#include <raphson/core/error.hpp>
#include <raphson/core/seed.hpp>

#include <fmt/format.h>

#include <cmath>

namespace raphson::cli {
namespace {

Vec chosen(const Vec& v, const std::vector<Index>& index) {
  if (v.is_empty()) return {};
  return v.elem(arma::conv_to<arma::uvec>::from(index));
}

Rows select(const Rows& rows, const std::vector<Index>& index) {
  return {rows.C.select_rows(index), chosen(rows.y, index), chosen(rows.weights, index), chosen(rows.offset, index)};
}

arma::mat chosen(const arma::mat& targets, const std::vector<Index>& index) { return targets.rows(arma::conv_to<arma::uvec>::from(index)); }

/// The rows to keep back, increasing.
std::vector<Index> drawn(Index n, double fraction, std::uint64_t seed) {
  const auto count = static_cast<Index>(std::llround(fraction * static_cast<double>(n)));
  if (count == 0 || count == n)
    throw InputError(
        fmt::format("--validation {} of {} rows keeps {} back and leaves {} to fit; both need rows.", fraction, n, count, n - count));
  return Seed(seed).split(Purpose::shuffle).sample_without_replacement(n, count);
}

/// What of 0 … n − 1 is not in `index` (sorted).
std::vector<Index> others(const std::vector<Index>& index, Index n) {
  std::vector<Index> rest;
  auto next = index.begin();
  for (Index i = 0; i < n; ++i) {
    if (next != index.end() && *next == i)
      ++next;
    else
      rest.push_back(i);
  }
  return rest;
}

}  // namespace

Split keep_all(const Problem& problem) {
  return {{problem.linear->data(), problem.linear->target(), problem.data.weights, problem.data.offset}, {}};
}

Split hold_out(Problem& problem, const ModelArguments& arguments, double fraction, std::uint64_t seed) {
  const Index n = problem.rows();
  const std::vector<Index> index = drawn(n, fraction, seed);
  const Rows all = keep_all(problem).fitted;
  Split split{select(all, others(index, n)), select(all, index)};
  if (!split.held.weights.is_empty() && split.held.weights.max() == 0)
    throw InputError(fmt::format("--validation {}: the {} rows kept back all have weight 0; try another --seed.", fraction, index.size()));
  LinearModelOptions options;
  options.l2 = arguments.l2;
  options.intercept = arguments.intercept;
  options.weights = split.fitted.weights;
  options.offset = split.fitted.offset;
  problem.linear =
      std::make_shared<LinearModel>(split.fitted.C, split.fitted.y, make_loss_named(arguments.loss, arguments.of_loss), options);
  return split;
}

HeldRows hold_out(Dataset& data, double fraction, std::uint64_t seed) {
  const Index n = data.features.rows();
  const std::vector<Index> index = drawn(n, fraction, seed), rest = others(index, n);
  HeldRows held{data.features.select_rows(index), chosen(data.target, index), fmt::format("{} of {} rows kept back", index.size(), n)};
  data.features = data.features.select_rows(rest);
  data.target = chosen(data.target, rest);
  return held;
}

HeldRows read_held_out(const std::string& path, ReadOptions options, const Dataset& training) {
  options.columns = training.features.is_sparse() ? training.features.cols() : 0;
  options.index_base = training.format == Format::libsvm ? std::optional<Index>(training.index_base) : std::nullopt;
  options.target_labels = training.target_labels;
  if (!training.target_name.empty()) options.target = training.target_name;
  const Dataset data = read(path, options);
  require_nonempty(data.features, "the validation data");
  require_finite(data.features, "the validation data");
  require_finite(arma::vectorise(data.target), "the target of the validation data");
  if (data.features.cols() != training.features.cols())
    throw InputError(
        fmt::format("--validation-data {} has {} columns, the training data {}.", path, data.features.cols(), training.features.cols()));
  for (Index j = 0; j < std::min(data.feature_names.size(), training.feature_names.size()); ++j)
    if (data.feature_names[j] != training.feature_names[j])
      throw InputError(fmt::format("--validation-data {}: column {} is '{}', in the training data it is '{}'. Put them in the same order.",
                                   path, j, data.feature_names[j], training.feature_names[j]));
  return {data.features, data.target, fmt::format("{} validation rows from {}", data.target.n_rows, path)};
}

double loss_per_row(const LinearModel& model, const Rows& rows, const Vec& theta) {
  const Vec z = model.margins(rows.C, theta, rows.offset);
  Vec value(z.n_elem);
  model.loss().evaluate(z, rows.y, value.memptr(), nullptr, nullptr);
  if (rows.weights.is_empty()) return arma::mean(value);
  double sum = 0;
  for (Index i = 0; i < value.n_elem; ++i) sum += rows.weights(i) > 0 ? rows.weights(i) * value(i) : 0.0;
  return sum / arma::accu(rows.weights);
}

}  // namespace raphson::cli
