#pragma once
/// First-order methods, for comparison: what users run today.

#include <raphson/core/minimize.hpp>

namespace raphson {

/// Gradient descent with Armijo backtracking from twice the last step length. Options as for minimize; globalization and forcing are
/// ignored, damping is zero, `inner` fields are empty.
Summary gradient_descent(const Model& model, Vec& theta, const Options& options = {});

/// Adaptive gradient, norm version (Ward, Wu, Bottou 2019; WDW19 in the first paper's Table 1): θ ← θ − η/bₜ ∇f, bₜ² = bₜ₋₁² + ‖∇f‖².
Summary adaptive_gradient(const Model& model, Vec& theta, const Options& options = {}, double eta = 1.0);

/// L-BFGS with 10 pairs and More-Thuente line search (libLBFGS).
Summary lbfgs(const Model& model, Vec& theta, const Options& options = {});

}  // namespace raphson
