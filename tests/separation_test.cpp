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
    if (summary.status == Status::separated) {
      ++found;
    } else {
      BOOST_TEST_MESSAGE("seed " << seed << ": " << to_string(summary.status) << ", " << summary.message);
    }
  }
  return found;
}

}  // namespace

BOOST_AUTO_TEST_CASE(quasi_separation_along_a_random_direction_is_found) {
  BOOST_TEST(separated_among(100, [](Seed seed) {
               const Quasi made = quasi_separated(80, 20, 6, 1, seed);
               return LinearModel(DataMatrix(made.C), made.y, logistic_loss(), {.intercept = false});
             }) == 100);
  BOOST_TEST(separated_among(50, [](Seed seed) {
               const Quasi made = quasi_separated(200, 5, 12, 1e4, seed);
               return LinearModel(DataMatrix(made.C), made.y, logistic_loss());
             }) == 50);
}
