#include <raphson/core/threads.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/preconditioners/sketched.hpp>
#include <raphson/solvers/sketch_and_solve.hpp>
#include <raphson/solvers/solve_support.hpp>

#include <fmt/format.h>
#include <cmath>

namespace raphson {
namespace {

constexpr Index default_factor = 8;
constexpr Index attempts = 3;

}  // namespace

Estimate SketchAndSolve::estimate(const GramSystem& system, const Machine& machine) const {
  const Index s = sketch_size(sketch_, system.A->rows(), system.size(), default_factor);
  Estimate estimate = sketched_solve_estimate(system, machine, sketch_, s, 1);
  estimate.once = 0;  // every system is sketched anew
  return estimate;
}

LinearReport SketchAndSolve::solve(const GramSystem& system, Vec& z) {
  const SingleThreadedBlas blas;
  LinearReport report;
  report.used = name();
  if (settled_at_once(system, z, report)) return report;

  const Stopwatch setup;
  const auto kind = sketched_preconditioner(sketch_, default_factor);
  std::unique_ptr<Preconditioner> M;
  for (Index attempt = 0; attempt < attempts && !M; ++attempt) {
    std::string why;
    M = kind->build(system, attempt, why);
    if (M) break;
    report.fallbacks.push_back(why);
    if (system.interrupted() || names_non_finite(system, why)) break;
  }
  report.setup_seconds = setup.seconds();
  if (!M && system.interrupted()) {
    report.status = LinearStatus::not_converged;
    report.relative_residual = 1;
    report.message = "stopped before the sketch was factored (time limit or cancellation).";
    return report;
  }
  if (!M) {
    fail_non_finite(system, z, report);
    return report;
  }
  report.sketch_size = M->sketch_size();
  report.extra_shift = M->extra_shift();

  const Stopwatch watch;
  M->solve(*system.b, z);
  report.relative_residual = system.relative_residual(z);
  report.solve_seconds = watch.seconds();
  if (!std::isfinite(report.relative_residual)) {
    fail_non_finite(system, z, report);
    return report;
  }
  report.status = report.relative_residual <= system.tolerance ? LinearStatus::converged : LinearStatus::unverified;
  report.message = fmt::format("{}: approximate, true relative residual {:.1e} (tolerance {:.1e}).", M->name(), report.relative_residual,
                               system.tolerance);
  return report;
}

}  // namespace raphson
