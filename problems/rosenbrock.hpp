#pragma once
/// The smallest nonlinear least-squares model: what a user's own may look like.

#include <raphson/core/model.hpp>

namespace raphson {

/// f(x) = ½‖r(x)‖², r = (10(x₂ − x₁²), 1 − x₁) for each pair of variables (Rosenbrock 1960; Moré, Garbow, Hillstrom 1981, problem 21).
///
/// P = 2·pairs parameters and as many residuals; steps are Gauss-Newton with the sparse Jacobian, direct (p = z). Minimizer (1, …, 1)
/// with value 0; the usual start is (−1.2, 1) in each pair.
class Rosenbrock : public Model {
 public:
  explicit Rosenbrock(Index pairs = 1);

  std::string name() const override { return "rosenbrock"; }
  std::string formula() const override { return "½ Σ (10(x₂ − x₁²))² + (1 − x₁)²"; }
  Index parameters() const override { return 2 * pairs_; }
  double value(const Vec& x) const override;
  std::unique_ptr<Linearization> linearize(const Vec& x) const override;
  Criterion criterion() const override { return Criterion::residual_ratio; }

 private:
  Index pairs_;
};

}  // namespace raphson
