#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/exact.hpp>
#include <raphson/solvers/natural_gradient.hpp>
#include <raphson/solvers/solve_support.hpp>

#include <fmt/format.h>
#include <cmath>
#include <span>

namespace raphson {
namespace {

/// Status and text of an answer to another system than the one asked.
void conclude_approximate(const GramSystem& system, std::string_view what, Vec& z, LinearReport& report) {
  report.relative_residual = system.relative_residual(z);
  if (!std::isfinite(report.relative_residual)) return fail_non_finite(system, z, report);
  report.status = report.relative_residual <= system.tolerance ? LinearStatus::converged : LinearStatus::unverified;
  report.message = fmt::format("{}: true relative residual {:.1e} (tolerance {:.1e}).", what, report.relative_residual, system.tolerance);
}

/// λmax of AᵀA + diag(μ), from below, by the power method.
double largest_eigenvalue(const GramSystem& system) {
  Mat<double> x(system.size(), 1), y;
  system.seed.split(Purpose::probe).normal(0, std::span<double>(x.memptr(), x.n_elem));
  double value = 0;
  for (int step = 0; step < 20; ++step) {
    x /= arma::norm(x, "fro");
    system.apply(x, y);
    value = arma::norm(y, "fro");
    if (!(value > 0) || !y.is_finite()) return value;
    x = y;
  }
  return value;
}

}  // namespace

NaturalGradient::NaturalGradient(double rate, double damping) : rate_(rate), damping_(damping) {
  if (!(rate > 0 && rate <= 1)) throw InputError(fmt::format("natural gradient: the rate is {}. Give a number in (0, 1].", rate));
  if (!(damping >= 0 && std::isfinite(damping))) {
    throw InputError(fmt::format("natural gradient: the damping is {}. Give a number ≥ 0, such as 1e-3.", damping));
  }
}

Estimate NaturalGradient::estimate(const GramSystem& system, const Machine& machine) const { return exact_estimate(system, machine); }

LinearReport NaturalGradient::solve(const GramSystem& system, Vec& z) {
  const SingleThreadedBlas blas;
  LinearReport report;
  report.used = name();
  if (settled_at_once(system, z, report)) return report;
  GramSystem damped = system;
  if (damping_ > 0) {
    Vec diagonal;
    system.A->gram_diagonal(diagonal);
    if (!diagonal.is_finite()) {
      fail_non_finite(system, z, report);
      return report;
    }
    damped.shift += damping_ * arma::mean(diagonal);
    damped.c = nullptr;
  }
  const LinearReport inner = Exact().solve(damped, z);
  report.fallbacks = inner.fallbacks;
  report.setup_seconds = inner.setup_seconds;
  report.extra_shift = damped.shift - system.shift + inner.extra_shift;
  report.rank = inner.rank;
  if (inner.status == LinearStatus::failed || system.interrupted()) {
    report.status = inner.status;
    report.message = inner.message;
    report.relative_residual = inner.relative_residual;
    return report;
  }
  const Stopwatch watch;
  z *= rate_;
  conclude_approximate(system, fmt::format("rate {:g}, damping {:g}", rate_, damping_), z, report);
  report.solve_seconds = inner.solve_seconds + watch.seconds();
  return report;
}

Estimate FixedStep::estimate(const GramSystem& system, const Machine& machine) const {
  return {.seconds = product_seconds(*system.A, machine), .bytes = 32.0 * static_cast<double>(system.size()), .advice = {}};
}

LinearReport FixedStep::solve(const GramSystem& system, Vec& z) {
  const SingleThreadedBlas blas;
  LinearReport report;
  report.used = name();
  if (settled_at_once(system, z, report)) return report;
  const Stopwatch setup;
  const bool fits = length_ > 0 && shape_ == Shape(system);
  // With a length within 1/λmax no residual grows: where it does, λmax has risen since the length was measured.
  if (begins_anew(system) || !fits || !(system.relative_residual(length_ * *system.b) <= 1)) {
    const double largest = 1.1 * largest_eigenvalue(system);
    length_ = largest > 0 && std::isfinite(largest) ? 1 / largest : 0;
    shape_ = Shape(system);
  }
  report.setup_seconds = setup.seconds();
  if (!(length_ > 0)) {
    fail_non_finite(system, z, report);
    return report;
  }
  const Stopwatch watch;
  z = length_ * *system.b;
  conclude_approximate(system, fmt::format("step length {:.3g}", length_), z, report);
  report.solve_seconds = watch.seconds();
  return report;
}

}  // namespace raphson
