#include <raphson/core/dense.hpp>
#include <raphson/solvers/krylov/conjugate_gradients.hpp>

#include <cmath>
#include <memory>

namespace raphson {
namespace {

/// Extreme eigenvalues of the Lanczos matrix: diagonal 1/αᵢ + βᵢ₋₁/αᵢ₋₁, off-diagonal √βᵢ/αᵢ.
void ritz_values(const std::vector<double>& alpha, const std::vector<double>& beta, IterationResult& result) {
  const Index n = alpha.size();
  if (n == 0) return;
  Vec diagonal(n), off(n - 1);
  for (Index i = 0; i < n; ++i) {
    diagonal(i) = 1 / alpha[i] + (i > 0 ? beta[i - 1] / alpha[i - 1] : 0.0);
    if (i + 1 < n) off(i) = std::sqrt(beta[i]) / alpha[i];
  }
  double smallest = 0, largest = 0;
  if (!tridiagonal_extremes(diagonal, off, smallest, largest)) return;
  result.smallest = smallest;
  result.largest = largest;
}

void precondition(const Preconditioner* M, const Vec& r, Vec& y) {
  if (M) {
    M->solve(r, y);
  } else {
    y = r;
  }
}

/// The iterations proper; d is kept at the best iterate.
void iterate(const GramSystem& system, const Product& H, const Preconditioner* M, const IterationLimits& limits, Vec& d, CgScratch& s,
             IterationResult& result) {
  precondition(M, s.r, s.y);
  s.p = s.y;
  double rho = arma::dot(s.r, s.y);
  double best_rho = rho, best_norm = checked_norm(s.r);
  Index last_progress = 0;
  while (result.iterations < limits.iterations) {
    if (system.interrupted()) {
      result.stop = Stop::interrupted;
      return;
    }
    H(s.p, s.q);
    ++result.iterations;
    const double curvature = arma::dot(s.p, s.q);
    if (!std::isfinite(curvature) || !std::isfinite(rho)) {
      result.stop = Stop::non_finite;
      return;
    }
    if (!(curvature > 0) || !(rho > 0)) {
      result.stop = Stop::breakdown;
      return;
    }
    const double alpha = rho / curvature;
    s.x += alpha * s.p;
    s.r -= alpha * s.q;
    s.alpha.push_back(alpha);
    const double norm = checked_norm(s.r);
    if (norm <= limits.tolerance) {
      d = s.x;
      result.residual = norm;
      result.stop = Stop::tolerance;
      return;
    }
    precondition(M, s.r, s.y);
    const double next_rho = arma::dot(s.r, s.y);
    if (norm < best_norm || next_rho < best_rho) last_progress = result.iterations;
    best_norm = std::fmin(best_norm, norm);
    if (next_rho < best_rho) {
      best_rho = next_rho;
      d = s.x;
      result.residual = norm;
    }
    if (result.iterations - last_progress >= limits.patience) {
      result.stop = Stop::stagnation;
      return;
    }
    const double beta = next_rho / rho;
    s.beta.push_back(beta);
    rho = next_rho;
    s.p = s.y + beta * s.p;
  }
  result.stop = Stop::limit;
}

}  // namespace

IterationResult conjugate_gradients(const GramSystem& system, const Preconditioner* M, const Vec& r0, const IterationLimits& limits, Vec& d,
                                    CgScratch& scratch, const Product& product) {
  IterationResult result;
  scratch.r = r0;
  scratch.x.zeros(r0.n_elem);
  scratch.alpha.clear();
  scratch.beta.clear();
  d.zeros(r0.n_elem);
  result.residual = checked_norm(r0);
  const Product exact = [&system](const Vec& x, Vec& y) { system.apply(x, y); };
  iterate(system, product ? product : exact, M, limits, d, scratch, result);
  // The last iterate has the least energy, and serves as a step, where the limit or the caller ended a run that was still under way.
  const bool under_way = result.stop == Stop::limit || result.stop == Stop::interrupted;
  if ((under_way || (result.stop == Stop::stagnation && d.is_zero())) && scratch.x.is_finite()) {
    d = scratch.x;
    result.residual = checked_norm(scratch.r);
  }
  ritz_values(scratch.alpha, scratch.beta, result);
  return result;
}

Kernel conjugate_gradient_kernel(const GramSystem& system, const Preconditioner* M) {
  auto scratch = std::make_shared<CgScratch>();
  return [&system, M, scratch](const Vec& r, const IterationLimits& limits, Vec& d) {
    return conjugate_gradients(system, M, r, limits, d, *scratch);
  };
}

Kernel rounded_conjugate_gradient_kernel(const GramSystem& system, const Preconditioner* M, std::shared_ptr<const SingleOperator> A,
                                         double rounding) {
  const Product product = low_precision_product(system, std::move(A));
  if (!product) return conjugate_gradient_kernel(system, M);
  auto scratch = std::make_shared<CgScratch>();
  return [&system, M, scratch, product, rounding](const Vec& r, const IterationLimits& limits, Vec& d) {
    IterationLimits within = limits;
    // Where nobody measures what is gained, more digits of a recurrence that has left the true residual are cheaper than another system.
    const double reachable = limits.verify ? rounding : std::min(rounding, 1e-4);
    within.tolerance = std::max(limits.tolerance, reachable * checked_norm(r));
    return conjugate_gradients(system, M, r, within, d, *scratch, product);
  };
}

}  // namespace raphson
