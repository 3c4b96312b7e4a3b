#include <raphson/core/dense.hpp>
#include <raphson/solvers/factorizations/equilibration.hpp>
#include <raphson/solvers/preconditioners/triangular.hpp>

#include <algorithm>
#include <cmath>

namespace raphson {
namespace {

/// The largest entry of relative_shift·diag, in the units of the unscaled matrix.
double absolute_shift(double relative_shift, const Vec& t) { return relative_shift == 0 ? 0 : relative_shift / arma::min(t % t); }

}  // namespace

template <class Real>
void TriangularPreconditioner<Real>::solve(const Vec& r, Vec& z) const {
  z = factor_.t % r;
  double scale = 1;
  if constexpr (sizeof(Real) == 4) {
    scale = arma::norm(z, "inf");
    if (scale == 0 || !std::isfinite(scale)) return;
    z /= scale;
  }
  Col<Real> x = arma::conv_to<Col<Real>>::from(z);
  cholesky_solve(factor_.L, x);
  for (Index j = 0; j < z.n_elem; ++j) z(j) = scale * factor_.t(j) * static_cast<double>(x(j));
}

template <class Real>
bool cholesky_factor(Mat<Real>& G, const Vec& mu, double relative_shift, ScaledFactor<Real>& factor) {
  const Index k = G.n_rows;
  if (!all_finite(G)) return false;
  Vec diagonal(k);
  for (Index j = 0; j < k; ++j) diagonal(j) = static_cast<double>(G(j, j)) + mu(j);
  factor.t = equilibrating_scale(diagonal);
  scale_symmetric(G, factor.t);
  for (Index j = 0; j < k; ++j) {
    G(j, j) = static_cast<Real>(diagonal(j) * factor.t(j) * factor.t(j) + relative_shift);
  }
  if (!cholesky(G)) return false;
  const Real floor = pivot_floor<Real>(k);
  for (Index j = 0; j < k; ++j) {
    if (!(G(j, j) * G(j, j) > floor)) return false;
  }
  factor.L = std::move(G);
  factor.extra_shift = absolute_shift(relative_shift, factor.t);
  return true;
}

template <class Real>
bool lq_stack_factor(const Mat<Real>& B, const Vec& mu, double relative_shift, ScaledFactor<Real>& factor) {
  const Index k = B.n_rows, s = B.n_cols;
  Vec diagonal = mu;
  for (Index i = 0; i < s; ++i) {
    for (Index j = 0; j < k; ++j) diagonal(j) += static_cast<double>(B(j, i)) * static_cast<double>(B(j, i));
  }
  if (!diagonal.is_finite()) return false;
  factor.t = equilibrating_scale(diagonal);
  const Vec added = factor.t % factor.t % mu + relative_shift;
  const Index extra = s < k || !added.is_zero() ? k : 0;
  Mat<Real> stack(k, s + extra, arma::fill::zeros);
  for (Index i = 0; i < s; ++i) {
    for (Index j = 0; j < k; ++j) stack(j, i) = static_cast<Real>(factor.t(j) * static_cast<double>(B(j, i)));
  }
  for (Index j = 0; j < extra; ++j) stack(j, s + j) = static_cast<Real>(std::sqrt(added(j)));
  if (!lq_factor(stack, factor.L)) return false;
  const Real floor = pivot_floor<Real>(k);
  for (Index j = 0; j < k; ++j) {
    if (!(factor.L(j, j) > floor)) return false;
  }
  factor.extra_shift = absolute_shift(relative_shift, factor.t);
  return true;
}

template <class Real>
double least_pivot(const ScaledFactor<Real>& factor) {
  const Mat<Real>& L = factor.L;
  Vec diagonal(L.n_rows, arma::fill::zeros);
  for (Index j = 0; j < L.n_cols; ++j) {
    for (Index i = j; i < L.n_rows; ++i) diagonal(i) += static_cast<double>(L(i, j)) * static_cast<double>(L(i, j));
  }
  double least = 1;
  for (Index j = 0; j < L.n_cols; ++j) least = std::min(least, static_cast<double>(L(j, j)) * static_cast<double>(L(j, j)) / diagonal(j));
  return least;
}

#define RAPHSON_INSTANTIATE(Real)                                                           \
  template double least_pivot<Real>(const ScaledFactor<Real>&);                             \
  template class TriangularPreconditioner<Real>;                                            \
  template bool cholesky_factor<Real>(Mat<Real>&, const Vec&, double, ScaledFactor<Real>&); \
  template bool lq_stack_factor<Real>(const Mat<Real>&, const Vec&, double, ScaledFactor<Real>&);
RAPHSON_INSTANTIATE(float)
RAPHSON_INSTANTIATE(double)

}  // namespace raphson
