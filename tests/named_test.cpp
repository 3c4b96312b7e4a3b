#include <raphson/core/error.hpp>
#include <raphson/core/minimize.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/problems/named.hpp>
#include <raphson/problems/rosenbrock.hpp>
#include <raphson/solvers/exact.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <set>

using namespace raphson;

namespace {

Vec normal(Index size, Seed seed) {
  Vec v(size);
  seed.normal(0, {v.memptr(), size});
  return v;
}

// n × d.
arma::mat data(const std::string& name) {
  const NamedProblem problem = named_problem(name);
  const DataMatrix& C = dynamic_cast<const LinearModel&>(*problem.model).data();
  return C.is_sparse() ? arma::mat(arma::mat(C.sparse()).t()) : arma::mat(C.dense().t());
}

// |a − b| against the scale of the problem: the objective falls from its value at the start.
bool close(double a, double b, double scale) { return std::abs(a - b) <= 1e-12 * scale; }

}  // namespace

BOOST_AUTO_TEST_CASE(optima_are_stationary_and_have_the_stated_value) {
  for (const std::string& name : named_problems()) {
    BOOST_TEST_CONTEXT(name) {
      const NamedProblem problem = named_problem(name);
      BOOST_TEST(problem.name == name);
      BOOST_TEST(!problem.description.empty());
      BOOST_REQUIRE(problem.start.n_elem == problem.model->parameters());
      const double at_start = problem.model->value(problem.start);
      BOOST_TEST(std::isfinite(problem.optimal_value));
      BOOST_TEST(problem.optimal_value < at_start);
      if (problem.optimum.empty()) continue;
      const double steepness = arma::norm(problem.model->linearize(problem.start)->gradient());
      const auto at_optimum = problem.model->linearize(problem.optimum);
      BOOST_TEST(arma::norm(at_optimum->gradient()) <= 1e-12 * steepness);
      BOOST_TEST(close(at_optimum->value(), problem.optimal_value, std::abs(at_start)), at_optimum->value()
                                                                                            << " " << problem.optimal_value);
      for (std::uint64_t k = 0; k < 10; ++k) {
        const Vec away = problem.optimum + 1e-2 * normal(problem.optimum.n_elem, Seed(k));
        BOOST_TEST(problem.model->value(away) >= problem.optimal_value);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_makes_each_hard_is_there) {
  const Vec s = arma::svd(data("ill-conditioned"));
  BOOST_TEST(s.front() / s.back() == 1e8, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(arma::rank(data("rank-deficient"), 1e-12) == 8u);

  // Leverage of the rows of the square-root Hessian at the optimum.
  const NamedProblem coherent = named_problem("coherent");
  arma::mat A, Q, R;
  coherent.model->linearize(coherent.optimum)->matrix()->apply(arma::mat(20, 20, arma::fill::eye), A);
  arma::qr_econ(Q, R, A);
  const Vec leverage = arma::sum(arma::square(Q), 1);
  BOOST_TEST(arma::accu(leverage > 0.9) >= 15u);

  const arma::mat band = data("band"), G = band.t() * band;
  BOOST_TEST(arma::accu(G != 0) == 300u + 2 * 299u + 2 * 298u);  // five diagonals
  BOOST_TEST(arma::norm(G - arma::trimatu(arma::trimatl(G, 2), -2)) == 0);
}

BOOST_AUTO_TEST_CASE(rosenbrock_of_many_pairs) {
  const Rosenbrock model(5);
  Vec x = arma::repmat(Vec{-1.2, 1}, 5, 1);
  BOOST_TEST(model.value(x) == 5 * 12.1, boost::test_tools::tolerance(1e-14));
  Exact solver;
  BOOST_TEST(minimize(model, solver, x, {.tolerance = 1e-9}).converged());
  BOOST_TEST(arma::norm(x - 1, "inf") <= 1e-8);
  BOOST_CHECK_THROW(Rosenbrock(0), InputError);
  BOOST_CHECK_THROW(model.value({1, 1}), InputError);
}

BOOST_AUTO_TEST_CASE(newton_with_exact_solves_reaches_every_optimum) {
  for (const std::string& name : named_problems()) {
    BOOST_TEST_CONTEXT(name) {
      const NamedProblem problem = named_problem(name);
      Exact solver;
      Vec theta = problem.start;
      const Summary summary = minimize(*problem.model, solver, theta, {.tolerance = 1e-9});
      BOOST_TEST_MESSAGE(name << ": " << summary.message);
      if (name == "separable") {
        BOOST_TEST((summary.status == Status::separated), summary.message);
        continue;
      }
      BOOST_TEST(summary.converged(), summary.message);
      const double start = problem.model->value(problem.start);
      BOOST_TEST(summary.objective - problem.optimal_value <= 1e-12 * std::abs(start));
      if (problem.optimum.empty() || name == "ill-conditioned") continue;  // there κ² u allows for no digit of the optimum
      BOOST_TEST(arma::norm(theta - problem.optimum) <= 1e-6 * arma::norm(problem.optimum));
    }
  }
}

BOOST_AUTO_TEST_CASE(names) {
  const std::vector<std::string> names = named_problems();
  BOOST_TEST(std::set<std::string>(names.begin(), names.end()).size() == names.size());
  BOOST_CHECK_EXCEPTION(named_problem("rosenbrok"), InputError, [](const InputError& error) {
    return std::string(error.what()).find("there is no problem named \"rosenbrok\"; there are least-squares, ill-conditioned") == 0;
  });
}
