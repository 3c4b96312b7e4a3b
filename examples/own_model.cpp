// A model of your own: nonlinear least squares by Gauss-Newton, on NIST's certified problem Misra1a, y = b₁(1 − exp(−b₂x)). A model says
// what it looks like at a point: value, gradient, and the tall matrix (here the Jacobian) whose Gram matrix stands for the Hessian.
#include <raphson/core/error.hpp>
#include <raphson/raphson.hpp>

#include <cmath>
#include <cstdio>

namespace {

using raphson::Vec;

class LeastSquaresAt : public raphson::Linearization {
 public:
  LeastSquaresAt(const Vec& r, const arma::mat& J)
      : value_(0.5 * arma::dot(r, r)), gradient_(J.t() * r), step_(-gradient_), target_(-r), J_(raphson::scaled_rows(J)) {}
  double value() const override { return value_; }
  const Vec& gradient() const override { return gradient_; }
  std::shared_ptr<const raphson::Operator> matrix() const override { return J_; }
  const Vec& right_hand_side() const override { return step_; }
  const Vec* least_squares_target() const override { return &target_; }  // b = Jᵀ(−r): lets solvers work on J itself

 private:
  double value_;
  Vec gradient_, step_, target_;
  std::shared_ptr<const raphson::Operator> J_;
};

class ExponentialRise : public raphson::Model {
 public:
  ExponentialRise(Vec x, Vec y) : x_(std::move(x)), y_(std::move(y)) {}
  std::string name() const override { return "exponential rise"; }
  std::string formula() const override { return "½ Σ (b₁(1 − exp(−b₂xᵢ)) − yᵢ)²"; }
  raphson::Index parameters() const override { return 2; }
  double value(const Vec& b) const override {
    const Vec r = residual(b);
    return 0.5 * arma::dot(r, r);
  }
  std::unique_ptr<raphson::Linearization> linearize(const Vec& b) const override {
    const Vec r = residual(b), decay = arma::exp(-b(1) * x_);
    return std::make_unique<LeastSquaresAt>(r, arma::join_rows(1 - decay, b(0) * x_ % decay));
  }

 private:
  Vec residual(const Vec& b) const {
    raphson::require_size(b.n_elem, 2, "b", "b₁ and b₂");
    return b(0) * (1 - arma::exp(-b(1) * x_)) - y_;
  }
  Vec x_, y_;
};

}  // namespace

int main() {
  const Vec x = {77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0};
  const Vec y = {10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78};
  const Vec certified = {2.3894212918e+02, 5.5015643181e-04};

  const ExponentialRise model(x, y);
  raphson::Exact solver(raphson::Exact::Method::qr);
  Vec b = {500, 0.0001};  // NIST's harder start
  const raphson::Summary summary = raphson::minimize(model, solver, b, {.tolerance = 1e-12});
  const double digits = -std::log10(arma::abs(b / certified - 1).max());

  std::printf("%s after %zu steps: %s\n", to_string(summary.status).c_str(), summary.iterations, summary.message.c_str());
  std::printf("b = %.10e, %.10e; certified %.10e, %.10e: %.1f digits agree\n", b(0), b(1), certified(0), certified(1), digits);
  return summary.converged() && digits > 7 ? 0 : 1;
}
