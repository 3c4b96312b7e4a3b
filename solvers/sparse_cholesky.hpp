#pragma once
#include <raphson/core/linear_solver.hpp>

namespace raphson {

/// Sparse Cholesky factorization of AᵀA + diag(μ) for data of small treewidth (Li, Song, Long, Zhou), by CHOLMOD.
///
/// The pattern is that of CᵀC for convex objectives and of XXᵀ (observations) for networks. Fill-reducing analysis is kept while the
/// pattern stays. Built only with RAPHSON_WITH_CHOLMOD; without, making one throws InputError naming the option.
class SparseCholesky : public LinearSolver {
 public:
  SparseCholesky();
  ~SparseCholesky() override;
  std::string name() const override { return "sparse-cholesky"; }
  Needs needs() const override { return {.sparse_gram = true}; }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override;
  LinearReport solve(const GramSystem& system, Vec& z) override;
  void reset() override;

  /// Of the last analysis: nonzeros of L, the largest column count minus one (the width of the order used), analyses and factorizations
  /// done.
  struct Statistics {
    Index factor_nonzeros = 0, order_width = 0, analyses = 0, factorizations = 0;
  };
  Statistics statistics() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whether this build has it.
bool has_sparse_cholesky();

}  // namespace raphson
