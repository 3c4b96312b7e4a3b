#include "benchmarks/support/rotated.hpp"

#include <raphson/core/dense.hpp>

#include <cmath>
#include <limits>

namespace raphson::bench {

Generated rotated_classification(Index rows, Index columns, double condition, double spread, std::uint64_t seed) {
  // A Gaussian x* would leave the small singular directions unseen: x* = (CᵀC)^(-1/2) g has margins C x* that weigh all alike.
  Generated made = generate_least_squares(rows, columns, condition, 0, Seed(seed));
  const double root = std::sqrt(static_cast<double>(rows));
  arma::mat points = made.C.dense() * root;  // d × n
  arma::mat G = points * points.t();
  arma::vec values;
  arma::mat vectors;
  arma::eig_sym(values, vectors, G);
  Vec g(columns);
  Seed(seed).split(Purpose::initial_weights).normal(0, {g.memptr(), columns});
  // generate_least_squares puts the largest singular value at 1, so that values range over n·[condition⁻², 1].
  values = arma::clamp(values, values.max() * 0.25 / (condition * condition), values.max());
  Vec x = vectors * ((vectors.t() * g) / arma::sqrt(values));
  Vec margins = points.t() * x;
  const double scale = spread / arma::stddev(margins);
  made.truth = scale * x;
  made.y.set_size(rows);
  const Seed labels = Seed(seed).split(Purpose::shuffle);
  for (Index i = 0; i < rows; ++i) made.y(i) = labels.uniform(i) < 1 / (1 + std::exp(-scale * margins(i))) ? 1 : -1;
  made.C = DataMatrix::from_rows(std::move(points));
  return made;
}

double gram_condition(const GramSystem& system) {
  arma::mat G;
  system.A->gram(G);
  G.diag() += system.shift_diagonal();
  Vec values;
  if (!symmetric_eigen(G, values, false)) return std::numeric_limits<double>::quiet_NaN();
  const double smallest = values.front(), largest = values.back();
  return smallest > 0 ? largest / smallest : std::numeric_limits<double>::infinity();
}

}  // namespace raphson::bench
