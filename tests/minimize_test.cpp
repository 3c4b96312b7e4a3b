#include <raphson/core/data_matrix.hpp>
#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/globalization.hpp>
#include <raphson/core/minimize.hpp>
#include <raphson/solvers/exact.hpp>

#include <boost/test/unit_test.hpp>
#include <thread>

using namespace raphson;

namespace {

/// A linearization given by its parts.
class Parts : public Linearization {
 public:
  Parts(double value, Vec gradient, arma::mat A, Vec b, double residual = arma::datum::nan)
      : value_(value), gradient_(std::move(gradient)), A_(scaled_rows(DataMatrix(std::move(A)))), b_(std::move(b)), residual_(residual) {}
  double value() const override { return value_; }
  const Vec& gradient() const override { return gradient_; }
  std::shared_ptr<const Operator> matrix() const override { return A_; }
  const Vec& right_hand_side() const override { return b_; }
  double residual_norm() const override { return residual_; }
  std::string no_minimizer() const override { return reason; }
  std::string reason;

 private:
  double value_;
  Vec gradient_;
  std::shared_ptr<const Operator> A_;
  Vec b_;
  double residual_;
};

/// f(x) = Σ √(1 + (aᵢxᵢ − 1)²): convex, and Newton's unit steps diverge from far away.
class Valley : public Model {
 public:
  std::string name() const override { return "valley"; }
  std::string formula() const override { return "Σ √(1+(aᵢxᵢ−1)²)"; }
  Index parameters() const override { return a.n_elem; }
  double value(const Vec& x) const override { return arma::accu(arma::sqrt(1 + arma::square(a % x - 1))); }
  std::unique_ptr<Linearization> linearize(const Vec& x) const override {
    const Vec u = a % x - 1, root = arma::sqrt(1 + u % u);
    const Vec gradient = a % u / root;
    auto parts = std::make_unique<Parts>(value(x), gradient, arma::diagmat(a / arma::pow(root, 1.5)), -gradient);
    parts->reason = reason;
    return parts;
  }
  Vec a{1, 10, 100};
  std::string reason;
};

/// Rosenbrock's residuals (10(x₂ − x₁²), 1 − x₁): zero at (1, 1).
class Rosenbrock : public Model {
 public:
  std::string name() const override { return "rosenbrock"; }
  std::string formula() const override { return "½‖r‖²"; }
  Index parameters() const override { return 2; }
  Criterion criterion() const override { return Criterion::residual_ratio; }
  static Vec residual(const Vec& x) { return {10 * (x[1] - x[0] * x[0]), 1 - x[0]}; }
  double value(const Vec& x) const override { return 0.5 * arma::dot(residual(x), residual(x)); }
  std::unique_ptr<Linearization> linearize(const Vec& x) const override {
    const arma::mat J{{-20 * x[0], 10}, {-1, 0}};
    const Vec r = residual(x), gradient = J.t() * r;
    return std::make_unique<Parts>(value(x), gradient, J, -gradient, arma::norm(r));
  }
};

/// f(x) = ½x₁² + huber(x₂): away from 0 the second column of the Hessian vanishes and the gradient does not.
class HalfFlat : public Model {
 public:
  std::string name() const override { return "half-flat"; }
  std::string formula() const override { return "½x₁² + huber(x₂)"; }
  Index parameters() const override { return 2; }
  double value(const Vec& x) const override {
    const double u = std::abs(x[1]);
    return 0.5 * x[0] * x[0] + (u <= 1 ? 0.5 * u * u : u - 0.5);
  }
  std::unique_ptr<Linearization> linearize(const Vec& x) const override {
    const Vec gradient{x[0], std::clamp(x[1], -1.0, 1.0)};
    return std::make_unique<Parts>(value(x), gradient, arma::diagmat(Vec{1, std::abs(x[1]) <= 1 ? 1.0 : 0.0}), -gradient);
  }
};

/// Dense solution, as a user's first solver would be written; can be told to misbehave.
class Direct : public LinearSolver {
 public:
  std::string name() const override { return "direct"; }
  Estimate estimate(const GramSystem&, const Machine&) const override {
    Estimate estimate;
    estimate.bytes = bytes;
    estimate.advice = "Use less.";
    return estimate;
  }
  LinearReport solve(const GramSystem& system, Vec& z) override {
    LinearReport report;
    arma::mat G;
    system.A->gram(G);
    G.diag() += system.shift_diagonal();
    tolerances.push_back(system.tolerance);
    seeds.push_back(system.seed.key());
    if (calls++ < failures || !cholesky(G)) {
      z.zeros(system.size());
      report.message = "told to fail";
      return report;
    }
    z = *system.b;
    cholesky_solve(G, z);
    z *= factor;
    report.status = LinearStatus::converged;
    report.iterations = 2;
    return report;
  }
  double factor = 1, bytes = 0;
  int failures = 0, calls = 0;
  std::vector<double> tolerances;
  std::vector<std::uint64_t> seeds;
};

std::string error_text(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

const Vec far{30, -20, 5};

}  // namespace

BOOST_AUTO_TEST_CASE(newton_with_line_search_converges_from_afar) {
  Direct solver;
  Vec x = far;
  const Summary s = minimize(Valley{}, solver, x);
  BOOST_TEST(s.converged());
  BOOST_TEST(s.relative_gradient <= 1e-8);
  for (Index i = 0; i < 3; ++i) BOOST_TEST(std::abs(x[i] * Valley{}.a[i] - 1) < 1e-7);
  BOOST_TEST(s.history.size() == s.iterations + 1);
  BOOST_TEST(s.history.front().iteration == 0u);
  BOOST_TEST(s.inner_iterations == 2 * s.iterations);
  BOOST_TEST(s.history[1].step < 1);
  for (Index i = 1; i < s.history.size(); ++i) BOOST_TEST(s.history[i].objective <= s.history[i - 1].objective);
  BOOST_TEST(s.message.find("relative gradient") == 0u);
}

BOOST_AUTO_TEST_CASE(unit_steps_are_the_papers_and_say_when_they_diverge) {
  Direct solver;
  Options options;
  options.globalization = Globalization::unit;
  Vec x = far;
  Summary s = minimize(Valley{}, solver, x, options);
  BOOST_TEST((s.status == Status::diverged || s.status == Status::non_finite));
  // The caller gets the best point, not the last.
  BOOST_TEST(Valley{}.value(x) <= Valley{}.value(far));
  x = {1.2, 0.11, 0.0105};
  s = minimize(Valley{}, solver, x, options);
  BOOST_TEST(s.converged());
  for (Index i = 1; i < s.history.size(); ++i) BOOST_TEST(s.history[i].step == 1);
}

BOOST_AUTO_TEST_CASE(gauss_newton_in_every_mode_solves_rosenbrock) {
  for (const Globalization mode : {Globalization::automatic, Globalization::unit, Globalization::armijo, Globalization::nonmonotone,
                                   Globalization::levenberg_marquardt}) {
    Direct solver;
    Options options;
    options.globalization = mode;
    Vec x{-1.2, 1};
    const Summary s = minimize(Rosenbrock{}, solver, x, options);
    BOOST_TEST(s.converged());
    BOOST_TEST(s.criterion == "residual ratio");
    BOOST_TEST(s.residual_ratio <= 1e-8);
    BOOST_TEST(arma::norm(x - Vec{1, 1}) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(unit_steps_take_the_damping_they_are_given) {
  Direct solver;
  Options options;
  options.globalization = Globalization::unit;
  Vec x = {0.3, -0.2, 0.1}, y = x;
  options.max_iterations = 1;
  const Summary plain = minimize(Valley{}, solver, x, options);
  options.unit_damping = 1;
  const Summary damped = minimize(Valley{}, solver, y, options);
  BOOST_TEST(plain.history.back().damping == 0);
  BOOST_TEST(damped.history.back().damping == 1);
  BOOST_TEST(damped.history.back().decrement < 0.9 * plain.history.back().decrement);
  options.unit_damping = -1;
  BOOST_TEST(error_text([&] { minimize(Valley{}, solver, y, options); }).find("unit damping = -1: ") == 0u);
}

BOOST_AUTO_TEST_CASE(levenberg_marquardt_records_rejected_steps) {
  Direct solver;
  Options options;
  options.globalization = Globalization::levenberg_marquardt;
  options.initial_damping = 1e-9;
  Vec x{-1.2, 1};
  const Summary s = minimize(Rosenbrock{}, solver, x, options);
  BOOST_TEST(s.converged());
  Index rejected = 0;
  for (Index i = 1; i < s.history.size(); ++i) {
    BOOST_TEST(s.history[i].iteration == i);
    BOOST_TEST(s.history[i].objective <= s.history[i - 1].objective);
    rejected += s.history[i].step == 0;
  }
  BOOST_TEST(rejected > 0u);
}

BOOST_AUTO_TEST_CASE(a_failing_solver_ends_in_a_status) {
  Direct solver;
  solver.failures = 1000;
  Vec x = far;
  const Summary s = minimize(Valley{}, solver, x);
  BOOST_TEST((s.status == Status::step_failed));
  BOOST_TEST(arma::approx_equal(x, far, "absdiff", 0.0));
  // One failure is repaired by damping and on record.
  Direct once;
  once.failures = 1;
  const Summary t = minimize(Valley{}, once, x);
  BOOST_TEST(t.converged());
  BOOST_TEST(t.history[1].fallback.find("damped") == 0u);
  BOOST_TEST(t.history[1].damping > 0);
}

BOOST_AUTO_TEST_CASE(uphill_and_overlong_steps_are_repaired) {
  for (const double factor : {-1.0, 64.0}) {
    Direct solver;
    solver.factor = factor;
    Vec x{1.2, 0.11, 0.0105};
    Options options;
    options.tolerance = 1e-5;  // closer in, f cannot tell a step from one that overshoots by 64
    const Summary s = minimize(Valley{}, solver, x, options);
    if (factor < 0) {
      BOOST_TEST((s.status == Status::step_failed));  // uphill whatever the damping
    } else {
      BOOST_TEST(s.converged());
      BOOST_TEST(s.history[1].step <= 1.0 / 32);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_singular_hessian_is_damped_where_the_gradient_leaves_its_range) {
  Exact solver;
  Vec x{3, 30};
  const Summary s = minimize(HalfFlat{}, solver, x);
  BOOST_TEST(s.converged());
  BOOST_TEST(arma::norm(x) < 1e-7);
  BOOST_TEST(s.history[1].fallback.find("singular") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(limits_hold) {
  Direct solver;
  Options options;
  Vec x = far;
  options.max_iterations = 2;
  Summary s = minimize(Valley{}, solver, x, options);
  BOOST_TEST((s.status == Status::iteration_limit));
  BOOST_TEST(s.iterations == 2u);
  options.max_iterations = 0;
  x = far;
  s = minimize(Valley{}, solver, x, options);
  BOOST_TEST((s.status == Status::iteration_limit));
  BOOST_TEST(s.history.size() == 1u);

  options = {};
  options.callback = [](const Iteration& i) { return i.iteration == 1 ? Action::stop : Action::proceed; };
  x = far;
  s = minimize(Valley{}, solver, x, options);
  BOOST_TEST((s.status == Status::stopped));
  BOOST_TEST(s.iterations == 1u);
  BOOST_TEST(Valley{}.value(x) == s.objective);

  const std::atomic<bool> cancel{true};
  options = {};
  options.cancel = &cancel;
  s = minimize(Valley{}, solver, x, options);
  BOOST_TEST((s.status == Status::interrupted));

  options = {};
  options.time_limit = 1e-9;
  s = minimize(Valley{}, solver, x, options);
  BOOST_TEST((s.status == Status::time_limit));
  for (Index i = 1; i < s.history.size(); ++i) BOOST_TEST(s.history[i].iteration != s.history[i - 1].iteration);
}

BOOST_AUTO_TEST_CASE(an_exception_leaves_the_best_point) {
  Direct solver;
  Options options;
  Vec at_two;
  options.callback = [&](const Iteration& i) -> Action {
    if (i.iteration == 3) throw std::runtime_error("mine");
    return Action::proceed;
  };
  Vec x = far;
  BOOST_CHECK_THROW(minimize(Valley{}, solver, x, options), std::runtime_error);
  Options three;
  three.max_iterations = 3;
  Vec y = far;
  minimize(Valley{}, solver, y, three);
  BOOST_TEST(arma::approx_equal(x, y, "absdiff", 0.0));
}

BOOST_AUTO_TEST_CASE(mistakes_are_named_before_any_work) {
  Direct solver;
  const auto with = [&](const std::function<void(Options&)>& change) {
    Options options;
    change(options);
    Vec x = far;
    return error_text([&] { minimize(Valley{}, solver, x, options); });
  };
  BOOST_TEST(with([](Options& o) { o.time_limit = 0; }) == "time limit = 0: give a positive number of seconds.");
  BOOST_TEST(with([](Options& o) { o.tolerance = arma::datum::nan; }).find("tolerance = nan") == 0u);
  BOOST_TEST(with([](Options& o) { o.inner_tolerance = 1; }).find("inner tolerance = 1") == 0u);
  BOOST_TEST(with([](Options& o) { o.threads = -2; }).find("threads = -2") == 0u);
  Vec x{1, 2};
  BOOST_TEST(error_text([&] { minimize(Valley{}, solver, x); }) ==
             "the start has 2 elements, expected 3 (one per parameter of the model).");
  x = {1, arma::datum::nan, 2};
  BOOST_TEST(error_text([&] { minimize(Valley{}, solver, x); }).find("the start has 1 non-finite value; first at element 1 (nan)") == 0u);
  solver.bytes = 3e12;
  BOOST_TEST(with([](Options& o) { o.memory_limit = 1e9; }).find("2.7 TiB") != std::string::npos);
  BOOST_TEST(solver.calls == 0);
}

BOOST_AUTO_TEST_CASE(nan_never_converges_and_no_minimizer_is_said) {
  Direct solver;
  Valley valley;
  valley.a[1] = arma::datum::nan;
  Vec x = far;
  BOOST_TEST((minimize(valley, solver, x).status == Status::non_finite));
  valley = {};
  valley.reason = "no finite minimizer exists. Use l2 > 0.";
  const Summary s = minimize(valley, solver, x);
  BOOST_TEST((s.status == Status::separated));
  BOOST_TEST(s.message == valley.reason);
}

BOOST_AUTO_TEST_CASE(every_system_has_its_own_seed_and_the_same_ones_next_time) {
  const auto seeds = [](std::uint64_t seed) {
    Direct solver;
    Options options;
    options.seed = seed;
    Vec x = far;
    minimize(Valley{}, solver, x, options);
    return solver.seeds;
  };
  const auto first = seeds(1);
  BOOST_TEST(first == seeds(1), boost::test_tools::per_element());
  for (Index i = 1; i < first.size(); ++i) BOOST_TEST(first[i] != first[i - 1]);
  BOOST_TEST(seeds(2)[0] != first[0]);
}

BOOST_AUTO_TEST_CASE(forcing_terms_follow_the_contraction) {
  Options options;
  ForcingTerm term(options);
  BOOST_TEST(term.next(1.0, 0) == 0.1);
  BOOST_TEST(std::abs(term.next(0.1, 0) - 0.009) < 1e-15);
  BOOST_TEST(term.next(1e-4, 0) == 1e-4);   // 9e-7 would not pay: no more than four digits a step
  BOOST_TEST(term.next(1e-6, 0.3) == 0.3);  // no more than is of use
  BOOST_TEST(term.next(1.0, 0) == 0.5);     // growth: the loosest
  options.forcing = Forcing::constant;
  options.inner_tolerance = 0.02;
  BOOST_TEST(ForcingTerm(options).next(1.0, 0) == 0.02);
  BOOST_TEST(gram_gauss_newton_tolerance(0.25, 100) == 0.05 / 6);
  BOOST_TEST(gram_gauss_newton_tolerance(1e9, 100) == 1.0 / 6);
  BOOST_TEST(fast_newton_tolerance(50) == 1.0 / 200);
}

BOOST_AUTO_TEST_CASE(a_warm_start_is_judged_on_the_scale_given) {
  Direct solver;
  Options options;
  options.residual_reference = 1e6;
  options.tolerance = 1e-5;
  Vec x{-1.2, 1};  // ‖r‖ ≈ 4.9 ≤ 1e-5 · 1e6
  const Summary s = minimize(Rosenbrock{}, solver, x, options);
  BOOST_TEST(s.converged());
  BOOST_TEST(s.iterations == 0u);
}
