/// Sketches that choose rows by looking at the matrix.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace raphson;

namespace {

/// Gaussian rows, of which the first k are long multiples of unit vectors when `coherent`: each alone carries most of a direction.
arma::mat rows(Index N, Index k, bool coherent) {
  arma::mat A(N, k);
  Seed(5).normal(0, std::span<double>(A.memptr(), A.n_elem));
  for (Index j = 0; coherent && j < k; ++j) {
    A.row(j).zeros();
    A(j, j) = 300;
  }
  return A;
}

std::vector<std::shared_ptr<const SketchKind>> kinds() { return {norm_rows_sketch(), leverage_rows_sketch(), leverage_neurons_sketch(1)}; }

/// Extreme eigenvalues of (SA)ᵀSA relative to AᵀA.
Vec relative_spectrum(const arma::mat& A, const SketchKind& kind, Index s, std::uint64_t seed) {
  const auto op = scaled_rows(DataMatrix(A));
  arma::mat B;
  op->sketch(*kind.make_for(*op, s, Seed(seed)), B);
  const arma::mat R = arma::chol(arma::mat(A.t() * A)), W = arma::solve(arma::trimatl(R.t()), B);
  return arma::eig_sym(arma::mat(W * W.t()));
}

}  // namespace

BOOST_AUTO_TEST_CASE(lengths_are_kept_on_average) {
  const arma::mat A = rows(500, 6, true);
  const auto op = scaled_rows(DataMatrix(A));
  const Vec x{1, -1, 0.5, 2, 0, 1};
  const double length = std::pow(arma::norm(A * x), 2);
  for (const auto& kind : kinds()) {
    constexpr int draws = 400;
    double mean = 0, square = 0;
    for (int i = 0; i < draws; ++i) {
      arma::mat B;
      op->sketch(*kind->make_for(*op, 60, Seed(static_cast<std::uint64_t>(i))), B);
      const double ratio = std::pow(arma::norm(B.t() * x), 2) / length;
      mean += ratio / draws;
      square += ratio * ratio / draws;
    }
    const double deviation = std::sqrt((square - mean * mean) / draws);
    BOOST_TEST(std::abs(mean - 1) <= 4.5 * deviation, kind->name() << ": " << mean << " +- " << deviation);
  }
}

BOOST_AUTO_TEST_CASE(leverage_finds_the_rows_that_matter) {
  const arma::mat A = rows(4000, 20, true);
  int bad = 0, neurons_bad = 0, uniform_bad = 0;
  const auto good = [](const Vec& spectrum) { return spectrum.front() > 0.2 && spectrum.back() < 2.5; };
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    if (!good(relative_spectrum(A, *leverage_rows_sketch(), 400, seed))) ++bad;
    if (!good(relative_spectrum(A, *leverage_neurons_sketch(1), 400, seed))) ++neurons_bad;
    if (!(relative_spectrum(A, *uniform_rows_sketch(), 400, seed).front() > 0.2)) ++uniform_bad;
  }
  BOOST_TEST(bad <= 4);  // more have probability below 1e-2 where one in 40 fails
  BOOST_TEST(neurons_bad <= 4);
  BOOST_TEST(uniform_bad >= 36);
}

BOOST_AUTO_TEST_CASE(the_same_bits_in_both_forms_and_for_any_thread_count) {
  const arma::mat A = rows(700, 9, false);
  for (const auto& kind : kinds()) {
    arma::mat B[2], S;
    for (const int threads : {1, 4}) {
      const ThreadScope scope(threads);
      const auto op = scaled_rows(DataMatrix(A));
      const auto drawn = kind->make_for(*op, 50, Seed(3));
      op->sketch(*drawn, B[threads / 4]);
      drawn->apply(A, S);
    }
    BOOST_TEST(arma::approx_equal(B[0], B[1], "absdiff", 0.0));
    BOOST_TEST(arma::abs(B[0].t() - S).max() <= 1e-12 * arma::abs(S).max());
  }
}

BOOST_AUTO_TEST_CASE(they_need_the_matrix) {
  for (const auto& kind : kinds()) {
    BOOST_CHECK_EXCEPTION(kind->make(5, 10, Seed(1)), InputError,
                          [](const InputError& e) { return std::string(e.what()).find("call make_for(A, s, seed)") != std::string::npos; });
  }
}
