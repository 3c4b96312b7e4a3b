#pragma once
/// What tests of networks share: random data, activations by their definition, an operator held against its matrix.

#include <raphson/core/error.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/core/tall_operator.hpp>
#include <raphson/models/two_layer_relu.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>

namespace raphson::test {

inline arma::mat random_matrix(Index rows, Index cols, std::uint64_t key) {
  arma::mat A(rows, cols);
  Seed(key).normal(0, std::span<double>(A.memptr(), A.n_elem));
  return A;
}

inline Vec random_vector(Index size, std::uint64_t key) { return random_matrix(size, 1, key).as_col(); }

/// n × d with each row's nonzeros among three neighbouring columns: XXᵀ is banded.
inline arma::sp_mat banded_matrix(Index n, Index d, std::uint64_t key) {
  const arma::mat values = random_matrix(n, 3, key);
  arma::sp_mat X(n, d);
  for (Index i = 0; i < n; ++i) {
    for (Index k = 0; k < 3; ++k) X(i, (i * (d - 3) / n + k) % d) = values(i, k);
  }
  return X;
}

inline double phi(double z, const Activation& a) {
  return a.kind == Activation::Kind::relu ? std::max(z, 0.0) : std::log1p(std::exp(a.sharpness * z)) / a.sharpness;
}
inline double phi_prime(double z, const Activation& a) {
  return a.kind == Activation::Kind::relu ? (z >= 0 ? 1.0 : 0.0) : 1 / (1 + std::exp(-a.sharpness * z));
}

/// A dense S, so that operator.sketch can be compared with S·A.
class PlainSketch final : public Sketch<double> {
 public:
  explicit PlainSketch(arma::mat S) : S_(std::move(S)) {}
  std::string kind() const override { return "plain"; }
  Index rows() const override { return S_.n_rows; }
  Index cols() const override { return S_.n_cols; }
  void apply(const Mat<double>& X, Mat<double>& Y) const override { Y = S_ * X; }

 private:
  arma::mat S_;
};

inline double distance(const arma::mat& A, const arma::mat& B) {
  BOOST_REQUIRE_EQUAL(A.n_rows, B.n_rows);
  BOOST_REQUIRE_EQUAL(A.n_cols, B.n_cols);
  return arma::norm(A - B, "fro") / std::max(1e-300, arma::norm(B, "fro"));
}

inline bool same_bits(const arma::mat& A, const arma::mat& B) {
  return A.n_elem == B.n_elem && std::memcmp(A.memptr(), B.memptr(), A.n_elem * sizeof(double)) == 0;
}

/// Every product in double precision.
inline void check_operator(const Operator& op, const arma::mat& A) {
  BOOST_REQUIRE_EQUAL(op.rows(), A.n_rows);
  BOOST_REQUIRE_EQUAL(op.cols(), A.n_cols);
  arma::mat Y;
  const arma::mat U = random_matrix(A.n_cols, 2, 7), V = random_matrix(A.n_rows, 2, 8);
  op.apply(U, Y);
  BOOST_TEST(distance(Y, A * U) < 1e-12);
  op.apply_adjoint(V, Y);
  BOOST_TEST(distance(Y, A.t() * V) < 1e-12);
  op.apply_normal(U, Y);
  BOOST_TEST(distance(Y, A.t() * (A * U)) < 1e-12);
  const arma::mat G = A.t() * A;
  op.gram(Y);
  BOOST_TEST(distance(Y, G) < 1e-12);
  BOOST_TEST(same_bits(Y, Y.t()));
  arma::fmat F;
  op.gram_single(F);
  BOOST_TEST(distance(arma::conv_to<arma::mat>::from(F), G) < 1e-5);
  Vec g;
  op.gram_diagonal(g);
  BOOST_TEST(distance(g, arma::mat(G.diag())) < 1e-12);
  const std::vector<Index> index{A.n_rows - 1, 0, A.n_rows / 2};
  op.gather_rows(index, Y);
  BOOST_TEST(distance(Y, arma::mat(A.rows(arma::uvec{index[0], index[1], index[2]}).t())) < 1e-12);
  const arma::mat S = random_matrix(A.n_cols + 3, A.n_rows, 9);
  op.sketch(PlainSketch(S), Y);
  BOOST_TEST(distance(Y, (S * A).t()) < 1e-12);
  BOOST_TEST(op.non_finite() == "");
  BOOST_TEST(op.cost().apply.flops >= static_cast<double>(arma::accu(A != 0)));
  BOOST_TEST(op.cost().gram.flops > 0);
}

/// `make` throws an InputError that says `text`.
template <class Make>
void refused(const Make& make, const std::string& text) {
  BOOST_CHECK_EXCEPTION(make(), InputError, [&](const InputError& e) {
    BOOST_TEST_MESSAGE(e.what());
    return std::string(e.what()).find(text) != std::string::npos;
  });
}

}  // namespace raphson::test
