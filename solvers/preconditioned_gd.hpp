#pragma once
#include <raphson/core/preconditioner.hpp>
#include <raphson/solvers/sketch_options.hpp>

namespace raphson {

/// Gradient descent on the sketch-preconditioned system, B = Rᵀ(AᵀA + diag(μ))R: Brand et al. (2021), Algorithm 2.
///
/// As printed, z ← z − Bᵀ(Bz − Rᵀb) diverges unless λmax(B)² < 2, which needs a sketch of about 40k rows. Here the spectrum of B is
/// measured first by a few Lanczos steps, and the step length follows from it.
class PreconditionedGd : public LinearSolver {
 public:
  enum class Iteration {
    richardson,  ///< z ← z − α(Bz − Rᵀb), α = 2/(λmin + λmax)
    chebyshev,   ///< the same with Chebyshev's varying steps: the rate of CG
    printed,     ///< z ← z − αBᵀ(Bz − Rᵀb), α = 2/(λmin² + λmax²): Algorithm 2 with the step length it needs
    literal,     ///< α = 1: Algorithm 2 to the letter; reports `not_converged` as soon as it diverges
  };
  explicit PreconditionedGd(SketchOptions sketch = {}, Iteration iteration = Iteration::richardson);
  std::string name() const override { return "preconditioned-gd"; }
  Needs needs() const override { return {.sketch = true}; }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override;
  LinearReport solve(const GramSystem& system, Vec& z) override;

 private:
  SketchOptions sketch_;
  Iteration iteration_;
};

}  // namespace raphson
