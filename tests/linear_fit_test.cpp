/// LinearModel through minimize: what a user asks for, and what must end in an honest status.

#include <raphson/core/minimize.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/solvers/solvers.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace raphson;

namespace {

Vec normal(Index size, std::uint64_t seed) {
  Vec v(size);
  Seed(seed).normal(0, std::span<double>(v.memptr(), v.n_elem));
  return v;
}

arma::mat normal(Index rows, Index columns, std::uint64_t seed) { return arma::reshape(normal(rows * columns, seed), rows, columns); }

struct Fit {
  Vec theta;
  Summary summary;
};

Fit fit(const Model& model, double tolerance = 1e-10, Vec start = {}) {
  Exact solver;
  Fit result{start.is_empty() ? Vec(model.parameters(), arma::fill::zeros) : start, {}};
  result.summary = minimize(model, solver, result.theta, {.tolerance = tolerance});
  BOOST_TEST_MESSAGE(model.name() << ": " << to_string(result.summary.status) << ", " << result.summary.message << "; "
                                  << result.summary.iterations << " iterations");
  return result;
}

struct LogCosh {
  double value(double z, double y) const {
    const double u = std::abs(z - y);
    return u + std::log1p(std::exp(-2 * u)) - std::log(2.0);
  }
  double first(double z, double y) const { return std::tanh(z - y); }
  double second(double z, double y) const { return 1 - first(z, y) * first(z, y); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(least_squares_is_solved_in_one_step) {
  const arma::mat A = normal(50, 4, 1);
  const Vec truth{1, -2, 3, 0.5};
  const LinearModel model(DataMatrix(A), Vec(A * truth + 7), squared_loss());
  const Fit result = fit(model);
  BOOST_TEST(result.summary.converged());
  BOOST_TEST(result.summary.iterations == 1);
  BOOST_TEST(arma::norm(result.theta - Vec{1, -2, 3, 0.5, 7}) < 1e-12);
}

BOOST_AUTO_TEST_CASE(the_intercept_is_not_penalized) {
  // With a huge penalty only the intercept is left: the weighted mean, and the log-odds of the weighted share.
  const LinearModel squared(DataMatrix(normal(6, 2, 2)), {1, 2, 3, 4, 5, 60}, squared_loss(), {.l2 = 1e12, .weights = {1, 1, 1, 1, 1, 5}});
  BOOST_TEST(fit(squared).theta(2) == 31.5, boost::test_tools::tolerance(1e-9));
  const LinearModel logistic(DataMatrix(normal(6, 2, 2)), {0, 1, 1, 1, 0, 1}, logistic_loss(), {.l2 = 1e12});
  BOOST_TEST(fit(logistic).theta(2) == std::log(2.0), boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(exposure_goes_in_as_an_offset) {
  const Vec exposure{1, 2, 3, 4, 10}, counts{0, 1, 2, 5, 12};
  const LinearModel model(DataMatrix(arma::mat(5, 1, arma::fill::zeros)), counts, poisson_loss(), {.l2 = 1, .offset = arma::log(exposure)});
  BOOST_TEST(fit(model).theta(1) == std::log(20.0 / 20.0), boost::test_tools::tolerance(1e-9));
  BOOST_TEST(std::exp(fit(model).theta(1)) == 1, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(a_users_loss) {
  const arma::mat A = normal(200, 3, 3);
  const Vec truth{1, -1, 2};
  Vec y = A * truth + 0.1 * normal(200, 4);
  y.head(10) += 1e4;  // outliers, whose pull log-cosh bounds
  const LinearModel model(DataMatrix(A), y, make_loss(LogCosh{}, "log-cosh", "log cosh(zᵢ − yᵢ)"));
  const Fit result = fit(model);
  BOOST_TEST(result.summary.converged());
  BOOST_TEST(model.formula() == "Σ log cosh((⟨aᵢ,x⟩+x₀) − yᵢ)");
  BOOST_TEST(arma::norm(result.theta.head(3) - truth) < 0.2);
  BOOST_TEST(arma::norm(model.linearize(result.theta)->gradient()) <= 1e-10 * model.gradient_scale());
}

BOOST_AUTO_TEST_CASE(huber_ignores_outliers_and_survives_a_flat_start) {
  const arma::mat A = normal(200, 3, 5);
  const Vec truth{1, -1, 2};
  Vec y = A * truth + 0.1 * normal(200, 6);
  y.head(20) -= 500;
  const LinearModel model(DataMatrix(A), y, huber_loss(0.3));
  const Fit from_zero = fit(model);
  BOOST_TEST(from_zero.summary.converged());
  BOOST_TEST(arma::norm(from_zero.theta.head(3) - truth) < 0.1);
  // Every row is in the linear part: the Hessian is zero, and no Newton step exists.
  const Fit from_afar = fit(model, 1e-10, Vec{1e3, 1e3, 1e3, 1e4});
  BOOST_TEST(from_afar.summary.converged());
  BOOST_TEST(arma::norm(from_afar.theta - from_zero.theta) < 1e-6);
}

BOOST_AUTO_TEST_CASE(huber_with_a_delta_far_below_the_noise) {
  // Nearly least absolute deviations: a handful of rows lie in the quadratic part, at the optimum as elsewhere.
  const arma::mat A = normal(1000, 4, 20);
  const Vec y = A * Vec{1, 2, -1, 0} + 1e4 * normal(1000, 21);
  const LinearModel model(DataMatrix(A), y, huber_loss());
  const Fit result = fit(model);
  BOOST_TEST(result.summary.converged());
  BOOST_TEST(result.summary.iterations <= 40);
}

BOOST_AUTO_TEST_CASE(poisson_from_where_the_first_step_overflows) {
  const arma::mat A = normal(100, 2, 7);
  Vec y = arma::exp(A * Vec{0.5, -0.5} + 1);
  y.transform([](double rate) { return std::round(rate); });
  const LinearModel model(DataMatrix(A), y, poisson_loss());
  const Fit from_zero = fit(model), from_afar = fit(model, 1e-10, Vec{0, 0, -8});
  BOOST_TEST(from_zero.summary.converged());
  BOOST_TEST(from_afar.summary.converged());
  BOOST_TEST(arma::norm(from_afar.theta - from_zero.theta) < 1e-8);
  BOOST_TEST((fit(model, 1e-10, Vec{0, 0, 1e6}).summary.status == Status::non_finite));
}

BOOST_AUTO_TEST_CASE(separated_classes_end_in_a_status_with_advice) {
  const arma::mat A = normal(60, 3, 8);
  Vec y = arma::conv_to<Vec>::from(A.col(0) + 0.5 * A.col(1) > 0.1);
  const LinearModel complete(DataMatrix(A), y, logistic_loss());
  const Fit separated = fit(complete);
  BOOST_TEST((separated.summary.status == Status::separated));
  BOOST_TEST(separated.summary.message == "fitted probabilities reach 0/1 for 100 % of rows; no finite minimizer exists. Use l2 > 0.");
  BOOST_TEST(arma::norm(separated.theta, "inf") < 1e3);
  const LinearModel penalized(DataMatrix(A), y, logistic_loss(), {.l2 = 1e-4});
  BOOST_TEST(fit(penalized).summary.converged());
  y(0) = 1 - y(0), y(1) = 1 - y(1);
  y(2) = 1 - y(2), y(3) = 1 - y(3);
  BOOST_TEST(fit(LinearModel(DataMatrix(A), y, logistic_loss())).summary.converged());
}

BOOST_AUTO_TEST_CASE(a_group_of_one_class_only_is_quasi_separation) {
  // Three groups coded by two indicators beside a continuous column; group 2 has no failures, the others overlap.
  arma::mat A = arma::join_rows(arma::mat(90, 2, arma::fill::zeros), 3 * normal(90, 1, 9));
  Vec y(90);
  for (Index i = 0; i < 90; ++i) {
    const Index group = i % 3;
    if (group > 0) A(i, group - 1) = 1;
    y(i) = group == 2 ? 1.0 : double((i / 3) % 2);
  }
  const Fit indicator = fit(LinearModel(DataMatrix(A), y, logistic_loss()));
  BOOST_TEST((indicator.summary.status == Status::separated));
  BOOST_TEST(indicator.summary.message == "fitted probabilities reach 0/1 for 33.3 % of rows; no finite minimizer exists. Use l2 > 0.");
  // The reference group runs away: every other indicator must balance the intercept.
  Vec reference = y;
  for (Index i = 0; i < 90; ++i) reference(i) = i % 3 == 0 ? 0.0 : double((i / 3) % 2);
  BOOST_TEST((fit(LinearModel(DataMatrix(A), reference, logistic_loss())).summary.status == Status::separated));
  // The same in counts: a group without events.
  Vec counts(90);
  for (Index i = 0; i < 90; ++i) counts(i) = i % 3 == 1 ? 0.0 : double(i % 5);
  const Fit zeros = fit(LinearModel(DataMatrix(A), counts, poisson_loss()));
  BOOST_TEST((zeros.summary.status == Status::separated));
  BOOST_TEST(zeros.summary.message == "fitted rates reach 0 for 33.3 % of rows; no finite minimizer exists. Use l2 > 0.");
  // One failure in group 2 and one event in group 1 make it an ordinary problem.
  y(2) = 0;
  BOOST_TEST(fit(LinearModel(DataMatrix(A), y, logistic_loss())).summary.converged());
  counts(1) = 1;
  BOOST_TEST(fit(LinearModel(DataMatrix(A), counts, poisson_loss())).summary.converged());
}

BOOST_AUTO_TEST_CASE(columns_that_depend_on_each_other_without_a_penalty) {
  arma::mat A = normal(80, 3, 10);
  A.col(2) = A.col(0) - A.col(1);
  Vec y = arma::conv_to<Vec>::from(A.col(0) + normal(80, 11) > 0);
  const Fit result = fit(LinearModel(DataMatrix(A), y, logistic_loss()));
  BOOST_TEST(result.summary.converged());
  const Fit full = fit(LinearModel(DataMatrix(arma::mat(A.head_cols(2))), y, logistic_loss()));
  BOOST_TEST(result.summary.objective == full.summary.objective, boost::test_tools::tolerance(1e-10));
}

BOOST_AUTO_TEST_CASE(badly_scaled_columns) {
  arma::mat A = normal(300, 4, 12);
  Vec y = arma::conv_to<Vec>::from(A.col(0) - A.col(3) + 0.5 * normal(300, 13) > 0);
  const Fit plain = fit(LinearModel(DataMatrix(A), y, logistic_loss()));
  A.col(0) *= 1e6, A.col(1) *= 1e-6;
  const Fit scaled = fit(LinearModel(DataMatrix(A), y, logistic_loss()), 1e-12);
  BOOST_TEST(scaled.summary.converged());
  BOOST_TEST(scaled.summary.objective == plain.summary.objective, boost::test_tools::tolerance(1e-9));
}

/// Many rows for few columns: what minimize starts from is the fit of a sample.
BOOST_AUTO_TEST_CASE(a_long_table_is_fitted_from_a_sample_of_its_rows) {
  const Index n = 210000, d = 20;
  arma::mat X(d, n);
  Seed(8).normal(0, std::span<double>(X.memptr(), X.n_elem));
  const Vec margins = X.t() * arma::linspace(-1, 1, d);
  std::vector<double> u(n);
  Seed(9).uniform(0, u);
  Vec y(n);
  for (Index i = 0; i < n; ++i) y(i) = u[i] < 1 / (1 + std::exp(-margins(i))) ? 1 : -1;
  const DataMatrix C = DataMatrix::from_rows(std::move(X));
  const LinearModel model(C, y, logistic_loss(), {.l2 = 2});
  Vec x[2];
  Summary summary[2];
  for (const bool coarse : {false, true}) {
    x[coarse].zeros(d + 1);
    Exact solver;
    summary[coarse] = minimize(model, solver, x[coarse], {.tolerance = 1e-12, .coarse_start = coarse});
    BOOST_TEST(summary[coarse].converged(), summary[coarse].message);
  }
  BOOST_TEST(arma::norm(x[1] - x[0]) <= 1e-9 * arma::norm(x[0]));
  BOOST_TEST(summary[1].iterations < summary[0].iterations);
  BOOST_TEST(summary[1].history[0].relative_gradient < 0.2);  // on the scale of θ = 0
  BOOST_TEST_REQUIRE(!summary[1].notes.empty());
  BOOST_TEST(summary[1].notes.back().find("logistic on a sample of 26250 of 210000 rows") != std::string::npos, summary[1].notes.back());
  // A start of the user's own is kept.
  Vec own(d + 1, arma::fill::value(0.1));
  Exact solver;
  BOOST_TEST(minimize(model, solver, own).notes.size() == summary[0].notes.size());
  // A sketch of more rows than the sample has: no sample then.
  Vec sketched(d + 1, arma::fill::zeros);
  PreconditionedCg large({.size = 30000});
  const Summary without = minimize(model, large, sketched);
  BOOST_TEST(without.converged(), without.message);
  BOOST_TEST(without.notes.size() == summary[0].notes.size());
  // A sample of few rows would say little.
  BOOST_TEST((LinearModel(C.select_rows({0, 1, 2, 3}), y.head(4), logistic_loss()).coarse() == nullptr));
}
