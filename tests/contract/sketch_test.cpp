/// What every sketch keeps. A new kind is one row of `table`.

#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <support/sketching.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

namespace {

using namespace raphson;
using namespace raphson::test;

/// Probability that a sketch of k rows which alone carry k directions loses one (S U singular): none, by collision, by omission.
double never(double, double, double) { return 0; }
double birthday(double k, double s, double) {
  double distinct = 1;
  for (double i = 0; i < k; ++i) distinct *= 1 - i / s;
  return 1 - distinct;
}
double omission(double k, double s, double N) {
  double all_kept = 1;
  for (double i = 0; i < k; ++i) all_kept *= (s - i) / (N - i);
  return 1 - all_kept;
}

struct Row {
  std::shared_ptr<const SketchKind> kind;
  const char* name;
  double (*coherent_failure)(double k, double s, double N);
};

std::vector<Row> table() {
  std::vector<Row> rows{
      {gaussian_sketch(), "gaussian", never},
      {srht_sketch(), "srht", never},
      {count_sketch(), "count-sketch", birthday},
      {sparse_sign_sketch(), "sparse-sign", never},
      {sparse_sign_sketch(2), "sparse-sign", nullptr},
      {uniform_rows_sketch(), "uniform-rows", omission},
      {std::make_shared<OwnKind>(), "own", never},
      {tensor_sketch(1), "tensor", birthday},
      {uniform_neurons_sketch(1), "uniform-neurons", omission},
  };
  try {
    rows.push_back({fourier_sketch(), "fourier", never});
  } catch (const InputError&) {  // a build without FFTW; solvers/sketches_test.cpp looks at the message
  }
  return rows;
}

template <class Real>
std::unique_ptr<Sketch<Real>> make(const SketchKind& kind, Index s, Index N, Seed seed) {
  if constexpr (std::is_same_v<Real, float>)
    return kind.make_single(s, N, seed);
  else
    return kind.make(s, N, seed);
}

template <class Real>
Mat<Real> explicit_sketch(const Sketch<Real>& S) {
  Mat<Real> Y;
  S.apply(Mat<Real>(S.cols(), S.cols(), arma::fill::eye), Y);
  return Y;
}

template <class Real>
double difference(const Mat<Real>& X, const Mat<Real>& Y) {
  BOOST_REQUIRE_EQUAL(X.n_rows, Y.n_rows);
  BOOST_REQUIRE_EQUAL(X.n_cols, Y.n_cols);
  const double scale = X.is_empty() ? 1.0 : std::max(1.0, double(arma::abs(X).max()));
  return X.is_empty() ? 0.0 : double(arma::abs(X - Y).max()) / scale;
}

template <class Real>
bool same_bits(const Mat<Real>& X, const Mat<Real>& Y) {
  return X.n_rows == Y.n_rows && X.n_cols == Y.n_cols && std::memcmp(X.memptr(), Y.memptr(), X.n_elem * sizeof(Real)) == 0;
}

void for_each_kind(const std::function<void(const Row&)>& check) {
  for (const Row& row : table()) BOOST_TEST_CONTEXT("sketch " << row.name) check(row);
}

struct Shape {
  Index s, N, d;
};
/// One row, square, N prime, N a power of two, one past it; one and several panels of columns, groups and tiles of S.
const std::vector<Shape> shapes{{1, 1, 1},   {1, 2, 1},    {1, 9, 3},     {5, 5, 1},     {3, 7, 2},      {12, 64, 8},
                                {33, 65, 9}, {40, 97, 17}, {70, 300, 20}, {31, 257, 40}, {129, 1009, 5}, {64, 5003, 3}};

template <class Real>
void check_forms(const SketchKind& kind, const Shape& shape, double tolerance) {
  const auto S = make<Real>(kind, shape.s, shape.N, Seed(3));
  BOOST_TEST(S->rows() == shape.s);
  BOOST_TEST(S->cols() == shape.N);
  for (const bool scaled : {false, true})
    for (const bool constant : {false, true}) {
      BOOST_TEST_INFO_SCOPE("N " << shape.N << ", s " << shape.s << ", d " << shape.d << ", scaled " << scaled << ", constant "
                                 << constant);
      const Data<Real> data(shape.N, shape.d, scaled, constant);
      Mat<Real> SA, dense(7, 7, arma::fill::ones), sparse(2, 3, arma::fill::ones);
      S->apply(data.A, SA);
      S->apply_rows(data.dense(), dense);
      S->apply_rows(data.sparse(), sparse);
      BOOST_TEST(difference(Mat<Real>(SA.t()), dense) <= tolerance);
      BOOST_TEST(difference(Mat<Real>(SA.t()), sparse) <= tolerance);
      if (shape.N <= 300) BOOST_TEST(difference(Mat<Real>(explicit_sketch(*S) * data.A), SA) <= tolerance);
    }
}

/// The extreme singular values of S U.
struct Extremes {
  double smallest, largest;
};
Extremes singular_values(const Sketch<double>& S, const arma::mat& U) {
  arma::mat SU;
  S.apply(U, SU);
  arma::mat G = SU.t() * SU;
  Col<double> values;
  BOOST_REQUIRE(symmetric_eigen(G, values, false));
  return {std::sqrt(std::max(0.0, values(0))), std::sqrt(values(values.n_elem - 1))};
}

/// Smallest m with P[Binomial(n, p) > m] ≤ 1e-6.
Index most_count(Index n, double p) {
  if (!(p < 1)) return n;
  double term = std::pow(1 - p, double(n)), below = term;
  Index m = 0;
  for (; below < 1 - 1e-6 && m < n; ++m) {
    term *= double(n - m) / double(m + 1) * p / (1 - p);
    below += term;
  }
  return m;
}

/// Products of the tests themselves: OpenBLAS's own threads are invisible to ThreadSanitizer.
struct OneBlasThread {
  SingleThreadedBlas blas;
};
BOOST_GLOBAL_FIXTURE(OneBlasThread);

}  // namespace

BOOST_AUTO_TEST_CASE(kind_and_sketch_carry_the_name_users_type) {
  for_each_kind([](const Row& row) {
    BOOST_TEST(row.kind->name() == row.name);
    BOOST_TEST(row.kind->make(2, 5, Seed(1))->kind() == row.name);
    BOOST_TEST(row.kind->make_single(2, 5, Seed(1))->kind() == row.name);
    BOOST_TEST(row.kind->flops(200, 10000, 20) > 0);
    BOOST_TEST(row.kind->bytes(200, 10000, 20) >= 8.0 * 200 * 20);
  });
}

BOOST_AUTO_TEST_CASE(every_form_of_a_matrix_is_sketched_alike) {
  for_each_kind([](const Row& row) {
    for (const Shape& shape : shapes) {
      check_forms<double>(*row.kind, shape, 1e-12);
      check_forms<float>(*row.kind, shape, 1e-4);
    }
  });
}

/// From rows in double precision: entries of some ten, sums of which lose a few digits of seven, and nothing else; exactly what double
/// gives where Real is single precision already.
BOOST_AUTO_TEST_CASE(sketches_rounded_as_they_are_formed_are_the_same_sketches) {
  for_each_kind([](const Row& row) {
    for (const Shape& shape : shapes) {
      const Data<double> data(shape.N, shape.d, true, true);
      const Data<float> single(shape.N, shape.d, true, true);
      const auto S = row.kind->make(shape.s, shape.N, Seed(3));
      const auto single_S = row.kind->make_single(shape.s, shape.N, Seed(3));
      arma::mat exact;
      Mat<float> dense(7, 7, arma::fill::ones), sparse(2, 3, arma::fill::ones), same, again;
      S->apply_rows(data.dense(), exact);
      S->apply_rows_single(data.dense(), dense);
      S->apply_rows_single(data.sparse(), sparse);
      BOOST_TEST_INFO_SCOPE("N " << shape.N << ", s " << shape.s << ", d " << shape.d);
      BOOST_TEST(difference(exact, arma::conv_to<arma::mat>::from(dense)) <= 1e-5);
      BOOST_TEST(difference(exact, arma::conv_to<arma::mat>::from(sparse)) <= 1e-5);
      single_S->apply_rows(single.dense(), same);
      single_S->apply_rows_single(single.dense(), again);
      BOOST_TEST(same_bits(same, again));
    }
  });
}

BOOST_AUTO_TEST_CASE(single_precision_draws_the_same_matrix) {
  for_each_kind([](const Row& row) {
    for (const Shape& shape : shapes) {
      if (shape.N > 300) continue;
      const auto S = explicit_sketch(*row.kind->make(shape.s, shape.N, Seed(8)));
      const auto single = explicit_sketch(*row.kind->make_single(shape.s, shape.N, Seed(8)));
      BOOST_TEST(difference(S, arma::conv_to<arma::mat>::from(single)) <= 1e-6);
    }
  });
}

/// 1.1 million equal rows (stride 0) of nine numbers: more than a panel of the default holds.
BOOST_AUTO_TEST_CASE(defaults_work_through_several_panels) {
  constexpr Index N = 1100000;
  const OwnSketch<double> S(1, N, Seed(3));
  arma::mat ones, B;
  S.apply(arma::mat(N, 1, arma::fill::ones), ones);
  const arma::vec row = arma::linspace(1, 9, 9);
  S.apply_rows(DenseRows<double>{row.memptr(), N, 9, 0}, B);
  BOOST_TEST(difference(B, arma::mat(row * ones)) <= 1e-12);
}

BOOST_AUTO_TEST_CASE(no_columns_give_no_columns) {
  for_each_kind([](const Row& row) {
    const auto S = row.kind->make(4, 10, Seed(1));
    arma::mat Y(3, 3);
    S->apply(arma::mat(10, 0), Y);
    BOOST_TEST(Y.n_rows == 4u);
    BOOST_TEST(Y.n_cols == 0u);
    const Data<double> only_constant(10, 0, true, true);
    arma::mat B, SA;
    S->apply(only_constant.A, SA);
    S->apply_rows(only_constant.dense(), B);
    BOOST_TEST(difference(arma::mat(SA.t()), B) <= 1e-14);
    const Data<double> nothing(10, 0, false, false);
    S->apply_rows(nothing.dense(), B);
    BOOST_TEST(B.n_rows == 0u);
    BOOST_TEST(B.n_cols == 4u);
    S->apply_rows(nothing.sparse(), B);
    BOOST_TEST(B.n_cols == 4u);
  });
}

/// E[SᵀS] = I entry by entry: the mean over seeds lies within five of its own standard errors, 1e-5 a test at 36 entries.
BOOST_AUTO_TEST_CASE(lengths_and_angles_are_kept_on_average) {
  for_each_kind([](const Row& row) {
    for (const Index N : {Index{6}, Index{8}}) {
      constexpr Index seeds = 600;
      arma::mat sum(N, N, arma::fill::zeros), squares = sum;
      for (Index seed = 0; seed < seeds; ++seed) {
        const arma::mat S = explicit_sketch(*row.kind->make(4, N, Seed(100 + seed)));
        const arma::mat G = S.t() * S;
        sum += G;
        squares += G % G;
      }
      const arma::mat mean = sum / double(seeds);
      const arma::mat error = arma::sqrt(arma::clamp(squares / double(seeds) - mean % mean, 0.0, 1e9) / double(seeds));
      const arma::mat off = arma::abs(mean - arma::eye(N, N));
      BOOST_TEST(arma::all(arma::vectorise(off <= 5 * error + 1e-7)), "N = " << N << ": mean of SᵀS\n" << mean);
    }
  });
}

/// The mean of ‖Sx‖² is ‖x‖². On a vector that lies evenly in all rows its spread is that of a χ² over s, √(2/s): also on constant
/// data, the worst for transforms that forget their signs and for signs that repeat.
BOOST_AUTO_TEST_CASE(length_of_one_vector_is_kept_on_average) {
  for_each_kind([](const Row& row) {
    constexpr Index N = 150, s = 6, seeds = 400;
    arma::mat X = random_matrix(N, 3, 5);
    X.col(0).zeros();
    X(3, 0) = 2;
    X.col(1).ones();
    X = arma::normalise(X);
    arma::mat lengths(seeds, 3), Y;
    for (Index seed = 0; seed < seeds; ++seed) {
      row.kind->make(s, N, Seed(seed))->apply(X, Y);
      lengths.row(seed) = arma::sum(arma::square(Y));
    }
    const arma::rowvec spread = arma::stddev(lengths), error = spread / std::sqrt(double(seeds));
    for (Index j = 0; j < 3; ++j) BOOST_TEST(std::abs(arma::mean(lengths.col(j)) - 1) <= 4.5 * error(j) + 1e-12, "vector " << j);
    for (Index j = 1; j < 3; ++j) BOOST_TEST(spread(j) <= 1.3 * std::sqrt(2.0 / s), "vector " << j << ": spread " << spread(j));
  });
}

/// Gaussian S (Davidson, Szarek 2001): 1 − √(k/s) ≤ E σ_min(SU), E σ_max(SU) ≤ 1 + √(k/s), and all σ within √(k/s) + √(2 ln(2/δ)/s)
/// of 1 with probability 1 − δ. On incoherent U the other kinds do as well. At two sizes, so that the rate √(k/s) itself is seen.
BOOST_AUTO_TEST_CASE(distortion_of_a_subspace_falls_like_its_theory) {
  constexpr Index N = 1200, k = 8, seeds = 40;
  constexpr double delta = 0.05;
  arma::mat U, R;
  arma::qr_econ(U, R, random_matrix(N, k, 21));
  for_each_kind([&](const Row& row) {
    for (const Index s : {Index{80}, Index{320}}) {
      const double rate = std::sqrt(double(k) / double(s)), bound = rate + std::sqrt(2 * std::log(2 / delta) / double(s));
      Index beyond = 0;
      double smallest = 0, largest = 0;
      for (Index seed = 0; seed < seeds; ++seed) {
        const Extremes sigma = singular_values(*row.kind->make(s, N, Seed(seed)), U);
        smallest += sigma.smallest / double(seeds);
        largest += sigma.largest / double(seeds);
        if (!(std::max(1 - sigma.smallest, sigma.largest - 1) <= bound)) ++beyond;
      }
      BOOST_TEST_INFO_SCOPE("s = " << s);
      BOOST_TEST(beyond <= most_count(seeds, delta));
      BOOST_TEST(smallest >= 1 - rate);
      BOOST_TEST(largest <= 1 + rate);
      BOOST_TEST(largest - smallest >= rate);  // half of what the theory gives
    }
  });
}

/// U = [I_k; 0], the most coherent subspace: kinds that mix or spread keep it, CountSketch loses a direction when two of the k rows
/// collide, uniform rows when they miss one, each as often as combinatorics says.
BOOST_AUTO_TEST_CASE(coherent_subspaces_break_the_sketches_that_theory_says) {
  constexpr Index N = 600, k = 20, s = 200, seeds = 60;
  const arma::mat U(N, k, arma::fill::eye);
  for_each_kind([&](const Row& row) {
    if (!row.coherent_failure) return;
    Index singular = 0;
    for (Index seed = 0; seed < seeds; ++seed) {
      if (!(singular_values(*row.kind->make(s, N, Seed(seed)), U).smallest > 1e-6)) ++singular;
    }
    const double p = row.coherent_failure(double(k), double(s), double(N));
    BOOST_TEST(singular <= most_count(seeds, p), row.name << " lost a direction " << singular << " times, p = " << p);
    BOOST_TEST(seeds - singular <= most_count(seeds, 1 - p), row.name << " lost a direction only " << singular << " times, p = " << p);
  });
}

template <class Real>
void check_bits(const SketchKind& kind) {
  const Data<Real> data(3001, 37, true, true);
  std::vector<Mat<Real>> first;
  std::vector<Mat<float>> first_rounded;
  for (const int threads : {1, 2, 4, 1}) {
    const ThreadScope scope(threads);
    const auto S = make<Real>(kind, 150, 3001, Seed(9));
    std::vector<Mat<Real>> results(3);
    S->apply(data.A, results[0]);
    S->apply_rows(data.dense(), results[1]);
    S->apply_rows(data.sparse(), results[2]);
    if (first.empty()) first = results;
    for (Index i = 0; i < 3; ++i) BOOST_TEST(same_bits(first[i], results[i]), threads << " threads, form " << i);
    std::vector<Mat<float>> rounded(2);
    S->apply_rows_single(data.dense(), rounded[0]);
    S->apply_rows_single(data.sparse(), rounded[1]);
    if (first_rounded.empty()) first_rounded = rounded;
    for (Index i = 0; i < 2; ++i) BOOST_TEST(same_bits(first_rounded[i], rounded[i]), threads << " threads, rounded form " << i);
  }
  Mat<Real> other;
  make<Real>(kind, 150, 3001, Seed(10))->apply_rows(data.dense(), other);
  BOOST_TEST(difference(first[1], other) > 1e-3);
}

BOOST_AUTO_TEST_CASE(same_seed_gives_the_same_bits_on_any_number_of_threads_and_another_seed_another_matrix) {
  for_each_kind([](const Row& row) {
    check_bits<double>(*row.kind);
    check_bits<float>(*row.kind);
  });
}

BOOST_AUTO_TEST_CASE(impossible_sizes_are_refused_with_the_numbers) {
  const auto says = [](const char* one, const char* two) {
    return [=](const InputError& e) { return std::strstr(e.what(), one) && std::strstr(e.what(), two); };
  };
  for_each_kind([&](const Row& row) {
    BOOST_CHECK_EXCEPTION(row.kind->make(5000, 1000, Seed(1)), InputError, says("5000", "1000"));
    BOOST_CHECK_EXCEPTION(row.kind->make_single(5000, 1000, Seed(1)), InputError, says("5000", "1000"));
    BOOST_CHECK_EXCEPTION(row.kind->make(0, 1000, Seed(1)), InputError, says("size is 0", "1000"));
    BOOST_CHECK_EXCEPTION(row.kind->make(1, 0, Seed(1)), InputError, says("size 1", "0 rows"));
    const auto S = row.kind->make(4, 10, Seed(1));
    arma::mat Y;
    BOOST_CHECK_EXCEPTION(S->apply(arma::mat(11, 2, arma::fill::ones), Y), InputError, says("10 rows", "11"));
    const Data<double> data(12, 2, false, false);
    BOOST_CHECK_EXCEPTION(S->apply_rows(data.dense(), Y), InputError, says("10 rows", "12"));
    BOOST_CHECK_EXCEPTION(S->apply_rows(data.sparse(), Y), InputError, says("10 rows", "12"));
    Mat<float> rounded;
    BOOST_CHECK_EXCEPTION(S->apply_rows_single(data.dense(), rounded), InputError, says("10 rows", "12"));
    BOOST_CHECK_EXCEPTION(S->apply_rows_single(data.sparse(), rounded), InputError, says("10 rows", "12"));
  });
}
