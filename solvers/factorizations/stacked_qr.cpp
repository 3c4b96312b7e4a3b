#include <raphson/core/dense.hpp>
#include <raphson/solvers/factorizations/equilibration.hpp>
#include <raphson/solvers/factorizations/stacked_qr.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace raphson {
namespace {

/// stack(:, first..) = rows [begin, end) of A·T, with c in a last row when there is one.
void gather(const GramSystem& system, const Vec& t, Index begin, Index end, Index first, Mat<double>& stack) {
  std::vector<Index> index(end - begin);
  std::iota(index.begin(), index.end(), begin);
  Mat<double> rows;
  system.A->gather_rows(index, rows);
  const Index k = system.size();
  for (Index i = 0; i < rows.n_cols; ++i) {
    for (Index j = 0; j < k; ++j) stack(j, first + i) = t(j) * rows(j, i);
    if (system.c) stack(k, first + i) = (*system.c)(begin + i);
  }
}

}  // namespace

Index stacked_qr_block(Index k) { return std::max<Index>(4 * k, 256); }

bool stacked_qr(const GramSystem& system, StackedQr& qr) {
  const Index N = system.A->rows(), k = system.size(), extended = k + (system.c ? 1 : 0);
  Vec diagonal;
  system.A->gram_diagonal(diagonal);
  diagonal += system.shift_diagonal();
  if (!all_finite(diagonal)) return false;
  qr.t = equilibrating_scale(diagonal);
  Mat<double> L(extended, extended, arma::fill::zeros), stack;
  for (Index j = 0; j < k; ++j) L(j, j) = qr.t(j) * std::sqrt(system.mu(j));
  const Index block = stacked_qr_block(k);
  for (Index begin = 0; begin < N; begin += block) {
    if (system.interrupted()) return false;
    const Index end = std::min(N, begin + block);
    stack.set_size(extended, extended + end - begin);
    stack.head_cols(extended) = L;
    gather(system, qr.t, begin, end, extended, stack);
    if (!lq_factor(stack, L)) return false;
  }
  if (system.c) qr.projected = L.submat(k, 0, k, k - 1).t();
  qr.L = L.submat(0, 0, k - 1, k - 1);
  return true;
}

}  // namespace raphson
