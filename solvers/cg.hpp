#pragma once
#include <raphson/core/linear_solver.hpp>

namespace raphson {

/// Conjugate gradients on the Gram system without forming AᵀA; optionally with the preconditioner diag(AᵀA + diag(μ)).
/// One product with AᵀA an iteration. Stops on the tolerance, on stagnation (best iterate kept), on the iteration limit.
class Cg : public LinearSolver {
 public:
  enum class Scaling { none, jacobi };
  /// max_iterations 0: 10·k + 100.
  explicit Cg(Scaling scaling = Scaling::none, Index max_iterations = 0) : scaling_(scaling), max_iterations_(max_iterations) {}
  std::string name() const override { return scaling_ == Scaling::jacobi ? "jacobi-cg" : "cg"; }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override;
  LinearReport solve(const GramSystem& system, Vec& z) override;

 private:
  Scaling scaling_;
  Index max_iterations_;
};

}  // namespace raphson
