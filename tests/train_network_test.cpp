#include <raphson/core/error.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solvers.hpp>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <stdexcept>

using namespace raphson;

namespace {

double residual(const TwoLayerRelu& model, const Vec& W) { return std::sqrt(2 * model.value(W)); }

/// Smooth targets on the sphere: what unit steps solve.
TwoLayerRelu easy(Index n, Index d, Index width, Activation activation = {}) {
  const Generated data = generate_sphere(n, d, Seed(3));
  return TwoLayerRelu(data.C, data.y, {.width = width, .activation = activation, .seed = 1});
}

/// Random targets on few dimensions: unit steps wander, smoothing solves it.
TwoLayerRelu rough() {
  const Index n = 20;
  arma::mat rows(3, n);
  Vec y(n);
  Seed(8).normal(0, std::span<double>(rows.memptr(), rows.n_elem));
  Seed(5).normal(0, std::span<double>(y.memptr(), n));
  return TwoLayerRelu(DataMatrix::from_rows(arma::normalise(rows)), y, {.width = 300, .seed = 1});
}

/// Rows 0, 1, 2 are equal with targets 1, 2, 6.
TwoLayerRelu conflicting() {
  const Generated data = generate_sphere(20, 6, Seed(3));
  arma::mat rows = data.C.dense();
  Vec y = data.y;
  rows.col(1) = rows.col(0);
  rows.col(2) = rows.col(0);
  y[0] = 1, y[1] = 2, y[2] = 6;
  return TwoLayerRelu(DataMatrix::from_rows(rows), y, {.width = 400, .seed = 1});
}

struct Strategy {
  std::string name;
  std::function<std::unique_ptr<LinearSolver>()> make;
};

std::vector<Strategy> strategies() {
  std::vector<Strategy> list{
      {"exact", [] { return std::make_unique<Exact>(); }},
      {"exact-qr", [] { return std::make_unique<Exact>(Exact::Method::qr); }},
      {"preconditioned-cg", [] { return std::make_unique<PreconditionedCg>(); }},
      {"preconditioned-cg, gaussian", [] { return std::make_unique<PreconditionedCg>(SketchOptions{.kind = gaussian_sketch()}); }},
      {"preconditioned-cg, uniform rows", [] { return std::make_unique<PreconditionedCg>(SketchOptions{.kind = uniform_rows_sketch()}); }},
      {"preconditioned-gd", [] { return std::make_unique<PreconditionedGd>(); }},
      {"cg", [] { return std::make_unique<Cg>(); }},
      {"jacobi-cg", [] { return std::make_unique<Cg>(Cg::Scaling::jacobi); }},
      {"sketch-and-solve", [] { return std::make_unique<SketchAndSolve>(); }},
      {"auto", [] { return std::make_unique<Auto>(); }},
  };
  return list;
}

/// What holds of every summary of train_network.
void check_summary(const Summary& summary, const TwoLayerRelu& model, const Vec& start, const Vec& W, double tolerance = 1e-8) {
  const double ratio = residual(model, W) / residual(model, start);
  BOOST_TEST(summary.residual_ratio == ratio, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(summary.objective == model.value(W), boost::test_tools::tolerance(1e-6));
  if (summary.converged()) BOOST_TEST(summary.residual_ratio <= tolerance);
  BOOST_REQUIRE(!summary.history.empty());
  BOOST_TEST(summary.history.front().residual_ratio == 1, boost::test_tools::tolerance(1e-12));  // one norm, taken in two ways
  BOOST_TEST(summary.history.back().iteration == summary.iterations);
  Index inner = 0;
  for (Index i = 0; i < summary.history.size(); ++i) {
    const Iteration& row = summary.history[i];
    BOOST_TEST(row.iteration == i);
    if (i > 0) BOOST_TEST(row.seconds >= summary.history[i - 1].seconds);
    if (row.fallback.find("softplus") != 0) BOOST_TEST(row.residual_ratio >= summary.residual_ratio * (1 - 1e-12));
    inner += row.inner_iterations;
  }
  BOOST_TEST(summary.inner_iterations == inner);
  BOOST_TEST(!summary.message.empty());
}

}  // namespace

// Theorem 4.1: with ε₀ = min(√(λ/n), 1)/6, each unit step at least halves the residual of a net that is wide enough.
BOOST_AUTO_TEST_CASE(unit_steps_halve_the_residual_of_a_wide_net) {
  const Index n = 30, d = 8;
  const TwoLayerRelu model = easy(n, d, 20000);
  arma::vec eigenvalues = arma::eig_sym(relu_kernel(model.data()));
  BOOST_REQUIRE(eigenvalues[0] > 1e-3);
  Options options;
  options.globalization = Globalization::unit;
  options.forcing = Forcing::constant;
  options.inner_tolerance = gram_gauss_newton_tolerance(eigenvalues[0], n);
  options.tolerance = 1e-10;
  for (const std::string name : {"exact", "preconditioned-cg"}) {
    std::unique_ptr<LinearSolver> solver;
    for (const Strategy& strategy : strategies()) {
      if (strategy.name == name) solver = strategy.make();
    }
    Vec W = model.initial_weights();
    const Summary summary = minimize(model, *solver, W, options);
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(summary.converged());
      BOOST_REQUIRE_GE(summary.iterations, 2u);
      for (Index t = 1; t < summary.history.size(); ++t) {
        const Iteration& row = summary.history[t];
        BOOST_TEST(row.residual_ratio <= 0.5 * summary.history[t - 1].residual_ratio);
        BOOST_TEST(row.step == 1);
        BOOST_TEST(row.inner_tolerance == options.inner_tolerance);
        BOOST_TEST(row.inner_residual <= options.inner_tolerance);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(every_strategy_trains_to_zero_residual) {
  for (const Activation& activation : {Activation::relu(), Activation::softplus(2)}) {
    const TwoLayerRelu model = easy(24, 5, 150, activation);
    const Vec start = model.initial_weights();
    for (const Strategy& strategy : strategies()) {
      BOOST_TEST_CONTEXT(strategy.name << ", " << model.name()) {
        const auto solver = strategy.make();
        Vec W = start;
        const Summary summary = train_network(model, *solver, W);
        BOOST_TEST(summary.converged(), summary.message);
        check_summary(summary, model, start, W);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(sparse_data_train_by_sparse_cholesky) {
  if (!has_sparse_cholesky()) return;
  const Index n = 60, d = 63;
  arma::sp_mat X(n, d);
  Vec y(n);
  Seed(2).normal(0, std::span<double>(y.memptr(), n));
  for (Index i = 0; i < n; ++i) {
    for (Index k = 0; k < 3; ++k) X(i, i + k) = 0.3 + std::abs(std::sin(double(3 * i + k)));
  }
  const TwoLayerRelu model(DataMatrix(X), y, {.width = 64});
  SparseCholesky solver;
  const Vec start = model.initial_weights();
  Vec W = start;
  const Summary summary = train_network(model, solver, W);
  BOOST_TEST(summary.converged(), summary.message);
  check_summary(summary, model, start, W);
  BOOST_TEST(solver.statistics().analyses == 1u);
}

BOOST_AUTO_TEST_CASE(fewer_parameters_than_rows_end_with_a_true_status) {
  const Generated data = generate_sphere(150, 3, Seed(3));
  Vec y(150);
  Seed(9).normal(0, std::span<double>(y.memptr(), 150));
  const TwoLayerRelu model(data.C, y, {.width = 6});
  for (const bool qr : {false, true}) {
    Exact solver(qr ? Exact::Method::qr : Exact::Method::cholesky);
    const Vec start = model.initial_weights();
    Vec W = start;
    const Summary summary = train_network(model, solver, W);
    BOOST_TEST(!summary.converged());
    BOOST_TEST(to_string(summary.status) != "unattainable");
    BOOST_TEST(summary.residual_ratio > 0.1);
    BOOST_TEST(summary.residual_ratio < 1);
    check_summary(summary, model, start, W);
  }
}

BOOST_AUTO_TEST_CASE(smoothing_solves_what_unit_steps_do_not) {
  const TwoLayerRelu model = rough();
  const Vec start = model.initial_weights();
  Exact solver;
  TrainOptions unit;
  unit.globalization = Globalization::unit;
  unit.continuation = false;
  unit.max_iterations = 60;
  Vec W = start;
  const Summary wandering = train_network(model, solver, W, unit);
  BOOST_TEST(!wandering.converged());
  check_summary(wandering, model, start, W);

  W = start;
  const Summary summary = train_network(model, solver, W);
  BOOST_TEST(summary.converged(), summary.message);
  BOOST_TEST(summary.residual_ratio < wandering.residual_ratio);
  check_summary(summary, model, start, W);
  std::string notes;
  for (const std::string& note : summary.notes) notes += note + "\n";
  BOOST_TEST(notes.find("unit steps") != std::string::npos);
  BOOST_TEST(notes.find("no better point in 5 steps") != std::string::npos);
  BOOST_TEST(notes.find("start 3 times as large, softplus(4z)/4, damped steps") != std::string::npos);
  BOOST_TEST(notes.find("softplus(16z)/16, damped steps") != std::string::npos, notes);
}

BOOST_AUTO_TEST_CASE(conflicting_targets_end_at_the_floor) {
  const TwoLayerRelu model = conflicting();
  const Vec start = model.initial_weights();
  for (const Strategy& strategy : strategies()) {
    if (strategy.name != "exact" && strategy.name != "cg" && strategy.name != "preconditioned-cg") continue;
    BOOST_TEST_CONTEXT(strategy.name) {
      const auto solver = strategy.make();
      Vec W = start;
      const Summary summary = train_network(model, *solver, W);
      check_summary(summary, model, start, W);
      BOOST_TEST(to_string(summary.status) == "unattainable");
      BOOST_TEST(model.conflicts().floor == std::sqrt(14.0), boost::test_tools::tolerance(1e-12));
      BOOST_TEST(residual(model, W) >= model.conflicts().floor * (1 - 1e-12));
      BOOST_TEST(residual(model, W) <= 1.01 * model.conflicts().floor);
      BOOST_REQUIRE(!summary.notes.empty());
      BOOST_TEST(summary.notes[0] == model.notes()[0]);
    }
  }
  // A tolerance above the floor is met as any other.
  Exact solver;
  TrainOptions loose;
  loose.tolerance = 1.2 * model.conflicts().floor / residual(model, start);
  Vec W = start;
  const Summary summary = train_network(model, solver, W, loose);
  BOOST_TEST(summary.converged(), summary.message);
  check_summary(summary, model, start, W, loose.tolerance);
}

BOOST_AUTO_TEST_CASE(limits_hold_over_all_stages) {
  const TwoLayerRelu model = rough();
  const Vec start = model.initial_weights();
  Exact solver;
  for (const Index limit : {0u, 1u, 3u, 12u, 20u}) {
    TrainOptions options;
    options.max_iterations = limit;
    Vec W = start;
    const Summary summary = train_network(model, solver, W, options);
    BOOST_TEST(summary.iterations == limit);
    BOOST_TEST(to_string(summary.status) == "iteration_limit");
    check_summary(summary, model, start, W);
  }
  TrainOptions late;
  late.time_limit = 1e-9;
  Vec W = start;
  BOOST_TEST(to_string(train_network(model, solver, W, late).status) == "time_limit");
  std::atomic<bool> cancel = true;
  TrainOptions cancelled;
  cancelled.cancel = &cancel;
  BOOST_TEST(to_string(train_network(model, solver, W, cancelled).status) == "interrupted");
}

BOOST_AUTO_TEST_CASE(callback_sees_every_iteration_once_and_may_stop) {
  const TwoLayerRelu model = rough();
  const Vec start = model.initial_weights();
  Exact solver;
  std::vector<Iteration> seen;
  TrainOptions options;
  options.callback = [&](const Iteration& row) {
    seen.push_back(row);
    return Action::proceed;
  };
  Vec W = start;
  const Summary whole = train_network(model, solver, W, options);
  BOOST_REQUIRE_EQUAL(seen.size(), whole.history.size());
  for (Index i = 0; i < seen.size(); ++i) {
    BOOST_TEST(seen[i].iteration == i);
    BOOST_TEST(seen[i].residual_ratio == whole.history[i].residual_ratio);
    BOOST_TEST(seen[i].fallback == whole.history[i].fallback);
  }
  // Stopped in the middle of a smoothed stage: W is the best of the model itself.
  Index smoothed = 0;
  while (whole.history[smoothed].fallback.find("softplus") != 0) ++smoothed;
  options.callback = [&](const Iteration& row) { return row.iteration >= smoothed + 1 ? Action::stop : Action::proceed; };
  W = start;
  const Summary part = train_network(model, solver, W, options);
  BOOST_TEST(to_string(part.status) == "stopped");
  BOOST_TEST(part.iterations == smoothed + 1);
  check_summary(part, model, start, W);
}

BOOST_AUTO_TEST_CASE(exception_of_a_callback_leaves_the_best_point) {
  const TwoLayerRelu model = easy(24, 5, 150);
  const Vec start = model.initial_weights();
  Exact solver;
  TrainOptions options;
  options.callback = [](const Iteration& row) -> Action {
    if (row.iteration == 3) throw std::runtime_error("enough");
    return Action::proceed;
  };
  Vec W = start;
  BOOST_CHECK_THROW(train_network(model, solver, W, options), std::runtime_error);
  BOOST_TEST(residual(model, W) < residual(model, start));
}

BOOST_AUTO_TEST_CASE(same_bits_on_any_number_of_threads) {
  const TwoLayerRelu model = rough();
  for (const std::string name : {"exact", "preconditioned-cg"}) {
    Vec expected;
    for (const int threads : {1, 2, 4}) {
      for (const Strategy& strategy : strategies()) {
        if (strategy.name != name) continue;
        TrainOptions options;
        options.threads = threads;
        const auto solver = strategy.make();
        Vec W = model.initial_weights();
        train_network(model, *solver, W, options);
        if (expected.is_empty()) expected = W;
        BOOST_TEST(std::memcmp(W.memptr(), expected.memptr(), W.n_elem * sizeof(double)) == 0);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(settings_of_the_user_are_followed) {
  const TwoLayerRelu model = easy(24, 5, 150);
  const Vec start = model.initial_weights();
  Exact solver;
  for (const Globalization globalization : {Globalization::unit, Globalization::nonmonotone, Globalization::levenberg_marquardt}) {
    TrainOptions options;
    options.globalization = globalization;
    Vec W = start;
    const Summary summary = train_network(model, solver, W, options);
    BOOST_TEST(summary.converged(), summary.message);
    BOOST_TEST((summary.history[1].damping > 0) == (globalization == Globalization::levenberg_marquardt));
    check_summary(summary, model, start, W);
  }
  TrainOptions gradient;
  gradient.criterion = Criterion::relative_gradient;
  Vec W = start;
  BOOST_TEST(train_network(model, solver, W, gradient).criterion == "relative gradient");

  // A second call starts where the first ended; the reference is then given.
  W = start;
  train_network(model, solver, W);
  TrainOptions again;
  again.residual_reference = residual(model, start);
  const Summary summary = train_network(model, solver, W, again);
  BOOST_TEST(summary.converged());
  BOOST_TEST(summary.iterations == 0u);

  Vec wrong(3, arma::fill::zeros);
  BOOST_CHECK_THROW(train_network(model, solver, wrong), InputError);
  W[0] = std::numeric_limits<double>::quiet_NaN();
  BOOST_CHECK_THROW(train_network(model, solver, W), InputError);
  TrainOptions bad;
  bad.tolerance = -1;
  W = start;
  BOOST_CHECK_THROW(train_network(model, solver, W, bad), InputError);
}
