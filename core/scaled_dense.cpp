#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/scaled_rows.hpp>
#include <raphson/core/threads.hpp>

#include <fmt/format.h>
#include <cmath>

namespace raphson {
namespace {

template <class Real>
const Mat<Real>& dense_storage(const DataMatrix& data) {
  if constexpr (std::is_same_v<Real, float>) {
    return data.dense_single();
  } else {
    return data.dense();
  }
}

/// Rows of C that fit a fast cache together.
Index rows_in_cache(Index width, Index bytes_per_number) {
  return std::clamp<Index>((Index{1} << 17) / (width * bytes_per_number + 1), 8, 512);
}

Blocks row_blocks(Index rows) { return cut(rows, 512, 32); }

}  // namespace

template <class Real>
ScaledDense<Real>::ScaledDense(DataMatrix C, Col<Real> scale, bool constant)
    : data_(std::move(C)), C_(&dense_storage<Real>(data_)), scale_(std::move(scale)), constant_(constant) {
  if (!scale_.is_empty()) require_size(scale_.n_elem, data_.rows(), "scale", "one per row of the data");
}

template <class Real>
DenseRows<Real> ScaledDense<Real>::view() const {
  return {C_->memptr(), C_->n_cols, C_->n_rows, C_->n_rows, scale_.is_empty() ? nullptr : scale_.memptr(), constant_};
}

/// Y (count × p, leading dimension ldy) = rows [first, first + count) of diag(scale)[C | 1] times X.
template <class Real>
void ScaledDense<Real>::rows_times(Index first, Index count, const Mat<Real>& X, Real* Y, Index ldy) const {
  const Index d = C_->n_rows, p = X.n_cols;
  const Real* C = C_->memptr() + first * d;
  if (p == 1) {
    gemv(true, d, count, Real(1), C, d, X.memptr(), Real(0), Y);
  } else {
    raphson::gemm(true, false, count, p, d, Real(1), C, d, X.memptr(), X.n_rows, Real(0), Y, ldy);
  }
  for (Index column = 0; column < p; ++column) {
    Real* y = Y + column * ldy;
    if (constant_) {
      const Real shift = X(d, column);
      for (Index i = 0; i < count; ++i) y[i] += shift;
    }
    if (!scale_.is_empty()) {
      for (Index i = 0; i < count; ++i) y[i] *= scale_[first + i];
    }
  }
}

/// Y (k × p) += [C | 1]ᵀ T for rows [first, first + count); T is count × p and already scaled.
template <class Real>
void ScaledDense<Real>::add_adjoint(Index first, Index count, const Real* T, Index ldt, Index columns, Real* Y) const {
  const Index d = C_->n_rows, k = cols();
  const Real* C = C_->memptr() + first * d;
  if (columns == 1) {
    gemv(false, d, count, Real(1), C, d, T, Real(1), Y);
  } else {
    raphson::gemm(false, false, d, columns, count, Real(1), C, d, T, ldt, Real(1), Y, k);
  }
  if (!constant_) return;
  for (Index column = 0; column < columns; ++column) {
    Real sum = 0;
    for (Index i = 0; i < count; ++i) sum += T[i + column * ldt];
    Y[d + column * k] += sum;
  }
}

template <class Real>
void ScaledDense<Real>::apply(const Mat<Real>& X, Mat<Real>& Y) const {
  Y.set_size(rows(), X.n_cols);
  const Blocks blocks = row_blocks(rows());
  parallel_for(blocks.count(), [&](Index b) {
    const Index step = rows_in_cache(cols(), sizeof(Real));
    for (Index i = blocks.begin(b); i < blocks.end(b); i += step) {
      rows_times(i, std::min(step, blocks.end(b) - i), X, Y.memptr() + i, Y.n_rows);
    }
  });
}

template <class Real>
void ScaledDense<Real>::apply_adjoint(const Mat<Real>& X, Mat<Real>& Y) const {
  const Index p = X.n_cols, step = rows_in_cache(cols(), sizeof(Real));
  Y.set_size(cols(), p);
  const Blocks blocks = row_blocks(rows());
  parallel_sum<Real>(
      blocks, cols() * p,
      [&](Index b, Real* partial) {
        Mat<Real> T(step, p, arma::fill::none);
        for (Index i = blocks.begin(b); i < blocks.end(b); i += step) {
          const Index count = std::min(step, blocks.end(b) - i);
          for (Index column = 0; column < p; ++column) {
            for (Index r = 0; r < count; ++r) T(r, column) = (scale_.is_empty() ? Real(1) : scale_[i + r]) * X(i + r, column);
          }
          add_adjoint(i, count, T.memptr(), step, p, partial);
        }
      },
      Y.memptr());
}

template <class Real>
void ScaledDense<Real>::apply_normal(const Mat<Real>& X, Mat<Real>& Y) const {
  const Index p = X.n_cols, step = rows_in_cache(cols(), sizeof(Real));
  Y.set_size(cols(), p);
  const Blocks blocks = row_blocks(rows());
  parallel_sum<Real>(
      blocks, cols() * p,
      [&](Index b, Real* partial) {
        Mat<Real> T(step, p, arma::fill::none);
        for (Index i = blocks.begin(b); i < blocks.end(b); i += step) {
          const Index count = std::min(step, blocks.end(b) - i);
          rows_times(i, count, X, T.memptr(), step);
          if (!scale_.is_empty()) {
            for (Index column = 0; column < p; ++column) {
              for (Index r = 0; r < count; ++r) T(r, column) *= scale_[i + r];
            }
          }
          add_adjoint(i, count, T.memptr(), step, p, partial);
        }
      },
      Y.memptr());
}

template <class Real>
void ScaledDense<Real>::gram(Mat<Real>& G) const {
  const Index k = cols();
  const DenseRows<Real> A = view();
  G.set_size(k, k);
  if (k <= 192) {  // small: each block of rows has its own sum
    const Index step = 256;
    const Blocks blocks = cut(rows(), 1024, 16);
    parallel_sum<Real>(
        blocks, k * k,
        [&](Index b, Real* partial) {
          Mat<Real> panel(k, step, arma::fill::none);
          for (Index i = blocks.begin(b); i < blocks.end(b); i += step) {
            const Index count = std::min(step, blocks.end(b) - i);
            for (Index r = 0; r < count; ++r) A.copy_row(i + r, panel.colptr(r));
            syrk(k, count, Real(1), panel.memptr(), k, Real(1), partial, k);
          }
        },
        G.memptr());
  } else {  // large: scaled panels of rows, tiles of G in parallel
    const Index step = std::min<Index>(rows(), 1024);
    Mat<Real> panel(k, step, arma::fill::none);
    for (Index first = 0; first < rows(); first += step) {
      const Index count = std::min(step, rows() - first);
      const Blocks pieces = cut(count, 32);
      parallel_for(pieces.count(), [&](Index piece) {
        for (Index r = pieces.begin(piece); r < pieces.end(piece); ++r) A.copy_row(first + r, panel.colptr(r));
      });
      add_outer_gram(k, count, panel.memptr(), k, first == 0 ? Real(0) : Real(1), G);
    }
  }
  if (rows() == 0) G.zeros();
  mirror_lower(G);
}

template <class Real>
void ScaledDense<Real>::sketch(const Sketch<Real>& S, Mat<Real>& B) const {
  S.apply_rows(view(), B);
}

template <class Real>
void ScaledDense<Real>::gather_rows(std::span<const Index> index, Mat<Real>& B) const {
  B.set_size(cols(), index.size());
  const DenseRows<Real> A = view();
  const Blocks blocks = cut(index.size(), 64);
  parallel_for(blocks.count(), [&](Index b) {
    for (Index i = blocks.begin(b); i < blocks.end(b); ++i) A.copy_row(index[i], B.colptr(i));
  });
}

template <class Real>
void ScaledDense<Real>::gram_diagonal(Col<Real>& g) const {
  g.set_size(cols());
  const DenseRows<Real> A = view();
  const Blocks blocks = row_blocks(rows());
  parallel_sum<Real>(
      blocks, cols(),
      [&](Index b, Real* partial) {
        for (Index i = blocks.begin(b); i < blocks.end(b); ++i) {
          const Real* row = A.data + i * A.stride;
          const Real weight = A.scale ? A.scale[i] * A.scale[i] : Real(1);
          for (Index j = 0; j < A.width; ++j) partial[j] += weight * row[j] * row[j];
          if (constant_) partial[A.width] += weight;
        }
      },
      g.memptr());
}

template <class Real>
std::shared_ptr<const TallOperator<float>> ScaledDense<Real>::single() const {
  return std::make_shared<const ScaledDense<float>>(data_, arma::conv_to<arma::fvec>::from(scale_), constant_);
}

template <class Real>
std::string ScaledDense<Real>::non_finite() const {
  if (all_finite(*C_) && all_finite(scale_)) return {};
  for (Index i = 0; i < C_->n_cols; ++i) {
    for (Index j = 0; j < C_->n_rows; ++j) {
      if (!std::isfinite((*C_)(j, i))) return fmt::format("row {}, column {} ({})", i, j, (*C_)(j, i));
    }
    if (!scale_.is_empty() && !std::isfinite(scale_[i])) return fmt::format("row {} (its scale is {})", i, scale_[i]);
  }
  return {};
}

template <class Real>
OperatorCost ScaledDense<Real>::cost() const {
  const double N = static_cast<double>(rows()), k = static_cast<double>(cols()), size = sizeof(Real);
  OperatorCost cost;
  cost.nonzeros = N * k;
  cost.gram_nonzeros = k * k;
  cost.apply = {2 * N * k, size * N * k};
  cost.normal = {4 * N * k, size * N * k};
  cost.gram = {N * k * k, 3 * size * N * k};
  cost.row = {k, size * k};
  return cost;
}

template class ScaledDense<double>;
template class ScaledDense<float>;

}  // namespace raphson
