// Fits a logistic regression through the installed package. Exit status 0 only when it converged and the gradient, computed here from
// the definition, confirms it.
#include <raphson/raphson.hpp>

#include <cmath>
#include <iostream>

int main() {
  const arma::mat C = {{0.2, 1.0}, {1.5, -0.3}, {-0.7, 0.8}, {0.4, 0.4}, {-1.1, -0.9}, {0.9, 1.7}};
  const arma::vec y = {1, -1, 1, -1, -1, 1};
  const double mu = 0.5;

  raphson::LinearModel model(C, y, raphson::logistic_loss(), {.l2 = mu, .intercept = false});
  raphson::Exact solver;
  arma::vec x(2, arma::fill::zeros);
  const raphson::Summary summary = raphson::minimize(model, solver, x, {.tolerance = 1e-10});

  arma::vec gradient = mu * x;
  for (arma::uword i = 0; i < C.n_rows; ++i) {
    const double margin = arma::dot(C.row(i), x);
    gradient -= y(i) / (1 + std::exp(y(i) * margin)) * C.row(i).t();
  }
  std::cout << summary.message << "\nx = " << x(0) << ", " << x(1) << "; gradient by hand " << arma::norm(gradient) << "\n";
  return summary.converged() && arma::norm(gradient) < 1e-8 ? 0 : 1;
}
