#pragma once
#include <raphson/core/preconditioner.hpp>

namespace raphson {

/// M = diag(AᵀA + diag(μ)): two passes over nothing but a vector to apply, one read of A to build. Unknowns whose diagonal
/// vanishes (zero columns without a shift) keep 1.
std::shared_ptr<const PreconditionerKind> jacobi_preconditioner();

}  // namespace raphson
