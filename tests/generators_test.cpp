#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/problems/generators.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>

using namespace raphson;

namespace {

arma::mat dense(const DataMatrix& C) { return C.is_sparse() ? arma::mat(C.sparse()).t() : arma::mat(C.dense().t()); }

double condition(const arma::mat& C) {
  const Vec s = arma::svd(C);
  return s.front() / s.back();
}

bool same(const Generated& a, const Generated& b) {
  return arma::approx_equal(dense(a.C), dense(b.C), "absdiff", 0) && arma::approx_equal(a.y, b.y, "absdiff", 0) &&
         arma::approx_equal(a.truth, b.truth, "absdiff", 0);
}

// Leverage scores: squared row norms of an orthonormal basis of the range.
Vec leverage(const arma::mat& C) {
  arma::mat Q, R;
  arma::qr_econ(Q, R, C);
  return arma::sum(arma::square(Q), 1);
}

}  // namespace

BOOST_AUTO_TEST_CASE(threads_change_no_bit) {
  const GeneratorOptions options{.rows = 700, .columns = 20, .scale_span = 100, .correlation = 0.5, .coherence = 0.02, .seed = 5};
  GeneratorOptions sparse = options;
  sparse.density = 0.2;
  const auto all = [&] {
    return std::vector<Generated>{generate_regression(options), generate_classification(sparse), generate_counts(options),
                                  generate_least_squares(60, 10, 1e3, 1, Seed(2)), generate_sphere(300, 7, Seed(3))};
  };
  std::vector<Generated> one, four;
  {
    const ThreadScope threads(1);
    one = all();
  }
  {
    const ThreadScope threads(4);
    four = all();
  }
  for (Index i = 0; i < one.size(); ++i) BOOST_TEST(same(one[i], four[i]), "generator " << i);
  GeneratorOptions other = options;
  other.seed = 6;
  BOOST_TEST(!same(one[0], generate_regression(other)));
}

BOOST_AUTO_TEST_CASE(least_squares_has_its_condition_and_its_solution) {
  for (const double kappa : {1.0, 1e3, 1e8}) {
    const Generated p = generate_least_squares(120, 15, kappa, 0.5, Seed(7));
    const arma::mat C = dense(p.C);
    BOOST_TEST(condition(C) == kappa, boost::test_tools::tolerance(1e-7));
    const Vec e = p.y - C * p.truth;
    BOOST_TEST(arma::norm(e) == 0.5, boost::test_tools::tolerance(1e-10));
    BOOST_TEST(arma::norm(C.t() * e) < 1e-14);
  }
  const Generated square = generate_least_squares(8, 8, 10, 0, Seed(1));
  BOOST_TEST(arma::norm(square.y - dense(square.C) * square.truth) < 1e-14);
}

BOOST_AUTO_TEST_CASE(scales_set_the_condition_number) {
  const GeneratorOptions options{.rows = 4000, .columns = 10, .scale_span = 1e6, .seed = 3};
  const double kappa = condition(dense(generate_regression(options).C));
  BOOST_TEST(kappa > 0.7e6);
  BOOST_TEST(kappa < 1.5e6);
}

BOOST_AUTO_TEST_CASE(neighbouring_columns_are_correlated) {
  const Generated p = generate_regression({.rows = 20000, .columns = 6, .correlation = 0.8, .seed = 4});
  const arma::mat R = arma::cor(dense(p.C));
  for (Index j = 0; j + 1 < 6; ++j) BOOST_TEST(std::abs(R(j, j + 1) - 0.8) < 0.02);
  BOOST_TEST(std::abs(R(0, 2) - 0.64) < 0.03);
}

BOOST_AUTO_TEST_CASE(coherent_rows_have_high_leverage) {
  const GeneratorOptions plain{.rows = 2000, .columns = 20, .seed = 8};
  GeneratorOptions coherent = plain;
  coherent.coherence = 0.01;  // 20 rows, one for each column
  BOOST_TEST(leverage(dense(generate_regression(plain).C)).max() < 0.1);
  const Vec scores = leverage(dense(generate_regression(coherent).C));
  BOOST_TEST(arma::accu(scores > 0.95) == 20u);
  coherent.density = 0.5;
  BOOST_TEST(arma::accu(leverage(dense(generate_regression(coherent).C)) > 0.3) >= 10u);
}

BOOST_AUTO_TEST_CASE(density_gives_sparse_rows) {
  const Generated p = generate_regression({.rows = 300, .columns = 40, .density = 0.1});
  BOOST_REQUIRE(p.C.is_sparse());
  BOOST_TEST(p.C.nonzeros() == 300u * 4u);
  BOOST_TEST(generate_regression({.rows = 5, .columns = 100, .density = 1e-6}).C.nonzeros() == 5u);
  BOOST_TEST(!generate_regression({.rows = 5, .columns = 3}).C.is_sparse());
}

BOOST_AUTO_TEST_CASE(targets_follow_their_law) {
  const GeneratorOptions options{.rows = 40000, .columns = 5, .scale_span = 10, .noise = 0.3, .seed = 9};
  const double n = 40000;
  const Generated regression = generate_regression(options);
  const Vec noise = regression.y - regression.C.multiply(regression.truth);
  BOOST_TEST(std::abs(arma::mean(noise)) < 5 * 0.3 / std::sqrt(n));
  BOOST_TEST(arma::stddev(noise) == 0.3, boost::test_tools::tolerance(0.03));

  // Sums of (outcome − expectation) are normal with the variance of the law: five deviations.
  const Generated classes = generate_classification(options);
  const Vec p = 1 / (1 + arma::exp(-classes.C.multiply(classes.truth)));
  BOOST_TEST(arma::all(arma::abs(classes.y) == 1.0));
  BOOST_TEST(std::abs(arma::accu((classes.y + 1) / 2 - p)) < 5 * std::sqrt(arma::accu(p % (1 - p))));
  BOOST_TEST(arma::mean(arma::abs(p - 0.5)) > 0.1);  // the data do say something about the class

  const Generated counts = generate_counts(options);
  const Vec rate = arma::exp(counts.C.multiply(counts.truth));
  BOOST_TEST(std::abs(arma::accu(counts.y - rate)) < 5 * std::sqrt(arma::accu(rate)));
  const double dispersion = arma::accu(arma::square(counts.y - rate) / rate) / n;  // 1 for a Poisson law
  BOOST_TEST(std::abs(dispersion - 1) < 0.05);
  BOOST_TEST(rate.max() <= std::exp(4.0) * (1 + 1e-12));
  const Generated coherent = generate_counts({.rows = 500, .columns = 5, .coherence = 0.1});
  BOOST_TEST(coherent.y.is_finite());
}

BOOST_AUTO_TEST_CASE(sphere_rows_have_unit_norm) {
  const Generated p = generate_sphere(200, 6, Seed(1));
  for (Index i = 0; i < 200; ++i) BOOST_TEST(std::abs(arma::norm(p.C.dense().col(i)) - 1) < 1e-14);
  BOOST_TEST(arma::abs(p.y).max() <= 1.5);
  BOOST_TEST(arma::stddev(p.y) > 0.2);
}

BOOST_AUTO_TEST_CASE(options_out_of_range) {
  BOOST_CHECK_THROW(generate_regression({.rows = 0}), InputError);
  BOOST_CHECK_THROW(generate_regression({.scale_span = 0.5}), InputError);
  BOOST_CHECK_THROW(generate_regression({.correlation = 1}), InputError);
  BOOST_CHECK_THROW(generate_regression({.coherence = std::nan("")}), InputError);
  BOOST_CHECK_THROW(generate_regression({.density = 0}), InputError);
  BOOST_CHECK_THROW(generate_regression({.noise = -1}), InputError);
  BOOST_CHECK_THROW(generate_least_squares(4, 5, 10, 0, Seed(0)), InputError);
  BOOST_CHECK_THROW(generate_least_squares(5, 5, 10, 1, Seed(0)), InputError);
  BOOST_CHECK_THROW(generate_least_squares(9, 5, 0.1, 1, Seed(0)), InputError);
  BOOST_CHECK_THROW(generate_sphere(0, 5, Seed(0)), InputError);
}
