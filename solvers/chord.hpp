#pragma once
#include <raphson/core/linear_solver.hpp>

namespace raphson {

/// Lazy chord: a Cholesky factor of AᵀA + diag(μ) in single precision that is kept from step to step, z = (LLᵀ)⁻¹ b.
///
/// A factor is used again while the outer step before contracted by `keep_below` or better (GramSystem::contraction) and A has the
/// same shape, μ the same values; the step is then a chord step of Newton's method (Kelley 1995, section 5.4) and costs 2k² flops. It is
/// reported as `unverified` with residual NaN: the contraction of the next outer step is its check. The first system of a run
/// (contraction NaN), and one after a step with a new factor that contracted by less than ½, are verified on AᵀA + diag(μ) itself
/// and refined by conjugate gradients with the factor.
///
/// AᵀA is formed by A->gram_single. When the factorization breaks down in single precision (κ beyond about 10⁶), a larger shift is added
/// where μ > 0 already, for conjugate gradients to make up; else or then double precision is tried, then Exact with its QR, rank and
/// shift; the report names each, and the rest of the run starts with what worked. Cost of a new factor: gram +
/// k³/3 flops in single precision, 8k² bytes (12k² without A->single()).
class Chord : public LinearSolver {
 public:
  explicit Chord(double keep_below = 0.2);  ///< in [0, 1); 0: a new factor for every system. Throws InputError otherwise.
  ~Chord() override;
  std::string name() const override { return "chord"; }
  Needs needs() const override { return {.gram = true}; }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override;
  LinearReport solve(const GramSystem& system, Vec& z) override;
  void reset() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace raphson
