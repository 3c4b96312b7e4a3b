#pragma once
#include <raphson/core/linear_solver.hpp>

namespace raphson {

/// Cholesky factorization of AᵀA + diag(μ), or QR of A stacked on diag(√μ).
///
/// When the Cholesky factorization breaks down: the rank is found by pivoting and the minimum-norm step taken where the system is
/// consistent, else a shift is added (at least k·u·‖AᵀA‖) and the solution refined; the report names rank, shift and dependent columns.
/// Cost: gram + k³/3 flops, 8k² bytes (QR: 2Nk² flops, 8(N+k)k bytes).
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
