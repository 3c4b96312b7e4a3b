// A wide two-layer ReLU network trained to zero residual by Gauss-Newton on real regression data: what first-order methods do not reach.
// The table shows how every step multiplies the residual.
#include <raphson/raphson.hpp>

#include <cstdio>

int main() {
  raphson::Dataset data = raphson::read("examples/data/diabetes.csv");
  raphson::Standardization scaling;
  scaling.fit(data.features, data.target);
  std::printf("%s\n", scaling.text().c_str());
  raphson::TwoLayerRelu model(scaling.features(data.features), scaling.targets(data.target), {.width = 4096, .seed = 1});

  raphson::Exact solver;
  raphson::Vec W = model.initial_weights();
  raphson::Summary summary = raphson::train_network(model, solver, W);

  std::printf("%s\n%zu weights, %zu observations\n\n", model.formula().c_str(), model.parameters(), model.data().rows());
  std::printf("step   ‖f−y‖/‖f₀−y‖   contraction   seconds\n");
  double last = 1;
  for (const raphson::Iteration& row : summary.history) {
    std::printf("%4zu   %12.2e   %11.3f   %7.2f\n", row.iteration, row.residual_ratio, row.residual_ratio / last, row.seconds);
    last = row.residual_ratio;
  }
  raphson::Vec error = scaling.undo_targets(model.predict(model.data(), W)) - data.target;
  std::printf("\n%s: %s\nlargest error of a prediction on the training rows: %.1e (targets lie between %g and %g)\n",
              to_string(summary.status).c_str(), summary.message.c_str(), arma::abs(error).max(), data.target.min(), data.target.max());
  return summary.converged() ? 0 : 1;
}
