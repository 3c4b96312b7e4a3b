#include <raphson/core/dense.hpp>
#include <raphson/solvers/solve_support.hpp>

#include <fmt/format.h>
#include <cmath>

namespace raphson {
namespace {

std::string reason_to_stop(Stop stop) {
  switch (stop) {
    case Stop::tolerance:
      return "converged";
    case Stop::stagnation:
      return "stagnated";
    case Stop::limit:
      return "iteration limit reached";
    case Stop::interrupted:
      return "stopped early (time limit or cancellation)";
    case Stop::breakdown:
      return "broke down (a curvature is not positive)";
    case Stop::non_finite:
      return "a product overflowed";
    case Stop::diverged:
      return "diverged";
  }
  return "stopped";
}

}  // namespace

bool settled_at_once(const GramSystem& system, Vec& z, LinearReport& report) {
  check(system);
  z.zeros(system.size());
  if (!all_finite(system.b->memptr(), system.b->n_elem)) {
    report.status = LinearStatus::failed;
    report.message = "the right-hand side b is not finite.";
    return true;
  }
  if (system.b->is_zero()) {
    report.status = LinearStatus::converged;
    report.relative_residual = 0;
    report.message = "b = 0, hence z = 0.";
    return true;
  }
  if (system.interrupted()) {
    report.status = LinearStatus::not_converged;
    report.relative_residual = 1;
    report.message = "stopped before the first iteration (time limit or cancellation).";
    return true;
  }
  return false;
}

bool names_non_finite(const GramSystem& system, std::string& text) {
  const std::string place = system.A->non_finite();
  if (place.empty()) return false;
  text = fmt::format("A is not finite: {}.", place);
  return true;
}

void fail_non_finite(const GramSystem& system, Vec& z, LinearReport& report) {
  z.zeros(system.size());
  report.status = LinearStatus::failed;
  report.relative_residual = std::numeric_limits<double>::quiet_NaN();
  if (!names_non_finite(system, report.message)) {
    report.message = "a product with A is not finite: A has non-finite numbers, or its scale overflows.";
  }
}

void conclude(const GramSystem& system, const IterationResult& result, std::string_view advice, Vec& z, LinearReport& report) {
  report.relative_residual = result.residual;
  if (result.largest > 0) report.condition = result.condition();
  if (result.stop == Stop::tolerance && result.residual <= system.tolerance) {
    report.status = result.verified ? LinearStatus::converged : LinearStatus::unverified;
    report.message = fmt::format("relative residual {:.1e} ≤ {:.1e}{}.", result.residual, system.tolerance,
                                 result.verified ? "" : ", by the recurrence of the iteration");
    return;
  }
  const bool nothing_found = z.is_zero() || !z.is_finite();
  if (nothing_found && result.stop == Stop::non_finite) return fail_non_finite(system, z, report);
  report.status = nothing_found && result.stop == Stop::breakdown ? LinearStatus::failed : LinearStatus::not_converged;
  report.message = fmt::format("{} at relative residual {:.1e} > {:.1e}.{}{}", reason_to_stop(result.stop), result.residual,
                               system.tolerance, advice.empty() ? "" : " ", advice);
}

bool may_trust(const GramSystem& system) { return system.tolerance >= 1e-4 && !(system.contraction > 0.5) && !system.continues; }

}  // namespace raphson
