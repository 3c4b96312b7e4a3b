#include <fmt/format.h>

#include <raphson/core/dense.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/factorizations/sparse_factor.hpp>
#include <raphson/solvers/krylov/conjugate_gradients.hpp>
#include <raphson/solvers/solve_support.hpp>
#include <raphson/solvers/sparse_cholesky.hpp>

#include <algorithm>

namespace raphson {

struct SparseCholesky::State {
  SparseFactor factor;
};

namespace {

constexpr Index most_refinements = 50;
constexpr Index most_shifts = 4;

/// The factorization with the smallest shift that works: none, then 10, 10³, ... times the rounding error of a pivot, which is about the
/// number of terms subtracted from it times u. A pivot at that level says as little as a negative one, so it counts as a breakdown.
SparseFactor::Outcome factor_with_shift(SparseFactor& factor, const arma::sp_mat& G, const Vec& mu, LinearReport& report) {
  SparseFactor::Outcome outcome = factor.factor(G, mu, 0);
  const double noise = 10 * arma::datum::eps * static_cast<double>(factor.order_width() + 1);
  if (outcome.usable && outcome.least_pivot > noise) return outcome;
  const std::string cause = fmt::format("column {} depends on others to working precision (pivot {:.1e} of the diagonal, rounding {:.1e})",
                                        outcome.column, outcome.least_pivot, noise);
  double delta = 10 * noise;
  for (Index attempt = 0; attempt < most_shifts; ++attempt, delta *= 100) {
    outcome = factor.factor(G, mu, delta);
    report.fallbacks.push_back(fmt::format("{}: {:.1e} of the diagonal added", cause, delta));
    report.extra_shift = outcome.largest_shift;
    if (outcome.usable) return outcome;
  }
  return outcome;
}

}  // namespace

SparseCholesky::SparseCholesky() : state_(std::make_unique<State>()) {}
SparseCholesky::~SparseCholesky() = default;

LinearReport SparseCholesky::solve(const GramSystem& system, Vec& z) {
  const SingleThreadedBlas blas;
  const Stopwatch watch;
  LinearReport report;
  report.used = name();
  check_can_solve(*this, system, std::numeric_limits<double>::infinity());
  if (settled_at_once(system, z, report)) return report;

  arma::sp_mat G;
  system.A->sparse_gram(G);
  G.sync();
  if (!all_finite(G.values, G.n_nonzero)) {
    fail_non_finite(system, z, report);
    return report;
  }
  const SparseFactor::Outcome outcome = factor_with_shift(state_->factor, G, system.shift_diagonal(), report);
  report.setup_seconds = watch.seconds();
  if (!outcome.usable) {
    report.message = report.fallbacks.back() + ", in vain. Add damping or a penalty.";
    return report;
  }

  // The direct solution, then conjugate gradients with the factor while the residual on the operator itself is too large.
  const SparseFactor& factor = state_->factor;
  factor.solve(*system.b, z);
  if (!z.is_finite()) z.zeros();
  const IterationResult result =
      solve_verified(system, &factor, conjugate_gradient_kernel(system, &factor), {system.tolerance, most_refinements, 8}, z);
  report.iterations = result.iterations;
  conclude(system, result,
           report.fallbacks.empty() ? "Rounding limits it: loosen the tolerance or add damping."
                                    : "The system is singular to working precision: add damping or a penalty.",
           z, report);
  report.solve_seconds = watch.seconds() - report.setup_seconds;
  return report;
}

Estimate SparseCholesky::estimate(const GramSystem& system, const Machine& machine) const {
  Estimate estimate;
  if (!system.A->has_sparse_gram()) {
    estimate.advice = "Use exact, cg or preconditioned-cg.";
    return estimate;
  }
  const auto k = static_cast<double>(system.size());
  const OperatorCost cost = system.A->cost();
  // Until the pattern is analysed, L is taken to have four times the nonzeros of a triangle of AᵀA, spread evenly over its columns.
  const SparseFactor& factor = state_->factor;
  const bool analysed = factor.size() == system.size();
  const double triangle = 0.5 * (cost.gram_nonzeros + k);
  const double L = analysed ? static_cast<double>(factor.factor_nonzeros()) : std::min(k * (k + 1) / 2, 4 * triangle);
  const double flops = analysed ? factor.flops() : L * L / k;
  // Permuting, scattering and touching new memory weigh about as much as 60 flops for every nonzero of L; the analysis, once, twice that.
  const double overhead = analysed ? 60 * L : 180 * L;
  estimate.seconds = (cost.gram.flops + flops + overhead + cost.normal.flops) / machine.sparse;
  if (!analysed) estimate.once = 120 * L / machine.sparse;
  estimate.bytes = 16 * L + 64 * triangle + 80 * k;
  estimate.advice = "Use cg or preconditioned-cg.";
  return estimate;
}

void SparseCholesky::reset() { state_->factor.reset(); }

SparseCholesky::Statistics SparseCholesky::statistics() const {
  const SparseFactor& factor = state_->factor;
  return {factor.factor_nonzeros(), factor.order_width(), factor.analyses(), factor.factorizations()};
}

bool has_sparse_cholesky() {
#ifdef RAPHSON_WITH_CHOLMOD
  return true;
#else
  return false;
#endif
}

}  // namespace raphson
