/// Networks on real regression data, as the command line prepares them.

#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/readers.hpp>
#include <raphson/problems/standardize.hpp>
#include <raphson/solvers/exact.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>

#include "support/data.hpp"

using namespace raphson;
using raphson::test::data_path;
using raphson::test::has_data;

namespace {

/// `most`: rows at most, the first of the file; 0: all.
TwoLayerRelu network(const std::string& path, Index width, const ReadOptions& read_options = {}, Index most = 0) {
  Dataset data = read(path, read_options);
  if (most > 0 && most < data.features.rows()) {
    std::vector<Index> first(most);
    std::iota(first.begin(), first.end(), Index{0});
    data.features = data.features.select_rows(first);
    data.target = arma::mat(data.target.head_rows(most));
  }
  Standardization scaling;
  scaling.fit(data.features, data.target);
  return TwoLayerRelu(scaling.features(data.features), scaling.targets(data.target), {.width = width, .seed = 1});
}

Summary train(const TwoLayerRelu& model, const TrainOptions& options = {}) {
  Exact solver;
  const Vec start = model.initial_weights();
  Vec W = start;
  const Summary summary = train_network(model, solver, W, options);
  BOOST_TEST(summary.residual_ratio == std::sqrt(model.value(W) / model.value(start)), boost::test_tools::tolerance(1e-6));
  BOOST_TEST(summary.converged() == (summary.residual_ratio <= options.tolerance));
  return summary;
}

Summary unit_steps(const TwoLayerRelu& model) {
  TrainOptions options;
  options.globalization = Globalization::unit;
  options.continuation = false;
  options.max_iterations = 40;
  return train(model, options);
}

}  // namespace

BOOST_AUTO_TEST_CASE(energy_is_interpolated) {
  if (!has_data("regression/energy/data.txt")) return;
  const Summary summary = train(network(data_path("regression/energy/data.txt"), 4096, {.target = "8"}));
  BOOST_TEST(summary.converged(), summary.message);
}

BOOST_AUTO_TEST_CASE(diabetes_is_interpolated) {
  const Summary summary = train(network(std::string(RAPHSON_SOURCE_DIR) + "/examples/data/diabetes.csv", 4096));
  BOOST_TEST(summary.converged(), summary.message);
}

BOOST_AUTO_TEST_CASE(boston_is_interpolated_where_unit_steps_wander) {
  if (!has_data("regression/bostonHousing/data.txt")) return;
  const TwoLayerRelu model = network(data_path("regression/bostonHousing/data.txt"), 1024);
  const Summary summary = train(model);
  BOOST_TEST(summary.converged(), summary.message);
  BOOST_TEST(unit_steps(model).residual_ratio > 0.05);
}

BOOST_AUTO_TEST_CASE(yacht_is_interpolated_where_unit_steps_wander) {
  if (!has_data("regression/yacht/data.txt")) return;
  const TwoLayerRelu model = network(data_path("regression/yacht/data.txt"), 1024);
  const Summary summary = train(model);
  BOOST_TEST(summary.converged(), summary.message);
  BOOST_TEST(unit_steps(model).residual_ratio > 1e-4);
}

// Large enough for lazy starts to follow unit steps at once.
BOOST_AUTO_TEST_CASE(power_plant_is_interpolated_where_unit_steps_wander) {
  if (!has_data("regression/power-plant/data.txt")) return;
  const TwoLayerRelu model = network(data_path("regression/power-plant/data.txt"), 8192, {}, 800);
  const Summary summary = train(model);
  BOOST_TEST(summary.converged(), summary.message);
  BOOST_TEST(summary.iterations < 40u);
  for (const Iteration& row : summary.history) BOOST_TEST(row.fallback.find("softplus") == std::string::npos);
  BOOST_TEST(unit_steps(model).residual_ratio > 0.05);
}

// Equal mixtures with different strengths: the floor is 6.3e-2 of ‖y‖, and the status may never be `converged`.
BOOST_AUTO_TEST_CASE(concrete_tends_to_its_floor) {
  if (!has_data("regression/concrete/data.txt")) return;
  const TwoLayerRelu model = network(data_path("regression/concrete/data.txt"), 512);
  BOOST_TEST(model.conflicts().groups == 9u);
  BOOST_TEST(model.conflicts().rows == 24u);
  const double floor = model.conflicts().floor / std::sqrt(2 * model.value(model.initial_weights()));
  BOOST_TEST(model.conflicts().floor / arma::norm(model.target()) == 6.3e-2, boost::test_tools::tolerance(0.01));
  TrainOptions options;
  options.max_iterations = 130;
  const Summary summary = train(model, options);
  BOOST_TEST(!summary.converged());
  BOOST_TEST(summary.residual_ratio >= floor);
  BOOST_TEST(summary.residual_ratio <= 1.25 * floor);
  BOOST_TEST(unit_steps(model).residual_ratio > 2 * floor);
  BOOST_REQUIRE(!summary.notes.empty());
  BOOST_TEST(summary.notes[0].find("9 groups of equal rows (24 rows) have different targets") == 0u);
}
