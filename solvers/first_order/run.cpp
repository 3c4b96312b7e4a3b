#include <fmt/format.h>

#include <raphson/core/error.hpp>
#include <raphson/solvers/first_order/run.hpp>

#include <cmath>

namespace raphson {
namespace {

const Options& checked(const Model& model, const Vec& theta, const Options& options) {
  check(options);
  if ((options.criterion == Criterion::automatic ? model.criterion() : options.criterion) == Criterion::decrement)
    throw InputError("criterion decrement needs Newton steps, which first-order methods do not take. Use relative_gradient.");
  require_size(theta.n_elem, model.parameters(), "the start", "one per parameter of the model");
  require_finite(theta, "the start");
  return options;
}

}  // namespace

FirstOrderRun::FirstOrderRun(const Model& model, Vec& theta, const Options& options, std::string solver)
    : model_(model),
      theta_(theta),
      options_(checked(model, theta, options)),
      threads_(options.threads),
      interrupt_(options.time_limit, options.cancel) {
  summary_.solver_asked = summary_.solver_used = std::move(solver);
  summary_.seed = options.seed;
  summary_.threads = thread_count();
  summary_.notes = model.notes();
}

std::unique_ptr<Linearization> FirstOrderRun::start() {
  std::unique_ptr<Linearization> at;
  {
    const Timed timed(*this);
    at = model_.linearize(theta_);
  }
  stopping_.emplace(model_, options_, *at);
  judge(theta_, *at);
  return over() ? nullptr : std::move(at);
}

bool FirstOrderRun::accept(const Vec& theta, const Linearization& at, double t) {
  row_.iteration += 1;
  row_.step = t;
  judge(theta, at);
  return !over();
}

void FirstOrderRun::judge(const Vec& theta, const Linearization& at) {
  stopping_->measure(at, row_);
  row_.seconds = watch_.seconds();
  summary_.history.push_back(row_);
  verdict_ = stopping_->verdict(row_, at, interrupt_);

  // Objectives that differ by rounding only are equal; then the later point counts.
  const bool converged = verdict_ && verdict_->status == Status::converged;
  const bool finite = std::isfinite(row_.objective) && std::isfinite(row_.gradient_norm);
  const bool better = finite && row_.objective <= summary_.history[best_].objective + at.value_resolution();
  if (converged || better || row_.iteration == 0) {
    best_ = row_.iteration;
    if (&theta != &theta_) theta_ = theta;
  }
  Iteration seen = row_;
  seen.theta = &theta;
  if (options_.callback && options_.callback(seen) == Action::stop && !converged)
    verdict_ = Verdict{Status::stopped, fmt::format("stopped by the callback at {}", stopping_->shortfall(row_))};
  if (!over() && row_.gradient_norm == 0) fail("the gradient is zero", "this is a stationary point: start elsewhere");
}

bool FirstOrderRun::interrupted() {
  if (over()) return true;
  if (interrupt_.cancelled()) {
    verdict_ = Verdict{Status::interrupted, fmt::format("interrupted at {}", stopping_->shortfall(row_))};
  } else if (interrupt_.timed_out()) {
    verdict_ =
        Verdict{Status::time_limit, fmt::format("time limit of {} s reached at {}", options_.time_limit, stopping_->shortfall(row_))};
  }
  return over();
}

void FirstOrderRun::fail(const std::string& why, const std::string& advice) {
  verdict_ = Verdict{Status::step_failed, fmt::format("{} at {}; {}", why, stopping_->shortfall(row_), advice)};
}

Summary FirstOrderRun::finish() {
  stopping_->finish(summary_, *verdict_);
  if (best_ != row_.iteration) {
    const Iteration& best = summary_.history[best_];
    summary_.objective = best.objective;
    summary_.gradient_norm = best.gradient_norm;
    summary_.relative_gradient = best.relative_gradient;
    summary_.residual_ratio = best.residual_ratio;
    summary_.message += fmt::format("; the point returned is that of iteration {}", best_);
  }
  summary_.seconds = watch_.seconds();
  summary_.phases.other = summary_.seconds - summary_.phases.objective;
  return std::move(summary_);
}

}  // namespace raphson
