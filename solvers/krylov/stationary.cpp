#include <raphson/core/dense.hpp>
#include <raphson/solvers/krylov/conjugate_gradients.hpp>
#include <raphson/solvers/krylov/stationary.hpp>

#include <cmath>
#include <vector>

namespace raphson {
namespace {

/// What is added to d next, given y = M⁻¹r; returns the products with H that it took.
using Direction = std::function<Index(const Vec& y, Vec& p)>;

/// How far rᵀM⁻¹r may rise above its best before the iteration counts as diverging.
constexpr double divergence = 1e4;

/// d ← d + p, r ← r − Hp with p from `direction`, until a limit. d ends at the best iterate in the norm of M⁻¹.
IterationResult iterate(const GramSystem& system, const Preconditioner& M, const Direction& direction, const Vec& r0,
                        const IterationLimits& limits, Vec& d) {
  IterationResult result;
  Vec r = r0, x(r0.n_elem, arma::fill::zeros), y, p, q;
  d.zeros(r0.n_elem);
  result.residual = checked_norm(r);
  M.solve(r, y);
  double best = arma::dot(r, y);
  Index steps = 0, last_progress = 0;
  while (result.iterations < limits.iterations) {
    if (system.interrupted()) {
      result.stop = Stop::interrupted;
      return result;
    }
    result.iterations += direction(y, p) + 1;
    ++steps;
    system.apply(p, q);
    x += p;
    r -= q;
    M.solve(r, y);
    const double norm = checked_norm(r), rho = arma::dot(r, y);
    if (!std::isfinite(norm) || !std::isfinite(rho)) {
      result.stop = Stop::non_finite;
      return result;
    }
    if (rho < best || norm <= limits.tolerance) {
      best = rho;
      d = x;
      result.residual = norm;
      last_progress = steps;
    }
    if (norm <= limits.tolerance) {
      result.stop = Stop::tolerance;
      return result;
    }
    if (rho > divergence * best) {
      result.stop = Stop::diverged;
      return result;
    }
    if (steps - last_progress >= limits.patience) {
      result.stop = Stop::stagnation;
      return result;
    }
  }
  result.stop = Stop::limit;
  return result;
}

}  // namespace

Spectrum measure_spectrum(const GramSystem& system, const Preconditioner& M, Seed seed, Index steps, Index& products) {
  Vec start(system.size()), d;
  seed.normal(0, std::span<double>(start.memptr(), start.n_elem));
  CgScratch scratch;
  const IterationResult lanczos = conjugate_gradients(system, &M, start, {1e-14, steps, steps}, d, scratch);
  products += lanczos.iterations;
  if (!(lanczos.smallest > 0) || !(lanczos.largest >= lanczos.smallest)) return {};
  return {lanczos.smallest / 1.1, 1.1 * lanczos.largest};
}

Kernel richardson_kernel(const GramSystem& system, const Preconditioner& M, double alpha) {
  return [&system, &M, alpha](const Vec& r, const IterationLimits& limits, Vec& d) {
    return iterate(
        system, M,
        [alpha](const Vec& y, Vec& p) {
          p = alpha * y;
          return Index{0};
        },
        r, limits, d);
  };
}

Kernel chebyshev_kernel(const GramSystem& system, const Preconditioner& M, Spectrum spectrum) {
  return [&system, &M, spectrum](const Vec& r, const IterationLimits& limits, Vec& d) {
    const double center = (spectrum.largest + spectrum.smallest) / 2, radius = (spectrum.largest - spectrum.smallest) / 2;
    double rho = 0;
    const Direction direction = [=](const Vec& y, Vec& p) mutable {
      // Saad, Iterative Methods for Sparse Linear Systems, Algorithm 12.1.
      if (rho == 0) {
        rho = radius / center;
        p = y / center;
      } else {
        const double next = 1 / (2 * center / radius - rho);
        p = next * rho * p + (2 * next / radius) * y;
        rho = next;
      }
      return Index{0};
    };
    return iterate(system, M, direction, r, limits, d);
  };
}

Kernel normal_descent_kernel(const GramSystem& system, const Preconditioner& M, double alpha) {
  return [&system, &M, alpha](const Vec& r, const IterationLimits& limits, Vec& d) {
    Vec q;
    const Direction direction = [&](const Vec& y, Vec& p) {
      system.apply(y, q);
      M.solve(q, p);
      p *= alpha;
      return Index{1};
    };
    return iterate(system, M, direction, r, limits, d);
  };
}

}  // namespace raphson
