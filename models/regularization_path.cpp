#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/interrupt.hpp>
#include <raphson/models/regularization_path.hpp>

#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

namespace raphson {
namespace {

void check_penalties(const std::vector<double>& l2) {
  if (l2.empty()) throw InputError("a path needs at least one l2; it was given none.");
  for (Index i = 0; i < l2.size(); ++i) {
    if (!(l2[i] >= 0) || !std::isfinite(l2[i])) throw InputError(fmt::format("l2[{}] = {}; it must be at least 0 and finite.", i, l2[i]));
  }
}

bool ends_path(Status status) { return status == Status::time_limit || status == Status::interrupted || status == Status::stopped; }

/// The polynomial in log μ through the last three minimizers (of fewer: what there is), at `mu`.
Vec extrapolate(const std::vector<PathPoint>& path, double mu) {
  const Index known = std::min<Index>(3, path.size());
  const auto node = [&](Index i) { return std::log(path[path.size() - 1 - i].l2); };
  Vec theta(path.back().theta.n_elem, arma::fill::zeros);
  for (Index i = 0; i < known; ++i) {
    double weight = 1;
    for (Index j = 0; j < known; ++j)
      if (j != i) weight *= (std::log(mu) - node(j)) / (node(i) - node(j));
    theta += weight * path[path.size() - 1 - i].theta;
  }
  return theta;
}

/// Where to begin at the penalty of `model`: the extrapolation where its gradient is smaller than that of the last minimizer.
Vec start_of(const LinearModel& model, const std::vector<PathPoint>& path) {
  const Vec& last = path.back().theta;
  if (path.size() < 2) return last;
  Vec ahead = extrapolate(path, model.l2());
  if (!ahead.is_finite()) return last;
  // The gradient of the last point's own objective has vanished there: what is left is that of the change in the penalty.
  const double there = (path.back().l2 - model.l2()) * arma::norm(last.head(model.data().cols()));
  return checked_norm(model.linearize(ahead)->gradient()) < there ? ahead : last;
}

/// A fit speaks of the time that was left to it; what was asked for is that of the path.
void name_time_limit(Summary& summary, double left, double asked) {
  const std::string said = fmt::format("time limit of {} s", left);
  if (summary.status == Status::time_limit && summary.message.starts_with(said))
    summary.message.replace(0, said.size(), fmt::format("time limit of {} s for the path", asked));
}

}  // namespace

std::vector<PathPoint> fit_path(const LinearModel& model, LinearSolver& solver, const std::vector<double>& l2, const Options& options) {
  check_penalties(l2);
  check(options);
  std::vector<double> falling = l2;
  std::ranges::sort(falling, std::greater<>());
  const Stopwatch clock;
  Options here = options;
  std::vector<PathPoint> path;
  for (const double mu : falling) {
    const LinearModel of_mu = model.with_l2(mu);
    Vec theta = path.empty() ? Vec(model.parameters(), arma::fill::zeros) : start_of(of_mu, path);
    here.time_limit = std::max(options.time_limit - clock.seconds(), std::numeric_limits<double>::min());
    Summary summary = minimize(of_mu, solver, theta, here);
    name_time_limit(summary, here.time_limit, options.time_limit);
    path.push_back({mu, std::move(theta), std::move(summary)});
    if (ends_path(path.back().summary.status)) break;
    here.continues = true;
  }
  return path;
}

std::vector<double> l2_grid(double largest, double smallest, Index count) {
  if (!(smallest > 0 && smallest <= largest && std::isfinite(largest)))
    throw InputError(fmt::format("a grid of l2 from {} down to {}: both must be positive and finite, the first not below the second.",
                                 largest, smallest));
  if (count == 0) throw InputError("a grid of l2 needs at least one point.");
  std::vector<double> grid{largest};
  const double ratio = std::log(smallest) - std::log(largest), steps = static_cast<double>(count) - 1;
  for (Index i = 1; i + 1 < count; ++i) grid.push_back(std::exp(std::log(largest) + ratio * (static_cast<double>(i) / steps)));
  if (count > 1) grid.push_back(smallest);
  return grid;
}

}  // namespace raphson
