#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/gram_system.hpp>
#include <raphson/core/threads.hpp>

#include <fmt/format.h>
#include <cmath>

namespace raphson {

void GramSystem::apply(const Mat<double>& x, Mat<double>& y) const {
  A->apply_normal(x, y);
  add_shift(x, y);
}

void GramSystem::add_shift(const Mat<double>& x, Mat<double>& y) const {
  if (shift == 0 && !penalty) return;
  for (Index column = 0; column < x.n_cols; ++column) {
    const double* from = x.colptr(column);
    double* to = y.colptr(column);
    for (Index j = 0; j < x.n_rows; ++j) to[j] += mu(j) * from[j];
  }
}

Vec GramSystem::shift_diagonal() const {
  Vec diagonal(size());
  for (Index j = 0; j < diagonal.n_elem; ++j) diagonal(j) = mu(j);
  return diagonal;
}

double GramSystem::relative_residual(const Vec& z) const {
  const SingleThreadedBlas blas;
  Vec residual;
  apply(z, residual);
  residual = *b - residual;
  const double numerator = checked_norm(residual), denominator = checked_norm(*b);
  if (std::isnan(numerator) || std::isnan(denominator)) return std::numeric_limits<double>::quiet_NaN();
  if (denominator > 0) return numerator / denominator;
  return numerator > 0 ? std::numeric_limits<double>::infinity() : 0.0;
}

void check(const GramSystem& system) {
  if (!system.A) throw InputError("The Gram system has no operator A. Set GramSystem::A.");
  if (!system.b) throw InputError("The Gram system has no right-hand side. Set GramSystem::b.");
  const Index k = system.size();
  if (k == 0 || system.A->rows() == 0) {
    throw InputError(fmt::format("A is {} x {}: {}.", system.A->rows(), k, k == 0 ? "no unknowns" : "no observations"));
  }
  require_size(system.b->n_elem, k, "b", "the columns of A");
  if (system.c) require_size(system.c->n_elem, system.A->rows(), "c", "the rows of A");
  if (!(system.shift >= 0) || !std::isfinite(system.shift)) {
    throw InputError(fmt::format("shift = {}: the shift of a Gram system must be finite and not negative.", system.shift));
  }
  if (system.penalty) {
    require_size(system.penalty->n_elem, k, "penalty", "the columns of A");
    for (Index j = 0; j < k; ++j) {
      const double value = (*system.penalty)(j);
      if (!(value >= 0) || !std::isfinite(value)) {
        throw InputError(fmt::format("penalty[{}] = {}: a penalty must be finite and not negative.", j, value));
      }
    }
  }
  if (!(system.tolerance > 0)) {
    throw InputError(fmt::format("tolerance = {}: the tolerance of a linear system must be positive.", system.tolerance));
  }
}

}  // namespace raphson
