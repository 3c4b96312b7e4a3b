#pragma once
/// A way to solve a Gram system: the part that users exchange.

#include <raphson/core/gram_system.hpp>
#include <raphson/core/machine.hpp>

#include <cmath>
#include <string>
#include <vector>

namespace raphson {

enum class LinearStatus {
  converged,      ///< the inequality of GramSystem was verified on the unsketched system
  unverified,     ///< a usable z whose residual was not measured (sketch-and-solve, a kept factor)
  not_converged,  ///< z is the best found, above the tolerance: iteration limit, stagnation or interrupt
  failed,         ///< no usable z (z is zero): non-finite input, breakdown
};
std::string to_string(LinearStatus);

/// What a solve did. NaN means "not known".
struct LinearReport {
  LinearStatus status = LinearStatus::failed;
  std::string message;                                                  ///< one sentence, advice when something went wrong
  Index iterations = 0;                                                 ///< inner iterations (products with AᵀA)
  double relative_residual = std::numeric_limits<double>::quiet_NaN();  ///< ‖b − Hz‖/‖b‖, true residual where status is converged
  double condition = std::numeric_limits<double>::quiet_NaN();          ///< estimate for the preconditioned system
  Index rank = 0;                      ///< numerical rank when it was found deficient; 0: full or not looked at
  double extra_shift = 0;              ///< shift added beyond the system's own to make a factorization possible
  Index sketch_size = 0;               ///< rows of the sketch used; 0: none
  std::vector<std::string> fallbacks;  ///< what was tried after the first way failed, in order; empty: nothing
  std::string used;                    ///< solver that produced z (differs from name() for auto)
  std::string reason;                  ///< why it was chosen (auto), else empty
  double setup_seconds = 0;            ///< sketching and factoring
  double solve_seconds = 0;            ///< the rest

  /// ε of the sketch behind the preconditioner as the iteration has seen it, from condition = ((1 + ε)/(1 − ε))²: the sketch changed
  /// lengths in the range of A by at least that. NaN without an estimate.
  double distortion() const { return (std::sqrt(condition) - 1) / (std::sqrt(condition) + 1); }
};

/// What a solver asks of the operator.
struct Needs {
  bool gram = false;         ///< forms the k × k matrix AᵀA
  bool sparse_gram = false;  ///< needs A->has_sparse_gram()
  bool sketch = false;       ///< needs N > k rows worth of sketching
  bool kernel = false;       ///< needs A->preconditioner()
};

/// Predicted price of one solve. NaN seconds: no idea.
struct Estimate {
  double seconds = std::numeric_limits<double>::quiet_NaN();
  double bytes = 0;         ///< work space beyond A itself
  std::string advice = {};  ///< what to use instead when bytes exceed the limit
  std::string used = {};    ///< auto: what it would choose; empty elsewhere
  std::string reason = {};  ///< auto: why
  double once = 0;          ///< of `seconds`, what the systems of one outer iteration pay together: building what is kept between them

  /// For the `systems` systems of one outer iteration.
  double run_seconds(double systems) const { return once + systems * (seconds - once); }
};

/// Solves Gram systems. An object may keep factors between calls; caches are checked against the system, never trusted, and a
/// solver that is given another system, another size or the same one twice answers as a fresh one would (the same bits for
/// the same seed). One object is used by one thread at a time.
///
/// To write one: derive, implement name, needs, estimate, solve; add a row to tests/contract/linear_solver_test.cpp.
class LinearSolver {
 public:
  virtual ~LinearSolver() = default;

  virtual std::string name() const = 0;
  virtual Needs needs() const { return {}; }
  virtual Estimate estimate(const GramSystem& system, const Machine& machine) const = 0;

  /// Solves into z (resized to k; its content on entry is ignored). Throws InputError as check(system) does; never throws for
  /// numerical trouble. b = 0 gives z = 0, converged. Non-finite A or b gives `failed`.
  virtual LinearReport solve(const GramSystem& system, Vec& z) = 0;

  /// Forgets kept factors.
  virtual void reset() {}
};

/// Throws InputError when `system` lacks what the solver needs ("sparse-cholesky needs a sparse AᵀA; ...") or when the estimate
/// exceeds `memory_limit` bytes.
void check_can_solve(const LinearSolver& solver, const GramSystem& system, double memory_limit);

}  // namespace raphson
