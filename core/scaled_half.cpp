#include <raphson/core/error.hpp>
#include <raphson/core/row_runs.hpp>
#include <raphson/core/scaled_rows.hpp>

#include <array>
#include <numeric>

namespace raphson {

HalfDense::HalfDense(DataMatrix data, Col<float> scale, bool constant)
    : data_(std::move(data)), half_(data_.dense_half()), scale_(std::move(scale)), constant_(constant) {
  if (!half_) throw InputError("these data have no form in numbers of sixteen bits.");
  if (!scale_.is_empty()) require_size(scale_.n_elem, data_.rows(), "scale", "one per row of the data");
}

void HalfDense::apply(const Mat<float>& X, Mat<float>& Y) const {
  Y.set_size(rows(), X.n_cols);
  const Blocks blocks = row_blocks(rows());
  for (Index column = 0; column < X.n_cols; ++column) {
    const Col<float> x = scaled(X.colptr(column));
    const float shift = constant_ ? X(x.n_elem, column) : 0.0f;
    parallel_for(blocks.count(), [&](Index b) {
      float* y = Y.colptr(column);
      kernels::multiply_half_rows(block(blocks.begin(b), blocks.length(b)), x.memptr(), shift, y + blocks.begin(b));
      for (Index i = blocks.begin(b); i < blocks.end(b); ++i) y[i] *= scale_of(i);
    });
  }
}

void HalfDense::apply_adjoint(const Mat<float>& X, Mat<float>& Y) const {
  const Index d = half_->scale.n_elem;
  Y.set_size(cols(), X.n_cols);
  for (Index column = 0; column < X.n_cols; ++column) {
    sum_runs(
        rows(), cols(),
        [&](Index first, Index count, float* sum) {
          std::array<float, 512> t;
          for (Index r = 0; r < count; ++r) t[r] = scale_of(first + r) * X(first + r, column);
          kernels::add_half_rows(block(first, count), t.data(), sum);
          if (constant_) sum[d] += std::accumulate(t.begin(), t.begin() + static_cast<std::ptrdiff_t>(count), 0.0f);
        },
        Y.colptr(column));
    for (Index j = 0; j < d; ++j) Y(j, column) *= half_->scale[j];
  }
}

void HalfDense::apply_normal(const Mat<float>& X, Mat<float>& Y) const {
  const Index d = half_->scale.n_elem;
  Y.set_size(cols(), X.n_cols);
  for (Index column = 0; column < X.n_cols; ++column) {
    const Col<float> x = scaled(X.colptr(column));
    const float shift = constant_ ? X(d, column) : 0.0f;
    sum_runs(
        rows(), cols(),
        [&](Index first, Index count, float* sum) {
          std::array<float, 512> t, weight;
          for (Index r = 0; r < count; ++r) weight[r] = scale_of(first + r) * scale_of(first + r);
          kernels::normal_half_rows(block(first, count), x.memptr(), shift, weight.data(), t.data(), sum);
          if (constant_) sum[d] += std::accumulate(t.begin(), t.begin() + static_cast<std::ptrdiff_t>(count), 0.0f);
        },
        Y.colptr(column));
    for (Index j = 0; j < d; ++j) Y(j, column) *= half_->scale[j];
  }
}

OperatorCost HalfDense::cost() const {
  const double N = static_cast<double>(rows()), k = static_cast<double>(cols());
  OperatorCost cost;
  cost.nonzeros = N * k;
  cost.gram_nonzeros = k * k;
  cost.apply = {2 * N * k, 2 * N * k};
  cost.normal = {4 * N * k, 2 * N * k};
  cost.gram = {N * k * k, 2 * N * k * k};
  cost.row = {2 * N * k, 2 * N * k};
  return cost;
}

}  // namespace raphson
