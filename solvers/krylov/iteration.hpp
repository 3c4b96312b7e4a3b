#pragma once
/// What inner iterations have in common: limits, outcome, and the check of the true residual around them.

#include <raphson/core/gram_system.hpp>
#include <raphson/core/preconditioner.hpp>

#include <functional>

namespace raphson {

/// Why an inner iteration ended.
enum class Stop {
  tolerance,    ///< the residual is small enough
  stagnation,   ///< no new best residual for a while
  limit,        ///< iteration limit
  interrupted,  ///< GramSystem::interrupt said so
  breakdown,    ///< a curvature pᵀHp or a norm rᵀM⁻¹r that is not positive
  non_finite,   ///< a product gave NaN or Inf
  diverged,     ///< the residual grew out of hand
};

struct IterationLimits {
  double tolerance = 1e-8;  ///< on ‖r‖₂, an absolute number
  Index iterations = 100;   ///< products with AᵀA
  Index patience = 50;      ///< iterations without a new best of ‖r‖₂ or rᵀM⁻¹r before giving up
  bool verify = true;       ///< solve_verified: measure the residual; false: believe the kernel when it says that it met the tolerance
};

struct IterationResult {
  Stop stop = Stop::limit;
  Index iterations = 0;                                        ///< products with AᵀA
  double residual = std::numeric_limits<double>::quiet_NaN();  ///< ‖r − Hd‖₂; the iteration's own recurrence in a kernel
  bool verified = true;                                        ///< residual was computed anew from z
  double smallest = std::numeric_limits<double>::quiet_NaN();  ///< extreme eigenvalues of M⁻¹H seen; NaN: not measured
  double largest = std::numeric_limits<double>::quiet_NaN();

  double condition() const { return largest / smallest; }
};

/// y = H x, H = AᵀA + diag(μ).
using Product = std::function<void(const Vec& x, Vec& y)>;

/// H by way of `A`, the system's A in single precision or less, with the shift in double; empty when A is null. Refers to system.
Product low_precision_product(const GramSystem& system, std::shared_ptr<const SingleOperator> A);

/// Solves H d = r approximately from d = 0, H = AᵀA + diag(μ): every kernel in this folder, with its system bound.
using Kernel = std::function<IterationResult(const Vec& r, const IterationLimits& limits, Vec& d)>;

/// √(rᵀM⁻¹r), the norm in which preconditioned iterations make progress; ‖r‖₂ without M.
double preconditioned_norm(const Preconditioner* M, const Vec& r);

/// Iterates z ← z + K(b − Hz) until ‖b − Hz‖₂ ≤ limits.tolerance·‖b‖₂ holds for the residual computed anew from z, or until
/// that no longer helps: the kernel's own residual drifts from the true one by rounding, and this is iterative refinement then.
/// `z` holds the start (zero costs no product) and receives the new iterate where that lowers the residual in the norm above or the
/// quadratic ½zᵀHz − bᵀz. b ≠ 0. `residual` of the result
/// is the true relative one, and a result whose stop is Stop::tolerance was verified, unless limits.verify is off: then a first run that
/// met the tolerance by its own account ends it, `verified` is false and the residual the kernel's.
IterationResult solve_verified(const GramSystem& system, const Preconditioner* M, const Kernel& kernel, const IterationLimits& limits,
                               Vec& z);

}  // namespace raphson
