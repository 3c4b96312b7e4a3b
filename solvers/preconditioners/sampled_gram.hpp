#pragma once
#include <raphson/core/preconditioner.hpp>

namespace raphson {

/// M = T (Σ aᵢaᵢᵀ) T + diag(μ) over one row of every `share` consecutive ones, drawn from system.seed, with the diagonal T that gives M the
/// diagonal of AᵀA + diag(μ) itself; factored in single precision. A column that no drawn row touches is left to its diagonal.
///
/// For rows that are exchangeable κ(M⁻¹H) is about that of a sketch of N/share rows; nothing is known for rows that are not. The price is
/// a share'th of AᵀA, which of sparse rows costs far less than that of their sketch, one read of A and k³/3 flops; 4k² bytes. Retries draw
/// half of all rows, then take AᵀA itself in double precision.
std::shared_ptr<const PreconditionerKind> sampled_gram_preconditioner(Index share = 8);

}  // namespace raphson
