#pragma once
/// min ‖A x − y‖² + Σ μⱼ xⱼ² as accurately as Householder QR, at a few times the cost of reading A.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/interrupt.hpp>
#include <raphson/core/linear_solver.hpp>

#include <string>
#include <vector>

namespace raphson {

/// How a least-squares solve ended.
enum class LeastSquaresStatus {
  backward_error_reached,  ///< x solves a problem with A changed by no more than the backward error asked for
  rank_deficient,          ///< the same, but columns depend on others to working precision: x is the solution of minimum norm
  stagnated,               ///< corrections no longer lower the backward error; x is the best found
  iteration_limit,         ///< the limit on products with AᵀA came first
  interrupted,             ///< time limit or cancellation
  failed,                  ///< A or y not finite, or a product overflowed; x is zero
};
std::string to_string(LeastSquaresStatus);

struct LeastSquaresOptions {
  std::shared_ptr<const SketchKind> sketch = {};  ///< null: sparse_sign_sketch(2)
  Index sketch_size = 0;                          ///< rows s, k ≤ s ≤ N; 0: by cost, 4k to 40k; no sketch but QR of A when N < 8k
  double shift = 0;                               ///< μ ≥ 0, the same for all unknowns
  Vec penalty = {};                               ///< additional μⱼ ≥ 0, k; empty: none
  double backward_error = 0;                      ///< stop at this backward error (see the result); 0: the rounding unit 1.1e-16
  Index max_iterations = 500;                     ///< products with AᵀA in all
  Seed seed{0};
  const Interrupt* interrupt = nullptr;  ///< asked once an iteration; null: never stop
};

/// Numbers refer to Ā = [A; diag(√μ)] with columns scaled to norm 1 within a factor of 2, which is what QR's own errors refer to. NaN: not
/// known.
struct LeastSquaresResult {
  LeastSquaresStatus status = LeastSquaresStatus::failed;
  std::string message;  ///< one sentence, advice when something went wrong
  Vec x;                ///< k; of minimum norm when the rank is deficient
  Vec residual;         ///< y − A x, N
  /// Least ‖E‖_F / ‖Ā‖_F for which x minimizes ‖(Ā + E) x − ȳ‖, by the estimate of Karlson and Waldén (1997), within a factor of
  /// about √2 (and the distortion of the sketch). QR reaches about 1e-16.
  double backward_error = std::numeric_limits<double>::quiet_NaN();
  double condition = std::numeric_limits<double>::quiet_NaN();                 ///< κ₂(Ā), of the part kept when the rank is deficient
  double preconditioned_condition = std::numeric_limits<double>::quiet_NaN();  ///< κ of the preconditioned AᵀA, by Lanczos
  Index rank = 0;                                                              ///< numerical rank; k when full
  Index iterations = 0;                                                        ///< products with AᵀA
  Index corrections = 0;                                                       ///< outer corrections, each with a residual computed anew
  Index sketch_size = 0;                                                       ///< 0: R came from A itself
  std::vector<std::string> fallbacks;                                          ///< what was tried after the first way failed
  double setup_seconds = 0;                                                    ///< sketching and factoring
  double solve_seconds = 0;                                                    ///< the rest

  bool full_rank() const { return rank == x.n_elem; }
  /// The backward error asked for was reached, at full rank or not.
  bool accurate() const { return status == LeastSquaresStatus::backward_error_reached || status == LeastSquaresStatus::rank_deficient; }
};

/// Sketch-and-precondition with iterative refinement (SPIR): R from a QR of the sketch SĀ, start from the sketch-and-solve
/// solution, then corrections R⁻¹v where CG solves (R⁻ᵀĀᵀĀR⁻¹) v = R⁻ᵀĀᵀr for the residual r = ȳ − Āx computed anew; two as a rule, more
/// while the backward error falls. A sketch on which CG contracts badly is drawn again, larger; then R comes from a QR of A, as it does
/// where corrections end above QR's own errors (condition numbers beyond 1e13); the result says so.
///
/// Singular values of SĀ below 8√k·ε of the largest count as zero: rank is reported, x has minimum norm.
///
/// Cost: a sketch, 2sk² flops, about 20/log₁₀(s/k) + 8 reads of A, more where ‖r‖ is as large as ‖y‖; 8k(s + 3k) +
/// 24N bytes. Same seed, same bits. Throws InputError for sizes, non-finite y, negative μ, a sketch size outside [k, N]. Epperly, Meier,
/// Nakatsukasa, "Fast randomized least-squares solvers can be just as accurate and stable as classical direct solvers" (2024); Epperly,
/// "Fast and forward stable randomized algorithms for linear least-squares problems" (2024).
LeastSquaresResult solve_least_squares(const Operator& A, const Vec& y, const LeastSquaresOptions& options = {});
/// The same for A = C, dense or sparse; the data are not copied. Non-finite data are an InputError.
LeastSquaresResult solve_least_squares(const DataMatrix& C, const Vec& y, const LeastSquaresOptions& options = {});

/// The same as a linear solver: works on A itself where the system carries c with b = Aᵀc, always to QR's backward error; the tolerance
/// of the system then decides the status alone. Without c no more can be had than the normal equations give: preconditioned-cg with a
/// QR-factored sketch solves the system, and the report's `used` and `reason` say so.
class LeastSquares : public LinearSolver {
 public:
  explicit LeastSquares(std::shared_ptr<const SketchKind> sketch = {}, Index sketch_size = 0)
      : sketch_(std::move(sketch)), sketch_size_(sketch_size) {}
  std::string name() const override { return "least-squares"; }
  Needs needs() const override { return {.sketch = true}; }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override;
  LinearReport solve(const GramSystem& system, Vec& z) override;

 private:
  std::shared_ptr<const SketchKind> sketch_;
  Index sketch_size_;
};

}  // namespace raphson
