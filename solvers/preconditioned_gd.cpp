#include <raphson/core/threads.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/krylov/stationary.hpp>
#include <raphson/solvers/preconditioned_gd.hpp>
#include <raphson/solvers/preconditioned_ladder.hpp>
#include <raphson/solvers/preconditioners/sketched.hpp>
#include <raphson/solvers/solve_support.hpp>

#include <fmt/format.h>
#include <cmath>

namespace raphson {
namespace {

constexpr Index default_factor = 4;
constexpr Index lanczos_steps = 20;

using Iteration = PreconditionedGd::Iteration;

/// The kernel with the step length that the measured spectrum of M⁻¹H allows.
Kernel measured_kernel(Iteration iteration, const GramSystem& system, const Preconditioner& M, LinearReport& report) {
  const Spectrum spectrum = measure_spectrum(system, M, system.seed.split(Purpose::probe), lanczos_steps, report.iterations);
  if (!(spectrum.smallest > 0)) return {};
  report.condition = spectrum.largest / spectrum.smallest;
  const double low = spectrum.smallest, high = spectrum.largest;
  if (iteration == Iteration::chebyshev) return chebyshev_kernel(system, M, spectrum);
  if (iteration == Iteration::printed) return normal_descent_kernel(system, M, 2 / (low * low + high * high));
  return richardson_kernel(system, M, 2 / (low + high));
}

/// Algorithm 2 to the letter: α = 1, no retry.
void literal(const GramSystem& system, const PreconditionerKind& kind, Vec& z, LinearReport& report) {
  std::string why;
  const Stopwatch setup;
  const auto M = kind.build(system, 0, why);
  report.setup_seconds = setup.seconds();
  if (!M) {
    report.message = why;
    if (!names_non_finite(system, report.message)) report.message += ".";
    return;
  }
  report.sketch_size = M->sketch_size();
  report.extra_shift = M->extra_shift();
  const Stopwatch watch;
  const IterationResult result = solve_verified(system, M.get(), normal_descent_kernel(system, *M, 1.0), {system.tolerance, 6000, 100}, z);
  report.iterations = result.iterations;
  conclude(system, result, "The unit step of Algorithm 2 needs a sketch of about 40k rows: use the default iteration.", z, report);
  report.solve_seconds = watch.seconds();
}

}  // namespace

PreconditionedGd::PreconditionedGd(SketchOptions sketch, Iteration iteration) : sketch_(std::move(sketch)), iteration_(iteration) {}

Estimate PreconditionedGd::estimate(const GramSystem& system, const Machine& machine) const {
  const Index s = sketch_size(sketch_, system.A->rows(), system.size(), default_factor);
  // Contraction a step is (κ − 1)/(κ + 1) = 2√c/(c + 1) with κ = ((√c + 1)/(√c − 1))² and c = s/k; Chebyshev's is 1/√c.
  const double c = std::max(1.1, static_cast<double>(s) / static_cast<double>(system.size()));
  const double rate = iteration_ == Iteration::chebyshev ? 1 / std::sqrt(c) : 2 * std::sqrt(c) / (c + 1);
  const double steps = lanczos_steps + std::log(std::min(system.tolerance, 0.5)) / std::log(rate);
  Estimate estimate = sketched_solve_estimate(system, machine, sketch_, s, steps);
  estimate.once = 0;  // every system is sketched anew
  return estimate;
}

LinearReport PreconditionedGd::solve(const GramSystem& system, Vec& z) {
  const SingleThreadedBlas blas;
  LinearReport report;
  report.used = name();
  if (settled_at_once(system, z, report)) return report;

  const auto kind = sketched_preconditioner(sketch_, default_factor);
  if (iteration_ == Iteration::literal) {
    literal(system, *kind, z, report);
    return report;
  }
  const KernelMaker kernel = [this](const GramSystem& s, const Preconditioner& M, LinearReport& r) {
    return measured_kernel(iteration_, s, M, r);
  };
  const Index iterations = iteration_ == Iteration::printed ? 6000 : 1000;
  solve_by_ladder(system, {kind.get(), kernel, iterations, 60}, z, report);
  return report;
}

}  // namespace raphson
