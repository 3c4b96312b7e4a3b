#include <raphson/core/aligned.hpp>
#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/scaled_rows.hpp>
#include <raphson/core/sparse_row_gram.hpp>
#include <raphson/core/threads.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cmath>

namespace raphson {
namespace {

template <class Real>
const arma::SpMat<Real>& sparse_storage(const DataMatrix& data) {
  if constexpr (std::is_same_v<Real, float>) {
    return data.sparse_single();
  } else {
    return data.sparse();
  }
}

}  // namespace

template <class Real>
ScaledSparse<Real>::ScaledSparse(DataMatrix C, Col<Real> scale, bool constant)
    : data_(std::move(C)), C_(&sparse_storage<Real>(data_)), scale_(std::move(scale)), constant_(constant) {
  if (!scale_.is_empty()) require_size(scale_.n_elem, data_.rows(), "scale", "one per row of the data");
}

namespace {

/// Compressed rows by bare pointers: what the compiler keeps in registers over the loops below.
template <class Real>
struct Entries {
  const arma::uword *start, *column;
  const Real* value;

  explicit Entries(const arma::SpMat<Real>& C) : start(C.col_ptrs), column(C.row_indices), value(C.values) {}

  /// ⟨row i, x⟩. Four sums side by side hide the latency of one.
  Real times(Index i, const Real* x) const {
    Index e = start[i];
    const Index end = start[i + 1];
    Real sum[4] = {};
    for (; e + 4 <= end; e += 4) {
      for (Index lane = 0; lane < 4; ++lane) sum[lane] += value[e + lane] * x[column[e + lane]];
    }
    for (; e < end; ++e) sum[0] += value[e] * x[column[e]];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }
  /// y += t · row i.
  void add(Index i, Real t, Real* y) const {
    const Index end = start[i + 1];
    for (Index e = start[i]; e < end; ++e) y[column[e]] += value[e] * t;
  }
  /// The same while the entries `ahead` of those come from memory.
  void add(Index i, Real t, Real* y, Index ahead) const {
    constexpr Index line = cache_line / sizeof(arma::uword);
    const Index end = start[i + 1];
    for (Index e = start[i]; e < end; e += line) {
      __builtin_prefetch(column + e + ahead);
      __builtin_prefetch(value + e + ahead);
      for (Index f = e; f < std::min(end, e + line); ++f) y[column[f]] += value[f] * t;
    }
  }
};

}  // namespace

template <class Real>
void ScaledSparse<Real>::apply(const Mat<Real>& X, Mat<Real>& Y) const {
  Y.set_size(rows(), X.n_cols);
  const Entries<Real> C(*C_);
  const Blocks blocks = cut(rows(), 256);
  parallel_for(blocks.count(), [&](Index b) {
    for (Index column = 0; column < X.n_cols; ++column) {
      const Real *x = X.colptr(column), shift = constant_ ? x[data_.cols()] : Real(0);
      Real* y = Y.colptr(column);
      for (Index i = blocks.begin(b); i < blocks.end(b); ++i) y[i] = C.times(i, x) + shift;
      for (Index i = blocks.begin(b); i < blocks.end(b); ++i) y[i] *= scale(i);
    }
  });
}

template <class Real>
void ScaledSparse<Real>::apply_adjoint(const Mat<Real>& X, Mat<Real>& Y) const {
  const Index k = cols(), p = X.n_cols;
  Y.set_size(k, p);
  const Entries<Real> C(*C_);
  const Blocks blocks = sum_blocks();
  parallel_sum<Real>(
      blocks, k * p,
      [&](Index b, Real* partial) {
        for (Index column = 0; column < p; ++column) {
          const Real* x = X.colptr(column);
          Real *y = partial + column * k, sum = 0;
          for (Index i = blocks.begin(b); i < blocks.end(b); ++i) {
            const Real t = scale(i) * x[i];
            C.add(i, t, y);
            sum += t;
          }
          if (constant_) y[data_.cols()] = sum;
        }
      },
      Y.memptr());
}

template <class Real>
void ScaledSparse<Real>::apply_normal(const Mat<Real>& X, Mat<Real>& Y) const {
  const Index k = cols(), p = X.n_cols;
  Y.set_size(k, p);
  const Entries<Real> C(*C_);
  const Blocks blocks = sum_blocks();
  parallel_sum<Real>(
      blocks, k * p,
      [&](Index b, Real* partial) {
        for (Index column = 0; column < p; ++column) {
          const Real *x = X.colptr(column), shift = constant_ ? x[data_.cols()] : Real(0);
          Real *y = partial + column * k, sum = 0;
          for (Index i = blocks.begin(b); i < blocks.end(b); ++i) {
            const Real t = scale(i) * scale(i) * (C.times(i, x) + shift);
            C.add(i, t, y);  // the row is in the nearest cache
            sum += t;
          }
          if (constant_) y[data_.cols()] = sum;
        }
      },
      Y.memptr());
}

template <class Real>
void ScaledSparse<Real>::apply_mapped(const Col<Real>& x, const RowMap<Real>& map, Col<Real>& z, Col<Real>& y) const {
  constexpr Index run = 128;  // rows that are still in cache when their turn to be added comes
  z.set_size(rows());
  y.set_size(cols());
  const Entries<Real> C(*C_);
  const Real shift = constant_ ? x[data_.cols()] : Real(0);
  const Blocks blocks = sum_blocks();
  parallel_sum<Real>(
      blocks, cols(),
      [&](Index b, Real* partial) {
        std::array<Real, run> t;
        Real sum = 0;
        for (Index first = blocks.begin(b); first < blocks.end(b); first += run) {
          const Index count = std::min(run, blocks.end(b) - first);
          for (Index i = first; i < first + count; ++i) z[i] = scale(i) * (C.times(i, x.memptr()) + shift);
          map(first, count, z.memptr() + first, t.data());
          // Memory would have nothing to do meanwhile: the next run is asked for.
          const Index ahead = C.start[first + count] - C.start[first];
          for (Index i = first; i < first + count; ++i) {
            const Real weighted = scale(i) * t[i - first];
            C.add(i, weighted, partial, ahead);
            sum += weighted;
          }
        }
        if (constant_) partial[data_.cols()] = sum;
      },
      y.memptr());
}

template <class Real>
void ScaledSparse<Real>::add_gram_column(Index j, Real* work) const {
  const Index d = data_.cols();
  // weight · (cᵢⱼ cᵢₗ) in this order: entries (j, l) and (l, j) come out with the same bits.
  const auto add_scaled = [&](Index i, Real entry) {
    const Real weight = scale(i) * scale(i);
    for (Index e = C_->col_ptrs[i]; e < C_->col_ptrs[i + 1]; ++e) work[C_->row_indices[e]] += weight * (entry * C_->values[e]);
    if (constant_) work[d] += weight * entry;
  };
  if (j == d) {
    for (Index i = 0; i < rows(); ++i) add_scaled(i, Real(1));
    return;
  }
  const arma::sp_mat& columns = data_.sparse_columns();
  for (Index e = columns.col_ptrs[j]; e < columns.col_ptrs[j + 1]; ++e) {
    const Index i = columns.row_indices[e];
    add_scaled(i, static_cast<Real>(columns.values[e]));
  }
}

template <class Real>
SparseRows<Real> ScaledSparse<Real>::view() const {
  return {C_->col_ptrs, C_->row_indices, C_->values, rows(), data_.cols(), scale_.is_empty() ? nullptr : scale_.memptr(), constant_};
}

template <class Real>
void ScaledSparse<Real>::gram(Mat<Real>& G) const {
  sparse_row_gram(view(), G);
}

template <class Real>
void ScaledSparse<Real>::gram_single(Mat<float>& G) const {
  Mat<Real> exact;
  gram(exact);
  G = arma::conv_to<Mat<float>>::from(exact);
}

template <class Real>
void ScaledSparse<Real>::sampled_gram(std::span<const Index> index, Mat<float>& G) const {
  sparse_row_gram(view(), index, G);
}

template <class Real>
void ScaledSparse<Real>::sparse_gram(arma::SpMat<Real>& G) const {
  const SparsePattern& pattern = data_.gram_pattern(constant_);
  const Index k = cols();
  // Written in place: the public constructors would drop entries that happen to vanish, and with them the pattern.
  G = arma::SpMat<Real>(arma::arma_reserve_indicator(), k, k, pattern.index.n_elem);
  Real* values = arma::access::rwp(G.values);
  std::copy_n(pattern.index.memptr(), pattern.index.n_elem, arma::access::rwp(G.row_indices));
  std::copy_n(pattern.start.memptr(), k + 1, arma::access::rwp(G.col_ptrs));
  data_.sparse_columns();
  const Blocks blocks = cut(k, 16, 64);
  parallel_for(blocks.count(), [&](Index b) {
    Col<Real> work(k, arma::fill::zeros);
    for (Index j = blocks.begin(b); j < blocks.end(b); ++j) {
      add_gram_column(j, work.memptr());
      for (Index e = pattern.start[j]; e < pattern.start[j + 1]; ++e) {
        values[e] = work[pattern.index[e]];
        work[pattern.index[e]] = 0;
      }
    }
  });
}

template <class Real>
void ScaledSparse<Real>::sketch(const Sketch<Real>& S, Mat<Real>& B) const {
  S.apply_rows(view(), B);
}

template <class Real>
void ScaledSparse<Real>::sketch_single(const Sketch<Real>& S, Mat<float>& B) const {
  S.apply_rows_single(view(), B);
}

template <class Real>
void ScaledSparse<Real>::gather_rows(std::span<const Index> index, Mat<Real>& B) const {
  B.zeros(cols(), index.size());
  const Blocks blocks = cut(index.size(), 64);
  parallel_for(blocks.count(), [&](Index b) {
    for (Index r = blocks.begin(b); r < blocks.end(b); ++r) {
      const Index i = index[r];
      for (Index e = C_->col_ptrs[i]; e < C_->col_ptrs[i + 1]; ++e) B(C_->row_indices[e], r) = scale(i) * C_->values[e];
      if (constant_) B(data_.cols(), r) = scale(i);
    }
  });
}

template <class Real>
void ScaledSparse<Real>::gram_diagonal(Col<Real>& g) const {
  g.set_size(cols());
  const Blocks blocks = cut(rows(), 1024, 16);
  parallel_sum<Real>(
      blocks, cols(),
      [&](Index b, Real* partial) {
        for (Index i = blocks.begin(b); i < blocks.end(b); ++i) {
          const Real weight = scale(i) * scale(i);
          for (Index e = C_->col_ptrs[i]; e < C_->col_ptrs[i + 1]; ++e)
            partial[C_->row_indices[e]] += weight * C_->values[e] * C_->values[e];
          if (constant_) partial[data_.cols()] += weight;
        }
      },
      g.memptr());
}

template <class Real>
std::shared_ptr<const TallOperator<float>> ScaledSparse<Real>::single() const {
  return std::make_shared<const ScaledSparse<float>>(data_, arma::conv_to<arma::fvec>::from(scale_), constant_);
}

template <class Real>
std::string ScaledSparse<Real>::non_finite() const {
  for (Index i = 0; i < rows(); ++i) {
    for (Index e = C_->col_ptrs[i]; e < C_->col_ptrs[i + 1]; ++e) {
      if (!std::isfinite(C_->values[e])) return fmt::format("row {}, column {} ({})", i, C_->row_indices[e], C_->values[e]);
    }
    if (!std::isfinite(scale(i))) return fmt::format("row {} (its scale is {})", i, scale(i));
  }
  return {};
}

template <class Real>
OperatorCost ScaledSparse<Real>::cost() const {
  const double N = static_cast<double>(rows()), k = static_cast<double>(cols()), size = sizeof(Real) + sizeof(Index);
  double nonzeros = static_cast<double>(C_->n_nonzero);
  const double squares = data_.squared_row_lengths(constant_);
  if (constant_) nonzeros += N;
  OperatorCost cost;
  cost.nonzeros = nonzeros;
  cost.gram_nonzeros = std::min(k * k, squares + k);
  cost.apply = {2 * nonzeros, size * nonzeros};
  cost.normal = {4 * nonzeros, 2 * size * nonzeros};
  cost.gram = {squares, size * nonzeros * std::max(1.0, k * k * sizeof(Real) / (1 << 20))};
  cost.row = {nonzeros / std::max(1.0, N), size * nonzeros / std::max(1.0, N)};
  return cost;
}

template class ScaledSparse<double>;
template class ScaledSparse<float>;

std::shared_ptr<const Operator> scaled_rows(const DataMatrix& C, Vec scale, bool constant) {
  if (C.is_sparse()) return std::make_shared<const ScaledSparse<double>>(C, std::move(scale), constant);
  return std::make_shared<const ScaledDense<double>>(C, std::move(scale), constant);
}

}  // namespace raphson
