#pragma once
#include <raphson/solvers/sketch_options.hpp>

namespace raphson {

/// Chooses among the other solvers by predicted seconds on this machine, within a memory limit, for the system at hand; keeps the choice
/// while the shape stays. The report's `used` and `reason` say what and why ("preconditioned-cg: predicted 0.31 s, exact 0.90 s").
/// When the chosen one does not deliver, the next best is tried, and the report names both.
class Auto : public LinearSolver {
 public:
  explicit Auto(SketchOptions sketch = {}, double memory_limit = std::numeric_limits<double>::infinity());
  ~Auto() override;
  std::string name() const override { return "auto"; }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override;
  LinearReport solve(const GramSystem& system, Vec& z) override;
  void reset() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace raphson
