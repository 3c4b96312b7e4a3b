#pragma once
#include <raphson/core/linear_solver.hpp>

namespace raphson {

/// Cholesky factorization of AᵀA + diag(μ), or QR of A stacked on diag(√μ).
///
/// The residual is recomputed from z, and conjugate gradients with the factor go on while it is above the tolerance. When the Cholesky
/// factorization breaks down: QR of A is tried where it is affordable; the rank is found by pivoting and the minimum-norm
/// (least-squares) step taken; where that misses the tolerance, a shift is added (64·k·ε of the diagonal) and the solution refined. The
/// report names rank, shift, dependent columns and every way tried. With the least-squares target c, QR works on [A c] and keeps
/// the accuracy that AᵀA loses.
/// Cost: gram + k³/3 flops, 8k² bytes (QR: 2.5·Nk² flops, 80k² bytes, rows gathered in blocks).
class Exact : public LinearSolver {
 public:
  enum class Method { cholesky, qr };
  explicit Exact(Method method = Method::cholesky) : method_(method) {}
  std::string name() const override { return method_ == Method::qr ? "exact-qr" : "exact"; }
  Needs needs() const override { return {.gram = method_ == Method::cholesky}; }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override;
  LinearReport solve(const GramSystem& system, Vec& z) override;

 private:
  Method method_;
};

}  // namespace raphson
