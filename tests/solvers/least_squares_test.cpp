/// Least squares against LAPACK's Householder QR: backward errors over condition, residual size and seeds; rank, coherence, exits.

#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/factorizations/blocked_lq.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solvers.hpp>
#include <support/gram_cases.hpp>

#include <atomic>
#include <boost/math/distributions/binomial.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace raphson;
using test::gaussian;

namespace {

/// A = U diag(σ) Vᵀ with σ from 1 to 1/condition, y = A x + ‖r‖ u with u orthogonal to the columns and ‖x‖ = 1.
struct Problem {
  arma::mat A, V;
  Vec sigma, y, x;

  Problem(Index N, Index k, double condition, double residual, std::uint64_t key) {
    arma::mat U, R;
    arma::qr_econ(U, R, gaussian(N, k + 1, 3 * key));
    arma::qr_econ(V, R, gaussian(k, k, 3 * key + 1));
    sigma = arma::logspace(0, -std::log10(condition), k);
    A = U.head_cols(k) * arma::diagmat(sigma) * V.t();
    x = arma::normalise(Vec(gaussian(k, 1, 3 * key + 2)));
    y = A * x + residual * U.col(k);
  }

  /// Karlson and Waldén's estimate with the true singular values, relative to ‖A‖_F.
  double backward_error(const Vec& z) const {
    const Vec r = y - A * z, g = V.t() * (A.t() * r);
    const double norm = arma::norm(z), residual = arma::norm(r);
    return arma::norm(g / arma::sqrt(arma::square(sigma) * norm * norm + residual * residual)) / arma::norm(sigma);
  }
  Vec by_qr() const {
    arma::mat Q, R;
    arma::qr_econ(Q, R, A);
    return arma::solve(arma::trimatu(R), Vec(Q.t() * y));
  }
};

/// Whether `failures` of `trials` are too many for a failure rate of at most `rate`, at level 1e-4.
bool too_many(Index failures, Index trials, double rate) {
  if (failures == 0) return false;
  const boost::math::binomial chance(static_cast<double>(trials), rate);
  return boost::math::cdf(boost::math::complement(chance, static_cast<double>(failures - 1))) < 1e-4;
}

}  // namespace

BOOST_AUTO_TEST_CASE(blocked_lq_factors_and_projects) {
  for (const auto& [k, s] : {std::pair<Index, Index>{1, 1}, {1, 9}, {7, 7}, {70, 70}, {70, 300}, {200, 520}}) {
    const arma::mat B = gaussian(k, s, 5);
    Vec t(k, arma::fill::ones), w = gaussian(s, 1, 6);
    t(k / 2) = 0.25;
    const arma::mat scaled = arma::diagmat(t) * B;
    const Vec right = scaled * w;
    arma::mat copy = B, L;
    BOOST_TEST_REQUIRE(blocked_lq(copy, t, w, L));
    BOOST_TEST(arma::norm(L * L.t() - scaled * scaled.t()) <= 1e-13 * arma::norm(scaled * scaled.t()));
    BOOST_TEST(arma::norm(L * w - right) <= 1e-13 * arma::norm(L) * arma::norm(w));
    BOOST_TEST(arma::norm(L - arma::trimatl(L)) == 0.0);
  }
  arma::mat bad = gaussian(3, 9, 5), L;
  bad(1, 4) = std::nan("");
  Vec none;
  BOOST_TEST(!blocked_lq(bad, arma::ones(3), none, L));
}

BOOST_AUTO_TEST_CASE(backward_error_is_that_of_householder_qr) {
  Index trials = 0, failures = 0;
  for (const double condition : {1.0, 1e4, 1e8, 1e10, 1e12}) {
    for (const double residual : {1e-10, 1e-3, 1.0, 1e3}) {
      for (std::uint64_t key = 1; key <= 5; ++key) {
        const Problem p(1200, 30, condition, residual, key);
        LeastSquaresOptions options;
        options.seed = Seed{key};
        const LeastSquaresResult result = solve_least_squares(DataMatrix(p.A), p.y, options);
        const double ours = p.backward_error(result.x), qr = p.backward_error(p.by_qr());
        BOOST_TEST_CONTEXT("condition " << condition << ", residual " << residual << ", seed " << key << ": " << result.message) {
          BOOST_TEST(result.sketch_size > 0u);
          BOOST_TEST(ours <= 10 * std::max(qr, 0x1p-53));
          BOOST_TEST(result.backward_error <= 3 * ours);
          BOOST_TEST(ours <= 3 * result.backward_error);
          BOOST_TEST(std::abs(std::log10(result.condition / condition)) <= 0.7);
          BOOST_TEST(result.rank == 30u);
        }
        ++trials;
        if (!result.accurate() || !result.fallbacks.empty()) ++failures;
      }
    }
  }
  BOOST_TEST(!too_many(failures, trials, 0.02), failures << " of " << trials << " needed a fallback or stagnated");
}

/// Near the rounding errors a sketch cannot tell null space from data well enough: QR of A is to take over where it is needed.
BOOST_AUTO_TEST_CASE(beyond_1e13_qr_of_the_data_takes_over) {
  Index fallbacks = 0;
  for (std::uint64_t key = 1; key <= 12; ++key) {
    const Problem p(1200, 36, 1e14, 1, key);
    const LeastSquaresResult result = solve_least_squares(DataMatrix(p.A), p.y, {.seed = Seed{key}});
    BOOST_TEST(p.backward_error(result.x) <= 1e-14, result.message);
    if (!result.fallbacks.empty()) {
      ++fallbacks;
      BOOST_TEST(result.sketch_size == 0u);
      BOOST_TEST(result.fallbacks.back() == "QR factorization of A used instead");
    }
  }
  BOOST_TEST(fallbacks > 0u);
}

BOOST_AUTO_TEST_CASE(forward_error_is_that_of_householder_qr) {
  for (const double condition : {1e6, 1e10}) {
    const Problem p(1500, 25, condition, 1e-6, 9);
    const Vec x = solve_least_squares(DataMatrix(p.A), p.y).x;
    const double qr = arma::norm(p.by_qr() - p.x);
    BOOST_TEST(arma::norm(x - p.x) <= 20 * qr + 1e-15 * condition);
  }
}

BOOST_AUTO_TEST_CASE(rank_deficient_data_give_the_minimum_norm_solution) {
  for (const Index N : {Index{100}, Index{800}}) {
    arma::mat A = gaussian(N, 16, 7);
    A.col(11) = A.col(2) - 2 * A.col(5);
    A.col(3) = 100 * A.col(0);
    const Vec y = gaussian(N, 1, 8);
    const LeastSquaresResult result = solve_least_squares(DataMatrix(A), y);
    const Vec reference = arma::pinv(A, 1e-10) * y;
    BOOST_TEST(result.rank == 14u, result.message);
    BOOST_TEST((to_string(result.status) == "rank deficient" || to_string(result.status) == "stagnated"), result.message);
    BOOST_TEST(result.backward_error <= 5e-16, result.message);
    BOOST_TEST(arma::norm(result.x - reference) <= 1e-12 * arma::norm(reference));
    BOOST_TEST(result.message.find("Rank 14 of 16") != std::string::npos, result.message);
  }
  const LeastSquaresResult nothing = solve_least_squares(DataMatrix(arma::mat(50, 3, arma::fill::zeros)), gaussian(50, 1, 8));
  BOOST_TEST(nothing.rank == 0u);
  BOOST_TEST(to_string(nothing.status) == "rank deficient");
  BOOST_TEST(nothing.x.is_zero());
}

BOOST_AUTO_TEST_CASE(fewer_rows_than_unknowns_and_nearly_square) {
  const arma::mat wide = gaussian(10, 30, 15);
  const Vec y = gaussian(10, 1, 16);
  const LeastSquaresResult minimum = solve_least_squares(DataMatrix(wide), y);
  BOOST_TEST(minimum.rank == 10u);
  BOOST_TEST(arma::norm(minimum.x - arma::pinv(wide) * y) <= 1e-12 * arma::norm(minimum.x));
  const Problem p(32, 30, 1e6, 1e-3, 4);
  const LeastSquaresResult square = solve_least_squares(DataMatrix(p.A), p.y);
  BOOST_TEST(square.sketch_size == 0u);
  BOOST_TEST(p.backward_error(square.x) <= 1e-15);
}

BOOST_AUTO_TEST_CASE(one_huge_row_and_coherent_rows) {
  for (std::uint64_t key = 1; key <= 10; ++key) {
    Problem p(3000, 20, 1e3, 1, key);
    arma::mat A = p.A;
    A.row(17) *= 1e8;
    Vec y = p.y;
    y(17) *= 1e8;
    LeastSquaresOptions options;
    options.seed = Seed{key};
    const LeastSquaresResult result = solve_least_squares(DataMatrix(A), y, options);
    BOOST_TEST(result.backward_error <= 1e-15, result.message);
  }
  const test::GramCase coherent = test::coherent();
  const Vec y = gaussian(2000, 1, 3);
  // Uniform rows lose whole directions: the solver notices and goes on with QR of A.
  LeastSquaresOptions uniform;
  uniform.sketch = uniform_rows_sketch();
  uniform.sketch_size = 80;
  const LeastSquaresResult result = solve_least_squares(*coherent.A, y, uniform);
  BOOST_TEST(result.accurate(), result.message);
  BOOST_TEST(!result.fallbacks.empty());
  const Vec reference = arma::solve(coherent.dense, y);
  BOOST_TEST(arma::norm(result.x - reference) <= 1e-10 * arma::norm(reference));
}

BOOST_AUTO_TEST_CASE(shift_and_penalty_are_those_of_the_augmented_problem) {
  const Problem p(900, 12, 1e7, 1, 2);
  LeastSquaresOptions options;
  options.shift = 1e-6;
  options.penalty = arma::linspace(0, 1e-3, 12);
  const LeastSquaresResult result = solve_least_squares(DataMatrix(p.A), p.y, options);
  const arma::mat augmented = arma::join_cols(p.A, arma::diagmat(arma::sqrt(options.penalty + options.shift)));
  const Vec reference = arma::solve(augmented, arma::join_cols(p.y, arma::zeros(12)));
  BOOST_TEST(result.accurate(), result.message);
  BOOST_TEST(arma::norm(result.x - reference) <= 1e-9 * arma::norm(reference));
}

BOOST_AUTO_TEST_CASE(one_unknown_zero_target_and_target_in_range) {
  const arma::mat one = gaussian(500, 1, 12);
  const Vec y = gaussian(500, 1, 13);
  BOOST_TEST(solve_least_squares(DataMatrix(one), y).x(0) == arma::dot(one.col(0), y) / arma::dot(one.col(0), one.col(0)),
             boost::test_tools::tolerance(1e-14));
  const Problem p(1000, 20, 1e5, 0, 3);
  const LeastSquaresResult zero = solve_least_squares(DataMatrix(p.A), arma::zeros(1000));
  BOOST_TEST(zero.accurate(), zero.message);
  BOOST_TEST(zero.x.is_zero());
  const LeastSquaresResult exact = solve_least_squares(DataMatrix(p.A), p.y);
  BOOST_TEST(exact.accurate(), exact.message);
  BOOST_TEST(arma::norm(exact.x - p.x) <= 1e-10);
}

BOOST_AUTO_TEST_CASE(exits_are_named) {
  const Problem p(1000, 20, 1e5, 1, 3);
  LeastSquaresOptions options;
  options.max_iterations = 3;
  const LeastSquaresResult few = solve_least_squares(DataMatrix(p.A), p.y, options);
  BOOST_TEST(to_string(few.status) == "iteration limit");
  BOOST_TEST(few.iterations == 3u);
  BOOST_TEST(few.x.is_finite());

  const std::atomic<bool> cancel{true};
  const Interrupt interrupt(std::numeric_limits<double>::infinity(), &cancel);
  options.max_iterations = 500;
  options.interrupt = &interrupt;
  BOOST_TEST(to_string(solve_least_squares(DataMatrix(p.A), p.y, options).status) == "interrupted");

  options.interrupt = nullptr;
  options.backward_error = 1e-30;
  const LeastSquaresResult floor = solve_least_squares(DataMatrix(p.A), p.y, options);
  BOOST_TEST(to_string(floor.status) == "stagnated", floor.message);
  BOOST_TEST(floor.backward_error <= 1e-15);

  arma::mat A = p.A;
  A(17, 4) = std::nan("");
  BOOST_CHECK_THROW(solve_least_squares(DataMatrix(A), p.y), InputError);
  const LeastSquaresResult failed = solve_least_squares(*scaled_rows(DataMatrix(A)), p.y);
  BOOST_TEST(to_string(failed.status) == "failed");
  BOOST_TEST(failed.message.find("row 17, column 4") != std::string::npos, failed.message);
  BOOST_CHECK_THROW(solve_least_squares(DataMatrix(p.A), p.y.head(7)), InputError);
  options.shift = -1;
  BOOST_CHECK_THROW(solve_least_squares(DataMatrix(p.A), p.y, options), InputError);
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_a_bit) {
  const Problem p(6000, 100, 1e9, 1, 5);
  Vec one, four;
  {
    const ThreadScope scope(1);
    one = solve_least_squares(DataMatrix(p.A), p.y).x;
  }
  {
    const ThreadScope scope(4);
    four = solve_least_squares(DataMatrix(p.A), p.y).x;
  }
  BOOST_TEST(std::equal(one.begin(), one.end(), four.begin()));
}

BOOST_AUTO_TEST_CASE(as_a_linear_solver_it_says_what_it_works_on) {
  test::GramCase g = test::ill_conditioned();
  Vec z;
  const LinearReport with = LeastSquares().solve(g.system(1e-9), z);
  BOOST_TEST(with.used == "least-squares");
  BOOST_TEST(arma::norm(z - arma::solve(g.dense, g.c)) <= 1e-9 * arma::norm(z));
  g.c.reset();
  const LinearReport without = LeastSquares().solve(g.system(1e-9), z);
  BOOST_TEST(without.used == "preconditioned-cg");
  BOOST_TEST(!without.reason.empty());
}
