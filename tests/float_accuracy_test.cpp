/// Single precision, eight bits and sketches decide how fast a minimum is found, never how well: the gradient is always double.

#include <raphson/core/error.hpp>
#include <raphson/core/minimize.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/models/losses.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/auto.hpp>
#include <raphson/solvers/preconditioned_cg.hpp>
#include <raphson/solvers/preconditioners/sampled_gram.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <functional>

using namespace raphson;

namespace {

struct Problem {
  std::string name;
  DataMatrix C;
  Vec y;  ///< real targets; classes are their signs
  double l2 = 1;
};

Problem generated(std::string name, GeneratorOptions options, double l2) {
  options.noise = 0.3;
  Generated made = generate_regression(options);
  return {std::move(name), std::move(made.C), std::move(made.y), l2};
}

Problem with_repeated_columns() {
  const Problem base = generated("", {.rows = 800, .columns = 20, .scale_span = 10, .seed = 8}, 0);
  const arma::mat rows = base.C.dense();  // d × n
  return {"columns twice, little penalty", DataMatrix::from_rows(arma::mat(arma::join_cols(rows, rows))), base.y, 1e-4};
}

std::vector<Problem> problems() {
  std::vector<Problem> all;
  all.push_back(generated("tall", {.rows = 4000, .columns = 30, .scale_span = 1, .seed = 1}, 1));
  all.push_back(generated("three columns", {.rows = 3000, .columns = 3, .scale_span = 1, .seed = 11}, 1));
  all.push_back(generated("nearly square", {.rows = 130, .columns = 100, .scale_span = 1, .seed = 2}, 1));
  all.push_back(generated("scales over 1e4", {.rows = 2000, .columns = 30, .scale_span = 1e4, .seed = 3}, 1e-3));
  all.push_back(generated("scales over 1e8", {.rows = 2000, .columns = 30, .scale_span = 1e8, .seed = 4}, 1e-3));
  all.push_back(generated("AR(0.9)", {.rows = 2000, .columns = 40, .scale_span = 100, .correlation = 0.9, .seed = 5}, 1e-3));
  all.push_back(generated("coherent rows", {.rows = 2000, .columns = 30, .scale_span = 10, .coherence = 0.5, .seed = 6}, 1e-2));
  all.push_back(generated("sparse", {.rows = 4000, .columns = 60, .scale_span = 10, .density = 0.05, .seed = 7}, 1e-2));
  all.push_back(with_repeated_columns());
  all.push_back(generated("tiny penalty", {.rows = 2000, .columns = 30, .scale_span = 10, .seed = 9}, 1e-8));
  all.push_back(generated("large penalty", {.rows = 2000, .columns = 30, .scale_span = 10, .seed = 10}, 1e6));
  return all;
}

struct Named {
  std::string name;
  std::function<std::unique_ptr<LinearSolver>()> make;
};

std::vector<Named> solvers(Index rows) {
  const auto sketched = [](std::string name, SketchOptions options) {
    return Named{std::move(name), [options] { return std::make_unique<PreconditionedCg>(options, Reuse::while_contracting); }};
  };
  return {{"auto", [] { return std::make_unique<Auto>(); }},
          sketched("f32", {.precision = Precision::f32}),
          sketched("f32, products too", {.precision = Precision::f32, .products = Precision::f32}),
          sketched("i8", {.precision = Precision::i8}),
          sketched("AᵀA in f32", {.size = rows, .precision = Precision::f32}),
          sketched("AᵀA in i8", {.size = rows, .precision = Precision::i8}),
          sketched("sparse signs, f32", {.kind = sparse_sign_sketch(), .precision = Precision::f32}),
          sketched("srht, f32", {.kind = srht_sketch(), .precision = Precision::f32}),
          sketched("gaussian, i8", {.kind = gaussian_sketch(), .precision = Precision::i8}),
          sketched("uniform rows, f32", {.kind = uniform_rows_sketch(), .precision = Precision::f32}),
          {"sampled Gram", [] { return std::make_unique<PreconditionedCg>(sampled_gram_preconditioner(), Reuse::while_contracting); }}};
}

constexpr double wanted = 1e-10;

void check_reached(const Problem& problem, const std::shared_ptr<const Loss>& loss, const Vec& y, const Named& solver) {
  const LinearModel model(problem.C, y, loss, {.l2 = problem.l2, .intercept = false});
  Vec x(model.parameters(), arma::fill::zeros);
  Summary summary;
  try {
    summary = minimize(model, *solver.make(), x, {.tolerance = wanted});
  } catch (const InputError& error) {
    BOOST_ERROR(problem.name + ", " + loss->name() + ", " + solver.name + ": " + error.what());
    return;
  }
  BOOST_TEST(summary.converged(), problem.name << ", " << loss->name() << ", " << solver.name << ": " << summary.message);
  BOOST_TEST(arma::norm(model.linearize(x)->gradient()) <= 2 * wanted * model.gradient_scale());
}

Vec classes(const Vec& y) {
  Vec sign = y;
  sign.transform([](double value) { return value > 0 ? 1.0 : -1.0; });
  return sign;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_shape_reaches_ten_digits_with_every_precision) {
  for (const Problem& problem : problems()) {
    for (const Named& solver : solvers(problem.C.rows())) check_reached(problem, logistic_loss(), classes(problem.y), solver);
  }
}

BOOST_AUTO_TEST_CASE(every_loss_reaches_ten_digits_with_every_precision) {
  const Problem problem = generated("losses", {.rows = 1500, .columns = 20, .scale_span = 1e4, .correlation = 0.9, .seed = 21}, 1e-2);
  const Vec positive = arma::exp(0.3 * problem.y), counts = arma::round(positive);
  for (const Named& solver : solvers(problem.C.rows())) {
    check_reached(problem, logistic_loss(), classes(problem.y), solver);
    check_reached(problem, squared_hinge_loss(), classes(problem.y), solver);
    check_reached(problem, squared_loss(), problem.y, solver);
    check_reached(problem, huber_loss(0.5), problem.y, solver);
    check_reached(problem, quantile_loss(0.4, 0.5), problem.y, solver);
    check_reached(problem, poisson_loss(), counts, solver);
    check_reached(problem, gamma_loss(), positive, solver);
  }
}
