#pragma once
/// From a linearization to the Gram system of its step and back.

#include <raphson/core/gram_system.hpp>
#include <raphson/core/model.hpp>

namespace raphson {

/// The Gram system of the step p at a point, with `damping` λ ≥ 0 added to the diagonal, and p from its solution. Seed, tolerance and
/// interrupt are for the caller to set. Refers to the linearization, which must outlive it.
class StepSystem {
 public:
  explicit StepSystem(const Linearization& at, double damping = 0);
  StepSystem(const StepSystem&) = delete;  // the system points into it
  StepSystem& operator=(const StepSystem&) = delete;

  GramSystem system;
  /// What a tolerance on the step's equation must be multiplied with for this system; ≤ 1 (PenalizedStep::accuracy).
  double accuracy = 1;

  /// Whether p = z and b = −∇f.
  bool is_direct() const { return form_ == StepForm::direct && !penalized_; }
  /// p = z, A z or A z + offset. One product with A for adjoint steps.
  Vec step(Vec z) const;

 private:
  StepForm form_;
  std::optional<PenalizedStep> penalized_;
};

}  // namespace raphson
