/// Gram matrices of dense rows by the library's own kernels.

#include <raphson/core/data_matrix.hpp>
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

// More columns than a band holds, rows from empty to long, the constant column, and a sample in another order.
BOOST_AUTO_TEST_CASE(sparse_rows_in_bands) {
  const Index N = 1500, k = 1100;
  arma::sp_mat C(N, k);
  const Seed seed(5);
  for (Index e = 0; e < 20000; ++e) C(seed.below(3 * e, N - 1), seed.below(3 * e + 1, k)) = seed.uniform(3 * e + 2) - 0.5;
  for (Index j = 0; j < k; ++j) C(7, j) = 0.1;
  const Vec scale = arma::linspace(0.5, 2, N);
  for (const bool constant : {false, true}) {
    const auto A = scaled_rows(DataMatrix(C), scale, constant);
    arma::mat M(C);
    if (constant) M = arma::join_rows(M, arma::ones(N));
    M.each_col() %= scale;
    arma::mat G;
    A->gram(G);
    BOOST_TEST(arma::abs(G - M.t() * M).max() < 1e-11);
    std::vector<Index> index;
    for (Index i = N; i-- > 0;)
      if (i % 3 == 1) index.push_back(i);
    const arma::mat drawn = M.rows(arma::conv_to<arma::uvec>::from(index));
    arma::fmat F;
    A->sampled_gram(index, F);
    BOOST_TEST(arma::abs(arma::conv_to<arma::mat>::from(F) - drawn.t() * drawn).max() < 1e-3);
  }
}

BOOST_AUTO_TEST_CASE(rows_of_a_few_numbers) {
  const Index N = 5001;
  for (Index d = 1; d <= 8; ++d) {
    arma::mat C(N, d);
    Seed(d).normal(0, std::span<double>(C.memptr(), C.n_elem));
    const Vec scale = arma::linspace(0.5, 2, N);
    for (const bool constant : {false, true}) {
      const auto A = scaled_rows(DataMatrix(C), scale, constant);
      arma::mat M = constant ? arma::mat(arma::join_rows(C, arma::ones(N))) : C;
      M.each_col() %= scale;
      const arma::mat x = arma::linspace(-1, 1, M.n_cols + 1).tail(M.n_cols), H = M.t() * M;
      const auto distance = [](const arma::mat& got, const arma::mat& right) {
        return arma::norm(got - right, "fro") / arma::norm(right, "fro");
      };
      arma::mat Y, Z;
      A->apply(x, Y);
      BOOST_TEST(distance(Y, M * x) < 1e-13);
      A->apply_adjoint(Y, Z);
      BOOST_TEST(distance(Z, H * x) < 1e-12);
      A->apply_normal(x, Z);
      BOOST_TEST(distance(Z, H * x) < 1e-12);
      A->gram(Z);
      BOOST_TEST(distance(Z, H) < 1e-12);
      arma::fmat F;
      A->gram_single(F);
      BOOST_TEST(distance(arma::conv_to<arma::mat>::from(F), H) < 1e-5);
      A->single()->apply_normal(arma::conv_to<arma::fmat>::from(x), F);
      BOOST_TEST(distance(arma::conv_to<arma::mat>::from(F), H * x) < 1e-5);
    }
  }
}
