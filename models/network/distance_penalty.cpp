#include <raphson/models/network/distance_penalty.hpp>

#include <algorithm>

namespace raphson {
namespace {

/// Largest of ‖Jv‖/‖v‖ so far: ‖J‖ from below.
void stretch(double& norm, const Vec& image, const Vec& v) {
  const double length = arma::norm(v);
  if (length > 0) norm = std::max(norm, arma::norm(image) / length);
}

}  // namespace

PenalizedSteps::PenalizedSteps(const Operator& A, double mu, Vec D, const Vec& gradient) : mu_(mu), D_(std::move(D)) {
  A.apply_adjoint(D_, JD_);
  A.apply_adjoint(gradient, Jg_);
}

PenalizedStep PenalizedSteps::at(const Vec& r, const Vec& gradient, double damping) const {
  PenalizedStep step;
  const double s = step.shift = mu_ + damping;
  const Vec b = (mu_ / s) * JD_ - r, q = Jg_ - mu_ * JD_ + s * r;  // without z₀; (JJᵀ + sI) r
  const double square = arma::dot(q, q), tau = square > 0 ? -arma::dot(b, q) / square : 0.0;
  // Written with ∇f in place of Jᵀr = ∇f − μD: what vanishes is then small, not a difference of large numbers.
  const double rest = mu_ * (1 / s - tau);
  step.b = rest * JD_ - (1 - tau * s) * r + tau * Jg_;
  step.offset = -rest * D_ - tau * gradient;
  double norm = 0;
  stretch(norm, JD_, D_);
  stretch(norm, Jg_, gradient);
  stretch(norm, gradient - mu_ * D_, r);
  const double accuracy = arma::norm(gradient) / (norm * arma::norm(step.b));
  step.accuracy = accuracy < 1 ? std::max(accuracy, 1e-12) : 1.0;
  return step;
}

}  // namespace raphson
