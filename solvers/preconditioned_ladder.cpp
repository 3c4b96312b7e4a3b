#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/exact.hpp>
#include <raphson/solvers/preconditioned_ladder.hpp>
#include <raphson/solvers/solve_support.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

namespace raphson {
namespace {

constexpr Index attempts = 3;
constexpr double harmless_condition = 1e3;
constexpr const char* rounding_advice = "Rounding limits it: loosen the tolerance, or use exact-qr.";

/// Whether the exact factorization needs about as much memory as the preconditioner did.
bool may_go_exact(const GramSystem& system, const PreconditionerKind& kind) {
  return exact_estimate(system, Machine::nominal()).bytes <= 2 * kind.estimate_build(system, Machine::nominal()).bytes;
}

/// The last rung. Its z replaces the one so far where it is better.
void go_exact(const GramSystem& system, const IterationResult& so_far, Vec& z, LinearReport& report) {
  report.fallbacks.push_back("exact factorization used instead");
  Vec other;
  LinearReport exact = Exact().solve(system, other);
  report.fallbacks.insert(report.fallbacks.end(), exact.fallbacks.begin(), exact.fallbacks.end());
  report.setup_seconds += exact.setup_seconds;
  report.solve_seconds += exact.solve_seconds;
  report.iterations += exact.iterations;
  if (so_far.residual <= exact.relative_residual) {
    conclude(system, so_far, rounding_advice, z, report);
    return;
  }
  z = std::move(other);
  report.status = exact.status;
  report.message = std::move(exact.message);
  report.relative_residual = exact.relative_residual;
  report.condition = exact.condition;
  report.rank = exact.rank;
  report.extra_shift = exact.extra_shift;
}

std::string complaint(const Preconditioner& M, const IterationResult& result) {
  return fmt::format("{}: relative residual {:.1e} after {} iterations, condition estimate {:.1e}", M.name(), result.residual,
                     result.iterations, result.condition());
}

}  // namespace

double iterations_per_digit(double iterations, double relative_residual) {
  return iterations / std::max(0.5, -std::log10(std::max(relative_residual, 1e-16)));
}

bool is_close(const Preconditioner& M) { return M.error() <= 0.1; }

bool step_by(const Preconditioner& M, const GramSystem& system, Vec& z, LinearReport& report, const SecantPairs& shown) {
  if (!is_close(M)) return false;
  const Stopwatch watch;
  shown.solve(M, *system.b, z);
  report.solve_seconds += watch.seconds();
  if (!z.is_finite()) {
    z.zeros(system.size());
    return false;
  }
  report.status = LinearStatus::unverified;
  report.message = fmt::format("One solve with the preconditioner ({}), residual not measured.", M.name());
  return true;
}

std::unique_ptr<Preconditioner> solve_by_ladder(const GramSystem& system, const Ladder& ladder, Vec& z, LinearReport& report) {
  IterationResult result;
  for (Index attempt = 0; attempt < attempts; ++attempt) {
    const Stopwatch setup;
    std::string why;
    std::unique_ptr<Preconditioner> M = ladder.kind->build(system, attempt, why);
    report.setup_seconds += setup.seconds();
    if (!M) {
      report.fallbacks.push_back(why);
      if (system.interrupted() || names_non_finite(system, why)) break;
      continue;
    }
    report.sketch_size = M->sketch_size();
    report.extra_shift = M->extra_shift();

    const Stopwatch watch;
    if (ladder.step && attempt == 0 && step_by(*M, system, z, report)) return M;
    const Kernel kernel = ladder.kernel(system, *M, report);
    if (kernel) {
      result =
          solve_verified(system, M.get(), kernel, {system.tolerance, ladder.iterations, ladder.patience, ladder.verify || attempt > 0}, z);
      report.iterations += result.iterations;
    }
    report.solve_seconds += watch.seconds();
    const bool only_rounding = result.stop == Stop::stagnation && result.condition() <= harmless_condition;
    if (kernel && (result.stop == Stop::tolerance || result.stop == Stop::interrupted || only_rounding)) {
      conclude(system, result, only_rounding ? rounding_advice : "", z, report);
      report.message += fmt::format(" Preconditioner: {}.", M->name());
      return M;
    }
    report.fallbacks.push_back(kernel ? complaint(*M, result) : fmt::format("{}: its spectrum could not be measured", M->name()));
    if (M->sketch_size() == 0 && !(M->error() < 1)) break;  // nothing to draw afresh, or to form in more digits
  }
  if (system.interrupted() || !may_go_exact(system, *ladder.kind)) {
    if (system.interrupted()) result.stop = Stop::interrupted;
    if (std::isnan(result.residual)) result.residual = system.relative_residual(z);
    conclude(system, result, "Use exact, or a larger sketch.", z, report);
    return nullptr;
  }
  go_exact(system, result, z, report);
  return nullptr;
}

}  // namespace raphson
