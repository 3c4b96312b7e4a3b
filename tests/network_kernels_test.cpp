// Bits, Gram matrix and products of ReLU networks against the definition, for every instruction set that this machine has.
#include <raphson/core/seed.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/jacobian.hpp>
#include <raphson/models/network/sign_bits.hpp>
#include <raphson/models/network/table_sums.hpp>

#include <hwy/targets.h>
#include <bit>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cstring>

using namespace raphson;
namespace bdata = boost::unit_test::data;

namespace {

struct Shape {
  Index n, d, m;
};
std::ostream& operator<<(std::ostream& out, const Shape& s) { return out << s.n << " x " << s.d << ", width " << s.m; }

const Shape shapes[] = {{1, 1, 1},      {1, 3, 64},      {7, 1, 63},   {13, 2, 65},   {64, 5, 128}, {65, 10, 100},
                        {100, 20, 513}, {130, 17, 1000}, {3, 50, 70},  {514, 4, 600}, {70, 25, 40}, {66, 33, 90},
                        {1030, 2, 30},  {5, 3, 5000},    {31, 9, 511}, {67, 100, 130}};

enum class Values { gaussian, halves, extreme, near_zero };
std::ostream& operator<<(std::ostream& out, Values v) {
  return out << (v == Values::gaussian ? "gaussian" : v == Values::halves ? "halves" : v == Values::extreme ? "extreme" : "near zero");
}

/// Few distinct values give many exact zeros of both signs; scales over 10^±120 would leave the range of float.
void fill(arma::mat& A, std::uint64_t key, Values values) {
  Seed(key).normal(0, std::span<double>(A.memptr(), A.n_elem));
  if (values == Values::halves) A = arma::round(2 * A) / 2;
  if (values == Values::extreme) {
    for (Index i = 0; i < A.n_cols; ++i) A.col(i) *= std::pow(10.0, 120 * std::sin(double(i)));
  }
}

struct Problem {
  arma::mat X, W;  ///< d × n, d × m
  std::shared_ptr<const NetworkData> data;
  arma::mat Phi;  ///< n × m
  Vec f;
  ActivationPattern pattern;
  Vec output;

  Problem(const Shape& s, Values values) : X(s.d, s.n), W(s.d, s.m), Phi(s.n, s.m), f(s.n), pattern(s.n, s.m, Activation::relu()) {
    fill(X, 1, values);
    fill(W, 2, values == Values::extreme ? Values::gaussian : values);
    if (s.n > 2) X.col(s.n / 2).zeros();
    if (s.n > 6) X.col(s.n - 2) *= -0.0;
    if (values == Values::near_zero) {  // rows of X nearly orthogonal to the first neuron, on both sides
      for (Index i = 0; i < s.n; ++i) {
        const Vec w = W.col(0);
        X.col(i) -= w * (arma::dot(w, X.col(i)) / arma::dot(w, w) * (1 - 1e-9 * double(i % 3)));
      }
    }
    Vec signs(s.m);
    for (Index r = 0; r < s.m; ++r) signs[r] = Seed(3).bits(r) % 2 == 0 ? 1 : -1;
    data = std::make_shared<const NetworkData>(DataMatrix::from_rows(arma::mat(X)), Vec(s.n, arma::fill::zeros), signs);
    for (Index i = 0; i < s.n; ++i) {
      long double sum = 0;
      for (Index r = 0; r < s.m; ++r) {
        double z = 0;
        for (Index k = 0; k < s.d; ++k) z += W(k, r) * X(k, i);
        Phi(i, r) = z >= 0 ? 1 : 0;
        sum += signs[r] * std::max(z, 0.0);
      }
      f[i] = double(sum / std::sqrt((long double)s.m));
    }
    output = forward(data->X, signs, Activation::relu(), W.memptr(), &pattern);
  }

  /// n × md.
  arma::mat jacobian() const {
    arma::mat J(X.n_cols, W.n_elem);
    for (Index i = 0; i < X.n_cols; ++i) {
      for (Index r = 0; r < W.n_cols; ++r) {
        for (Index k = 0; k < X.n_rows; ++k) J(i, r * X.n_rows + k) = data->signs[r] * Phi(i, r) * X(k, i) / std::sqrt(double(W.n_cols));
      }
    }
    return J;
  }
};

/// Every instruction set of this machine in turn; the last entry restores the choice.
template <class Check>
void for_each_target(const Check& check) {
  std::int64_t left = hwy::SupportedTargets();
  while (left != 0) {
    const std::int64_t target = left & -left;
    left &= left - 1;
    hwy::SetSupportedTargetsForTest(target);
    BOOST_TEST_CONTEXT("instructions " << hwy::TargetName(target)) check();
  }
  hwy::SetSupportedTargetsForTest(0);
}

double distance(const arma::mat& A, const arma::mat& B) { return arma::norm(A - B, "fro") / std::max(1e-300, arma::norm(B, "fro")); }

bool same_bits(const arma::mat& A, const arma::mat& B) {
  return A.n_elem == B.n_elem && std::memcmp(A.memptr(), B.memptr(), A.n_elem * sizeof(double)) == 0;
}

const Values kinds[] = {Values::gaussian, Values::halves, Values::extreme, Values::near_zero};

}  // namespace

BOOST_DATA_TEST_CASE(bits_are_those_of_double, bdata::make(shapes) * bdata::make(kinds), shape, values) {
  for_each_target([&] {
    const Problem p(shape, values);
    Index wrong = 0, padding = 0;
    for (Index i = 0; i < shape.n; ++i) {
      for (Index r = 0; r < shape.m; ++r) wrong += p.pattern.at(i, r) != p.Phi(i, r) ? 1 : 0;
      const std::uint64_t* words = p.pattern.bits().row(i);
      for (Index r = shape.m; r < 64 * p.pattern.bits().words; ++r) padding += (words[r / 64] >> (r % 64)) & 1;
    }
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(padding == 0u);
    for (Index i = 0; i < shape.n; ++i) {
      const double size = arma::norm(p.X.col(i)) * arma::norm(p.W, "fro");
      BOOST_TEST(std::abs(p.output[i] - p.f[i]) <= 1e-14 * size);
    }
  });
}

BOOST_DATA_TEST_CASE(gram_and_products_agree_with_the_definition, bdata::make(shapes), shape) {
  for_each_target([&] {
    Problem p(shape, Values::gaussian);
    const arma::mat J = p.jacobian(), G = J * J.t();
    arma::mat V(shape.n, 2), U(shape.d * shape.m, 2), Y;
    fill(V, 5, Values::gaussian);
    fill(U, 6, Values::gaussian);
    const NetworkJacobian found(p.data, std::move(p.pattern));
    found.multiply(U, Y);
    BOOST_TEST(distance(Y, J * U) < 1e-13);
    found.multiply_transposed(V, Y);
    BOOST_TEST(distance(Y, J.t() * V) < 1e-13);
    found.multiply_normal(V, Y);
    BOOST_TEST(distance(Y, G * V) < 1e-13);
    found.point_gram(Y);
    BOOST_TEST(distance(Y, G) < 1e-13);
    BOOST_TEST(same_bits(Y, Y.t()));
    arma::fmat S;
    found.point_gram(S);
    const arma::fmat rounded = arma::conv_to<arma::fmat>::from(Y);
    BOOST_TEST(std::memcmp(S.memptr(), rounded.memptr(), S.n_elem * sizeof(float)) == 0);
  });
}

BOOST_DATA_TEST_CASE(same_bits_on_any_number_of_threads, bdata::make(shapes), shape) {
  std::vector<arma::mat> expected;
  for (const int threads : {1, 2, 4}) {
    const ThreadScope scope(threads);
    Problem p(shape, Values::gaussian);
    std::vector<arma::mat> found(5);
    found[0] = p.output;
    arma::mat V(shape.n, 1), U(shape.d * shape.m, 1);
    fill(V, 5, Values::gaussian);
    fill(U, 6, Values::gaussian);
    const NetworkJacobian J(p.data, std::move(p.pattern));
    J.multiply(U, found[1]);
    J.multiply_transposed(V, found[2]);
    J.multiply_normal(V, found[3]);
    J.point_gram(found[4]);
    if (expected.empty()) expected = found;
    for (Index i = 0; i < found.size(); ++i) BOOST_TEST(same_bits(found[i], expected[i]));
  }
}

BOOST_AUTO_TEST_CASE(bits_turn_over) {
  for_each_target([] {
    std::vector<std::uint64_t> rows(50 * 8), out(512);
    Seed(4).bits(0, rows);
    transpose_bits(rows.data(), 8, 50, out.data());
    Index wrong = 0;
    for (Index i = 0; i < 64; ++i) {
      for (Index r = 0; r < 512; ++r) {
        const std::uint64_t bit = i < 50 ? (rows[8 * i + r / 64] >> (r % 64)) & 1 : 0;
        wrong += ((out[8 * (r % 64) + r / 64] >> i) & 1) != bit ? 1 : 0;
      }
    }
    BOOST_TEST(wrong == 0u);
  });
}

/// Whole tiles, edges of tiles, single pairs; rows of ones long enough for sums of 16 bits to overflow, rows of zeros and of random bits.
BOOST_AUTO_TEST_CASE(common_bits_are_counted) {
  struct Tile {
    Index rows, cols, words;
  };
  for_each_target([] {
    for (const auto& [rows, cols, words] :
         {Tile{64, 64, 8}, {1, 1, 24}, {17, 5, 2040}, {65, 73, 16}, {130, 3, 8}, {15, 80, 32}, {67, 149, 1016}}) {
      const Index stride = words + 8;
      AlignedVector<std::uint64_t> bits((rows + cols) * stride);
      Seed(7).bits(0, bits);
      std::fill_n(bits.begin(), stride, ~std::uint64_t{0});
      std::fill_n(bits.end() - std::ptrdiff_t(stride), stride, ~std::uint64_t{0});
      if (rows > 2) std::fill_n(bits.begin() + std::ptrdiff_t(stride), stride, std::uint64_t{0});
      const BitRows A{bits.data(), stride, words}, B = A.from(rows);
      std::vector<std::uint32_t> found(rows * cols, 77), listed(rows);
      count_common_bits(A, rows, B, cols, found.data());
      std::vector<Index> index(rows);
      for (Index a = 0; a < rows; ++a) index[a] = rows - 1 - a;
      Index wrong = 0;
      for (Index b = 0; b < cols; ++b) {
        count_common_bits(B.row(b), A, index.data(), rows, listed.data());
        for (Index a = 0; a < rows; ++a) {
          std::uint32_t count = 0;
          for (Index w = 0; w < words; ++w) count += static_cast<std::uint32_t>(std::popcount(A.row(a)[w] & B.row(b)[w]));
          wrong += found[b * rows + a] != count || listed[rows - 1 - a] != count ? 1 : 0;
        }
      }
      BOOST_TEST(wrong == 0u, rows << " x " << cols << ", " << words << " words: " << wrong << " wrong");
    }
  });
}
