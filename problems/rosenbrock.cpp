#include <raphson/core/data_matrix.hpp>
#include <raphson/core/error.hpp>
#include <raphson/problems/rosenbrock.hpp>

namespace raphson {
namespace {

Vec residuals(const Vec& x) {
  Vec r(x.n_elem);
  for (Index i = 0; i < x.n_elem; i += 2) {
    r(i) = 10 * (x(i + 1) - x(i) * x(i));
    r(i + 1) = 1 - x(i);
  }
  return r;
}

// ∂r/∂x, block diagonal with blocks (−20x₁, 10; −1, 0).
arma::sp_mat jacobian(const Vec& x) {
  arma::sp_mat J(x.n_elem, x.n_elem);
  for (Index i = 0; i < x.n_elem; i += 2) {
    J(i, i) = -20 * x(i);
    J(i, i + 1) = 10;
    J(i + 1, i) = -1;
  }
  return J;
}

// ½‖r‖² near one point: the step solves min ‖Jp + r‖, a Gram system with A = J, b = −Jᵀr and c = −r.
class LeastSquaresPoint final : public Linearization {
 public:
  LeastSquaresPoint(const Vec& r, const arma::sp_mat& J)
      : value_(0.5 * arma::dot(r, r)), gradient_(J.t() * r), negative_gradient_(-gradient_), c_(-r), J_(scaled_rows(DataMatrix(J))) {}

  double value() const override { return value_; }
  const Vec& gradient() const override { return gradient_; }
  std::shared_ptr<const Operator> matrix() const override { return J_; }
  const Vec& right_hand_side() const override { return negative_gradient_; }
  const Vec* least_squares_target() const override { return &c_; }
  double residual_norm() const override { return arma::norm(c_); }

 private:
  double value_;
  Vec gradient_, negative_gradient_, c_;
  std::shared_ptr<const Operator> J_;
};

}  // namespace

Rosenbrock::Rosenbrock(Index pairs) : pairs_(pairs) {
  if (pairs == 0) throw InputError("rosenbrock: 0 pairs of variables, expected 1 or more.");
}

double Rosenbrock::value(const Vec& x) const {
  require_size(x.n_elem, parameters(), "x", "two variables a pair");
  const Vec r = residuals(x);
  return 0.5 * arma::dot(r, r);
}

std::unique_ptr<Linearization> Rosenbrock::linearize(const Vec& x) const {
  require_size(x.n_elem, parameters(), "x", "two variables a pair");
  return std::make_unique<LeastSquaresPoint>(residuals(x), jacobian(x));
}

}  // namespace raphson
