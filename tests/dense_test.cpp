#include <raphson/core/dense.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/core/threads.hpp>

#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>

using namespace raphson;

namespace {

template <class Real>
Mat<Real> random(Index rows, Index cols, std::uint64_t key = 1) {
  Mat<Real> A(rows, cols);
  Seed{key}.normal(0, std::span<Real>(A.memptr(), A.n_elem));
  return A;
}

template <class Real>
Real tolerance(Index k) {
  return 50 * std::numeric_limits<Real>::epsilon() * static_cast<Real>(k + 10);
}

using Reals = boost::mpl::list<float, double>;

}  // namespace

BOOST_AUTO_TEST_CASE_TEMPLATE(gram_of_columns, Real, Reals) {
  for (const Index k : {1u, 5u, 192u, 193u, 450u}) {
    for (const Index s : {0u, 1u, 300u, 5000u}) {
      const Mat<Real> B = random<Real>(k, s);
      Mat<Real> G;
      outer_gram(B, G);
      const arma::mat reference = arma::conv_to<arma::mat>::from(B) * arma::conv_to<arma::mat>::from(B).t();
      BOOST_TEST(arma::abs(arma::conv_to<arma::mat>::from(G) - reference).max() <= tolerance<Real>(s) * static_cast<double>(s + 1));
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(cholesky_factors_and_solves, Real, Reals) {
  for (const Index k : {1u, 7u, 192u, 200u, 600u}) {
    const Mat<Real> B = random<Real>(k, 2 * k);
    Mat<Real> G, L;
    outer_gram(B, G);
    L = G;
    BOOST_REQUIRE(cholesky(L));
    BOOST_TEST(arma::norm(L * L.t() - G, "fro") <= tolerance<Real>(k) * arma::norm(G, "fro"));
    for (Index j = 1; j < k; ++j) BOOST_REQUIRE(L(j - 1, j) == Real(0));
    const Col<Real> x = random<Real>(k, 1, 2).as_col();
    Col<Real> b = G * x;
    cholesky_solve(L, b);
    BOOST_TEST(arma::norm(b - x) <= 100 * tolerance<Real>(k) * arma::norm(x) * arma::cond(G));
  }
}

BOOST_AUTO_TEST_CASE(cholesky_refuses_what_is_not_positive_definite) {
  for (const Index k : {3u, 300u}) {
    arma::mat G(k, k, arma::fill::eye);
    G(k - 1, k - 1) = -1;
    BOOST_TEST(!cholesky(G));
    G.eye(k, k);
    G(k - 1, 0) = arma::datum::nan;
    BOOST_TEST(!cholesky(G));
    G.eye(k, k);
    G(0, 0) = arma::datum::inf;
    BOOST_TEST(!cholesky(G));
    G.ones(k, k);  // rank one: the second pivot vanishes exactly
    BOOST_TEST(!cholesky(G));
  }
}

BOOST_AUTO_TEST_CASE(pivoted_cholesky_finds_the_rank) {
  const arma::mat B = random<double>(40, 13);
  arma::mat G = B * B.t(), L = G;
  std::vector<Index> order;
  BOOST_TEST(pivoted_cholesky(L, order, 1e-10) == 13u);
  BOOST_TEST(L.n_cols == 13u);
  arma::mat P(40, 40, arma::fill::zeros);
  for (Index i = 0; i < 40; ++i) P(order[i], i) = 1;
  BOOST_TEST(arma::norm(P.t() * G * P - L * L.t(), "fro") < 1e-10);
  G(3, 3) = arma::datum::nan;
  BOOST_TEST(pivoted_cholesky(G, order, 1e-10) == 0u);
}

// Several blocks of columns and pieces of rows; the pivots are the largest that are left, so that they decrease.
BOOST_AUTO_TEST_CASE(pivoted_cholesky_of_several_blocks) {
  for (const auto& [k, rank] : {std::pair<Index, Index>{1300, 250}, {310, 310}, {289, 192}}) {
    const arma::mat B = random<double>(k, rank);
    const arma::mat G = B * B.t();
    arma::mat L = G;
    std::vector<Index> order;
    BOOST_TEST(pivoted_cholesky(L, order, 1e-9) == rank);
    const arma::uvec permutation(std::vector<arma::uword>(order.begin(), order.end()));
    BOOST_TEST(arma::norm(G.submat(permutation, permutation) - L * L.t(), "fro") < 1e-12 * arma::norm(G, "fro"));
    BOOST_TEST(arma::accu(arma::abs(arma::trimatu(L.head_rows(rank), 1))) == 0);
    for (Index j = 1; j < rank; ++j) BOOST_REQUIRE(L(j, j) <= L(j - 1, j - 1) * (1 + 1e-12));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(lq_gives_the_cholesky_factor_without_squaring, Real, Reals) {
  const Mat<Real> B = random<Real>(30, 100);
  Mat<Real> work = B, L;
  BOOST_REQUIRE(lq_factor(work, L));
  BOOST_TEST(arma::norm(L * L.t() - B * B.t(), "fro") <= tolerance<Real>(100) * arma::norm(B * B.t(), "fro"));
  BOOST_TEST(L.diag().min() > Real(0));
  work = B;
  work(2, 3) = std::numeric_limits<Real>::quiet_NaN();
  BOOST_TEST(!lq_factor(work, L));
}

BOOST_AUTO_TEST_CASE(eigenvalues) {
  const arma::mat B = random<double>(25, 25);
  const arma::mat G = B + B.t();
  arma::mat V = G;
  Vec values;
  BOOST_REQUIRE(symmetric_eigen(V, values, true));
  BOOST_TEST(arma::norm(G * V - V * arma::diagmat(values), "fro") < 1e-12);
  double smallest = 0, largest = 0;
  // The second-difference matrix has eigenvalues 2 − 2cos(πj/(n+1)).
  BOOST_REQUIRE(tridiagonal_extremes(Vec(9, arma::fill::value(2)), Vec(8, arma::fill::value(-1)), smallest, largest));
  BOOST_TEST(std::abs(smallest - (2 - 2 * std::cos(arma::datum::pi / 10))) < 1e-14);
  BOOST_TEST(std::abs(largest - (2 + 2 * std::cos(arma::datum::pi / 10))) < 1e-14);
  BOOST_TEST(!tridiagonal_extremes(Vec{arma::datum::nan}, Vec{}, smallest, largest));
}

BOOST_AUTO_TEST_CASE(same_bits_for_any_thread_count) {
  const arma::mat B = random<double>(500, 3000);
  const auto run = [&](int threads) {
    const ThreadScope scope(threads);
    arma::mat G;
    outer_gram(B, G);
    BOOST_REQUIRE(cholesky(G));
    return G;
  };
  const arma::mat one = run(1);
  for (const int threads : {2, 4}) {
    const arma::mat other = run(threads);
    BOOST_TEST(std::equal(one.begin(), one.end(), other.begin()));
  }
}

BOOST_AUTO_TEST_CASE(finiteness) {
  Vec x(100, arma::fill::ones);
  BOOST_TEST(all_finite(x));
  for (const double bad : {arma::datum::nan, arma::datum::inf, -arma::datum::inf}) {
    x[99] = bad;
    BOOST_TEST(!all_finite(x));
  }
  x[99] = std::numeric_limits<double>::max();
  BOOST_TEST(all_finite(x));
}
