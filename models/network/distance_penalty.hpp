#pragma once
/// ½μ‖W − W₀‖² of a network. Internal to TwoLayerRelu.

#include <raphson/core/model.hpp>

namespace raphson {

/// μ and W₀; μ = 0: no penalty, and no W₀.
struct DistancePenalty {
  double mu = 0;
  std::shared_ptr<const Vec> W0;

  /// D = W − W₀; empty without a penalty.
  Vec distance(const Vec& W) const { return mu > 0 ? Vec(W - *W0) : Vec(); }
  double value(const Vec& D) const { return mu > 0 ? 0.5 * mu * arma::dot(D, D) : 0.0; }
};

/// The adjoint steps at one point: see PenalizedStep. z₀ = −τ r with the τ that makes ‖b‖ least. Close to a minimizer, without damping,
/// that is about 1/μ and leaves b = J∇f/μ, which vanishes there; far from one, as at W₀, b stays about −r, so that a small μ does no harm.
/// Two products with J to construct; steps for any damping then cost a few passes over vectors.
class PenalizedSteps {
 public:
  /// A = Jᵀ, D = W − W₀.
  PenalizedSteps(const Operator& A, double mu, Vec D, const Vec& gradient);

  PenalizedStep at(const Vec& r, const Vec& gradient, double damping) const;

 private:
  double mu_;
  Vec D_, JD_, Jg_;
};

}  // namespace raphson
