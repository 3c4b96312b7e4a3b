#include <raphson/core/error.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/problems/standardize.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace raphson {
namespace {

// Deviation of numbers whose largest absolute value is `largest`; 1 when rounding alone explains it.
double deviation_or_one(double variance, double largest) {
  const double deviation = std::sqrt(variance);
  return deviation > 8 * std::numeric_limits<double>::epsilon() * largest ? deviation : 1;
}

void fit_columns(const arma::mat& X, Vec& mean, Vec& deviation) {
  const double n = static_cast<double>(X.n_cols);
  Vec sum(X.n_rows, arma::fill::zeros), squares(X.n_rows, arma::fill::zeros), largest(X.n_rows, arma::fill::zeros);
  for (Index i = 0; i < X.n_cols; ++i) sum += X.unsafe_col(i);
  mean = sum / n;
  for (Index i = 0; i < X.n_cols; ++i)
    for (Index j = 0; j < X.n_rows; ++j) {
      const double centred = X(j, i) - mean(j);
      squares(j) += centred * centred;
      largest(j) = std::max(largest(j), std::abs(X(j, i)));
    }
  deviation.set_size(X.n_rows);
  for (Index j = 0; j < X.n_rows; ++j) deviation(j) = deviation_or_one(squares(j) / n, largest(j));
}

DataMatrix dense_features(const arma::mat& X, const Standardization& s) {
  const Index d = X.n_rows;
  auto Z = raw_matrix<double>(d + s.constant, X.n_cols);
  const Blocks blocks = cut(X.n_cols, 64, 1024);
  parallel_for(blocks.count(), [&](Index block) {
    for (Index i = blocks.begin(block); i < blocks.end(block); ++i) {
      double* z = Z.colptr(i);
      for (Index j = 0; j < d; ++j) z[j] = s.columns ? (X(j, i) - s.mean(j)) / s.deviation(j) : X(j, i);
      if (s.constant) z[d] = 1;
      const double norm = s.unit_rows ? arma::norm(Z.unsafe_col(i)) : 1;
      if (norm > 0) Z.unsafe_col(i) /= norm;
    }
  });
  return DataMatrix::from_rows(std::move(Z));
}

DataMatrix sparse_features(const arma::sp_mat& X, const Standardization& s) {
  const Index d = X.n_rows, n = X.n_cols, entries = X.n_nonzero + (s.constant ? n : 0);
  arma::uvec column(entries, arma::fill::none), begin(n + 1, arma::fill::zeros);
  Vec values(entries, arma::fill::none);
  for (Index i = 0, at = 0; i < n; ++i) {
    const Index first = at;
    for (Index e = X.col_ptrs[i]; e < X.col_ptrs[i + 1]; ++e, ++at) {
      column(at) = X.row_indices[e];
      values(at) = X.values[e];
    }
    if (s.constant) {
      column(at) = d;
      values(at++) = 1;
    }
    begin(i + 1) = at;
    if (!s.unit_rows || at == first) continue;
    Vec row(values.memptr() + first, at - first, false, true);
    const double norm = arma::norm(row);
    if (norm > 0) row /= norm;
  }
  return DataMatrix::from_rows(arma::sp_mat(column, begin, values, d + s.constant, n));
}

}  // namespace

void Standardization::fit(const DataMatrix& X, const arma::mat& y) {
  require_nonempty(X, "X");
  require_finite(X, "X");
  if (target || !y.empty()) require_size(y.n_rows, X.rows(), "y", "one target for each row of X");
  require_finite(arma::vectorise(y), "y");
  sparse = X.is_sparse();
  mean.zeros(X.cols());
  deviation.ones(X.cols());
  target_mean.zeros(std::max<Index>(1, y.n_cols));
  target_deviation.ones(target_mean.n_elem);
  if (columns && !sparse) fit_columns(X.dense(), mean, deviation);
  if (!target) return;
  for (Index c = 0; c < y.n_cols; ++c) {
    const Vec column = y.col(c);
    target_mean(c) = arma::mean(column);
    target_deviation(c) = deviation_or_one(arma::mean(arma::square(column - target_mean(c))), arma::abs(column).max());
  }
}

DataMatrix Standardization::features(const DataMatrix& X) const {
  if (mean.empty()) throw InputError("standardization: fit it to training data first.");
  if (X.cols() != mean.n_elem)
    throw InputError(fmt::format("X has {} columns, but the standardization was fitted to {}.", X.cols(), mean.n_elem));
  if (X.is_sparse() != sparse)
    throw InputError(fmt::format("X is {}, but the standardization was fitted to {} data.", X.is_sparse() ? "sparse" : "dense",
                                 sparse ? "sparse" : "dense"));
  return sparse ? sparse_features(X.sparse(), *this) : dense_features(X.dense(), *this);
}

arma::mat Standardization::targets(const arma::mat& y) const {
  require_size(y.n_cols, target_mean.n_elem, "a row of targets", "as when fitted");
  arma::mat scaled = y;
  for (Index c = 0; c < y.n_cols; ++c) scaled.col(c) = (y.col(c) - target_mean(c)) / target_deviation(c);
  return scaled;
}

arma::mat Standardization::undo_targets(const arma::mat& f) const {
  require_size(f.n_cols, target_mean.n_elem, "a row of targets", "as when fitted");
  arma::mat y = f;
  for (Index c = 0; c < f.n_cols; ++c) y.col(c) = target_mean(c) + target_deviation(c) * f.col(c);
  return y;
}

std::string Standardization::text() const {
  std::string list;
  const auto add = [&list](const std::string& part) { list += (list.empty() ? "" : ", ") + part; };
  if (columns) add(sparse ? "columns as they are (the data are sparse)" : "columns standardized");
  if (constant) add("constant feature appended");
  if (unit_rows) add("rows scaled to unit norm");
  if (target && target_mean.n_elem == 1)
    add(fmt::format("target standardized (mean {:.6g}, deviation {:.6g})", target_mean(0), target_deviation(0)));
  else if (target)
    add("each target standardized");
  return list.empty() ? "data and target as they are" : list;
}

}  // namespace raphson
