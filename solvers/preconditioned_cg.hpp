#pragma once
#include <raphson/core/preconditioner.hpp>
#include <raphson/solvers/sketch_options.hpp>

namespace raphson {

/// When a preconditioner that was built is used again for the next system.
enum class Reuse {
  never,             ///< built afresh for every system (Algorithm 3 as printed)
  while_contracting  ///< kept until CG needs clearly more iterations a digit than when it was new
};

/// Conjugate gradients on the Gram system, preconditioned by a sketch of A: Brand et al. (2021), Algorithm 2, with CG in place of
/// its gradient descent, on the exact operator. Or by any other PreconditionerKind.
class PreconditionedCg : public LinearSolver {
 public:
  explicit PreconditionedCg(SketchOptions sketch = {}, Reuse reuse = Reuse::never);
  explicit PreconditionedCg(std::shared_ptr<const PreconditionerKind> kind, Reuse reuse = Reuse::never);
  ~PreconditionedCg() override;
  std::string name() const override { return "preconditioned-cg"; }
  Needs needs() const override { return {.sketch = true}; }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override;
  LinearReport solve(const GramSystem& system, Vec& z) override;
  void reset() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace raphson
