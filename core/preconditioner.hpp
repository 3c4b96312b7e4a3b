#pragma once
/// An approximation M ≈ AᵀA + diag(μ) that is cheap to invert.

#include <raphson/core/linear_solver.hpp>
#include <raphson/core/types.hpp>

#include <string>

namespace raphson {

/// M = R⁻ᵀR⁻¹, symmetric positive definite, k × k.
class Preconditioner {
 public:
  virtual ~Preconditioner() = default;
  virtual std::string name() const = 0;
  virtual Index size() const = 0;
  /// z = M⁻¹ r. z is resized; it may not alias r.
  virtual void solve(const Vec& r, Vec& z) const = 0;
  virtual Index sketch_size() const { return 0; }  ///< rows of the sketch behind it; 0: none
  virtual bool single() const { return false; }    ///< good to about six digits only: products in single precision do it no harm
  virtual bool half() const { return false; }      ///< and far enough from singular for products with numbers of eleven bits
  virtual double error() const { return 1; }  ///< about ‖I − M⁻¹(AᵀA + diag(μ))‖ where M is meant to be that matrix; 1: it is not
  virtual double extra_shift() const { return 0; }  ///< what was added to the diagonal beyond μ to make it factorable
};

/// How to build one for a system: what preconditioned-cg and preconditioned-gd are given.
class PreconditionerKind {
 public:
  virtual ~PreconditionerKind() = default;
  virtual std::string name() const = 0;
  /// Null when the construction broke down (`why` says how). Draws randomness from system.seed only; `attempt` counts retries,
  /// each to be drawn afresh and sturdier than the last.
  virtual std::unique_ptr<Preconditioner> build(const GramSystem& system, Index attempt, std::string& why) const = 0;
  virtual Estimate estimate_build(const GramSystem& system, const Machine& machine) const = 0;
  /// Rows of the sketch it draws for this system; 0: none.
  virtual Index sketch_size(const GramSystem& system) const = 0;
  /// Condition number of M⁻¹(AᵀA + diag(μ)) to expect where M does not depend on A, so that the kind builds it once, for cost estimates;
  /// NaN: M is made from A.
  virtual double condition() const { return std::numeric_limits<double>::quiet_NaN(); }
};

}  // namespace raphson
