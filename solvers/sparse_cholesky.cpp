#include <fmt/format.h>

#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/factorizations/sparse_factor.hpp>
#include <raphson/solvers/sparse_cholesky.hpp>

#include <algorithm>
#include <cmath>

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
    report.fallbacks.push_back(fmt::format("{}: {:.1e} times the diagonal added and refined", cause, delta));
    report.extra_shift = outcome.largest_shift;
    if (outcome.usable) return outcome;
  }
  return outcome;
}

/// z ← z + M⁻¹(b − Hz) until the residual on the operator itself meets the tolerance or stops shrinking; the best z is kept.
void refine(const GramSystem& system, SparseFactor& factor, Vec& z, LinearReport& report) {
  const double norm_b = checked_norm(*system.b);
  Vec x(system.size(), arma::fill::zeros), correction, residual = *system.b;
  Mat<double> Hx;
  report.relative_residual = 1;
  z = x;
  for (Index step = 0; step <= most_refinements && !system.interrupted(); ++step) {
    factor.solve(residual, correction);
    x += correction;
    system.apply(x, Hx);
    residual = *system.b - Hx;
    report.iterations = step;
    const double reached = checked_norm(residual) / norm_b;
    const bool shrinking = reached < 0.9 * report.relative_residual;
    if (reached < report.relative_residual) {
      report.relative_residual = reached;
      z = x;
    }
    if (reached <= system.tolerance || !shrinking) return;
  }
}

LinearReport& fail(LinearReport& report, std::string message) {
  report.status = LinearStatus::failed;
  report.message = std::move(message);
  return report;
}

/// Status and sentence for the residual reached.
void conclude(const GramSystem& system, LinearReport& report) {
  const bool reached = report.relative_residual <= system.tolerance;
  report.status = reached ? LinearStatus::converged : LinearStatus::not_converged;
  if (reached)
    report.message = fmt::format("relative residual {:.1e} ≤ {:.1e}", report.relative_residual, system.tolerance);
  else if (system.interrupted())
    report.message = fmt::format("stopped from outside at relative residual {:.1e}", report.relative_residual);
  else
    report.message = fmt::format(
        "relative residual {:.1e} > {:.1e} after {} refinements: the system is {}; add damping or a penalty, or loosen the tolerance",
        report.relative_residual, system.tolerance, report.iterations,
        report.fallbacks.empty() ? "too ill-conditioned for double precision" : "singular to working precision");
}

}  // namespace

SparseCholesky::SparseCholesky() : state_(std::make_unique<State>()) {}
SparseCholesky::~SparseCholesky() = default;

LinearReport SparseCholesky::solve(const GramSystem& system, Vec& z) {
  check(system);
  check_can_solve(*this, system, std::numeric_limits<double>::infinity());
  const SingleThreadedBlas blas;
  Stopwatch watch;
  LinearReport report;
  report.used = name();
  z.zeros(system.size());
  if (!all_finite(system.b->memptr(), system.b->n_elem)) return fail(report, "the right-hand side is not finite");
  if (!arma::any(*system.b)) {
    report.relative_residual = 0;
    conclude(system, report);
    return report;
  }

  arma::sp_mat G;
  system.A->sparse_gram(G);
  G.sync();
  if (!all_finite(G.values, G.n_nonzero)) {
    const std::string where = system.A->non_finite();
    return fail(report, where.empty() ? "AᵀA is not finite: A has non-finite or too large elements"
                                      : fmt::format("AᵀA is not finite: A has a non-finite element at {}", where));
  }
  const SparseFactor::Outcome outcome = factor_with_shift(state_->factor, G, system.shift_diagonal(), report);
  report.setup_seconds = watch.seconds();
  if (!outcome.usable) return fail(report, fmt::format("{}; add damping or a penalty", report.fallbacks.back()));

  refine(system, state_->factor, z, report);
  conclude(system, report);
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
