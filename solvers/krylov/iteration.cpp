#include <raphson/core/dense.hpp>
#include <raphson/solvers/krylov/iteration.hpp>

#include <cmath>
#include <optional>

namespace raphson {
namespace {

/// r = (b − Hz)/‖b‖, scaled so that tiny and huge right-hand sides neither underflow nor overflow in squares.
void scaled_residual(const GramSystem& system, const Vec& z, double scale, Vec& r) {
  system.apply(z, r);
  r = (*system.b - r) / scale;
}

/// −2 × (½ zᵀHz − bᵀz) for r = (b − Hz)/scale: what minimizing the quadratic has gained so far.
double gain(const GramSystem& system, const Vec& z, double scale, const Vec& r) {
  return arma::dot(z, *system.b) + scale * arma::dot(z, r);
}

void widen(IterationResult& total, const IterationResult& part) {
  total.iterations += part.iterations;
  total.smallest = std::fmin(total.smallest, part.smallest);
  total.largest = std::fmax(total.largest, part.largest);
}

}  // namespace

Product low_precision_product(const GramSystem& system, std::shared_ptr<const SingleOperator> A) {
  if (!A) return {};
  return [&system, A = std::move(A), x32 = Mat<float>(), y32 = Mat<float>()](const Vec& x, Vec& y) mutable {
    // Scaled to 1, so that small directions do not underflow.
    const double scale = arma::norm(x, "inf");
    x32 = arma::conv_to<Mat<float>>::from(scale > 0 ? Vec(x / scale) : x);
    A->apply_normal(x32, y32);
    y = arma::conv_to<Vec>::from(y32.col(0));
    if (scale > 0) y *= scale;
    system.add_shift(x, y);
  };
}

double preconditioned_norm(const Preconditioner* M, const Vec& r) {
  if (!M) return checked_norm(r);
  Vec y;
  M->solve(r, y);
  return std::sqrt(arma::dot(r, y));
}

IterationResult solve_verified(const GramSystem& system, const Preconditioner* M, const Kernel& kernel, const IterationLimits& limits,
                               Vec& z) {
  IterationResult total;
  const double scale = checked_norm(*system.b);
  Vec r, d, trial, trial_r;
  if (!z.is_zero()) scaled_residual(system, z, scale, r);
  if (z.is_zero() || !r.is_finite()) {
    z.zeros(system.size());
    r = *system.b / scale;
  }
  total.residual = checked_norm(r);
  std::optional<double> merit;
  while (true) {
    if (total.residual <= limits.tolerance) {
      total.stop = Stop::tolerance;
      return total;
    }
    if (total.iterations >= limits.iterations) return total;
    // A hair below the tolerance, so that rounding in the recurrence does not cost a second round.
    const IterationResult part =
        kernel(r, {0.99 * limits.tolerance, limits.iterations - total.iterations, limits.patience, limits.verify}, d);
    widen(total, part);
    total.stop = part.stop;
    trial = z + scale * d;
    if (!limits.verify && part.stop == Stop::tolerance && part.residual <= limits.tolerance && trial.is_finite()) {
      z.swap(trial);
      total.residual = part.residual;
      total.verified = false;
      return total;
    }
    scaled_residual(system, trial, scale, trial_r);
    const double trial_residual = checked_norm(trial_r);
    const double trial_merit = preconditioned_norm(M, trial_r);
    if (!merit) merit = preconditioned_norm(M, r);
    const bool small_enough = trial_residual <= limits.tolerance;
    const bool better = trial_merit < *merit || gain(system, trial, scale, trial_r) > gain(system, z, scale, r);
    if (!trial_r.is_finite() || !(small_enough || better)) {
      if (!trial_r.is_finite()) total.stop = Stop::non_finite;
      if (total.stop == Stop::tolerance) total.stop = Stop::stagnation;
      return total;
    }
    const bool worth_repeating = trial_merit <= 0.5 * *merit && (part.stop == Stop::tolerance || part.stop == Stop::stagnation);
    z.swap(trial);
    r.swap(trial_r);
    total.residual = trial_residual;
    merit = trial_merit;
    if (!small_enough && !worth_repeating) {
      if (total.stop == Stop::tolerance) total.stop = Stop::stagnation;
      return total;
    }
  }
}

}  // namespace raphson
