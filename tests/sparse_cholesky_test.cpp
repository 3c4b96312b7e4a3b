#include <boost/test/unit_test.hpp>

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/minimize.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/solvers/exact.hpp>
#include <raphson/solvers/sparse_cholesky.hpp>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

using namespace raphson;

namespace {

struct Entry {
  Index row, column;
  double value;
};

arma::sp_mat matrix(Index rows, Index columns, const std::vector<Entry>& entries) {
  arma::umat where(2, entries.size());
  arma::vec values(entries.size());
  for (Index e = 0; e < entries.size(); ++e) {
    where(0, e) = entries[e].row;
    where(1, e) = entries[e].column;
    values[e] = entries[e].value;
  }
  return arma::sp_mat(true, where, values, rows, columns);
}

std::vector<double> uniform(Index count, std::uint64_t key) {
  std::vector<double> out(count);
  Seed(key).uniform(0, out);
  return out;
}

/// Rows that touch `width` neighbouring columns each: AᵀA is a band.
arma::sp_mat banded(Index k, Index width, std::uint64_t key = 1) {
  const auto u = uniform(k * width, key);
  std::vector<Entry> entries;
  for (Index i = 0; i < k; ++i)
    for (Index j = i; j < std::min(k, i + width); ++j) entries.push_back({i, j, (i == j ? 2.0 : 0.0) + u[i * width + (j - i)] - 0.5});
  return matrix(k, k, entries);
}

/// Every row touches its own column and the last one: AᵀA is an arrow.
arma::sp_mat arrow(Index k) {
  const auto u = uniform(2 * k, 2);
  std::vector<Entry> entries;
  for (Index i = 0; i + 1 < k; ++i) {
    entries.push_back({i, i, 1 + u[2 * i]});
    entries.push_back({i, k - 1, u[2 * i + 1] - 0.5});
  }
  entries.push_back({k - 1, k - 1, 1.0});
  return matrix(k, k, entries);
}

/// Differences along the edges of an m × m grid, and one row that pins a corner.
arma::sp_mat grid(Index m) {
  std::vector<Entry> entries;
  Index row = 0;
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < m; ++j)
      for (const Index other : {j + 1 < m ? i * m + j + 1 : m * m, i + 1 < m ? (i + 1) * m + j : m * m}) {
        if (other == m * m) continue;
        entries.push_back({row, i * m + j, 1.0});
        entries.push_back({row++, other, -1.0});
      }
  entries.push_back({row++, 0, 1.0});
  return matrix(row, m * m, entries);
}

arma::sp_mat random_sparse(Index n, Index k, Index per_row, std::uint64_t key) {
  std::vector<Entry> entries;
  const auto u = uniform(n * per_row, key);
  for (Index i = 0; i < n; ++i) {
    const auto columns = Seed(key).split(Purpose::data, i).sample_without_replacement(k, per_row);
    for (Index e = 0; e < per_row; ++e) entries.push_back({i, columns[e], u[i * per_row + e] - 0.5});
  }
  return matrix(n, k, entries);
}

/// A Gram system that owns its vectors; b = (AᵀA + diag(μ)) truth unless given.
struct Problem {
  GramSystem system;
  Vec b, penalty;
  explicit Problem(const arma::sp_mat& A, double shift = 0, Vec scale = {}, bool constant = false) {
    system.A = scaled_rows(DataMatrix(A), std::move(scale), constant);
    system.shift = shift;
    system.tolerance = 1e-10;
    Vec truth(system.size()), image;
    Seed(77).normal(0, std::span(truth.memptr(), truth.n_elem));
    Mat<double> Hx;
    system.apply(truth, Hx);
    set_right_hand_side(Hx.col(0));
  }
  Problem(const Problem&) = delete;
  Problem& operator=(const Problem&) = delete;
  void set_right_hand_side(Vec right) {
    b = std::move(right);
    system.b = &b;
  }
  void set_penalty(Vec mu) {
    penalty = std::move(mu);
    system.penalty = &penalty;
  }
  /// The dense answer.
  Vec expected() const {
    arma::mat G;
    system.A->gram(G);
    G.diag() += system.shift_diagonal();
    return arma::solve(G, b, arma::solve_opts::likely_sympd + arma::solve_opts::no_approx);
  }
};

void check_solves(const Problem& problem, double accuracy = 1e-9) {
  SparseCholesky solver;
  Vec z;
  const LinearReport report = solver.solve(problem.system, z);
  BOOST_TEST_CONTEXT(report.message) {
    BOOST_TEST((report.status == LinearStatus::converged));
    BOOST_TEST(report.relative_residual <= problem.system.tolerance);
    BOOST_TEST(problem.system.relative_residual(z) <= problem.system.tolerance);
    BOOST_TEST(report.fallbacks.empty());
    BOOST_TEST(report.iterations == 0u);  // the direct solution was enough
    const Vec expected = problem.expected();
    BOOST_TEST(arma::norm(z - expected) <= accuracy * arma::norm(expected));
  }
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

#define REQUIRE_CHOLMOD()                                         \
  if (!has_sparse_cholesky()) {                                   \
    BOOST_TEST_MESSAGE("built without CHOLMOD: nothing to test"); \
    return;                                                       \
  }

BOOST_AUTO_TEST_CASE(missing_from_the_build_is_said) {
  if (has_sparse_cholesky()) {
    BOOST_TEST(SparseCholesky().name() == "sparse-cholesky");
  } else {
    BOOST_CHECK_EXCEPTION(SparseCholesky(), InputError, [](const InputError& e) {
      return has(e.what(), "sparse-cholesky(cholmod) is not in this build (RAPHSON_WITH_CHOLMOD=OFF).");
    });
  }
}

BOOST_AUTO_TEST_CASE(structured_systems_are_solved) {
  REQUIRE_CHOLMOD();
  check_solves(Problem(banded(300, 4)));
  check_solves(Problem(arrow(200)));
  check_solves(Problem(grid(20)));
  check_solves(Problem(random_sparse(500, 80, 3, 5), 1e-3));
  check_solves(Problem(banded(1, 1)));
  check_solves(Problem(random_sparse(5, 40, 2, 6), 0.5));  // fewer rows than columns
}

BOOST_AUTO_TEST_CASE(width_and_fill_of_known_patterns) {
  REQUIRE_CHOLMOD();
  Vec z;
  SparseCholesky band, star;
  band.solve(Problem(banded(300, 4)).system, z);
  // A band of half-width 3 has an elimination order of width 3; minimum degree finds at most twice that.
  BOOST_TEST(band.statistics().order_width >= 3u);
  BOOST_TEST(band.statistics().order_width <= 6u);
  star.solve(Problem(arrow(200)).system, z);
  BOOST_TEST(star.statistics().order_width == 1u);
  BOOST_TEST(star.statistics().factor_nonzeros == 2u * 200 - 1);
}

BOOST_AUTO_TEST_CASE(penalty_and_dense_last_column) {
  REQUIRE_CHOLMOD();
  Problem problem(banded(120, 3), 0.1, Vec(120, arma::fill::value(0.5)), true);
  Vec penalty(121, arma::fill::value(2.0));
  penalty[120] = 0;  // an intercept
  problem.set_penalty(penalty);
  check_solves(problem);
}

BOOST_AUTO_TEST_CASE(badly_scaled_columns_are_no_breakdown) {
  REQUIRE_CHOLMOD();
  arma::sp_mat A = banded(100, 3);
  for (Index j = 0; j < 100; ++j) A.col(j) *= std::pow(10.0, -10 + 0.2 * static_cast<double>(j));
  Problem problem(A);
  SparseCholesky solver;
  Vec z;
  const LinearReport report = solver.solve(problem.system, z);
  BOOST_TEST((report.status == LinearStatus::converged));
  BOOST_TEST(report.fallbacks.empty());
}

BOOST_AUTO_TEST_CASE(empty_column_is_in_the_pattern) {
  REQUIRE_CHOLMOD();
  arma::sp_mat A = banded(50, 2);
  A.col(20).zeros();
  check_solves(Problem(A, 0.25));

  // Unpenalized, the matrix is singular but the system consistent: the unknown stays at zero, and the report names its column.
  Problem singular(A);
  SparseCholesky solver;
  Vec z;
  const LinearReport report = solver.solve(singular.system, z);
  BOOST_TEST((report.status == LinearStatus::converged));
  BOOST_TEST(report.relative_residual <= 1e-10);
  BOOST_TEST(z[20] == 0.0);
  BOOST_TEST(report.extra_shift > 0);
  BOOST_REQUIRE(!report.fallbacks.empty());
  BOOST_TEST(has(report.fallbacks[0], "column 20"));
}

BOOST_AUTO_TEST_CASE(singular_systems_end_in_a_true_status) {
  REQUIRE_CHOLMOD();
  // The Laplacian of a grid without its pin: AᵀA·1 = 0.
  arma::sp_mat A = grid(12);
  A.shed_row(A.n_rows - 1);
  Problem consistent(A);
  SparseCholesky solver;
  Vec z;
  LinearReport report = solver.solve(consistent.system, z);
  BOOST_TEST((report.status == LinearStatus::converged));
  BOOST_TEST(consistent.system.relative_residual(z) <= 1e-10);
  BOOST_TEST(!report.fallbacks.empty());

  Problem inconsistent(A);
  inconsistent.set_right_hand_side(Vec(144, arma::fill::ones));
  report = solver.solve(inconsistent.system, z);
  BOOST_TEST((report.status == LinearStatus::not_converged));
  BOOST_TEST(report.relative_residual > 0.99);
  BOOST_TEST(z.is_finite());
  BOOST_TEST(has(report.message, "singular"));
}

// A column that is a multiple of another leaves a pivot of rounding error, as often positive as not. Dividing by it would give
// a step of any length; found out, it gives one of the length of the right-hand side's.
BOOST_AUTO_TEST_CASE(a_pivot_of_rounding_error_is_a_breakdown) {
  REQUIRE_CHOLMOD();
  for (std::uint64_t key = 1; key <= 20; ++key) {
    arma::sp_mat A = random_sparse(200, 30, 4, key);
    A.col(11) = A.col(5) * uniform(1, key)[0];
    Problem problem(A);
    SparseCholesky solver;
    Vec z;
    const LinearReport report = solver.solve(problem.system, z);
    BOOST_TEST_CONTEXT("key " << key << ": " << report.message) {
      BOOST_TEST((report.status == LinearStatus::converged));
      BOOST_TEST(report.fallbacks.size() == 1u);
      BOOST_TEST(arma::norm(z) < 100.0);
    }
  }
}

BOOST_AUTO_TEST_CASE(analysis_is_kept_while_the_pattern_stays) {
  REQUIRE_CHOLMOD();
  const DataMatrix C(random_sparse(300, 60, 3, 9));
  SparseCholesky kept;
  for (std::uint64_t round = 0; round < 5; ++round) {
    Vec scale(300);
    Seed(100 + round).uniform(0, std::span(scale.memptr(), scale.n_elem));
    if (round == 3) scale.head(100).zeros();  // entries that vanish stay in the pattern
    Problem problem(random_sparse(300, 60, 3, 9), 0.01);
    problem.system.A = scaled_rows(C, scale);
    Vec z, fresh;
    BOOST_TEST((kept.solve(problem.system, z).status == LinearStatus::converged));
    SparseCholesky().solve(problem.system, fresh);
    BOOST_TEST(z == fresh, boost::test_tools::per_element());
  }
  BOOST_TEST(kept.statistics().analyses == 1u);
  BOOST_TEST(kept.statistics().factorizations == 5u);
}

// Both families keep their pattern over a whole run: CᵀC with an intercept, and the observations that share a feature.
BOOST_AUTO_TEST_CASE(one_analysis_serves_a_whole_run) {
  REQUIRE_CHOLMOD();
  const arma::sp_mat C = random_sparse(400, 50, 3, 21);
  Vec y(400);
  Seed(22).normal(0, std::span(y.memptr(), y.n_elem));
  const LinearModel logistic(DataMatrix(C), arma::sign(y), logistic_loss(), {.l2 = 0.1});
  SparseCholesky sparse;
  Exact dense;
  Vec x(51, arma::fill::zeros), reference = x;
  const Summary summary = minimize(logistic, sparse, x);
  BOOST_TEST(summary.converged(), summary.message);
  BOOST_TEST(summary.iterations >= 2u);
  BOOST_TEST(sparse.statistics().analyses == 1u);
  BOOST_TEST(sparse.statistics().factorizations >= summary.iterations);
  minimize(logistic, dense, reference);
  BOOST_TEST(arma::norm(x - reference) <= 1e-8 * arma::norm(reference));

  arma::sp_mat X = banded(60, 3);
  for (Index i = 0; i < 60; ++i) X.row(i) /= arma::norm(X.row(i));
  const TwoLayerRelu network(DataMatrix(X), y.head(60), {.width = 512, .seed = 3});
  Vec W = network.initial_weights();
  sparse.reset();
  const Summary trained = minimize(network, sparse, W);
  BOOST_TEST(trained.converged(), trained.message);
  BOOST_TEST(trained.residual_ratio <= 1e-8);
  BOOST_TEST(sparse.statistics().analyses == 1u);
  BOOST_TEST(sparse.statistics().factorizations >= trained.iterations);
  BOOST_TEST(sparse.statistics().factor_nonzeros < 60u * 10);
}

BOOST_AUTO_TEST_CASE(another_pattern_is_analysed_again) {
  REQUIRE_CHOLMOD();
  SparseCholesky solver;
  Vec z, fresh;
  // The same size, and even the same number of nonzeros in each column of AᵀA, but other rows.
  const Problem first(matrix(4, 4, {{0, 0, 1}, {0, 1, 1}, {1, 1, 2}, {2, 2, 1}, {2, 3, 1}, {3, 3, 2}}));
  const Problem second(matrix(4, 4, {{0, 0, 1}, {0, 2, 1}, {1, 2, 2}, {2, 1, 1}, {2, 3, 1}, {3, 3, 2}}));
  const Problem larger(banded(70, 5));
  const Problem* order[] = {&first, &second, &larger, &first};
  for (const Problem* problem : order) {
    BOOST_TEST((solver.solve(problem->system, z).status == LinearStatus::converged));
    SparseCholesky().solve(problem->system, fresh);
    BOOST_TEST(z == fresh, boost::test_tools::per_element());
  }
  BOOST_TEST(solver.statistics().analyses == 4u);
  solver.reset();
  BOOST_TEST(solver.statistics().analyses == 0u);
}

BOOST_AUTO_TEST_CASE(a_breakdown_leaves_nothing_behind) {
  REQUIRE_CHOLMOD();
  arma::sp_mat A = grid(8);
  Vec pinned(A.n_rows, arma::fill::ones), loose = pinned;
  loose[A.n_rows - 1] = 0;  // the same pattern, singular
  const Problem good(A, 0, pinned), bad(A, 0, loose);
  SparseCholesky solver;
  Vec z, again;
  solver.solve(good.system, z);
  solver.solve(bad.system, again);
  solver.solve(good.system, again);
  BOOST_TEST(z == again, boost::test_tools::per_element());
  BOOST_TEST(solver.statistics().analyses == 1u);
}

BOOST_AUTO_TEST_CASE(any_thread_count_gives_the_same_bits) {
  REQUIRE_CHOLMOD();
  Vec z1, z4;
  for (const auto& [count, z] : {std::pair{1, &z1}, std::pair{4, &z4}}) {
    const ThreadScope threads(count);
    const Problem problem(random_sparse(3000, 200, 4, 3), 1e-6, {}, true);
    SparseCholesky().solve(problem.system, *z);
  }
  BOOST_TEST(z1 == z4, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(zero_and_non_finite_input) {
  REQUIRE_CHOLMOD();
  SparseCholesky solver;
  Vec z;
  Problem problem(banded(30, 3));
  problem.set_right_hand_side(Vec(30, arma::fill::zeros));
  LinearReport report = solver.solve(problem.system, z);
  BOOST_TEST((report.status == LinearStatus::converged));
  BOOST_TEST(arma::norm(z) == 0.0);
  BOOST_TEST(z.n_elem == 30u);

  problem.set_right_hand_side(Vec(30, arma::fill::ones));
  problem.b[7] = std::nan("");
  report = solver.solve(problem.system, z);
  BOOST_TEST((report.status == LinearStatus::failed));
  BOOST_TEST(arma::norm(z) == 0.0);

  Vec scale(30, arma::fill::ones);
  scale[4] = std::numeric_limits<double>::infinity();
  Problem broken(banded(30, 3));
  broken.system.A = scaled_rows(DataMatrix(banded(30, 3)), scale);
  report = solver.solve(broken.system, z);
  BOOST_TEST((report.status == LinearStatus::failed));
  BOOST_TEST(has(report.message, "row 4"));
  BOOST_TEST(arma::norm(z) == 0.0);
}

BOOST_AUTO_TEST_CASE(an_interrupt_is_no_convergence) {
  REQUIRE_CHOLMOD();
  const std::atomic<bool> cancel{true};
  const Interrupt interrupt(std::numeric_limits<double>::infinity(), &cancel);
  Problem problem(banded(30, 3));
  problem.system.interrupt = &interrupt;
  Vec z;
  const LinearReport report = SparseCholesky().solve(problem.system, z);
  BOOST_TEST((report.status == LinearStatus::not_converged));
  BOOST_TEST(z.n_elem == 30u);
}

BOOST_AUTO_TEST_CASE(an_operator_without_sparse_gram_is_refused) {
  REQUIRE_CHOLMOD();
  SparseCholesky solver;
  GramSystem system;
  system.A = scaled_rows(DataMatrix(arma::mat(5, 3, arma::fill::ones)));
  const Vec b(3, arma::fill::ones);
  system.b = &b;
  Vec z;
  BOOST_CHECK_EXCEPTION(solver.solve(system, z), InputError,
                        [](const InputError& e) { return has(e.what(), "sparse-cholesky needs a sparse AᵀA; "); });
}

BOOST_AUTO_TEST_CASE(the_estimate_knows_the_analysis) {
  REQUIRE_CHOLMOD();
  SparseCholesky solver;
  const Problem problem(banded(2000, 4));
  const Machine machine;
  const Estimate before = solver.estimate(problem.system, machine);
  Vec z;
  solver.solve(problem.system, z);
  const Estimate after = solver.estimate(problem.system, machine);
  BOOST_TEST(before.seconds > after.seconds);
  BOOST_TEST(after.seconds > 0);
  BOOST_TEST(after.bytes >= 8.0 * static_cast<double>(solver.statistics().factor_nonzeros));
  BOOST_TEST(after.bytes < 1e3 * static_cast<double>(solver.statistics().factor_nonzeros));
}
