// A loss of your own is a struct with a value and two derivatives. Here log cosh(z − y), quadratic near zero and linear far out, against
// least squares on data of which a tenth was ruined.
#include <raphson/raphson.hpp>

#include <cmath>
#include <iostream>

struct LogCosh {
  double value(double z, double y) const {
    const double u = std::abs(z - y);
    return u + std::log1p(std::exp(-2 * u)) - std::log(2.0);  // log cosh u without overflow
  }
  double first(double z, double y) const { return std::tanh(z - y); }
  double second(double z, double y) const {
    const double t = std::tanh(z - y);
    return (1 - t) * (1 + t);
  }
};

int main() {
  raphson::Generated data = raphson::generate_regression({.rows = 5000, .columns = 30, .noise = 0.1, .seed = 3});
  for (raphson::Index i = 0; i < data.y.n_elem; i += 10) data.y(i) += 100;

  const auto log_cosh = raphson::make_loss(LogCosh{}, "log-cosh", "log cosh(zᵢ − yᵢ)");
  double error[2] = {};
  int k = 0;
  for (const auto& loss : {raphson::squared_loss(), log_cosh}) {
    raphson::LinearModel model(data.C, data.y, loss, {.intercept = false});
    raphson::Auto solver;
    raphson::Vec x(model.parameters(), arma::fill::zeros);
    const raphson::Summary summary = raphson::minimize(model, solver, x);
    error[k] = arma::norm(x - data.truth) / arma::norm(data.truth);
    std::cout << loss->name() << ": " << to_string(summary.status) << " after " << summary.iterations << " steps; relative error of x "
              << error[k++] << "\n";
  }

  // Before trusting derivatives written by hand, let them be checked.
  raphson::LinearModel model(data.C, data.y, log_cosh);
  const raphson::DerivativeReport report = raphson::check_derivatives(model, raphson::Vec(model.parameters(), arma::fill::ones));
  std::cout << report.text << "\n";
  return report.passed && error[1] < 0.1 * error[0] ? 0 : 1;
}
