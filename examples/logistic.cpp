// Logistic regression in fifteen lines: read, model, minimize, predict. Run from the project's root.
#include <raphson/raphson.hpp>

#include <iostream>

int main() {
  raphson::Dataset data = raphson::read("examples/data/breast_cancer.csv");
  raphson::LinearModel model(data.features, data.target, raphson::logistic_loss(), {.l2 = 1e-3});
  raphson::Auto solver;
  raphson::Vec x(model.parameters(), arma::fill::zeros);
  raphson::Summary summary = raphson::minimize(model, solver, x);

  std::cout << model.formula() << "\n" << to_string(summary.status) << ": " << summary.message << "\n";
  raphson::Vec probability = model.predict(data.features, x);
  std::cout << arma::accu((probability > 0.5) == (model.target() > 0)) << " of " << probability.n_elem << " rows classified right\n";
  return summary.converged() ? 0 : 1;
}
