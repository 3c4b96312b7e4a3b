#pragma once
/// When an outer iteration is done, and how that is said. Shared by minimize and the first-order methods.

#include <raphson/core/minimize.hpp>

#include <optional>

namespace raphson {

/// Why an outer iteration ends.
struct Verdict {
  Status status;
  std::string message;
};

/// Measures points against the criterion in force. References (g₀, ‖r₀‖) are those of the start.
class Stopping {
 public:
  Stopping(const Model& model, const Options& options, const Linearization& start);

  /// g₀ and ‖r₀‖.
  struct References {
    double gradient = 0, residual = 0;
  };
  const References& references() const { return references_; }
  void refer_to(const References& references) { references_ = references; }

  Criterion criterion() const { return criterion_; }
  std::string criterion_name() const;

  /// Fills objective, gradient_norm, relative_gradient, residual_ratio.
  void measure(const Linearization& at, Iteration& record) const;

  /// The quantity that the criterion compares with the tolerance; NaN where not known yet.
  double value(const Iteration& record) const;

  /// Converged, no minimizer, time, cancellation, iteration limit; empty: go on. NaN never counts as converged.
  std::optional<Verdict> verdict(const Iteration& record, const Linearization& at, const Interrupt& interrupt) const;

  /// "relative gradient 3.1e-10 > 1e-8".
  std::string shortfall(const Iteration& record) const;

  /// Smallest relative inner tolerance that the outer tolerance can make use of at this point.
  double useful_inner_tolerance(const Iteration& record) const;

  /// Copies the last record and the history into the summary.
  void finish(Summary& summary, const Verdict& verdict) const;

 private:
  Criterion criterion_;
  double tolerance_;
  Index max_iterations_;
  double time_limit_;
  References references_;
};

}  // namespace raphson
