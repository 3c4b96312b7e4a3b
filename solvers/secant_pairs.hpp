#pragma once
/// What the steps so far have shown of a Hessian, on top of a preconditioner for it.

#include <raphson/core/preconditioner.hpp>

#include <deque>

namespace raphson {

/// The last few moves s of a run with the changes y of the gradient over them: M⁻¹ corrected to take each y to its s, by the formula of
/// Broyden, Fletcher, Goldfarb and Shanno in the two loops of Nocedal (1980). Where M is off by a factor or along a few directions, steps
/// become those of Newton's method without another product or factorization. 4k flops a pair and vector, 2k numbers a pair.
class SecantPairs {
 public:
  /// Takes in a pair, the oldest making room; one along which the gradient does not grow is left out.
  void add(const Vec& s, Vec y);
  void clear() { pairs_.clear(); }
  bool empty() const { return pairs_.empty(); }
  /// z = corrected M⁻¹ r. z may not alias r.
  void solve(const Preconditioner& M, const Vec& r, Vec& z) const;

 private:
  struct Pair {
    Vec s, y;
    double product;  ///< ⟨s, y⟩ > 0
  };
  std::deque<Pair> pairs_;
};

}  // namespace raphson
