#include <boost/test/unit_test.hpp>

#include <raphson/core/minimize.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/solvers/solvers.hpp>

#include <cmath>

using namespace raphson;

namespace {

/// Rows that a random direction p separates in part: those of `resting` are orthogonal to p and carry labels of both classes, those of
/// `moving` lie on the side that their label says. No other direction is needed, and complete separation does not exist.
struct Quasi {
  arma::mat C;  ///< rows × columns
  Vec y, p;
};

Quasi quasi_separated(Index resting, Index moving, Index k, double scale_span, Seed seed) {
  Quasi made{arma::mat(resting + moving, k), Vec(resting + moving), Vec(k)};
  seed.normal(0, {made.p.memptr(), k});
  Vec row(k), sign(1);
  for (Index i = 0; i < resting + moving; ++i) {
    seed.split(Purpose::data, i).normal(0, {row.memptr(), k});
    seed.split(Purpose::noise, i).normal(0, {sign.memptr(), 1});
    double along = arma::dot(row, made.p);
    if (i < resting) {
      // Twice, for what the first subtraction leaves by rounding.
      for (int pass = 0; pass < 2; ++pass) row -= arma::dot(row, made.p) / arma::dot(made.p, made.p) * made.p;
      along = sign(0);
    }
    made.C.row(i) = row.t();
    made.y(i) = along > 0 ? 1 : -1;
  }
  // Columns of different scales, and the direction that goes with them.
  for (Index j = 0; j < k; ++j) {
    const double scale = std::pow(scale_span, -double(j) / double(k));
    made.C.col(j) *= scale;
    made.p(j) /= scale;
  }
  return made;
}

Summary fitted(const LinearModel& model, LinearSolver& solver, Index most = 200) {
  Vec x(model.parameters(), arma::fill::zeros);
  Options options;
  options.max_iterations = most;
  return minimize(model, solver, x, options);
}

Index separated_among(Index seeds, const std::function<LinearModel(Seed)>& make) {
  Index found = 0;
  for (Index seed = 0; seed < seeds; ++seed) {
    Exact exact;
    const Summary summary = fitted(make(Seed(seed)), exact);
    if (summary.status == Status::separated) ++found;
    BOOST_TEST_MESSAGE("seed " << seed << ": " << to_string(summary.status) << ", " << summary.message);
  }
  return found;
}

}  // namespace

// What Newton's steps approach is found whatever the direction. 250 seeds, none missed: the rate of misses is below 1.5 % (97.5 %,
// binomial).
BOOST_AUTO_TEST_CASE(quasi_separation_along_a_random_direction_is_found) {
  BOOST_TEST(separated_among(100, [](Seed seed) {
               const Quasi made = quasi_separated(80, 20, 6, 1, seed);
               return LinearModel(DataMatrix(made.C), made.y, logistic_loss(), {.intercept = false});
             }) == 100);
  // One row alone moves, columns differ in scale by 10⁴, and there is an intercept, which the direction leaves alone.
  BOOST_TEST(separated_among(100, [](Seed seed) {
               const Quasi made = quasi_separated(200, 1, 12, 1e4, seed);
               return LinearModel(DataMatrix(made.C), made.y, logistic_loss());
             }) == 100);
  // Weights over ten decades, rows that do not count and would overlap, each row twice.
  BOOST_TEST(separated_among(50, [](Seed seed) {
               Quasi made = quasi_separated(60, 10, 5, 1, seed);
               Vec w(made.y.n_elem);
               seed.split(Purpose::probe).uniform(0, {w.memptr(), w.n_elem});
               w.transform([](double u) { return std::pow(10.0, 10 * u - 5); });
               const arma::mat last = made.C.tail_rows(5);
               const Vec labels = -made.y.tail(5);
               return LinearModel(DataMatrix(arma::mat(arma::join_cols(made.C, made.C, last))), arma::join_cols(made.y, made.y, labels),
                                  logistic_loss(), {.intercept = false, .weights = arma::join_cols(w, w, Vec(5, arma::fill::zeros))});
             }) == 50);
}

BOOST_AUTO_TEST_CASE(quasi_separation_of_sparse_rows_is_found_by_every_solver) {
  // Rows with two entries that a direction of arbitrary numbers balances, and ten that it moves; column 0 belongs to it alone.
  constexpr Index k = 8, resting = 120, moving = 10;
  Vec p(k), entry(2 * (resting + moving));
  Seed(3).normal(0, {p.memptr(), k});
  Seed(4).normal(0, {entry.memptr(), entry.n_elem});
  arma::sp_mat C(resting + moving, k);
  Vec y(resting + moving);
  for (Index i = 0; i < resting + moving; ++i) {
    const Index a = 1 + i % (k - 1), b = 1 + (i + 1 + i / (k - 1) % (k - 2)) % (k - 1);
    C(i, a) = entry(2 * i) * p(b);
    C(i, b) = -entry(2 * i) * p(a);
    if (i >= resting) C(i, 0) = entry(2 * i + 1);
    y(i) = (i < resting ? entry(2 * i + 1) : entry(2 * i + 1) * p(0)) > 0 ? 1 : -1;
  }
  const LinearModel model(DataMatrix(C), y, logistic_loss(), {.intercept = false});
  Exact exact;
  PreconditionedCg preconditioned;
  Cg cg(Cg::Scaling::jacobi);
  Auto chosen;
  for (LinearSolver* solver : std::initializer_list<LinearSolver*>{&exact, &preconditioned, &cg, &chosen}) {
    const Summary summary = fitted(model, *solver);
    BOOST_TEST((summary.status == Status::separated), solver->name() << ": " << to_string(summary.status) << ", " << summary.message);
    BOOST_TEST(summary.message == "fitted probabilities reach 0/1 for 7.69 % of rows; no finite minimizer exists. Use l2 > 0.");
  }
}

// Zero counts along a random direction; positive counts pin their rows.
BOOST_AUTO_TEST_CASE(rates_that_fall_to_zero_along_a_random_direction) {
  BOOST_TEST(separated_among(50, [](Seed seed) {
               Quasi made = quasi_separated(60, 15, 5, 1, seed);
               for (Index i = 0; i < 60; ++i) made.y(i) = 1 + double(i % 3);
               for (Index i = 60; i < 75; ++i) {
                 made.C.row(i) *= made.y(i);  // to one side
                 made.y(i) = 0;
               }
               return LinearModel(DataMatrix(made.C), made.y, poisson_loss(), {.intercept = false});
             }) == 50);
}

// Random labels of n = 20k rows: by Cover's count the chance that they can be separated, even in part, is below 1e-20 a seed. 300 seeds, no
// alarm: the rate of false alarms is below 1.3 % (97.5 %, binomial). Columns are dependent to 1e-6 in a third of them.
BOOST_AUTO_TEST_CASE(overlapping_classes_raise_no_alarm) {
  BOOST_TEST(separated_among(300, [](Seed seed) {
               const Index k = 3 + seed.key() % 5, n = 20 * k;
               arma::mat C(n, k);
               Vec y(n);
               seed.split(Purpose::data).normal(0, {C.memptr(), C.n_elem});
               seed.split(Purpose::noise).normal(0, {y.memptr(), n});
               if (seed.key() % 3 == 0) C.col(1) = C.col(0) + 1e-6 * C.col(1);
               return LinearModel(DataMatrix(C), arma::sign(y), logistic_loss());
             }) == 0);
}

// Quasi-separated but for one row, which a direction moves against its label by a millionth of what it moves others.
BOOST_AUTO_TEST_CASE(one_row_in_the_way_is_enough) {
  BOOST_TEST(separated_among(50, [](Seed seed) {
               Quasi made = quasi_separated(80, 20, 6, 1, seed);
               made.C.row(80) = made.C.row(0) + 1e-6 * made.p.t();
               made.y(80) = -1;
               return LinearModel(DataMatrix(made.C), made.y, logistic_loss(), {.intercept = false});
             }) == 0);
}
