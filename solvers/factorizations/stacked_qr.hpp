#pragma once
#include <raphson/core/gram_system.hpp>

namespace raphson {

/// R of [A; diag(√μ)]·T = QR with equilibrated columns, and Qᵀc for the least-squares target c.
struct StackedQr {
  Mat<double> L;  ///< Rᵀ, k × k, lower
  Vec t;          ///< T, k, powers of two
  Vec projected;  ///< Qᵀ[c; 0], k; empty without c
};

/// Computes it over blocks of rows that are gathered one after the other and folded into R, so that A never lies in memory twice.
/// Keeps the accuracy of Householder QR: κ(A) where AᵀA has κ(A)². About 2Nk² flops, 8k(k + block) bytes with blocks of
/// stacked_qr_block(k) rows. False when anything is not finite, or the system's interrupt says so.
[[nodiscard]] bool stacked_qr(const GramSystem& system, StackedQr& qr);
Index stacked_qr_block(Index k);

}  // namespace raphson
