#pragma once
#include <raphson/core/preconditioner.hpp>
#include <raphson/solvers/sketch_options.hpp>

namespace raphson {

/// M = (SA)ᵀSA + diag(μ) with S ∈ R^{s×N} drawn afresh from system.seed; factored by Cholesky of the sketched Gram matrix with
/// equilibrated columns, or by QR of [SA; diag(√μ)]. Only A is sketched: μ enters exactly.
///
/// For a good sketch κ(M⁻¹H) ≤ ((√c + 1)/(√c − 1))² with c = s/k, whatever the condition of A. Where s would reach N, AᵀA
/// itself is used instead. Retries double s and use a sparse sign sketch in double precision. A sketch whose factorization breaks
/// down in every permitted way gets a relative shift of ε^(2/3). sNk-dependent sketch, then s·k² + k³/3 flops (QR: 2(s + k)k²);
/// 8(s + k)k bytes. In single precision SA is rounded as it is formed, and half as many bytes do; data of a size whose squares leave
/// its range (entries of SA above 10¹⁵ or all below 10⁻¹⁴) are sketched and factored in double precision instead.
std::shared_ptr<const PreconditionerKind> sketched_preconditioner(SketchOptions options = {}, Index default_factor = 4);

}  // namespace raphson
