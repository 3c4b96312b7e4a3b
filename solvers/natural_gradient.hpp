#pragma once
#include <raphson/core/linear_solver.hpp>
#include <raphson/solvers/solve_support.hpp>

namespace raphson {

/// Natural gradient descent (Zhang, Martens, Grosse 2019; ZMG19 in the first paper's Table 1) as a linear solver: the damped step
/// z = η (AᵀA + diag(μ) + α mean diag(AᵀA) I)⁻¹ b, solved exactly. With unit steps of minimize on a least-squares model in Jᵀ this is
/// θ ← θ − η Jᵀ(JJᵀ + damping)⁻¹(f − y). η = 1 and α = 0 is Gram-Gauss-Newton. `unverified` by nature where the answer is not that of the
/// system; the report carries its true relative residual on the system that was asked, measured with one product.
class NaturalGradient : public LinearSolver {
 public:
  /// Learning rate η in (0, 1], damping α ≥ 0 relative to the mean diagonal of AᵀA; InputError otherwise.
  explicit NaturalGradient(double rate = 1, double damping = 1e-3);
  std::string name() const override { return "natural-gradient"; }
  Needs needs() const override { return {.gram = true}; }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override;
  LinearReport solve(const GramSystem& system, Vec& z) override;

 private:
  double rate_, damping_;
};

/// z = b/λ with λ an estimate of λmax(AᵀA + diag(μ)) from 20 steps of the power method on the first system of a run, raised by 10 % and
/// kept while no residual grows: with unit steps of minimize, gradient descent with the constant step length 1/λmax that the papers
/// analyse. `unverified`.
class FixedStep : public LinearSolver {
 public:
  std::string name() const override { return "fixed-step"; }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override;
  LinearReport solve(const GramSystem& system, Vec& z) override;
  void reset() override { length_ = 0; }

 private:
  double length_ = 0;  ///< 1/λ; 0: not measured
  Shape shape_;        ///< it was measured for
};

}  // namespace raphson
