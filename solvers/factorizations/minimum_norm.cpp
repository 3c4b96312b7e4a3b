#include <raphson/core/dense.hpp>
#include <raphson/solvers/factorizations/equilibration.hpp>
#include <raphson/solvers/factorizations/minimum_norm.hpp>

#include <fmt/format.h>
#include <algorithm>

namespace raphson {

std::unique_ptr<MinimumNormFactor> MinimumNormFactor::make(Mat<double>& scaled, const Vec& t) {
  if (!all_finite(scaled)) return nullptr;
  auto factor = std::unique_ptr<MinimumNormFactor>(new MinimumNormFactor);
  factor->t_ = t;
  const Index k = t.n_elem;
  const Index rank = pivoted_cholesky(scaled, factor->order_, pivot_floor<double>(k));
  if (rank == 0) return nullptr;
  factor->L_ = scaled.rows(0, rank - 1);
  if (rank < k && !factor->build_null_space(scaled.rows(rank, k - 1))) return nullptr;
  return factor;
}

bool MinimumNormFactor::build_null_space(const Mat<double>& below) {
  const Index k = t_.n_elem, r = rank(), q = k - r;
  null_.zeros(k, q);
  for (Index j = 0; j < q; ++j) {
    Vec x = below.row(j).t();
    solve_lower_transposed(L_, x);
    for (Index i = 0; i < r; ++i) null_(order_[i], j) = -x(i) * t_(order_[i]);
    null_(order_[r + j], j) = t_(order_[r + j]);
    null_.col(j) /= arma::norm(null_.col(j));
  }
  Mat<double> transposed = null_.t();
  return lq_factor(transposed, null_factor_);
}

void MinimumNormFactor::project(Vec& v) const {
  if (null_.n_cols == 0) return;
  for (int pass = 0; pass < 2; ++pass) {  // the second pass removes what rounding in the first left
    Vec coefficients = null_.t() * v;
    cholesky_solve(null_factor_, coefficients);
    v -= null_ * coefficients;
  }
}

void MinimumNormFactor::solve(const Vec& r, Vec& z) const {
  Vec projected = r;
  project(projected);
  Vec x(rank());
  for (Index i = 0; i < rank(); ++i) x(i) = t_(order_[i]) * projected(order_[i]);
  cholesky_solve(L_, x);
  z.zeros(r.n_elem);
  for (Index i = 0; i < rank(); ++i) z(order_[i]) = t_(order_[i]) * x(i);
  project(z);
}

std::vector<Index> MinimumNormFactor::dependent() const {
  std::vector<Index> columns(order_.begin() + static_cast<std::ptrdiff_t>(rank()), order_.end());
  std::sort(columns.begin(), columns.end());
  return columns;
}

std::string MinimumNormFactor::text() const {
  constexpr Index most = 10;
  const std::vector<Index> columns = dependent();
  const auto named = columns.begin() + static_cast<std::ptrdiff_t>(std::min(most, columns.size()));
  return fmt::format("rank {} of {}: column{} {}{} depend{} on others; minimum-norm step used", rank(), size(),
                     columns.size() == 1 ? "" : "s", fmt::join(columns.begin(), named, ", "),
                     columns.size() > most ? fmt::format(" and {} more", columns.size() - most) : "", columns.size() == 1 ? "s" : "");
}

}  // namespace raphson
