#include <raphson/core/threads.hpp>
#include <raphson/solvers/cg.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/krylov/conjugate_gradients.hpp>
#include <raphson/solvers/preconditioners/jacobi.hpp>
#include <raphson/solvers/solve_support.hpp>

namespace raphson {

Estimate Cg::estimate(const GramSystem& system, const Machine& machine) const {
  return cg_estimate(system, machine, scaling_ == Scaling::jacobi);
}

LinearReport Cg::solve(const GramSystem& system, Vec& z) {
  const SingleThreadedBlas blas;
  LinearReport report;
  report.used = name();
  if (settled_at_once(system, z, report)) return report;

  const Stopwatch setup;
  std::unique_ptr<Preconditioner> M;
  if (scaling_ == Scaling::jacobi) {
    std::string why;
    M = jacobi_preconditioner()->build(system, 0, why);
    if (!M) {
      fail_non_finite(system, z, report);
      return report;
    }
  }
  report.setup_seconds = setup.seconds();

  const Stopwatch watch;
  const Index k = system.size();
  const IterationLimits limits{system.tolerance, max_iterations_ > 0 ? max_iterations_ : 10 * k + 100, k + 100, !may_trust(system)};
  const IterationResult result = solve_verified(system, M.get(), conjugate_gradient_kernel(system, M.get()), limits, z);
  report.iterations = result.iterations;
  conclude(system, result, "Use preconditioned-cg or exact, or loosen the tolerance.", z, report);
  report.solve_seconds = watch.seconds();
  return report;
}

}  // namespace raphson
