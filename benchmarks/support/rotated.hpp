#pragma once
/// Data whose conditioning no column scaling removes.

#include <raphson/core/gram_system.hpp>
#include <raphson/problems/generators.hpp>

namespace raphson::bench {

/// C = √n U Σ Vᵀ with cond(C) = `condition` and rotated columns, and labels drawn from margins Cx* of standard deviation `spread` that use
/// every singular direction alike. The logistic Hessian at 0 then has condition number condition².
Generated rotated_classification(Index rows, Index columns, double condition, double spread, std::uint64_t seed);

/// Condition number of AᵀA + diag(μ), dense eigenvalues of the k × k matrix; +∞ when it is numerically singular.
double gram_condition(const GramSystem& system);

}  // namespace raphson::bench
