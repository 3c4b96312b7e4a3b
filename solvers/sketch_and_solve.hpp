#pragma once
#include <raphson/solvers/sketch_options.hpp>

namespace raphson {

/// Newton sketch: solves ((SA)ᵀSA + diag(μ)) z = b with a fresh sketch each time (Pilanci, Wainwright 2017).
/// Approximate by nature: the status is `unverified` and the report carries the true relative residual, measured with one product.
class SketchAndSolve : public LinearSolver {
 public:
  explicit SketchAndSolve(SketchOptions sketch = {}) : sketch_(std::move(sketch)) {}
  std::string name() const override { return "sketch-and-solve"; }
  Needs needs() const override { return {.sketch = true}; }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override;
  LinearReport solve(const GramSystem& system, Vec& z) override;

 private:
  SketchOptions sketch_;
};

}  // namespace raphson
