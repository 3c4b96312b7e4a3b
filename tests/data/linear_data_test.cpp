/// LinearModel on real data, by every linear-system strategy, against optima known from elsewhere.

#include <raphson/core/minimize.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/problems/readers.hpp>
#include <raphson/solvers/solvers.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <functional>
#include <iomanip>
#include <support/data.hpp>

#include <nlohmann/json.hpp>

using namespace raphson;
using test::data_path;
using test::has_data;

namespace {

struct Strategy {
  std::string name;
  std::function<std::unique_ptr<LinearSolver>()> make;
};

template <class Solver>
Strategy strategy(std::string name, auto... arguments) {
  return {std::move(name), [=] { return std::make_unique<Solver>(arguments...); }};
}

/// Every strategy that solves its systems as exactly as asked.
std::vector<Strategy> strategies() {
  std::vector<Strategy> all{
      strategy<Exact>("exact"), strategy<PreconditionedCg>("preconditioned-cg"), strategy<PreconditionedGd>("preconditioned-gd"),
      strategy<Cg>("cg"),       strategy<Cg>("jacobi-cg", Cg::Scaling::jacobi),  strategy<Auto>("auto")};
  if (has_sparse_cholesky()) all.push_back(strategy<SparseCholesky>("sparse-cholesky"));
  return all;
}

LinearModel classification(const std::string& name, double l2, bool intercept) {
  const Dataset data = read(data_path("classification/" + name));
  return {data.features, data.target, logistic_loss(), {.l2 = l2, .intercept = intercept}};
}

Summary fit(const LinearModel& model, LinearSolver& solver, double tolerance, Vec& theta) {
  theta.zeros(model.parameters());
  return minimize(model, solver, theta, {.tolerance = tolerance});
}

/// The objective reached, relative to the known optimum; and the status must be `converged`.
void check_optimum(const LinearModel& model, const Strategy& strategy, double tolerance, double optimum, double accuracy) {
  Vec theta;
  const Summary summary = fit(model, *strategy.make(), tolerance, theta);
  const double gap = std::abs(summary.objective - optimum) / std::abs(optimum);
  BOOST_TEST_CONTEXT(strategy.name << ": " << to_string(summary.status) << ", " << summary.message << "; objective "
                                   << std::setprecision(15) << summary.objective) {
    BOOST_TEST(summary.converged());
    BOOST_TEST(gap <= accuracy);
    BOOST_TEST(summary.objective == model.value(theta), boost::test_tools::tolerance(1e-12));
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a9a_by_every_strategy) {
  if (!has_data("classification/a9a")) return;
  const LinearModel model = classification("a9a", 1, false);
  for (const Strategy& each : strategies()) check_optimum(model, each, 1e-10, 10529.5625846379, 1e-10);
  check_optimum(model, strategy<SketchAndSolve>("sketch-and-solve"), 1e-6, 10529.5625846379, 1e-6);
}

BOOST_AUTO_TEST_CASE(w8a_with_an_intercept) {
  if (!has_data("classification/w8a")) return;
  const LinearModel model = classification("w8a", 0.01, true);
  for (const Strategy& each : {strategy<Exact>("exact"), strategy<PreconditionedCg>("preconditioned-cg"), strategy<Auto>("auto")}) {
    check_optimum(model, each, 1e-10, 2178.88293743659, 1e-10);
  }
}

BOOST_AUTO_TEST_CASE(mushrooms_with_an_intercept_is_separable_and_badly_conditioned) {
  if (!has_data("classification/mushrooms")) return;
  const LinearModel model = classification("mushrooms", 0.001, true);
  BOOST_TEST(model.notes().front() == "labels 1, 2 → −1, +1");
  for (const Strategy& each : strategies()) check_optimum(model, each, 1e-10, 0.667536220793898, 1e-10);
  check_optimum(model, strategy<Exact>("exact-qr", Exact::Method::qr), 1e-10, 0.667536220793898, 1e-10);
}

BOOST_AUTO_TEST_CASE(mushrooms_without_a_penalty_is_reported_as_separated) {
  if (!has_data("classification/mushrooms")) return;
  const LinearModel model = classification("mushrooms", 0, true);
  for (const Strategy& each : {strategy<Exact>("exact"), strategy<PreconditionedCg>("preconditioned-cg")}) {
    Vec theta;
    const Summary summary = fit(model, *each.make(), 1e-10, theta);
    BOOST_TEST_CONTEXT(each.name << ": " << summary.message) {
      BOOST_TEST((summary.status == Status::separated));
      BOOST_TEST(summary.message == "fitted probabilities reach 0/1 for 100 % of rows; no finite minimizer exists. Use l2 > 0.");
    }
  }
}

/// Reference: scikit-learn 1.2.1, PoissonRegressor(alpha = 1/n, solver = "newton-cholesky", tol = 1e-14) — its objective is
/// (this one)/n up to a constant — then three Newton steps in long double arithmetic, which changed the objective by 1e-9 and the
/// coefficients by less than 1.1e-11 relative.
BOOST_AUTO_TEST_CASE(bike_sharing_counts_agree_with_scikit_learn) {
  if (!has_data("counts/bike-sharing-hour.csv")) return;
  const Dataset data =
      read(data_path("counts/bike-sharing-hour.csv"), {.target = "cnt", .ignore = {"instant", "dteday", "casual", "registered"}});
  const LinearModel model(data.features, data.target, poisson_loss(), {.l2 = 1});
  // season, yr, mnth, hr, holiday, weekday, workingday, weathersit, temp, atemp, hum, windspeed; intercept
  const Vec reference{0.1164946342718927,   0.4393218317360213,  0.007089842411223582, 0.04570557186469876, -0.1319257910300777,
                      0.007711469509422634, 0.02122928718756633, -0.02112684320023231, 0.04348461273436555, 1.650486395496659,
                      -1.01805543383896,    0.306975128225406,   3.734481082162239};
  for (const Strategy& each : strategies()) {
    if (each.name == "sparse-cholesky") continue;  // dense data
    check_optimum(model, each, 1e-10, -14577584.461480036, 1e-12);
    Vec theta;
    fit(model, *each.make(), 1e-12, theta);
    BOOST_TEST_CONTEXT(each.name) { BOOST_TEST(arma::abs(theta / reference - 1).max() < 1e-6); }
  }
}

namespace {

/// The set's regression as its model says: powers of x, or the columns as they are; coefficients in the certified order.
struct Certified {
  Dataset data;
  arma::mat columns;
  bool intercept = true;
  Vec coefficients;
};

Certified nist(const std::string& name) {
  Certified set;
  set.data = read(data_path("nist/nist_lls/" + name + ".csv"), {.target = "y"});
  const auto entry = nlohmann::json::parse(std::ifstream(data_path("nist/nist_lls/certified.json"))).at(name);
  for (const auto& text : entry.at("exact_coef_from_rational")) {
    set.coefficients.insert_rows(set.coefficients.n_elem, Vec{std::stod(text.get<std::string>())});
  }
  set.intercept = !name.starts_with("NoInt");
  set.columns = set.data.features.dense().t();
  const Index powers = set.coefficients.n_elem - 1;
  if (set.columns.n_cols == 1 && powers > 1) {
    const Vec x = set.columns.col(0);
    for (Index power = 2; power <= powers; ++power) set.columns = arma::join_rows(set.columns, arma::pow(x, double(power)));
  }
  return set;
}

/// Digits to which every coefficient agrees: the least of −log10 of the relative errors, at most 15.
double digits(const Vec& theta, const Certified& set) {
  Vec ordered = theta;
  if (set.intercept) ordered = arma::join_cols(theta.tail(1), theta.head(theta.n_elem - 1));
  const double error = arma::max(arma::abs(ordered / set.coefficients - 1));
  return std::isfinite(error) ? std::min(15.0, -std::log10(error)) : -1;
}

}  // namespace

/// NIST StRD linear regression (itl.nist.gov/div898/strd), the data as they come, no centring or scaling by hand, at the relative
/// gradient 1e-15. Digits reached where this was written, in brackets; required is about one less, for other BLAS libraries.
///
/// QR loses a digit for each of cond(C), and where residuals are large for each of cond(C)² times their size (Wampler 4, 5); the
/// normal equations lose cond(C)², and `exact` has most of it back from scaling the columns and one correction against the data. Filip's
/// Gram matrix is beyond Cholesky: `exact` goes on with QR, says so, and has its digits.
BOOST_AUTO_TEST_CASE(nist_linear_sets_to_the_digits_of_double_precision) {
  struct Row {
    std::string name;
    double exact, qr, pcg, least_squares;  ///< digits required
  };
  const std::vector<Row> table{
      {"Norris", 12.7, 13, 11.3, 12.8},    // [13.8, 13.9, 12.3, 13.9]
      {"NoInt1", 14.5, 14.5, 14.5, 14.5},  // [15, 15, 15, 15]
      {"NoInt2", 14.5, 14.5, 14.5, 14.5},  // [15, 15, 15, 15]
      {"Pontius", 11.9, 12, 10.1, 12.3},   // [12.9, 13.4, 11.1, 13.4]
      {"Longley", 10.3, 10.4, 10.4, 10},   // [11.3, 11.4, 11.4, 11.0]
      {"Wampler1", 8.7, 9.3, 5.4, 9.2},    // [9.7, 10.3, 6.4, 10.2]
      {"Wampler2", 11.6, 12, 8.4, 12.4},   // [12.7, 13.9, 9.4, 13.4]
      {"Wampler3", 8.7, 9, 5.4, 9.1},      // [9.8, 10.0, 6.4, 10.1]
      {"Wampler4", 7, 7, 5.4, 7.3},        // [8.1, 7.9, 6.4, 8.4]
      {"Wampler5", 5.5, 5, 5.4, 5.3},      // [6.5, 5.9, 6.4, 6.4]
      {"Filip", 7.3, 7.3, 5.9, 6.4},       // [8.4, 8.4, 6.9, 7.4]
  };
  if (!has_data("nist/nist_lls/certified.json")) return;
  for (const Row& row : table) {
    const Certified set = nist(row.name);
    const LinearModel model(DataMatrix(set.columns), set.data.target, squared_loss(), {.intercept = set.intercept});
    const std::vector<std::pair<Strategy, double>> each{{strategy<Exact>("exact"), row.exact},
                                                        {strategy<Exact>("exact-qr", Exact::Method::qr), row.qr},
                                                        {strategy<PreconditionedCg>("preconditioned-cg"), row.pcg},
                                                        {strategy<LeastSquares>("least-squares"), row.least_squares}};
    for (const auto& [strategy, required] : each) {
      Vec theta;
      const Summary summary = fit(model, *strategy.make(), 1e-15, theta);
      const double reached = digits(theta, set);
      BOOST_TEST_MESSAGE(row.name << " by " << strategy.name << ": " << reached << " digits, " << to_string(summary.status));
      BOOST_TEST(reached >= required, row.name << " by " << strategy.name << ": " << reached << " digits; " << summary.message);
      if (row.name == "Filip" && strategy.name == "exact") {
        BOOST_TEST(summary.history[1].fallback.find("Cholesky factorization broke down") != std::string::npos, summary.history[1].fallback);
      }
    }
  }
}

/// SuiteSparse's ill- and well-conditioned surveying problems, by QR of the data and by a small sketch, against LAPACK's QR.
BOOST_AUTO_TEST_CASE(sparse_least_squares_as_accurate_as_qr) {
  for (const std::string name : {"illc1033", "well1033", "illc1850", "well1850"}) {
    if (!has_data("sparse-least-squares/" + name + ".mtx")) continue;
    const DataMatrix C = read_matrix_market(data_path("sparse-least-squares/" + name + ".mtx"));
    const Vec y = read_matrix_market(data_path("sparse-least-squares/" + name + "_rhs1.mtx")).dense().as_col();
    const arma::mat A = arma::mat(C.sparse()).t();
    arma::mat Q, R;
    arma::qr_econ(Q, R, A);
    const Vec reference = arma::solve(arma::trimatu(R), Vec(Q.t() * y));
    for (const Index size : {Index{0}, 2 * C.cols()}) {
      LeastSquaresOptions options;
      options.sketch_size = size;
      const LeastSquaresResult result = solve_least_squares(C, y, options);
      BOOST_TEST_CONTEXT(name << ", sketch of " << size << ": " << result.message) {
        BOOST_TEST(result.accurate());
        BOOST_TEST(result.sketch_size == size);
        BOOST_TEST(result.rank == C.cols());
        BOOST_TEST(arma::norm(result.x - reference) <= 1e-10 * arma::norm(reference));
      }
    }
  }
}
