#include <raphson/core/error.hpp>
#include <raphson/core/step_system.hpp>
#include <raphson/core/stopping.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/minibatch.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <numeric>

namespace raphson {
namespace {

/// Rows 0 .. n−1 in the random order of one epoch.
std::vector<Index> dealt(Index n, Seed seed) {
  std::vector<Index> order(n);
  std::iota(order.begin(), order.end(), Index{0});
  for (Index i = n; i > 1; --i) std::swap(order[i - 1], order[seed.below(i, i)]);
  return order;
}

/// One step on a batch; false when the solver gave nothing usable, or was cut short.
bool step(const TwoLayerRelu& batch, LinearSolver& solver, double damping, Seed seed, const Interrupt& interrupt, Vec& W,
          Summary& summary) {
  const auto at = batch.linearize(W);
  double absolute = 0;
  if (damping > 0) {
    Vec diagonal;
    at->matrix()->gram_diagonal(diagonal);
    absolute = damping * arma::mean(diagonal);
  }
  StepSystem of_step(*at, absolute);
  GramSystem& system = of_step.system;
  system.tolerance = 1e-3;
  system.seed = seed;
  system.interrupt = &interrupt;
  Vec z;
  LinearReport report;
  try {
    const InterruptScope scope(&interrupt);
    report = solver.solve(system, z);
  } catch (const Interrupted&) {
    solver.reset();
    return false;
  }
  summary.phases.linear_setup += report.setup_seconds;
  summary.phases.linear_solve += report.solve_seconds;
  summary.inner_iterations += report.iterations;
  summary.solver_used = report.used;
  if (report.status == LinearStatus::failed) return false;
  const Vec p = of_step.step(std::move(z));
  if (!p.is_finite()) return false;
  W += p;
  return true;
}

}  // namespace

Summary minibatch_gauss_newton(const TwoLayerRelu& model, LinearSolver& solver, Vec& W, Index batch, double damping,
                               const Options& options) {
  check(options);
  require_size(W.n_elem, model.parameters(), "the start", "one per parameter of the model");
  require_finite(W, "the start");
  if (batch == 0) throw InputError("a mini-batch of 0 rows. Give at least one.");
  if (model.l2() > 0)
    throw InputError(
        fmt::format("minibatch_gauss_newton: a net with a penalty (l2 = {}) has no zero residual that batches agree on. "
                    "Use train_network or minimize.",
                    model.l2()));
  if (!(damping >= 0 && std::isfinite(damping))) throw InputError(fmt::format("damping = {}: give a number ≥ 0.", damping));
  const ThreadScope threads(options.threads);
  const Stopwatch clock;
  const Interrupt interrupt(options.time_limit, options.cancel);
  const Index n = model.data().rows();
  batch = std::min(batch, n);

  Summary summary;
  summary.solver_asked = solver.name();
  summary.seed = options.seed;
  summary.threads = thread_count();
  auto at = model.linearize(W);
  const Stopping stopping(model, options, *at);
  const double start = at->value();
  Vec best = W;
  double best_value = start;
  Iteration record;
  std::optional<Verdict> verdict;
  for (Index epoch = 0;; ++epoch) {
    stopping.measure(*at, record);
    record.seconds = clock.seconds();
    summary.history.push_back(record);
    if (record.objective < best_value) best_value = record.objective, best = W;
    Iteration seen = record;
    seen.theta = &W;
    if (options.callback && options.callback(seen) == Action::stop) {
      verdict = Verdict{Status::stopped, "stopped by the callback at " + stopping.shortfall(record)};
    } else {
      verdict = stopping.verdict(record, *at, interrupt);
    }
    if (!verdict && !(record.objective <= 1e8 * start)) {
      verdict = Verdict{Status::diverged, "mini-batches undo each other; use larger ones, or damping"};
    }
    if (verdict) break;
    const Seed seed = Seed(options.seed).split(Purpose::shuffle, epoch);
    const std::vector<Index> order = dealt(n, seed);
    for (Index first = 0; first < n && !interrupt(); first += batch) {
      const std::vector<Index> rows(order.begin() + static_cast<std::ptrdiff_t>(first),
                                    order.begin() + static_cast<std::ptrdiff_t>(std::min(n, first + batch)));
      ++record.iteration;
      record.step = 1;
      if (!step(model.on_rows(rows), solver, damping, seed.split(Purpose::sketch, first), interrupt, W, summary) && !interrupt()) {
        verdict = Verdict{Status::step_failed, "a batch's system gave no usable step; use damping"};
        break;
      }
    }
    if (verdict) break;
    at = model.linearize(W);
  }
  W = best;
  stopping.finish(summary, *verdict);
  summary.seconds = clock.seconds();
  return summary;
}

}  // namespace raphson
