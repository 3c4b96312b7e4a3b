/// Paths along a grid of penalties: the same points as fits alone, for less work, the same bits every time.

#include <raphson/core/error.hpp>
#include <raphson/models/regularization_path.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/preconditioners/sketched.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solvers.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>

using namespace raphson;

namespace {

/// Counts what is built.
class CountingKind final : public PreconditionerKind {
 public:
  std::string name() const override { return "counting"; }
  std::unique_ptr<Preconditioner> build(const GramSystem& system, Index attempt, std::string& why) const override {
    ++built;
    return inner_->build(system, attempt, why);
  }
  Estimate estimate_build(const GramSystem& s, const Machine& m) const override { return inner_->estimate_build(s, m); }
  Index sketch_size(const GramSystem& system) const override { return inner_->sketch_size(system); }
  mutable Index built = 0;

 private:
  std::shared_ptr<const PreconditionerKind> inner_ = sketched_preconditioner();
};

/// exact, and what the systems it was given said of continuing.
class RecordingSolver final : public LinearSolver {
 public:
  std::string name() const override { return "recording"; }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override { return exact_.estimate(system, machine); }
  LinearReport solve(const GramSystem& system, Vec& z) override {
    continues.push_back(system.continues);
    return exact_.solve(system, z);
  }
  std::vector<bool> continues;

 private:
  Exact exact_;
};

LinearModel classification(Index rows = 3000, Index columns = 60) {
  const Generated g = generate_classification({.rows = rows, .columns = columns, .scale_span = 1e2, .correlation = 0.5, .seed = 11});
  return LinearModel(g.C, g.y, logistic_loss());
}

Index inner_iterations(const std::vector<PathPoint>& path) {
  Index sum = 0;
  for (const PathPoint& point : path) sum += point.summary.inner_iterations;
  return sum;
}

void check_same_bits(const std::vector<PathPoint>& a, const std::vector<PathPoint>& b) {
  BOOST_REQUIRE(a.size() == b.size());
  for (Index i = 0; i < a.size(); ++i) {
    BOOST_TEST(arma::approx_equal(a[i].theta, b[i].theta, "absdiff", 0.0), "point " << i);
    BOOST_TEST(a[i].summary.inner_iterations == b[i].summary.inner_iterations, "point " << i);
    BOOST_TEST(a[i].summary.objective == b[i].summary.objective, "point " << i);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_grid_is_geometric_and_keeps_its_ends) {
  const std::vector<double> grid = l2_grid(1e3, 1e-5, 9);
  BOOST_REQUIRE(grid.size() == 9u);
  BOOST_TEST(grid.front() == 1e3);
  BOOST_TEST(grid.back() == 1e-5);
  for (Index i = 0; i < 9; ++i) BOOST_TEST(grid[i] == std::pow(10.0, 3.0 - static_cast<double>(i)), boost::test_tools::tolerance(1e-12));
  BOOST_TEST(l2_grid(5, 1, 1) == std::vector<double>{5}, boost::test_tools::per_element());
  BOOST_TEST(l2_grid(2, 2, 2) == (std::vector<double>{2, 2}), boost::test_tools::per_element());
  const double none = std::nan("");
  BOOST_CHECK_THROW(l2_grid(1, 2, 3), InputError);
  BOOST_CHECK_THROW(l2_grid(1, 0, 3), InputError);
  BOOST_CHECK_THROW(l2_grid(none, 1, 3), InputError);
  BOOST_CHECK_THROW(l2_grid(1, none, 3), InputError);
  BOOST_CHECK_THROW(l2_grid(HUGE_VAL, 1, 3), InputError);
  BOOST_CHECK_THROW(l2_grid(2, 1, 0), InputError);
}

BOOST_AUTO_TEST_CASE(with_l2_is_the_same_model_with_another_penalty) {
  const Generated g = generate_counts({.rows = 300, .columns = 5, .seed = 2});
  Vec weights(300, arma::fill::ones), offset(300, arma::fill::value(0.25));
  weights(7) = 0;
  const LinearModelOptions options{.l2 = 3, .weights = weights, .offset = offset};
  LinearModelOptions other = options;
  other.l2 = 0.5;
  const LinearModel made(g.C, g.y, poisson_loss(), other), changed = LinearModel(g.C, g.y, poisson_loss(), options).with_l2(0.5);
  const Vec theta(6, arma::fill::value(0.1));
  BOOST_TEST(changed.l2() == 0.5);
  BOOST_TEST(changed.value(theta) == made.value(theta));
  BOOST_TEST(arma::approx_equal(changed.linearize(theta)->gradient(), made.linearize(theta)->gradient(), "absdiff", 0.0));
  BOOST_TEST(changed.gradient_scale() == made.gradient_scale());
  BOOST_TEST(changed.formula() == made.formula());
  BOOST_TEST(changed.with_l2(0).linearize(theta)->penalty() == nullptr);
  // The matrix is shared.
  BOOST_TEST(changed.data().dense().memptr() == g.C.dense().memptr());
  BOOST_CHECK_THROW(changed.with_l2(-1), InputError);
  BOOST_CHECK_THROW(changed.with_l2(std::nan("")), InputError);
}

BOOST_AUTO_TEST_CASE(points_are_those_of_fits_alone) {
  const LinearModel model = classification();
  const std::vector<double> grid = l2_grid(100, 1e-2, 9);
  Options options;
  options.tolerance = 1e-9;
  Auto choosing;
  PreconditionedCg sketched(SketchOptions{}, Reuse::while_contracting), fresh;
  Exact exact;
  for (LinearSolver* solver : std::initializer_list<LinearSolver*>{&choosing, &sketched, &fresh, &exact}) {
    // Any order goes in, the largest is fitted first.
    const std::vector<PathPoint> path = fit_path(model, *solver, {grid.rbegin(), grid.rend()}, options);
    BOOST_REQUIRE(path.size() == grid.size());
    for (Index i = 0; i < grid.size(); ++i) {
      BOOST_TEST(path[i].l2 == grid[i]);
      BOOST_TEST(path[i].summary.converged(), path[i].summary.message);
      const LinearModel alone = model.with_l2(grid[i]);
      const double gradient = arma::norm(alone.linearize(path[i].theta)->gradient());
      BOOST_TEST(gradient <= 1.01 * options.tolerance * alone.gradient_scale(), solver->name() << " at l2 = " << grid[i]);
      Vec cold(model.parameters(), arma::fill::zeros);
      Exact reference;
      const Summary summary = minimize(alone, reference, cold, options);
      BOOST_TEST(std::abs(path[i].summary.objective - summary.objective) <= 1e-9 * std::abs(summary.objective));
      // The Hessian is at least l2 times the identity on all but the intercept.
      BOOST_TEST(arma::norm(alone.data().multiply(path[i].theta.head(60) - cold.head(60))) <=
                 1e-4 * arma::norm(alone.data().multiply(cold.head(60))));
    }
  }
}

BOOST_AUTO_TEST_CASE(work_is_less_than_that_of_cold_fits) {
  const LinearModel model = classification(6000, 100);
  const std::vector<double> grid = l2_grid(10, 1e-1, 20);
  const auto warm_kind = std::make_shared<CountingKind>(), cold_kind = std::make_shared<CountingKind>();
  PreconditionedCg solver(warm_kind, Reuse::while_contracting);
  const std::vector<PathPoint> path = fit_path(model, solver, grid);
  Index cold_inner = 0, cold_steps = 0, warm_steps = 0;
  for (const double l2 : grid) {
    PreconditionedCg alone(cold_kind, Reuse::while_contracting);
    Vec theta(model.parameters(), arma::fill::zeros);
    const Summary summary = minimize(model.with_l2(l2), alone, theta);
    BOOST_TEST(summary.converged());
    cold_inner += summary.inner_iterations;
    cold_steps += summary.iterations;
  }
  for (const PathPoint& point : path) {
    BOOST_TEST(point.summary.converged(), point.summary.message);
    warm_steps += point.summary.iterations;
  }
  BOOST_TEST_MESSAGE("inner " << inner_iterations(path) << " of " << cold_inner << ", steps " << warm_steps << " of " << cold_steps
                              << ", built " << warm_kind->built << " of " << cold_kind->built);
  BOOST_TEST(4 * warm_kind->built <= 3 * cold_kind->built);
  BOOST_TEST(4 * inner_iterations(path) <= 3 * cold_inner);
  BOOST_TEST(4 * warm_steps <= 3 * cold_steps);
}

BOOST_AUTO_TEST_CASE(same_bits_again_and_for_any_number_of_threads) {
  const LinearModel model = classification();
  const std::vector<double> grid = l2_grid(10, 1e-2, 6);
  const auto all = [&](LinearSolver& solver, int threads) {
    Options options;
    options.threads = threads;
    options.seed = 5;
    return fit_path(model, solver, grid, options);
  };
  PreconditionedCg sketched(SketchOptions{}, Reuse::while_contracting);
  Auto choosing;
  for (LinearSolver* solver : std::initializer_list<LinearSolver*>{&sketched, &choosing}) {
    const std::vector<PathPoint> first = all(*solver, 1);
    // The object has been used: a path of its own starts afresh all the same.
    check_same_bits(first, all(*solver, 1));
    check_same_bits(first, all(*solver, 4));
  }
}

BOOST_AUTO_TEST_CASE(auto_keeps_its_choice_and_what_that_keeps) {
  const LinearModel model = classification(20000, 150);
  Auto solver;
  const auto solved = [&](double l2, bool continues) {
    const auto at = model.with_l2(l2).linearize(Vec(model.parameters(), arma::fill::zeros));
    GramSystem system;
    system.A = at->matrix();
    system.b = &at->right_hand_side();
    system.penalty = at->penalty();
    system.tolerance = 0.1;
    system.continues = continues;
    Vec z;
    const LinearReport report = solver.solve(system, z);
    BOOST_TEST(report.used == "preconditioned-cg");
    BOOST_TEST(system.relative_residual(z) <= 0.1);
    return report;
  };
  BOOST_TEST(solved(1, false).setup_seconds > 0);
  BOOST_TEST(solved(0.9, true).setup_seconds == 0);  // nothing was built
  BOOST_TEST(solved(0.9, false).setup_seconds > 0);

  const std::vector<PathPoint> path = fit_path(model, solver, l2_grid(1, 1e-2, 5));
  for (const PathPoint& point : path) {
    BOOST_TEST(point.summary.converged());
    BOOST_TEST(point.summary.solver_used == path.front().summary.solver_used);
    BOOST_TEST(point.summary.solver_reason == path.front().summary.solver_reason);
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_a_path_is_refused) {
  const LinearModel model = classification(200, 5);
  Exact solver;
  BOOST_CHECK_THROW(fit_path(model, solver, {}, {}), InputError);
  BOOST_CHECK_THROW(fit_path(model, solver, {1, -1}, {}), InputError);
  BOOST_CHECK_THROW(fit_path(model, solver, {1, std::nan("")}, {}), InputError);
  Options negative;
  negative.time_limit = -1;
  BOOST_CHECK_THROW(fit_path(model, solver, {1}, negative), InputError);
}

BOOST_AUTO_TEST_CASE(a_path_ends_where_it_is_stopped_and_goes_on_after_a_limit) {
  const LinearModel model = classification(200, 5);
  Exact solver;
  const std::vector<double> grid = l2_grid(10, 0.1, 6);
  Index starts = 0;
  Options stopping;
  stopping.callback = [&](const Iteration& i) {
    starts += i.iteration == 0 ? 1 : 0;
    return starts == 3 ? Action::stop : Action::proceed;
  };
  const std::vector<PathPoint> stopped = fit_path(model, solver, grid, stopping);
  BOOST_REQUIRE(stopped.size() == 3u);
  BOOST_TEST(stopped[1].summary.converged());
  BOOST_TEST((stopped[2].summary.status == Status::stopped));

  Options late;
  late.time_limit = 1e-9;
  const std::vector<PathPoint> out_of_time = fit_path(model, solver, grid, late);
  BOOST_REQUIRE(out_of_time.size() == 1u);
  BOOST_TEST((out_of_time[0].summary.status == Status::time_limit));
  BOOST_TEST(out_of_time[0].summary.message.starts_with("time limit of 1e-09 s for the path reached"), out_of_time[0].summary.message);

  Options few;
  few.max_iterations = 1;
  few.tolerance = 1e-12;
  const std::vector<PathPoint> limited = fit_path(model, solver, grid, few);
  BOOST_REQUIRE(limited.size() == 6u);
  BOOST_TEST((limited[0].summary.status == Status::iteration_limit));
}

BOOST_AUTO_TEST_CASE(no_penalty_may_end_a_path) {
  const Generated g = generate_regression({.rows = 300, .columns = 6, .seed = 8});
  const LinearModel model(g.C, g.y, squared_loss());
  PreconditionedCg solver(SketchOptions{}, Reuse::while_contracting);
  const std::vector<PathPoint> path = fit_path(model, solver, {10, 1, 0});
  BOOST_REQUIRE(path.size() == 3u);
  for (const PathPoint& point : path) BOOST_TEST(point.summary.converged(), point.summary.message);
  BOOST_TEST(path[2].l2 == 0.0);
}

BOOST_AUTO_TEST_CASE(the_first_system_alone_says_that_it_continues) {
  const LinearModel model = classification(500, 5);
  RecordingSolver solver;
  Options options;
  for (const bool continues : {false, true}) {
    options.continues = continues;
    solver.continues.clear();
    Vec theta(model.parameters(), arma::fill::zeros);
    BOOST_TEST(minimize(model.with_l2(1), solver, theta, options).converged());
    BOOST_REQUIRE(solver.continues.size() >= 2u);
    BOOST_TEST(solver.continues[0] == continues);
    BOOST_TEST(std::ranges::count(solver.continues, true) == (continues ? 1 : 0));
  }
}

/// The flag itself: without it what is kept belongs to another run, with it it is used, but not believed unmeasured.
BOOST_AUTO_TEST_CASE(a_continued_run_uses_what_is_kept) {
  const LinearModel model = classification();
  const auto kind = std::make_shared<CountingKind>();
  PreconditionedCg solver(kind, Reuse::while_contracting);
  Options options;
  Vec theta(model.parameters(), arma::fill::zeros);
  BOOST_TEST(minimize(model.with_l2(1), solver, theta, options).converged());
  const Index first = kind->built;
  Vec again = theta;
  options.continues = true;
  BOOST_TEST(minimize(model.with_l2(0.9), solver, again, options).converged());
  BOOST_TEST(kind->built == first);
  options.continues = false;
  again = theta;
  BOOST_TEST(minimize(model.with_l2(0.9), solver, again, options).converged());
  BOOST_TEST(kind->built > first);

  // Another size: what is kept does not fit, whatever is claimed.
  options.continues = true;
  const LinearModel larger = classification(3000, 61);
  const Index before = kind->built;
  Vec wide(larger.parameters(), arma::fill::zeros);
  BOOST_TEST(minimize(larger.with_l2(1), solver, wide, options).converged());
  BOOST_TEST(kind->built > before);

  const auto system_at = larger.with_l2(1).linearize(Vec(larger.parameters(), arma::fill::zeros));
  GramSystem system;
  system.A = system_at->matrix();
  system.b = &system_at->right_hand_side();
  system.penalty = system_at->penalty();
  system.tolerance = 1e-2;
  system.continues = true;
  Vec z;
  BOOST_TEST((solver.solve(system, z).status == LinearStatus::converged));
  system.continues = false;
  BOOST_TEST((solver.solve(system, z).status == LinearStatus::unverified));
}
