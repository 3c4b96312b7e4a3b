#pragma once
#include <raphson/solvers/preconditioned_cg.hpp>

namespace raphson {

/// Conjugate gradients preconditioned by what AᵀA is in expectation: for two-layer networks the kernel of Eq. (5) of Brand et al. (2021),
/// which depends on the data alone (relu_kernel_preconditioner). The model keeps its factor for all steps, restarts and solvers on the same
/// data. For systems whose operator offers it (TallOperator::preconditioner); for others minimize throws InputError, and solve breaks down
/// and goes on to the exact factorization.
class KernelCg final : public PreconditionedCg {
 public:
  KernelCg();
  std::string name() const override { return "kernel-cg"; }
  Needs needs() const override { return {.kernel = true}; }
};

}  // namespace raphson
