#include <boost/test/unit_test.hpp>

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/solvers/first_order.hpp>

#include <cmath>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace raphson;

namespace {

struct Point {
  double value;
  Vec gradient;
  double residual = std::numeric_limits<double>::quiet_NaN();
};

/// A model given by one function; first-order methods ask for no more than value and gradient.
class Toy : public Model {
 public:
  using Function = std::function<Point(const Vec&)>;
  Toy(Index parameters, Function f) : parameters_(parameters), f_(std::move(f)) {}

  std::string name() const override { return "toy"; }
  std::string formula() const override { return "f(x)"; }
  Index parameters() const override { return parameters_; }
  double value(const Vec& x) const override { return f_(x).value; }
  std::unique_ptr<Linearization> linearize(const Vec& x) const override {
    ++linearizations;
    return std::make_unique<At>(f_(x), hopeless);
  }
  Criterion criterion() const override { return judged_by; }
  double gradient_scale() const override { return scale; }
  std::vector<std::string> notes() const override { return {"a toy"}; }

  Criterion judged_by = Criterion::relative_gradient;
  double scale = 0;
  std::string hopeless;
  mutable Index linearizations = 0;

 private:
  struct At : Linearization {
    At(Point point, std::string hopeless) : point_(std::move(point)), hopeless_(std::move(hopeless)) {}
    double value() const override { return point_.value; }
    const Vec& gradient() const override { return point_.gradient; }
    std::shared_ptr<const Operator> matrix() const override { return nullptr; }
    const Vec& right_hand_side() const override { return point_.gradient; }
    double residual_norm() const override { return point_.residual; }
    std::string no_minimizer() const override { return hopeless_; }
    Point point_;
    std::string hopeless_;
  };
  Index parameters_;
  Function f_;
};

/// ½ Σ hⱼ (xⱼ − 1)² + 5 with h from 1 to `condition`.
Toy quadratic(Index P, double condition) {
  const Vec h = arma::logspace<Vec>(0, std::log10(condition), P);
  return Toy(P, [h](const Vec& x) { return Point{0.5 * arma::dot(h, arma::square(x - 1)) + 5, h % (x - 1)}; });
}

/// Σ log(1 + exp(−yᵢ⟨aᵢ, x⟩)) + ½‖x‖² on 60 random points.
Toy logistic() {
  arma::mat A(60, 4);
  Seed(3).normal(0, std::span(A.memptr(), A.n_elem));
  const Vec y = arma::sign(A.col(0) + 0.5 * A.col(1) + 0.3);
  return Toy(4, [A, y](const Vec& x) {
    const Vec margin = y % (A * x);
    const double value = arma::accu(arma::log1p(arma::exp(-margin))) + 0.5 * arma::dot(x, x);
    return Point{value, x - A.t() * (y / (1 + arma::exp(margin)))};
  });
}

/// Σ (exp(xⱼ) − xⱼ), +∞ beyond xⱼ > 2: a domain with a wall between the start and long steps.
Toy walled(Index P) {
  return Toy(P, [](const Vec& x) {
    if (x.max() > 2) return Point{std::numeric_limits<double>::infinity(), Vec(x.n_elem, arma::fill::value(arma::datum::nan))};
    return Point{arma::accu(arma::exp(x) - x), arma::exp(x) - 1};
  });
}

using Method = std::function<Summary(const Model&, Vec&, const Options&)>;
struct Named {
  const char* name;
  Method run;
};
const std::vector<Named> methods = {
    {"gradient-descent", [](const Model& m, Vec& x, const Options& o) { return gradient_descent(m, x, o); }},
    {"adaptive-gradient", [](const Model& m, Vec& x, const Options& o) { return adaptive_gradient(m, x, o, 3.0); }},
    {"lbfgs", [](const Model& m, Vec& x, const Options& o) { return lbfgs(m, x, o); }},
};

Options many(double tolerance = 1e-8) {
  Options options;
  options.tolerance = tolerance;
  options.max_iterations = 20000;
  return options;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

#define FOR_EACH_METHOD(method) \
  for (const Named& method : methods) BOOST_TEST_CONTEXT(method.name)

BOOST_AUTO_TEST_CASE(minima_are_found_and_the_summary_is_true) {
  FOR_EACH_METHOD(method) {
    for (const Toy& model : {quadratic(6, 20), logistic(), walled(3)}) {
      Vec x(model.parameters(), arma::fill::zeros);
      x[0] = -1.5;
      const double g0 = arma::norm(model.linearize(x)->gradient());
      const Summary summary = method.run(model, x, many());
      const auto at = model.linearize(x);
      BOOST_TEST(summary.converged(), summary.message);
      BOOST_TEST(has(summary.message, "relative gradient "));
      BOOST_TEST(summary.criterion == "relative gradient");
      BOOST_TEST(summary.objective == at->value());
      BOOST_TEST(summary.gradient_norm == arma::norm(at->gradient()));
      BOOST_TEST(summary.relative_gradient == summary.gradient_norm / g0);
      BOOST_TEST(summary.relative_gradient <= 1e-8);
      BOOST_TEST(summary.solver_used == method.name);
      BOOST_TEST(summary.history.size() == summary.iterations + 1);
      BOOST_TEST(summary.history.front().relative_gradient == 1.0);
      BOOST_TEST(summary.history.back().objective == summary.objective);
      BOOST_TEST(summary.inner_iterations == 0u);
      BOOST_TEST(summary.notes.size() == 1u);
      for (Index i = 1; i < summary.history.size(); ++i) {
        BOOST_TEST(summary.history[i].iteration == i);
        BOOST_TEST(summary.history[i].step > 0);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(descent_methods_descend_and_lbfgs_is_quicker) {
  const Toy model = quadratic(20, 1e3);
  Vec x(20, arma::fill::zeros), y = x;
  const Summary slow = gradient_descent(model, x, many(1e-6)), quick = lbfgs(model, y, many(1e-6));
  BOOST_TEST(slow.converged());
  BOOST_TEST(quick.converged());
  BOOST_TEST(quick.iterations < slow.iterations / 4);
  for (const Summary* summary : {&slow, &quick})
    for (Index i = 1; i < summary->history.size(); ++i) {
      const double before = summary->history[i - 1].objective;
      BOOST_TEST(summary->history[i].objective <= before + 1e-14 * before);
    }
}

BOOST_AUTO_TEST_CASE(adaptive_gradient_takes_the_documented_steps) {
  const Toy model(1, [](const Vec& x) { return Point{0.5 * x[0] * x[0], x}; });
  Vec x{4.0};
  Options options;
  options.max_iterations = 2;
  const Summary summary = adaptive_gradient(model, x, options, 0.5);
  // b₁ = 4: x = 4 − 0.5; b₂² = 16 + 3.5²: x = 3.5 − 0.5·3.5/b₂.
  BOOST_TEST(summary.history[1].gradient_norm == 3.5, boost::test_tools::tolerance(1e-15));
  BOOST_TEST(x[0] == 3.5 - 0.5 * 3.5 / std::sqrt(16 + 3.5 * 3.5), boost::test_tools::tolerance(1e-15));
  BOOST_CHECK_THROW(adaptive_gradient(model, x, options, 0), InputError);
}

BOOST_AUTO_TEST_CASE(limits_end_with_their_status) {
  FOR_EACH_METHOD(method) {
    const Toy model = logistic();
    Vec x(4, arma::fill::zeros);
    Options options;
    options.max_iterations = 3;
    Summary summary = method.run(model, x, options);
    BOOST_TEST((summary.status == Status::iteration_limit), summary.message);
    BOOST_TEST(summary.iterations == 3u);
    BOOST_TEST(summary.objective == model.value(x));

    options.max_iterations = 0;
    x.zeros();
    BOOST_TEST((method.run(model, x, options).status == Status::iteration_limit));
    BOOST_TEST(arma::norm(x) == 0.0);

    Options hurried = many();
    hurried.time_limit = 1e-9;
    x.zeros();
    summary = method.run(model, x, hurried);
    BOOST_TEST((summary.status == Status::time_limit), summary.message);
    BOOST_TEST(summary.objective == model.value(x));
  }
}

BOOST_AUTO_TEST_CASE(callback_and_cancel_stop) {
  FOR_EACH_METHOD(method) {
    const Toy model = logistic();
    Vec x(4, arma::fill::zeros);
    std::vector<Index> seen;
    Options options = many();
    options.callback = [&](const Iteration& row) {
      seen.push_back(row.iteration);
      return row.iteration == 2 ? Action::stop : Action::proceed;
    };
    Summary summary = method.run(model, x, options);
    BOOST_TEST((summary.status == Status::stopped), summary.message);
    BOOST_TEST(seen == (std::vector<Index>{0, 1, 2}), boost::test_tools::per_element());

    std::atomic<bool> cancel{false};
    options.cancel = &cancel;
    options.callback = [&](const Iteration& row) {
      if (row.iteration == 2) cancel = true;
      return Action::proceed;
    };
    x.zeros();
    summary = method.run(model, x, options);
    BOOST_TEST((summary.status == Status::interrupted), summary.message);
    BOOST_TEST(summary.iterations <= 3u);
    BOOST_TEST(summary.objective == model.value(x));
  }
}

// Cancelled while a model is evaluated, inside the line search: the point accepted last is kept.
BOOST_AUTO_TEST_CASE(cancel_inside_a_step) {
  FOR_EACH_METHOD(method) {
    std::atomic<bool> cancel{false};
    Index calls = 0;
    const Toy inner = logistic();
    const Toy model(4, [&](const Vec& x) {
      if (++calls == 8) cancel = true;
      const auto at = inner.linearize(x);
      return Point{at->value() + (calls >= 8 ? 1e3 : 0.0), at->gradient()};  // no step is good enough from here on
    });
    Options options = many(1e-15);
    options.cancel = &cancel;
    Vec x(4, arma::fill::zeros);
    const Summary summary = method.run(model, x, options);
    BOOST_TEST((summary.status == Status::interrupted), summary.message);
    BOOST_TEST(summary.objective == inner.value(x));
    BOOST_TEST(calls <= 9u);
  }
}

BOOST_AUTO_TEST_CASE(exceptions_pass_through_and_leave_the_best_point) {
  FOR_EACH_METHOD(method) {
    const Toy inner = logistic();
    Index calls = 0;
    const Toy model(4, [&](const Vec& x) {
      if (++calls > 6) throw std::runtime_error("from the model");
      const auto at = inner.linearize(x);
      return Point{at->value(), at->gradient()};
    });
    double accepted = 0;
    Options options = many();
    options.callback = [&](const Iteration& row) {
      accepted = row.objective;
      return Action::proceed;
    };
    Vec x(4, arma::fill::zeros);
    const auto from_model = [](const std::runtime_error& e) { return std::string(e.what()) == "from the model"; };
    BOOST_CHECK_EXCEPTION(method.run(model, x, options), std::runtime_error, from_model);
    BOOST_TEST(inner.value(x) == accepted);
    BOOST_TEST(accepted < inner.value(Vec(4, arma::fill::zeros)));

    options.callback = [](const Iteration& row) -> Action {
      if (row.iteration == 2) throw std::logic_error("from the callback");
      return Action::proceed;
    };
    x.zeros();
    BOOST_CHECK_THROW(method.run(inner, x, options), std::logic_error);
    BOOST_TEST(inner.value(x) < inner.value(Vec(4, arma::fill::zeros)));
  }
}

BOOST_AUTO_TEST_CASE(non_finite_points_never_converge) {
  FOR_EACH_METHOD(method) {
    Vec x(3, arma::fill::value(5.0));  // outside the domain
    Summary summary = method.run(walled(3), x, many());
    BOOST_TEST((summary.status == Status::non_finite), summary.message);
    BOOST_TEST(x[0] == 5.0);

    // A gradient of NaN where the value is fine.
    const Toy rotten(1, [](const Vec& at) { return Point{at[0] * at[0], at[0] < 0.9 ? Vec{std::nan("")} : Vec(2 * at)}; });
    Vec y{1.0};
    summary = method.run(rotten, y, many());
    BOOST_TEST(!summary.converged(), summary.message);
    BOOST_TEST(std::isfinite(summary.objective));
    BOOST_TEST(y[0] >= 0.9);
    BOOST_TEST(summary.objective == y[0] * y[0]);

    // A NaN among zeros, which arma::norm takes for a gradient of zero.
    const Toy hidden(3, [](const Vec&) { return Point{1.0, {0, std::nan(""), 0}}; });
    Vec z(3, arma::fill::zeros);
    BOOST_TEST((method.run(hidden, z, many()).status == Status::non_finite));
  }
}

// The second step of L-BFGS jumps far, where exp(x) hardly curves: into the wall, more than once.
BOOST_AUTO_TEST_CASE(line_searches_come_back_from_outside_the_domain) {
  for (const Named& method : {methods[0], methods[2]}) {
    BOOST_TEST_CONTEXT(method.name) {
      Index outside = 0;
      const Toy inner = walled(2);
      const Toy model(2, [&](const Vec& x) {
        const auto at = inner.linearize(x);
        if (!std::isfinite(at->value())) ++outside;
        return Point{at->value(), at->gradient()};
      });
      Vec x{-9.0, -12.0};
      const Summary summary = method.run(model, x, many());
      BOOST_TEST(summary.converged(), summary.message);
      BOOST_TEST(outside > 0u);
    }
  }
}

BOOST_AUTO_TEST_CASE(leaving_the_domain_keeps_the_best_point) {
  const Toy model = walled(2);
  Vec x(2, arma::fill::value(-1.0));
  const Summary summary = adaptive_gradient(model, x, many(), 100.0);
  BOOST_TEST((summary.status == Status::non_finite), summary.message);
  BOOST_TEST(x[0] == -1.0);
  BOOST_TEST(summary.objective == model.value(x));
}

// Steps that go uphill are taken by this method; what is returned is the best point seen.
BOOST_AUTO_TEST_CASE(nonmonotone_steps_return_the_best_point) {
  const Toy model = quadratic(1, 1);
  Vec x{0.9};
  Options options;
  options.max_iterations = 1;
  const Summary summary = adaptive_gradient(model, x, options, 50.0);
  BOOST_TEST((summary.status == Status::iteration_limit));
  BOOST_TEST(x[0] == 0.9);
  BOOST_TEST(summary.objective == model.value(x));
  BOOST_TEST(has(summary.message, "the point returned is that of iteration 0"));
}

// Converged means the point that met the criterion, were an earlier one lower.
BOOST_AUTO_TEST_CASE(convergence_returns_the_point_that_was_judged) {
  const Toy model(1, [](const Vec& x) { return x[0] < 0.5 ? Point{0.0, {-1.0}} : Point{1.0, {0.0}}; });
  Vec x{0.0};
  const Summary summary = adaptive_gradient(model, x, many());
  BOOST_TEST(summary.converged());
  BOOST_TEST(x[0] == 1.0);
  BOOST_TEST(summary.objective == 1.0);
}

BOOST_AUTO_TEST_CASE(an_impossible_tolerance_is_a_failed_step_not_convergence) {
  for (const Named& method : {methods[0], methods[2]}) {
    BOOST_TEST_CONTEXT(method.name) {
      const Toy model = logistic();
      Vec x(4, arma::fill::zeros);
      const Summary summary = method.run(model, x, many(1e-30));
      BOOST_TEST(!summary.converged(), summary.message);
      BOOST_TEST(summary.relative_gradient > 1e-30);
      if (summary.status == Status::step_failed) BOOST_TEST(has(summary.message, "relative gradient"));
    }
  }
  // A function whose rounding hides all descent: the line search has nothing to go by.
  const Toy flat(2, [](const Vec& x) { return Point{1e17 + arma::dot(x, x), 2 * x}; });
  Vec x{1.0, 2.0};
  const Summary summary = lbfgs(flat, x, many());
  if (!summary.converged()) {
    BOOST_TEST((summary.status == Status::step_failed), summary.message);
    BOOST_TEST(has(summary.message, "relative gradient"));
  }
}

BOOST_AUTO_TEST_CASE(criteria_mean_what_minimize_means) {
  FOR_EACH_METHOD(method) {
    // A warm start is judged on the model's scale.
    Toy model = quadratic(3, 4);
    model.scale = 1e6;
    Vec x(3, arma::fill::value(1.001));
    Summary summary = method.run(model, x, many(1e-6));
    BOOST_TEST(summary.converged());
    BOOST_TEST(summary.iterations == 0u);

    // ½‖x‖² as a least-squares model: the residual norm halves when the criterion says so, well before the gradient vanishes.
    Toy squares(2, [](const Vec& at) { return Point{0.5 * arma::dot(at, at), at, arma::norm(at)}; });
    squares.judged_by = Criterion::residual_ratio;
    Vec y{3.0, 4.0};
    summary = method.run(squares, y, many(0.5));
    BOOST_TEST(summary.converged());
    BOOST_TEST(summary.criterion == "residual ratio");
    BOOST_TEST(summary.residual_ratio <= 0.5);
    BOOST_TEST(summary.residual_ratio == arma::norm(y) / 5.0);

    // Residuals that cannot vanish: a stationary point is no convergence.
    Toy stuck(1, [](const Vec& at) { return Point{0.5 + 0.5 * at[0] * at[0], at, std::hypot(1.0, at[0])}; });
    stuck.judged_by = Criterion::residual_ratio;
    Vec z{0.0};
    summary = method.run(stuck, z, many());
    BOOST_TEST((summary.status == Status::step_failed), summary.message);

    Toy separable = quadratic(2, 2);
    separable.hopeless = "fitted probabilities reach 0/1";
    Vec w(2, arma::fill::zeros);
    summary = method.run(separable, w, many());
    BOOST_TEST((summary.status == Status::separated));
    BOOST_TEST(summary.message == separable.hopeless);
  }
}

BOOST_AUTO_TEST_CASE(mistakes_are_refused) {
  FOR_EACH_METHOD(method) {
    const Toy model = quadratic(3, 2);
    Vec wrong(2, arma::fill::zeros), nan{0, std::nan(""), 0}, fine(3, arma::fill::zeros);
    BOOST_CHECK_THROW(method.run(model, wrong, {}), InputError);
    BOOST_CHECK_THROW(method.run(model, nan, {}), InputError);
    Options options;
    options.tolerance = -1;
    BOOST_CHECK_THROW(method.run(model, fine, options), InputError);
    options = {};
    options.criterion = Criterion::decrement;
    BOOST_CHECK_THROW(method.run(model, fine, options), InputError);
    BOOST_TEST(model.linearizations == 0u);
  }
  Options tight;
  tight.memory_limit = 100;
  Vec x(50, arma::fill::zeros);
  BOOST_CHECK_THROW(lbfgs(quadratic(50, 2), x, tight), InputError);
}

BOOST_AUTO_TEST_CASE(a_line_search_reads_each_accepted_point_once) {
  const Toy model = quadratic(5, 10);
  Vec x(5, arma::fill::zeros);
  const Summary summary = lbfgs(model, x, many());
  BOOST_TEST(model.linearizations <= 2 * summary.iterations + 2);
}
