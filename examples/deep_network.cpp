// Networks of one to four hidden layers with about as many weights each, trained to zero residual on two thirds of real data:
// how many steps depth takes, what they cost, and how many of the rows left out the network gets right.
#include <raphson/raphson.hpp>

#include <cstdio>

namespace {

struct Part {
  raphson::DataMatrix features;
  raphson::Vec target;
};

/// Rows whose number leaves a remainder of 2 by 3, or the others.
Part every_third(const raphson::Dataset& data, bool third) {
  std::vector<raphson::Index> index;
  for (raphson::Index i = 0; i < data.target.n_elem; ++i) {
    if ((i % 3 == 2) == third) index.push_back(i);
  }
  return {data.features.select_rows(index), raphson::Vec(data.target.elem(arma::conv_to<arma::uvec>::from(index)))};
}

}  // namespace

int main() {
  raphson::Dataset data = raphson::read("examples/data/breast_cancer.csv");
  Part training = every_third(data, false), others = every_third(data, true);
  raphson::Standardization scaling;
  scaling.fit(training.features, training.target);
  std::printf("%zu rows to train on, %zu left out\n\nhidden layers   weights   steps   seconds   ‖f−y‖/‖f₀−y‖   right on the others\n",
              training.features.rows(), others.features.rows());

  bool all_converged = true;
  for (const auto& widths : {std::vector<raphson::Index>{2048}, {256, 216}, {176, 176, 176}, {144, 144, 144, 144}}) {
    raphson::DeepRelu model(scaling.features(training.features), scaling.targets(training.target), {.widths = widths, .seed = 1});
    raphson::Auto solver;
    raphson::Vec theta = model.initial_weights();
    raphson::Summary summary = raphson::minimize(model, solver, theta);
    raphson::Vec probability = scaling.undo_targets(model.predict(scaling.features(others.features), theta));
    const auto right = static_cast<raphson::Index>(arma::accu((probability > 0.5) == (others.target > 0.5)));
    std::printf("%13zu   %7zu   %5zu   %7.2f   %12.1e   %zu of %zu\n", widths.size(), model.parameters(), summary.iterations,
                summary.seconds, summary.residual_ratio, right, others.features.rows());
    all_converged = all_converged && summary.converged();
  }
  return all_converged ? 0 : 1;
}
