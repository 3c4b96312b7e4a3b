#pragma once
#include <raphson/core/seed.hpp>
#include <raphson/solvers/krylov/iteration.hpp>

namespace raphson {

/// Bounds of the spectrum of M⁻¹H, 0 < smallest < largest.
struct Spectrum {
  double smallest = 0, largest = 0;
};

/// Ritz values of M⁻¹H after `steps` Lanczos steps (that is, conjugate gradient steps) from a random start, widened by 10 % on
/// both sides because Ritz values lie inside the spectrum. smallest = 0 when the steps broke down. `products` are counted up.
Spectrum measure_spectrum(const GramSystem& system, const Preconditioner& M, Seed seed, Index steps, Index& products);

/// d ← d + α M⁻¹(r − Hd). Converges for α < 2/λmax(M⁻¹H), fastest for α = 2/(λmin + λmax).
Kernel richardson_kernel(const GramSystem& system, const Preconditioner& M, double alpha);

/// Chebyshev's iteration for the interval [smallest, largest]: the rate of conjugate gradients without inner products.
Kernel chebyshev_kernel(const GramSystem& system, const Preconditioner& M, Spectrum spectrum);

/// d ← d + α M⁻¹ H M⁻¹(r − Hd): gradient descent on ½‖Bz − Rᵀr‖² with B = RᵀHR, M⁻¹ = RRᵀ (Brand et al. 2021, Algorithm 2,
/// line 7). Converges for α < 2/λmax². Two products an iteration, and both are counted.
Kernel normal_descent_kernel(const GramSystem& system, const Preconditioner& M, double alpha);

}  // namespace raphson
