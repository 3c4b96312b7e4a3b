#include <raphson/core/dense.hpp>
#include <raphson/core/stopping.hpp>

#include <fmt/format.h>
#include <cmath>

namespace raphson {

Stopping::Stopping(const Model& model, const Options& options, const Linearization& start)
    : criterion_(options.criterion == Criterion::automatic ? model.criterion() : options.criterion),
      tolerance_(options.tolerance),
      max_iterations_(options.max_iterations),
      time_limit_(options.time_limit),
      references_{std::max(checked_norm(start.gradient()), model.gradient_scale()),
                  options.residual_reference > 0 ? options.residual_reference : start.residual_norm()} {
  if (criterion_ == Criterion::residual_ratio && std::isnan(start.residual_norm())) criterion_ = Criterion::relative_gradient;
}

std::string Stopping::criterion_name() const {
  switch (criterion_) {
    case Criterion::residual_ratio:
      return "residual ratio";
    case Criterion::decrement:
      return "decrement";
    default:
      return "relative gradient";
  }
}

void Stopping::measure(const Linearization& at, Iteration& record) const {
  const auto ratio = [](double value, double reference) { return value == 0 ? 0.0 : value / reference; };
  record.objective = at.value();
  record.gradient_norm = checked_norm(at.gradient());
  record.relative_gradient = ratio(record.gradient_norm, references_.gradient);
  record.residual_ratio = ratio(at.residual_norm(), references_.residual);
}

double Stopping::value(const Iteration& record) const {
  switch (criterion_) {
    case Criterion::residual_ratio:
      return record.residual_ratio;
    case Criterion::decrement:
      // A decrement says how far the optimum was before the step; it bounds the error after it only when the step was a full one.
      if (record.step != 1) return std::numeric_limits<double>::quiet_NaN();
      return 0.5 * record.decrement * record.decrement / std::max(1.0, std::abs(record.objective));
    default:
      return record.relative_gradient;
  }
}

std::optional<Verdict> Stopping::verdict(const Iteration& record, const Linearization& at, const Interrupt& interrupt) const {
  if (!std::isfinite(record.objective) || !std::isfinite(record.gradient_norm)) {
    return Verdict{Status::non_finite,
                   fmt::format("the objective ({}) or its gradient norm ({}) is not finite at iteration {}; start elsewhere, or "
                               "use a line search.",
                               record.objective, record.gradient_norm, record.iteration)};
  }
  // Before convergence: where no minimizer exists the gradient tends to 0 as well.
  if (std::string reason = at.no_minimizer(); !reason.empty()) return Verdict{Status::separated, std::move(reason)};
  const double value = this->value(record);
  if (value <= tolerance_) {
    return Verdict{Status::converged, fmt::format("{} {:.1e} ≤ {:.1e}", criterion_name(), value, tolerance_)};
  }
  if (interrupt.cancelled()) return Verdict{Status::interrupted, fmt::format("interrupted at {}", shortfall(record))};
  if (interrupt.timed_out()) {
    return Verdict{Status::time_limit, fmt::format("time limit of {} s reached at {}", time_limit_, shortfall(record))};
  }
  if (record.iteration >= max_iterations_) {
    return Verdict{Status::iteration_limit, fmt::format("iteration limit of {} reached at {}; allow more iterations or try another solver",
                                                        max_iterations_, shortfall(record))};
  }
  return std::nullopt;
}

std::string Stopping::shortfall(const Iteration& record) const {
  return fmt::format("{} {:.1e} > {:.1e}", criterion_name(), value(record), tolerance_);
}

double Stopping::useful_inner_tolerance(const Iteration& record) const {
  const double value = criterion_ == Criterion::decrement ? record.relative_gradient : this->value(record);
  return value > 0 ? 0.5 * tolerance_ / value : 0;
}

void Stopping::finish(Summary& summary, const Verdict& verdict) const {
  summary.status = verdict.status;
  summary.message = verdict.message;
  summary.criterion = criterion_name();
  if (summary.history.empty()) return;
  const Iteration& last = summary.history.back();
  summary.objective = last.objective;
  summary.gradient_norm = last.gradient_norm;
  summary.relative_gradient = last.relative_gradient;
  summary.residual_ratio = last.residual_ratio;
  summary.iterations = last.iteration;
  summary.inner_iterations = 0;
  for (const Iteration& record : summary.history) summary.inner_iterations += record.inner_iterations;
}

}  // namespace raphson
