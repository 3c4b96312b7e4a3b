#pragma once
#include <raphson/solvers/sketch_options.hpp>

namespace raphson {

/// Chooses among the other solvers by the seconds predicted for an outer iteration of six systems and eight digits, within a memory limit;
/// keeps the choice while the shape stays. Nominal rates decide, so that the choice, and with it every bit of the result, does not depend
/// on how busy the machine is; give Machine::measured() to have the rates of the moment decide. `estimate` says what the choice and its
/// rivals cost in the rates it is asked about. The report's `used` and `reason` say what and why ("preconditioned-cg: predicted 0.31 s,
/// exact 0.90 s"). When the chosen one does not deliver, the next best is tried, and the report names both.
class Auto : public LinearSolver {
 public:
  explicit Auto(SketchOptions sketch = {}, double memory_limit = std::numeric_limits<double>::infinity(),
                const Machine& machine = Machine::nominal());
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
