#pragma once
/// A checker for models that users write.

#include <raphson/core/model.hpp>
#include <raphson/core/seed.hpp>

#include <string>

namespace raphson {

/// Relative errors found at one point; each is about 1e-7 or less for a correct smooth model.
struct DerivativeReport {
  double gradient = 0;  ///< ∇f against central differences of the value, in random directions
  double curvature =
      0;  ///< (AᵀA + diag(penalty))p against central differences of the gradient (exact Hessians, direct steps); NaN: not applicable
  double line = 0;             ///< Line::value against value(θ + tp)
  double adjoint = 0;          ///< ⟨Ax, y⟩ against ⟨x, Aᵀy⟩
  double gram = 0;             ///< gram() and apply_normal against apply, apply_adjoint
  double right_hand_side = 0;  ///< b against −∇f (direct) or A b against −∇f (adjoint)
  bool passed = false;         ///< all within tolerance
  std::string text;            ///< a table, one line a check
};

struct DerivativeCheckOptions {
  double step = 1e-5;  ///< of central differences, relative to 1 + ‖θ‖∞
  double tolerance = 1e-5;
  bool curvature = true;  ///< false for Gauss-Newton models, whose matrix is not the Hessian
  Index directions = 5;
};

/// Compares every derivative of the model at θ with differences. Throws InputError when θ has the wrong size.
DerivativeReport check_derivatives(const Model& model, const Vec& theta, Seed seed = Seed{1}, DerivativeCheckOptions options = {});

}  // namespace raphson
