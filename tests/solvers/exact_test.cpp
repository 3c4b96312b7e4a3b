/// Direct solution: what happens when matrices are singular, nearly so, or too large.

#include <raphson/core/error.hpp>
#include <raphson/solvers/cg.hpp>
#include <raphson/solvers/exact.hpp>
#include <raphson/solvers/sparse_cholesky.hpp>
#include <support/gram_cases.hpp>

#include <boost/test/unit_test.hpp>

using namespace raphson;
using namespace raphson::test;

namespace {

bool mentions(const LinearReport& report, std::string_view text) {
  for (const std::string& fallback : report.fallbacks) {
    if (fallback.find(text) != std::string::npos) return true;
  }
  return report.message.find(text) != std::string::npos;
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no exception";
}

/// A = U diag(σ) Vᵀ with c = A x for a known x: the solution of min ‖Az − c‖ is x.
GramCase consistent_least_squares(double condition, Vec& x) {
  arma::mat U, V, R;
  arma::qr_econ(U, R, gaussian(300, 12, 31));
  arma::qr_econ(V, R, gaussian(12, 12, 32));
  GramCase g = dense_case("least squares", U * arma::diagmat(arma::logspace(0, -std::log10(condition), 12)) * V.t());
  x = gaussian(12, 1, 33);
  g.c = g.dense * x;
  g.b = g.dense.t() * g.c;
  return g;
}

}  // namespace

BOOST_AUTO_TEST_CASE(dependent_columns_are_named_and_the_step_has_minimum_norm) {
  const GramCase g = rank_deficient();
  for (const Exact::Method method : {Exact::Method::cholesky, Exact::Method::qr}) {
    Vec z;
    const LinearReport report = Exact(method).solve(g.system(1e-10), z);
    BOOST_TEST((report.status == LinearStatus::converged));
    BOOST_TEST(report.rank == 14u);
    BOOST_TEST(mentions(report, "rank 14 of 16: columns "));
    BOOST_TEST(mentions(report, " depend on others; minimum-norm step used"));
    const Vec reference = arma::pinv(g.matrix()) * g.b;
    BOOST_TEST(arma::norm(z - reference) <= 1e-9 * arma::norm(reference));
  }
}

BOOST_AUTO_TEST_CASE(minimum_norm_survives_column_scales) {
  GramCase g = rank_deficient();
  g.dense.each_row() %= arma::logspace<arma::rowvec>(0, 4, 16);
  g.A = scaled_rows(DataMatrix(g.dense));
  const Vec c = gaussian(300, 1, 8);
  g.b = g.dense.t() * c;
  Vec z;
  const LinearReport report = Exact().solve(g.system(1e-9), z);
  BOOST_TEST((report.status == LinearStatus::converged));
  const Vec reference = arma::pinv(g.dense) * c;
  BOOST_TEST(arma::norm(z - reference) <= 1e-7 * arma::norm(reference));
}

BOOST_AUTO_TEST_CASE(a_zero_column_and_more_columns_than_rows_are_rank_deficient_too) {
  arma::mat A = gaussian(60, 8, 34);
  A.col(5).zeros();
  GramCase zero_column = dense_case("zero column", A);
  zero_column.b = A.t() * gaussian(60, 1, 35);
  GramCase wide_case = dense_case("N < k", gaussian(9, 25, 36));
  wide_case.b = wide_case.dense.t() * gaussian(9, 1, 37);
  for (const GramCase& g : {zero_column, wide_case}) {
    Vec z;
    const LinearReport report = Exact().solve(g.system(1e-9), z);
    BOOST_TEST((report.status == LinearStatus::converged), report.message);
    BOOST_TEST(report.rank == (g.size() == 8 ? 7u : 9u));
    const Vec reference = arma::pinv(g.matrix()) * g.b;
    BOOST_TEST(arma::norm(z - reference) <= 1e-8 * arma::norm(reference));
  }
}

BOOST_AUTO_TEST_CASE(an_inconsistent_system_is_never_converged) {
  GramCase g = rank_deficient();
  g.b = gaussian(16, 1, 38);
  Vec z;
  const LinearReport report = Exact().solve(g.system(1e-8), z);
  BOOST_TEST((report.status == LinearStatus::not_converged));
  BOOST_TEST(report.relative_residual > 1e-3);
  BOOST_TEST(mentions(report, "b is not in the range"));
  const arma::mat H = g.matrix();
  const Vec reference = arma::pinv(H) * g.b;
  BOOST_TEST(arma::norm(g.b - H * z) <= 1.0001 * arma::norm(g.b - H * reference));
  BOOST_TEST(arma::norm(z) <= 1.0001 * arma::norm(reference));
}

BOOST_AUTO_TEST_CASE(qr_keeps_the_digits_that_the_gram_matrix_loses) {
  // κ(A) = 1e10: AᵀA is not positive definite in double precision; QR of A has a forward error of about κ·u = 1e-6.
  Vec x;
  const GramCase g = consistent_least_squares(1e10, x);
  Vec z;
  const LinearReport qr = Exact(Exact::Method::qr).solve(g.system(1e-10), z);
  BOOST_TEST((qr.status == LinearStatus::converged), qr.message);
  BOOST_TEST(qr.rank == 0u);
  BOOST_TEST(qr.fallbacks.empty());
  BOOST_TEST(arma::norm(z - x) <= 1e-4 * arma::norm(x));

  const LinearReport cholesky = Exact().solve(g.system(1e-10), z);
  BOOST_TEST((cholesky.status == LinearStatus::converged), cholesky.message);
  BOOST_TEST(cholesky.rank == 0u);
  BOOST_TEST(mentions(cholesky, "Cholesky factorization broke down"));
  BOOST_TEST(mentions(cholesky, "QR factorization of A used instead"));
  BOOST_TEST(arma::norm(z - x) <= 1e-4 * arma::norm(x));
}

BOOST_AUTO_TEST_CASE(qr_without_a_target_and_with_a_penalty) {
  GramCase g = per_column_penalty();
  Vec z;
  const LinearReport report = Exact(Exact::Method::qr).solve(g.system(1e-12), z);
  BOOST_TEST((report.status == LinearStatus::converged));
  const Vec reference = arma::solve(g.matrix(), g.b);
  BOOST_TEST(arma::norm(z - reference) <= 1e-10 * arma::norm(reference));
}

BOOST_AUTO_TEST_CASE(blocks_of_rows_do_not_show) {
  // More rows than one block of the QR factorization, and a number that no block divides.
  GramCase g = dense_case("many rows", gaussian(1777, 5, 39));
  g.c = gaussian(1777, 1, 40);
  g.b = g.dense.t() * g.c;
  Vec z;
  BOOST_TEST((Exact(Exact::Method::qr).solve(g.system(1e-13), z).status == LinearStatus::converged));
  const Vec reference = arma::solve(g.dense, g.c);
  BOOST_TEST(arma::norm(z - reference) <= 1e-12 * arma::norm(reference));
}

BOOST_AUTO_TEST_CASE(a_tolerance_below_rounding_is_not_called_converged) {
  const GramCase g = ill_conditioned();
  Vec z;
  const LinearReport report = Exact().solve(g.system(1e-25), z);
  BOOST_TEST((report.status == LinearStatus::not_converged));
  BOOST_TEST(report.relative_residual < 1e-9);
  BOOST_TEST(mentions(report, "loosen the tolerance"));
}

BOOST_AUTO_TEST_CASE(too_much_memory_is_refused_with_numbers_and_a_way_out) {
  GramCase g;
  const auto nothing = [](const Vec&, Vec&) {};
  g.A = std::make_shared<const FunctionOperator>(200000, 120000, nothing, nothing);
  g.b.ones(120000);
  const double GiB = 1024.0 * 1024 * 1024;
  const std::string text = message_of([&] { check_can_solve(Exact(), g.system(), 16 * GiB); });
  BOOST_TEST(text.starts_with("exact needs a 120000 x 120000 matrix (107"), text);
  BOOST_TEST(text.find("GiB, limit 16") != std::string::npos, text);
  BOOST_TEST(text.find("Use jacobi-cg (") != std::string::npos, text);
  BOOST_CHECK_NO_THROW(check_can_solve(Cg(), g.system(), 16 * GiB));
  BOOST_CHECK_NO_THROW(check_can_solve(Exact(), g.system(), 200 * GiB));
}

BOOST_AUTO_TEST_CASE(a_need_that_the_operator_cannot_meet_is_refused) {
  if (!has_sparse_cholesky()) return;
  const GramCase g = tall();
  const std::string text = message_of([&] { check_can_solve(SparseCholesky(), g.system(), 1e18); });
  BOOST_TEST(text.starts_with("sparse-cholesky needs a sparse AᵀA"), text);
  BOOST_CHECK_NO_THROW(check_can_solve(SparseCholesky(), sparse_rows().system(), 1e18));
}
