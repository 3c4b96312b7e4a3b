/// Gram matrices of dense rows by the library's own kernels.

#include <raphson/core/row_gram.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/core/threads.hpp>

#include <boost/test/unit_test.hpp>

#include <limits>
#include <vector>

using namespace raphson;

namespace {

struct Case {
  arma::mat X;  ///< k × N
  Vec scale;
  bool constant;
  DenseRows<double> rows() const { return {X.memptr(), X.n_cols, X.n_rows, X.n_rows, scale.memptr(), constant}; }
  arma::mat gram() const {
    arma::mat A = X;
    if (constant) A = arma::join_cols(A, arma::rowvec(X.n_cols, arma::fill::ones));
    A.each_row() %= scale.t();
    return A * A.t();
  }
};

Case make(Index N, Index width, bool constant) {
  const Seed seed(N * 1000 + width);
  Case c{arma::mat(width, N), Vec(N), constant};
  seed.split(Purpose::data).normal(0, {c.X.memptr(), c.X.n_elem});
  seed.split(Purpose::noise).uniform(0, {c.scale.memptr(), N});
  // Columns of very different sizes, each with a scale of its own.
  for (Index j = 0; j < width; ++j) c.X.row(j) *= std::pow(10.0, static_cast<double>(j % 9) - 4.0);
  return c;
}

/// Largest |G − exact| relative to the diagonal.
double error(const arma::fmat& G, const arma::mat& exact) {
  double worst = 0;
  for (Index j = 0; j < exact.n_cols; ++j) {
    for (Index i = 0; i < exact.n_rows; ++i)
      worst = std::max(worst, std::abs(static_cast<double>(G(i, j)) - exact(i, j)) / std::sqrt(exact(i, i) * exact(j, j)));
  }
  return worst;
}

}  // namespace

BOOST_AUTO_TEST_CASE(single_and_double_precision) {
  for (const auto& [N, width] : {std::pair<Index, Index>{1, 1}, {5, 3}, {700, 37}, {5000, 100}}) {
    const Case c = make(N, width, true);
    arma::mat G;
    arma::fmat F;
    row_gram<double, double>(c.rows(), G);
    row_gram<float, double>(c.rows(), F);
    BOOST_TEST(arma::abs(G - c.gram()).max() <= 1e-12 * c.gram().max());
    BOOST_TEST(error(F, c.gram()) <= 1e-5);
  }
}

BOOST_AUTO_TEST_CASE(rounded_to_eight_bits) {
  arma::fmat G;
  if (!has_rounded_gram()) {
    BOOST_TEST(!rounded_row_gram(make(10, 3, false).rows(), G));
    BOOST_TEST(G.is_empty());
    return;
  }
  for (const bool constant : {false, true}) {
    for (const auto& [N, width] : {std::pair<Index, Index>{1, 1}, {5, 3}, {511, 47}, {513, 48}, {700, 37}, {3000, 241}, {5000, 700}}) {
      const Case c = make(N, width, constant);
      BOOST_TEST(rounded_row_gram(c.rows(), G));
      // Each of N products is off by at most half a step of 1/127 of the largest, about 3 to 4 times the typical number; signs differ.
      BOOST_TEST(error(G, c.gram()) <= 0.03, "N = " << N << ", width = " << width << ": " << error(G, c.gram()));
      const arma::fmat one = G;
      const ThreadScope threads(3);
      rounded_row_gram(c.rows(), G);
      BOOST_TEST(arma::abs(G - one).max() == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(integers_within_the_range_are_exact) {
  if (!has_rounded_gram()) return;
  arma::mat X(60, 900);
  for (Index i = 0; i < X.n_elem; ++i) X[i] = static_cast<double>(static_cast<int>(i * 7919 % 255) - 127);
  for (Index j = 0; j < X.n_rows; ++j) X(j, 0) = X(j, 600) = 127;  // one step is 1 in both panels
  arma::fmat G;
  BOOST_TEST(rounded_row_gram<double>({X.memptr(), X.n_cols, X.n_rows, X.n_rows}, G));
  BOOST_TEST(error(G, X * X.t()) <= 1e-6);
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_stays_so) {
  if (!has_rounded_gram()) return;
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Case c = make(600, 50, false);
    c.X(20, 37) = bad;
    arma::fmat G;
    BOOST_TEST(rounded_row_gram(c.rows(), G));
    BOOST_TEST(!std::isfinite(G(20, 20)));
    BOOST_TEST(!std::isfinite(G(20, 3)));
    BOOST_TEST(std::isfinite(G(5, 3)));
  }
}
