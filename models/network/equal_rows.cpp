#include <raphson/models/network/equal_rows.hpp>

#include <algorithm>
#include <numeric>

namespace raphson {
namespace {

/// Lexicographic order of two dense rows: −1, 0, 1.
int compare_dense(const double* x, const double* y, Index d) {
  for (Index k = 0; k < d; ++k) {
    if (x[k] != y[k]) return x[k] < y[k] ? -1 : 1;
  }
  return 0;
}

/// Some total order of two sparse rows in which equal rows are equal; stored zeros do not occur in arma::sp_mat.
int compare_sparse(const arma::sp_mat& X, Index i, Index j) {
  Index e = X.col_ptrs[i], f = X.col_ptrs[j];
  const Index e_end = X.col_ptrs[i + 1], f_end = X.col_ptrs[j + 1];
  if (e_end - e != f_end - f) return e_end - e < f_end - f ? -1 : 1;
  for (; e < e_end; ++e, ++f) {
    if (X.row_indices[e] != X.row_indices[f]) return X.row_indices[e] < X.row_indices[f] ? -1 : 1;
    if (X.values[e] != X.values[f]) return X.values[e] < X.values[f] ? -1 : 1;
  }
  return 0;
}

}  // namespace

std::vector<std::vector<Index>> equal_rows(const DataMatrix& X) {
  const auto compare = [&](Index i, Index j) {
    return X.is_sparse() ? compare_sparse(X.sparse(), i, j) : compare_dense(X.dense().colptr(i), X.dense().colptr(j), X.cols());
  };
  std::vector<Index> order(X.rows());
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(), [&](Index i, Index j) {
    const int sign = compare(i, j);
    return sign < 0 || (sign == 0 && i < j);
  });
  std::vector<std::vector<Index>> groups;
  for (Index begin = 0, end = 0; begin < order.size(); begin = end) {
    for (end = begin + 1; end < order.size() && compare(order[begin], order[end]) == 0;) ++end;
    if (end - begin > 1) groups.emplace_back(order.begin() + std::ptrdiff_t(begin), order.begin() + std::ptrdiff_t(end));
  }
  std::sort(groups.begin(), groups.end());
  return groups;
}

bool targets_agree(const Mat<double>& y, const std::vector<Index>& rows) {
  return std::all_of(rows.begin(), rows.end(), [&](Index i) {
    for (Index c = 0; c < y.n_cols; ++c) {
      if (y(i, c) != y(rows[0], c)) return false;
    }
    return true;
  });
}

Mat<double> agreed_targets(const DataMatrix& X, const Mat<double>& y) {
  Mat<double> agreed = y;
  for (const std::vector<Index>& rows : equal_rows(X)) {
    if (targets_agree(y, rows)) continue;
    arma::rowvec mean(y.n_cols, arma::fill::zeros);
    for (const Index i : rows) mean += y.row(i) / static_cast<double>(rows.size());
    for (const Index i : rows) agreed.row(i) = mean;
  }
  return agreed;
}

bool is_zero_row(const DataMatrix& X, Index row) {
  if (X.is_sparse()) return X.sparse().col_ptrs[row] == X.sparse().col_ptrs[row + 1];
  const double* x = X.dense().colptr(row);
  return std::all_of(x, x + X.cols(), [](double value) { return value == 0; });
}

}  // namespace raphson
