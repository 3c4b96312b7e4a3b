/// Numbers of sixteen bits: how they are rounded, what is made of them, and when data have no such form.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/kernels/row_passes.hpp>
#include <raphson/core/scaled_rows.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>

using namespace raphson;

namespace {

double value(kernels::Half half) {
  const int sign = half >> 15, exponent = half >> 10 & 31, fraction = half & 1023;
  const double size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return sign == 0 ? size : -size;
}

arma::mat wave(Index d, Index n) {
  arma::mat X(d, n);
  for (Index i = 0; i < X.n_elem; ++i)
    X[i] = 3 * std::sin(1.7 * static_cast<double>(i)) * std::pow(10.0, static_cast<double>(i % d % 7) - 3);
  return X;
}

}  // namespace

BOOST_AUTO_TEST_CASE(columns_of_any_size_keep_eleven_bits) {
  for (const Index d : {1u, 3u, 8u, 16u, 17u, 31u, 33u, 64u, 100u}) {
    const arma::mat X = wave(d, 37);
    const DataMatrix data = DataMatrix::from_rows(X);
    const HalfRows* half = data.dense_half();
    BOOST_REQUIRE(half);
    for (Index i = 0; i < X.n_cols; ++i) {
      for (Index j = 0; j < d; ++j) {
        const double got = value(half->numbers(j, i)) * static_cast<double>(half->scale(j)), most = std::ldexp(std::abs(X(j, i)), -11);
        BOOST_TEST(std::abs(got - X(j, i)) <= std::max(most, std::ldexp(static_cast<double>(half->scale(j)), -25)));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(sums_of_rows_of_any_width) {
  for (const Index d : {1u, 2u, 7u, 15u, 16u, 18u, 32u, 50u, 65u, 95u, 96u, 131u}) {
    const DataMatrix data = DataMatrix::from_rows(wave(d, 13));
    const HalfRows& half = *data.dense_half();
    const Index stored = half.numbers.n_rows;
    BOOST_TEST((stored % 16 == 0 && d <= stored && stored < d + 16));
    BOOST_TEST(arma::any(arma::vectorise(half.numbers.tail_rows(stored - d))) == false);
    arma::mat numbers(d, 13);
    for (Index i = 0; i < 13; ++i) {
      for (Index j = 0; j < d; ++j) numbers(j, i) = value(half.numbers(j, i));
    }
    // d numbers of the d' stored: kernels take rows of any width.
    const kernels::RowBlock<kernels::Half> block{half.numbers.memptr(), stored, 13, d};
    Col<float> x(d), t(13), y(d, arma::fill::zeros), weight(13);
    for (Index j = 0; j < d; ++j) x(j) = 1 + static_cast<float>(j % 3);
    for (Index i = 0; i < 13; ++i) weight(i) = static_cast<float>(i) / 4;
    const auto close = [](const Col<float>& got, const Vec& expected) {
      return arma::norm(arma::conv_to<Vec>::from(got) - expected) <= 1e-5 * (1 + arma::norm(expected));
    };
    const Vec exact = numbers.t() * arma::conv_to<Vec>::from(x);
    kernels::multiply_half_rows(block, x.memptr(), 0.5f, t.memptr());
    BOOST_TEST(close(t, exact + 0.5));
    kernels::add_half_rows(block, weight.memptr(), y.memptr());
    BOOST_TEST(close(y, numbers * arma::conv_to<Vec>::from(weight)));
    y.zeros();
    kernels::normal_half_rows(block, x.memptr(), 0.5f, weight.memptr(), t.memptr(), y.memptr());
    BOOST_TEST(close(y, numbers * (arma::conv_to<Vec>::from(weight) % (exact + 0.5))));
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  for (const double large : {1e6, 1e300, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    for (const Index column : {0u, 18u}) {
      arma::mat X(19, 1000, arma::fill::ones);
      X(column, 500) = large;  // not one of the rows that the scale is taken from
      BOOST_TEST(!DataMatrix::from_rows(X).dense_half());
      BOOST_TEST(!scaled_rows(DataMatrix::from_rows(X))->half());
    }
  }
  BOOST_TEST((scaled_rows(DataMatrix::from_rows(arma::mat(5, 9, arma::fill::ones)))->half() != nullptr) == kernels::has_half_numbers());
}
