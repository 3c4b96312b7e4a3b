#pragma once
#include <raphson/solvers/krylov/iteration.hpp>

#include <vector>

namespace raphson {

/// Vectors of one conjugate gradient run, kept by the caller so that nothing is allocated inside an iteration.
struct CgScratch {
  Vec r, y, p, q, x;
  std::vector<double> alpha, beta;
};

/// Conjugate gradients for H d = r₀, H = AᵀA + diag(μ), from d = 0 with preconditioner M (null: none). One product with AᵀA
/// and one solve with M an iteration.
///
/// Stops at ‖r‖₂ ≤ tolerance, after `patience` iterations without a new best, when a curvature is not positive, at the limit or the
/// interrupt. d is the last iterate for the last two, the iterate of smallest rᵀM⁻¹r after stagnation. The coefficients αᵢ, βᵢ are those of
/// the Lanczos process for M⁻¹H and give its extreme Ritz values, hence a lower bound of the condition number (Golub, Van Loan, Matrix
/// Computations, 10.2 and 11.3).
/// `product` stands in for the product with H when it is not empty.
IterationResult conjugate_gradients(const GramSystem& system, const Preconditioner* M, const Vec& r0, const IterationLimits& limits, Vec& d,
                                    CgScratch& scratch, const Product& product = {});

/// The function above as a Kernel. Refers to system and M, owns its scratch.
Kernel conjugate_gradient_kernel(const GramSystem& system, const Preconditioner* M);

/// The same with products by way of `A`, the system's A in fewer digits, each run to a relative residual of `rounding`, what is not lost
/// to them as a rule: solve_verified runs it again from a residual in double. A null: as above.
Kernel rounded_conjugate_gradient_kernel(const GramSystem& system, const Preconditioner* M, std::shared_ptr<const SingleOperator> A,
                                         double rounding);

}  // namespace raphson
