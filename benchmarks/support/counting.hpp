#pragma once
/// A model and a solver that watch what is done to the data, without changing it.

#include <raphson/core/linear_solver.hpp>
#include <raphson/core/model.hpp>

#include <memory>
#include <vector>

namespace raphson::bench {

/// Reads of the data matrix, by what they were for. A call counts as the one read that it needs at least: AᵀA x, AᵀA, S A, the diagonal,
/// and margins with gradient at a new point are one each, however often the present code reads. Single precision counts half.
struct Reads {
  double products = 0;   ///< A x, Aᵀ y, AᵀA x
  double gram = 0;       ///< AᵀA
  double sketch = 0;     ///< S A, diag(AᵀA), rows
  double objective = 0;  ///< margins, gradients
  double total() const { return products + gram + sketch + objective; }
};

/// `model` with every read counted. Wrapped operators hide their concrete type, so runs that are timed should use `model` itself.
std::unique_ptr<Model> counted(const Model& model, std::shared_ptr<Reads> reads);

/// Passes everything to `solver` and keeps its reports.
class Recorder final : public LinearSolver {
 public:
  explicit Recorder(LinearSolver& solver) : solver_(solver) {}
  std::string name() const override { return solver_.name(); }
  Needs needs() const override { return solver_.needs(); }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override { return solver_.estimate(system, machine); }
  LinearReport solve(const GramSystem& system, Vec& z) override;
  void reset() override { solver_.reset(); }

  const std::vector<LinearReport>& reports() const { return reports_; }
  Index sketch_size() const;  ///< the largest used; 0: none
  /// Solves whose set-up took more than a tenth of the longest: factors built rather than kept. Of systems of `rows` rows, 0: all.
  Index builds(Index rows = 0) const;
  Index fallbacks() const;
  double largest_condition() const;

 private:
  LinearSolver& solver_;
  std::vector<LinearReport> reports_;
  std::vector<Index> rows_;
};

}  // namespace raphson::bench
