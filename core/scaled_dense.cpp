#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/core/row_gram.hpp>
#include <raphson/core/row_runs.hpp>
#include <raphson/core/scaled_rows.hpp>
#include <raphson/core/threads.hpp>

#include <fmt/format.h>
#include <array>
#include <cmath>
#include <vector>

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
  return std::clamp<Index>((Index{1} << 18) / (width * bytes_per_number + 1), 8, 512);
}

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
  if (p == 1) {
    kernels::multiply_rows(block(first, count), X.memptr(), constant_ ? X(d, 0) : Real(0), Y);
  } else {
    raphson::gemm(true, false, count, p, d, Real(1), C_->memptr() + first * d, d, X.memptr(), X.n_rows, Real(0), Y, ldy);
  }
  for (Index column = 0; column < p; ++column) {
    Real* y = Y + column * ldy;
    if (constant_ && p > 1) {
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
  if (columns == 1) {
    kernels::add_rows(block(first, count), T, Y);
  } else {
    raphson::gemm(false, false, d, columns, count, Real(1), C_->memptr() + first * d, d, T, ldt, Real(1), Y, k);
  }
  for (Index column = 0; column < columns; ++column) add_constant(T + column * ldt, count, Y + column * k);
}

/// Adds Σ t[i] for the constant column, when there is one.
template <class Real>
void ScaledDense<Real>::add_constant(const Real* t, Index count, Real* sum) const {
  if (!constant_) return;
  Real total = 0;
  for (Index i = 0; i < count; ++i) total += t[i];
  sum[C_->n_rows] += total;
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
  sum_runs(
      rows(), cols() * p,
      [&](Index begin, Index length, Real* sum) {
        std::vector<Real> T(step * p);
        for (Index i = begin; i < begin + length; i += step) {
          const Index count = std::min(step, begin + length - i);
          for (Index column = 0; column < p; ++column) {
            for (Index r = 0; r < count; ++r) T[r + column * step] = scale_of(i + r) * X(i + r, column);
          }
          add_adjoint(i, count, T.data(), step, p, sum);
        }
      },
      Y.memptr());
}

template <class Real>
void ScaledDense<Real>::apply_normal(const Mat<Real>& X, Mat<Real>& Y) const {
  const Index p = X.n_cols;
  Y.set_size(cols(), p);
  if (p == 1) return normal_product(X.memptr(), Y.memptr());
  const Index step = rows_in_cache(cols(), sizeof(Real));
  sum_runs(
      rows(), cols() * p,
      [&](Index begin, Index length, Real* sum) {
        std::vector<Real> T(step * p);
        for (Index i = begin; i < begin + length; i += step) {
          const Index count = std::min(step, begin + length - i);
          rows_times(i, count, X, T.data(), step);
          for (Index column = 0; column < p; ++column) {
            for (Index r = 0; r < count; ++r) T[r + column * step] *= scale_of(i + r);
          }
          add_adjoint(i, count, T.data(), step, p, sum);
        }
      },
      Y.memptr());
}

/// y = AᵀA x from one read of C.
template <class Real>
void ScaledDense<Real>::normal_product(const Real* x, Real* y) const {
  const Real shift = constant_ ? x[C_->n_rows] : Real(0);
  sum_runs(
      rows(), cols(),
      [&](Index first, Index count, Real* sum) {
        std::array<Real, 512> t, weight;
        if (!scale_.is_empty()) {
          for (Index r = 0; r < count; ++r) weight[r] = scale_[first + r] * scale_[first + r];
        }
        kernels::normal_rows(block(first, count), x, shift, scale_.is_empty() ? nullptr : weight.data(), t.data(), sum);
        add_constant(t.data(), count, sum);
      },
      y);
}

template <class Real>
void ScaledDense<Real>::apply_mapped(const Col<Real>& x, const RowMap<Real>& map, Col<Real>& z, Col<Real>& y) const {
  z.set_size(rows());
  y.set_size(cols());
  const Index step = rows_in_cache(cols(), sizeof(Real));
  sum_runs(
      rows(), cols(),
      [&](Index begin, Index length, Real* sum) {
        std::array<Real, 512> t;
        for (Index i = begin; i < begin + length; i += step) {
          const Index count = std::min(step, begin + length - i);
          rows_times(i, count, x, z.memptr() + i, rows());
          map(i, count, z.memptr() + i, t.data());
          for (Index r = 0; r < count; ++r) t[r] *= scale_of(i + r);
          add_adjoint(i, count, t.data(), count, 1, sum);
        }
      },
      y.memptr());
}

template <class Real>
void ScaledDense<Real>::gram(Mat<Real>& G) const {
  row_gram<Real, Real>(view(), G);
}

template <class Real>
void ScaledDense<Real>::gram_single(Mat<float>& G) const {
  row_gram<float, Real>(view(), G);
}

template <class Real>
bool ScaledDense<Real>::gram_rounded(Mat<float>& G) const {
  return rounded_row_gram(view(), G);
}

template <class Real>
void ScaledDense<Real>::sketch(const Sketch<Real>& S, Mat<Real>& B) const {
  S.apply_rows(view(), B);
}

template <class Real>
void ScaledDense<Real>::sketch_single(const Sketch<Real>& S, Mat<float>& B) const {
  S.apply_rows_single(view(), B);
}

template <class Real>
void ScaledDense<Real>::gather_rows(std::span<const Index> index, Mat<Real>& B) const {
  resize_raw(B, cols(), index.size());
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
std::shared_ptr<const TallOperator<float>> ScaledDense<Real>::half() const {
  if (!kernels::has_half_numbers() || !data_.dense_half()) return nullptr;
  return std::make_shared<const HalfDense>(data_, arma::conv_to<arma::fvec>::from(scale_), constant_);
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
  cost.rounded_gram = has_rounded_gram();
  cost.half = kernels::has_half_numbers();
  cost.apply = {2 * N * k, size * N * k};
  cost.normal = {4 * N * k, size * N * k};
  cost.gram = {N * k * k, size * N * k};
  cost.row = {k, size * k};
  return cost;
}

template class ScaledDense<double>;
template class ScaledDense<float>;

}  // namespace raphson
