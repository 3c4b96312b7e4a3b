#include <raphson/core/aligned.hpp>
#include <raphson/core/data_matrix.hpp>
#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/kernels/row_passes.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/core/threads.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

namespace raphson {

struct DataMatrix::Storage {
  bool is_sparse = false;
  arma::mat dense;      ///< d × n
  arma::sp_mat sparse;  ///< d × n: compressed rows of the data
  mutable std::once_flag single_once, half_once, columns_once;
  mutable arma::fmat dense_single;
  mutable arma::SpMat<float> sparse_single;
  mutable HalfRows half;
  mutable arma::sp_mat sparse_columns;
  mutable std::once_flag squares_once;
  mutable double squares = 0;
  mutable std::once_flag pattern_once[2];
  mutable SparsePattern pattern[2];
};

namespace {

arma::mat transposed(arma::mat A) {
  if (A.n_rows == A.n_cols || A.n_elem > (Index{1} << 27)) {
    arma::inplace_trans(A, A.n_rows == A.n_cols ? "std" : "lowmem");
    return A;
  }
  return A.t();
}

}  // namespace

DataMatrix::DataMatrix(arma::mat A) {
  auto storage = std::make_shared<Storage>();
  storage->dense = transposed(std::move(A));
  storage_ = std::move(storage);
}

DataMatrix::DataMatrix(arma::sp_mat A) {
  auto storage = std::make_shared<Storage>();
  storage->is_sparse = true;
  storage->sparse = A.t();
  storage->sparse.sync();
  storage_ = std::move(storage);
}

DataMatrix::DataMatrix(PointsAsColumns view) {
  if (!view.X) throw InputError("points_as_columns was given no matrix.");
  auto storage = std::make_shared<Storage>();
  // Armadillo has no read-only view of foreign memory; the matrix is never written through this one.
  storage->dense = arma::mat(const_cast<double*>(view.X->memptr()), view.X->n_rows, view.X->n_cols, false, true);
  storage_ = std::move(storage);
}

DataMatrix DataMatrix::from_rows(arma::mat d_by_n) {
  auto storage = std::make_shared<Storage>();
  storage->dense = std::move(d_by_n);
  DataMatrix result;
  result.storage_ = std::move(storage);
  return result;
}

DataMatrix DataMatrix::from_rows(arma::sp_mat d_by_n) {
  auto storage = std::make_shared<Storage>();
  storage->is_sparse = true;
  storage->sparse = std::move(d_by_n);
  storage->sparse.sync();
  DataMatrix result;
  result.storage_ = std::move(storage);
  return result;
}

bool DataMatrix::is_sparse() const { return storage_ && storage_->is_sparse; }

Index DataMatrix::rows() const {
  if (!storage_) return 0;
  return storage_->is_sparse ? storage_->sparse.n_cols : storage_->dense.n_cols;
}

Index DataMatrix::cols() const {
  if (!storage_) return 0;
  return storage_->is_sparse ? storage_->sparse.n_rows : storage_->dense.n_rows;
}

Index DataMatrix::nonzeros() const {
  if (!storage_) return 0;
  return storage_->is_sparse ? storage_->sparse.n_nonzero : storage_->dense.n_elem;
}

double DataMatrix::bytes() const {
  const double entries = static_cast<double>(nonzeros());
  return is_sparse() ? 16 * entries + 8 * static_cast<double>(rows() + 1) : 8 * entries;
}

double DataMatrix::squared_row_lengths(bool constant) const {
  const arma::sp_mat& C = sparse();
  std::call_once(storage_->squares_once, [&] {
    for (Index i = 0; i < C.n_cols; ++i) {
      const double length = static_cast<double>(C.col_ptrs[i + 1] - C.col_ptrs[i]);
      storage_->squares += length * length;
    }
  });
  // Σ (l + 1)² = Σ l² + 2 Σ l + n.
  return storage_->squares + (constant ? 2 * static_cast<double>(C.n_nonzero) + static_cast<double>(C.n_cols) : 0);
}

const arma::mat& DataMatrix::dense() const {
  if (!storage_ || storage_->is_sparse) throw InputError("dense storage was asked of sparse data.");
  return storage_->dense;
}

const arma::sp_mat& DataMatrix::sparse() const {
  if (!storage_ || !storage_->is_sparse) throw InputError("sparse storage was asked of dense data.");
  return storage_->sparse;
}

const arma::fmat& DataMatrix::dense_single() const {
  const arma::mat& source = dense();
  std::call_once(storage_->single_once, [&] {
    auto copy = raw_matrix<float>(source.n_rows, source.n_cols);
    const Blocks blocks = cut(source.n_elem, 1 << 16);
    parallel_for(blocks.count(), [&](Index block) {
      for (Index i = blocks.begin(block); i < blocks.end(block); ++i) copy[i] = static_cast<float>(source[i]);
    });
    storage_->dense_single = std::move(copy);
  });
  return storage_->dense_single;
}

namespace {

/// Powers of two near the root mean squares of the columns in some rows.
Col<float> column_scales(const arma::mat& rows) {
  Vec squares(rows.n_rows, arma::fill::zeros);
  const Index sample = std::min<Index>(rows.n_cols, 256);
  for (Index i = 0; i < sample; ++i) squares += arma::square(rows.col(i * (rows.n_cols / sample)));
  Col<float> scale(rows.n_rows);
  for (Index j = 0; j < scale.n_elem; ++j) {
    const double size = std::sqrt(squares(j) / static_cast<double>(sample));
    scale(j) = size > 1e-30 && size < 1e30 ? static_cast<float>(std::exp2(std::round(std::log2(size)))) : 1.0f;
  }
  return scale;
}

}  // namespace

const HalfRows* DataMatrix::dense_half() const {
  const arma::mat& source = dense();
  HalfRows& half = storage_->half;
  std::call_once(storage_->half_once, [&] {
    if (source.is_empty()) return;
    Col<float> scale = column_scales(source);
    const Col<float> factor = 1 / scale;
    constexpr Index vector = 16;  // of AVX-512: rows that end within one are slow to read
    auto numbers = raw_matrix<kernels::Half>(round_up(source.n_rows, vector), source.n_cols);
    const Blocks blocks = cut(source.n_cols, 64, 512);
    std::atomic<bool> fits = true;
    parallel_for(blocks.count(), [&](Index b) {
      const kernels::RowBlock<double> block{source.colptr(blocks.begin(b)), source.n_rows, blocks.length(b), source.n_rows};
      if (!kernels::round_to_half(block, factor.memptr(), numbers.colptr(blocks.begin(b)), numbers.n_rows)) fits = false;
    });
    if (fits) half = {std::move(numbers), std::move(scale)};
  });
  return half.numbers.is_empty() ? nullptr : &half;
}

const arma::SpMat<float>& DataMatrix::sparse_single() const {
  const arma::sp_mat& source = sparse();
  std::call_once(storage_->single_once, [&] {
    storage_->sparse_single = arma::conv_to<arma::SpMat<float>>::from(source);
    storage_->sparse_single.sync();
  });
  return storage_->sparse_single;
}

const arma::sp_mat& DataMatrix::sparse_columns() const {
  const arma::sp_mat& source = sparse();
  std::call_once(storage_->columns_once, [&] {
    storage_->sparse_columns = source.t();
    storage_->sparse_columns.sync();
  });
  return storage_->sparse_columns;
}

const SparsePattern& DataMatrix::gram_pattern(bool constant) const {
  const arma::sp_mat& by_rows = sparse();
  const arma::sp_mat& by_columns = sparse_columns();
  SparsePattern& pattern = storage_->pattern[constant];
  std::call_once(storage_->pattern_once[constant], [&] {
    const Index d = cols(), k = d + (constant ? 1 : 0), none = k;
    std::vector<std::vector<arma::uword>> columns(k);
    const Blocks blocks = cut(d, 16, 64);
    parallel_for(blocks.count(), [&](Index block) {
      std::vector<Index> seen(k, none);
      for (Index j = blocks.begin(block); j < blocks.end(block); ++j) {
        auto& column = columns[j];
        const auto add = [&](Index i) {
          if (seen[i] != j) column.push_back(i);
          seen[i] = j;
        };
        add(j);
        for (Index e = by_columns.col_ptrs[j]; e < by_columns.col_ptrs[j + 1]; ++e) {
          const Index row = by_columns.row_indices[e];
          for (Index f = by_rows.col_ptrs[row]; f < by_rows.col_ptrs[row + 1]; ++f) add(by_rows.row_indices[f]);
        }
        if (constant) column.push_back(d);
        std::sort(column.begin(), column.end());
      }
    });
    if (constant) {
      for (Index i = 0; i < k; ++i) columns[d].push_back(i);
    }
    pattern.start.zeros(k + 1);
    for (Index j = 0; j < k; ++j) pattern.start[j + 1] = pattern.start[j] + columns[j].size();
    pattern.index.set_size(pattern.start[k]);
    for (Index j = 0; j < k; ++j)
      std::copy(columns[j].begin(), columns[j].end(), pattern.index.begin() + static_cast<std::ptrdiff_t>(pattern.start[j]));
  });
  return pattern;
}

double DataMatrix::at(Index row, Index column) const {
  if (row >= rows() || column >= cols())
    throw InputError(fmt::format("element ({}, {}) of a {} x {} matrix.", row, column, rows(), cols()));
  return is_sparse() ? static_cast<double>(storage_->sparse.at(column, row)) : storage_->dense.at(column, row);
}

DataMatrix DataMatrix::select_rows(const std::vector<Index>& index) const {
  for (const Index i : index) {
    if (i >= rows()) throw InputError(fmt::format("row {} of a matrix of {} rows.", i, rows()));
  }
  if (!is_sparse()) {
    auto chosen = raw_matrix<double>(cols(), index.size());
    const arma::mat& source = dense();
    const Blocks blocks = cut(index.size(), 256);
    parallel_for(blocks.count(), [&](Index block) {
      for (Index i = blocks.begin(block); i < blocks.end(block); ++i) std::copy_n(source.colptr(index[i]), cols(), chosen.colptr(i));
    });
    return from_rows(std::move(chosen));
  }
  const arma::sp_mat& source = sparse();
  arma::sp_mat chosen(cols(), index.size());
  std::vector<Index> start(index.size() + 1, 0);
  for (Index i = 0; i < index.size(); ++i) start[i + 1] = start[i] + source.col_ptrs[index[i] + 1] - source.col_ptrs[index[i]];
  chosen.mem_resize(start.back());
  arma::uword *const ends = arma::access::rwp(chosen.col_ptrs), *const columns = arma::access::rwp(chosen.row_indices);
  double* const values = arma::access::rwp(chosen.values);
  prefer_large_pages(columns, start.back() * sizeof(arma::uword));
  prefer_large_pages(values, start.back() * sizeof(double));
  std::copy(start.begin(), start.end(), ends);
  const Blocks blocks = cut(index.size(), 1024);
  parallel_for(blocks.count(), [&](Index block) {
    for (Index i = blocks.begin(block); i < blocks.end(block); ++i) {
      const Index from = source.col_ptrs[index[i]], count = start[i + 1] - start[i];
      std::copy_n(source.row_indices + from, count, columns + start[i]);
      std::copy_n(source.values + from, count, values + start[i]);
    }
  });
  return from_rows(std::move(chosen));
}

Vec DataMatrix::multiply(const Vec& x) const {
  require_size(x.n_elem, cols(), "x", "one per column of the data");
  Mat<double> y;
  scaled_rows(*this)->apply(x, y);
  return y.as_col();
}

namespace {

std::string first_non_finite(const DataMatrix& A, Index& count) {
  count = 0;
  Index row = 0, column = 0;
  double value = 0;
  const auto look = [&](Index i, Index j, double v) {
    if (std::isfinite(v) || count++ > 0) return;
    row = i;
    column = j;
    value = v;
  };
  if (A.is_sparse()) {
    const arma::sp_mat& S = A.sparse();
    for (Index i = 0; i < S.n_cols; ++i) {
      for (Index e = S.col_ptrs[i]; e < S.col_ptrs[i + 1]; ++e) look(i, S.row_indices[e], S.values[e]);
    }
  } else {
    const arma::mat& D = A.dense();
    for (Index i = 0; i < D.n_cols; ++i) {
      for (Index j = 0; j < D.n_rows; ++j) look(i, j, D(j, i));
    }
  }
  return count == 0 ? std::string() : fmt::format("row {}, column {} ({})", row, column, value);
}

}  // namespace

void require_finite(const DataMatrix& A, std::string_view name) {
  const double* values = A.is_sparse() ? A.sparse().values : A.dense().memptr();
  const Blocks blocks = cut(A.nonzeros(), 1 << 16, 256);
  std::atomic<bool> finite = true;
  parallel_for(blocks.count(), [&](Index block) {
    if (!all_finite(values + blocks.begin(block), blocks.length(block))) finite = false;
  });
  if (finite) return;
  Index count = 0;
  const std::string first = first_non_finite(A, count);
  throw InputError(
      fmt::format("{} has {} non-finite value{}; first at {}. Remove or impute those rows.", name, count, count == 1 ? "" : "s", first));
}

void require_nonempty(const DataMatrix& A, std::string_view name) {
  if (A.rows() == 0) throw InputError(fmt::format("{} is {} x {}: no observations.", name, A.rows(), A.cols()));
  if (A.cols() == 0) throw InputError(fmt::format("{} is {} x {}: no columns.", name, A.rows(), A.cols()));
}

}  // namespace raphson
