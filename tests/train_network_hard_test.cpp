/// Networks that unit steps do not train: what does, and what nothing does and is said to.

#include <raphson/core/error.hpp>
#include <raphson/models/network/lazy_start.hpp>
#include <raphson/models/network/recommended_width.hpp>
#include <raphson/models/network/training_schedule.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/solvers.hpp>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace raphson;

namespace {

struct Rows {
  arma::mat X;  ///< a column each
  Vec y;
};

TwoLayerRelu network(const Rows& rows, Index width, std::uint64_t seed = 1, Activation activation = {}) {
  return TwoLayerRelu(DataMatrix::from_rows(rows.X), rows.y, {.width = width, .activation = activation, .seed = seed});
}

Rows sphere(Index n, Index d) {
  const Generated data = generate_sphere(n, d, Seed(3));
  return {data.C.dense(), data.y};
}

/// Ten pairs of rows at this distance among 100; targets differ by as much, or by 1.
Rows near_duplicates(double distance, bool conflicting) {
  Rows rows = sphere(100, 6);
  for (Index i = 0; i < 20; i += 2) {
    Vec away(6);
    Seed(11).normal(6 * i, std::span<double>(away.memptr(), 6));
    rows.X.col(i + 1) = arma::normalise(Vec(rows.X.col(i) + distance * arma::normalise(away)));
    rows.y[i + 1] = rows.y[i] + (conflicting ? 1 : distance);
  }
  return rows;
}

/// Targets with a jump and cusps on a circle or sphere.
Rows kinked(Index n, Index d) {
  arma::mat X(d, n);
  Seed(5).normal(0, std::span<double>(X.memptr(), X.n_elem));
  Rows rows{arma::normalise(X), Vec(n)};
  for (Index i = 0; i < n; ++i) rows.y[i] = std::abs(std::sin(9 * rows.X(0, i))) - (rows.X(1, i) > 0 ? 1 : 0);
  return rows;
}

Rows with_equal_rows() {
  Rows rows = sphere(40, 6);
  for (Index i = 1; i < 4; ++i) rows.X.col(i) = rows.X.col(0);
  rows.X.col(9) = rows.X.col(8);
  rows.y[9] = rows.y[8];
  rows.X.col(20).zeros();
  rows.y[20] = 0.7;
  return rows;
}

double norm(const TwoLayerRelu& model, const Vec& W) { return std::sqrt(2 * model.value(W)); }

/// A status that is true, from the model itself; damping that stays within bounds.
Summary train(const TwoLayerRelu& model, LinearSolver& solver) {
  const Vec start = model.initial_weights();
  Vec W = start;
  const Summary summary = train_network(model, solver, W);
  const double ratio = norm(model, W) / norm(model, start);
  BOOST_TEST(summary.residual_ratio == ratio, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(summary.converged() == (ratio <= 1e-8), summary.message);
  BOOST_TEST(ratio <= 1);
  for (const Iteration& row : summary.history) BOOST_TEST(row.damping <= 1e4);
  return summary;
}

bool mentions(const std::vector<std::string>& notes, const std::string& text) {
  return std::ranges::any_of(notes, [&](const std::string& note) { return note.find(text) != std::string::npos; });
}

}  // namespace

BOOST_AUTO_TEST_CASE(lazy_start_cancels_and_scales) {
  const TwoLayerRelu model = network(sphere(50, 6), 501);
  const Vec W = lazy_start(model, 10);
  const Vec f = model.predict(model.data(), W), plain = model.predict(model.data(), 10 * model.initial_weights());
  BOOST_TEST(arma::norm(f) <= 0.02 * arma::norm(plain));
  BOOST_TEST(arma::norm(W - 10 * lazy_start(model, 1)) <= 1e-12 * arma::norm(W));
  // Every neuron is Gaussian, most as large as before.
  BOOST_TEST(arma::norm(W) >= 0.9 * 10 * arma::norm(model.initial_weights()));
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::infinity(), std::nan("")})
    BOOST_CHECK_THROW(lazy_start(model, bad), InputError);
}

BOOST_AUTO_TEST_CASE(merged_rows_leave_the_objective) {
  for (const bool sparse : {false, true}) {
    const Rows rows = with_equal_rows();
    const DataMatrix X = sparse ? DataMatrix(arma::sp_mat(rows.X.t())) : DataMatrix::from_rows(arma::mat(rows.X));
    const TwoLayerRelu model(X, rows.y, {.width = 300, .seed = 1});
    const TwoLayerRelu attainable = model.with_attainable_targets(), merged = model.with_equal_rows_merged();
    BOOST_TEST(merged.data().rows() == 35u);
    BOOST_TEST(merged.conflicts().floor == 0);
    const Vec W = model.initial_weights();
    const double floor = model.conflicts().floor;
    BOOST_TEST(merged.value(W) == attainable.value(W), boost::test_tools::tolerance(1e-12));
    BOOST_TEST(model.value(W) == merged.value(W) + 0.5 * floor * floor, boost::test_tools::tolerance(1e-12));
    const Vec g = merged.linearize(W)->gradient(), whole = model.linearize(W)->gradient();
    BOOST_TEST(arma::norm(g - whole) <= 1e-12 * arma::norm(whole));
  }
  const TwoLayerRelu smooth = network(with_equal_rows(), 50, 1, Activation::softplus());
  BOOST_CHECK_THROW(smooth.with_equal_rows_merged(), InputError);
  const Rows nothing{arma::zeros(3, 4), arma::ones(4)};
  BOOST_CHECK_THROW(network(nothing, 8).with_equal_rows_merged(), InputError);
}

BOOST_AUTO_TEST_CASE(equal_rows_do_not_make_systems_singular) {
  const TwoLayerRelu model = network(with_equal_rows(), 300);
  Exact solver;
  const Vec start = model.initial_weights();
  Vec W = start;
  const Summary summary = train_network(model, solver, W);
  BOOST_TEST(to_string(summary.status) == "unattainable");
  BOOST_TEST(norm(model, W) <= 1.01 * model.conflicts().floor);
  for (const Iteration& row : summary.history) BOOST_TEST(row.fallback.find("singular") == std::string::npos, row.fallback);
}

BOOST_AUTO_TEST_CASE(rows_of_zeros_alone_end_at_their_floor) {
  const TwoLayerRelu model = network({arma::zeros(3, 4), arma::ones(4)}, 8);
  Exact solver;
  Vec W = model.initial_weights();
  const Summary summary = train_network(model, solver, W);
  BOOST_TEST(!summary.converged());
  BOOST_TEST(summary.residual_ratio == 1, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(near_duplicates_train_where_targets_agree) {
  for (const double distance : {1e-2, 1e-4, 1e-6, 1e-9}) {
    const TwoLayerRelu model = network(near_duplicates(distance, false), 512);
    Exact exact;
    Chord chord;
    for (LinearSolver* solver : {static_cast<LinearSolver*>(&exact), static_cast<LinearSolver*>(&chord)}) {
      BOOST_TEST_CONTEXT(distance << ", " << solver->name()) {
        const Summary summary = train(model, *solver);
        BOOST_TEST(summary.converged(), summary.message);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(near_duplicates_with_conflicting_targets_need_weights_that_hardly_move) {
  const TwoLayerRelu model = network(near_duplicates(1e-2, true), 512);
  Exact solver;
  const Summary summary = train(model, solver);
  BOOST_TEST(summary.converged(), summary.message);
  BOOST_TEST(mentions(summary.notes, "start 1000 times as large, unit steps"));
  BOOST_TEST(model.conflicts().floor == 0);
}

// No neuron tells such rows apart: the mean of each pair is the best there is, ten residuals of ±½ in each.
BOOST_AUTO_TEST_CASE(indistinguishable_rows_with_conflicting_targets_are_no_success) {
  for (const double distance : {1e-6, 1e-9, 1e-12}) {
    const TwoLayerRelu model = network(near_duplicates(distance, true), 512);
    Exact exact;
    Chord chord;
    for (LinearSolver* solver : {static_cast<LinearSolver*>(&exact), static_cast<LinearSolver*>(&chord)}) {
      BOOST_TEST_CONTEXT(distance << ", " << solver->name()) {
        const Summary summary = train(model, *solver);
        BOOST_TEST(!summary.converged());
        BOOST_TEST(to_string(summary.status) == "step_failed");
        const double best = std::sqrt(10 * 0.5) / norm(model, model.initial_weights());
        BOOST_TEST(summary.residual_ratio >= 0.999 * best);
        BOOST_TEST(summary.residual_ratio <= 1.05 * best);
        BOOST_TEST(summary.message.find("nearly coincide") != std::string::npos, summary.message);
      }
    }
  }
}

// In a net too large for doubles in place of bits, a damping that costs hardly a step spares rows that nearly coincide the double
// precision, the QR and the rank of a singular JJᵀ; lazy starts follow at once, and their steps are few and go down.
BOOST_AUTO_TEST_CASE(large_nets_keep_to_single_precision_and_to_bits) {
  Chord chord;
  const Summary agreeing = train(network(near_duplicates(1e-12, false), 60000), chord);
  BOOST_TEST(agreeing.converged(), agreeing.message);
  const TwoLayerRelu model = network(near_duplicates(1e-12, true), 60000);
  const Summary conflicting = train(model, chord);
  BOOST_TEST(to_string(conflicting.status) == "step_failed");
  BOOST_TEST(conflicting.residual_ratio <= 1.05 * std::sqrt(10 * 0.5) / norm(model, model.initial_weights()));
  for (const Summary& summary : {agreeing, conflicting}) {
    for (const Iteration& row : summary.history) {
      BOOST_TEST(row.fallback.find("double") == std::string::npos, row.fallback);
      BOOST_TEST(row.fallback.find("softplus") == std::string::npos, row.fallback);
    }
  }
}

BOOST_AUTO_TEST_CASE(kinked_targets_on_few_dimensions) {
  Exact solver;
  const Summary sphere = train(network(kinked(100, 3), 1024, 0), solver);
  BOOST_TEST(sphere.converged(), sphere.message);
  // On a circle neighbours are too near for 1024 neurons; the end says so.
  const Summary circle = train(network(kinked(100, 2), 1024, 0), solver);
  BOOST_TEST(to_string(circle.status) == "step_failed");
  BOOST_TEST(circle.residual_ratio < 0.5);
}

BOOST_AUTO_TEST_CASE(as_many_weights_as_it_takes) {
  Exact solver;
  for (const double weights : {0.5, 1.0, 1.28, 1.5, 2.0}) {
    BOOST_TEST_CONTEXT(weights << " weights a row") {
      const Index width = static_cast<Index>(std::ceil(weights * 20));
      const TwoLayerRelu model = network(sphere(200, 10), width);
      const bool primal = model.linearize(model.initial_weights())->step_form() == StepForm::direct;
      BOOST_TEST(primal == (weights < 1));
      const Summary summary = train(model, solver);
      if (weights >= 1.28) BOOST_TEST(summary.converged(), summary.message);
      if (weights < 1) {
        BOOST_TEST(!summary.converged());
        BOOST_TEST(summary.residual_ratio < 0.3);
        BOOST_TEST(summary.message.find("100 parameters cannot fit 200 rows") != std::string::npos, summary.message);
        BOOST_TEST(!mentions(summary.notes, "start 10 times as large"));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(softplus_is_trained_as_it_is) {
  Rows rows = kinked(40, 4);
  Seed(9).normal(0, std::span<double>(rows.y.memptr(), rows.y.n_elem));
  const TwoLayerRelu model = network(rows, 400, 1, Activation::softplus(1));
  Exact solver;
  const Summary summary = train(model, solver);
  BOOST_TEST(summary.converged(), summary.message);
  for (const Iteration& row : summary.history) BOOST_TEST(row.fallback.find("softplus") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(plan_follows_options) {
  const TwoLayerRelu relu = network(sphere(30, 5), 60), narrow = network(sphere(30, 5), 5);
  TrainOptions options;
  const auto lazy = [](const TrainingStage& s) { return s.start == TrainingStage::Start::lazy && !s.smoothed(); };
  const auto smoothed = [](const TrainingStage& s) { return s.smoothed(); };
  const auto whole = training_stages(relu, options, 1e-8);
  BOOST_TEST(std::ranges::count_if(whole, lazy) == 3);
  BOOST_TEST(std::ranges::count_if(whole, smoothed) == 2);
  for (const TrainingStage& stage : whole) BOOST_TEST((stage.time_share < 1) == stage.smoothed());
  BOOST_TEST(std::ranges::count_if(training_stages(narrow, options, 1e-8), lazy) == 0);
  // Where doubles in place of bits would cost too much, lazy starts follow unit steps at once.
  const auto dear = training_stages(network(sphere(200, 5), 60000), options, 1e-8);
  BOOST_TEST(std::ranges::count_if(dear, lazy) == 3);
  for (const TrainingStage& stage : dear) BOOST_TEST(stage.swift == lazy(stage));
  for (const TrainingStage& stage : whole) BOOST_TEST(stage.damping == 0);
  BOOST_TEST(dear[0].damping > 0);
  BOOST_TEST(std::ranges::count_if(dear, smoothed) == 0);
  for (Index i = 0; i < whole.size(); ++i) {
    BOOST_TEST(whole[i].when_missed > i);  // ends
    BOOST_TEST(whole[i].when_missed <= whole.size());
  }
  options.continuation = false;
  BOOST_TEST(training_stages(relu, options, 1e-8).size() == 2u);
  options.globalization = Globalization::levenberg_marquardt;
  const auto own = training_stages(relu, options, 1e-8);
  BOOST_REQUIRE_EQUAL(own.size(), 1u);
  BOOST_TEST(!own[0].give_up_early);
  BOOST_TEST(own[0].when_missed == 1u);
}

BOOST_AUTO_TEST_CASE(stages_are_given_up_for_a_reason) {
  const TrainingStage unit{.globalization = Globalization::unit}, damped{.globalization = Globalization::levenberg_marquardt};
  BOOST_TEST(disappointment(unit, {1, 0.5, 0.6, 0.7, 0.6, 0.8}, 0) == "");
  BOOST_TEST(disappointment(unit, {1, 0.5, 0.6, 0.7, 0.6, 0.8, 0.9}, 0) == "no better point in 5 steps");
  BOOST_TEST(disappointment(unit, {1, 0.01, 2}, 0) == "steps went astray");
  BOOST_TEST(disappointment(unit, {1, std::nan("")}, 0) == "steps went astray");
  std::vector<double> slow(42);
  for (Index i = 0; i < slow.size(); ++i) slow[i] = std::pow(0.98, double(i));
  BOOST_TEST(disappointment(unit, slow, 0) == "too slow");
  BOOST_TEST(disappointment(damped, slow, 1e-3) == "");
  BOOST_TEST(disappointment(damped, std::vector<double>(32, 1.0), 1e-3) == "no more progress");
  const TrainingStage swift{.globalization = Globalization::levenberg_marquardt, .swift = true};
  BOOST_TEST(disappointment(swift, {1, 0.9, 0.15}, 1e-6) == "");
  BOOST_TEST(disappointment(swift, {1, 0.9, 0.25}, 1e-6) == "no more progress");
  BOOST_TEST(disappointment(damped, {1, 0.9}, 101) == "damping grew to 1e+02 of the mean diagonal");
}

BOOST_AUTO_TEST_CASE(width_goes_with_rows_over_columns) {
  const auto width = [](Index n, Index d) { return recommended_width(DataMatrix::from_rows(arma::zeros(d, n))).width; };
  BOOST_TEST(width(100, 10) == 1024u);
  BOOST_TEST(width(1030, 9) == 2048u);
  BOOST_TEST(width(8192, 9) == 16384u);
  BOOST_TEST(width(100000, 3) == 66667u);
  BOOST_TEST(recommended_width(DataMatrix::from_rows(arma::zeros(9, 1030))).reason == "17.9 weights a row");
  BOOST_CHECK_THROW(recommended_width(DataMatrix()), InputError);
}
