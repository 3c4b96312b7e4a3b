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

Col<float> HalfDense::scaled(const float* x) const {
  Col<float> result(stored(), arma::fill::zeros);
  for (Index j = 0; j < data_.cols(); ++j) result[j] = half_->scale[j] * x[j];
  return result;
}

template <class Use>
void HalfDense::sum_rows(const Use& use, float* y) const {
  const Index d = data_.cols();
  Col<float> total(stored() + 1, arma::fill::none);
  sum_runs(
      rows(), stored() + 1,
      [&](Index first, Index count, float* sum) {
        std::array<float, 512> t{};
        use(first, count, t.data(), sum);
        sum[stored()] += std::accumulate(t.begin(), t.begin() + static_cast<std::ptrdiff_t>(count), 0.0f);
      },
      total.memptr());
  for (Index j = 0; j < d; ++j) y[j] = total[j] * half_->scale[j];
  if (constant_) y[d] = total[stored()];
}

void HalfDense::apply(const Mat<float>& X, Mat<float>& Y) const {
  Y.set_size(rows(), X.n_cols);
  const Blocks blocks = row_blocks(rows());
  for (Index column = 0; column < X.n_cols; ++column) {
    const Col<float> x = scaled(X.colptr(column));
    const float shift = constant_ ? X(data_.cols(), column) : 0.0f;
    parallel_for(blocks.count(), [&](Index b) {
      float* y = Y.colptr(column);
      kernels::multiply_half_rows(block(blocks.begin(b), blocks.length(b)), x.memptr(), shift, y + blocks.begin(b));
      for (Index i = blocks.begin(b); i < blocks.end(b); ++i) y[i] *= scale_of(i);
    });
  }
}

void HalfDense::apply_adjoint(const Mat<float>& X, Mat<float>& Y) const {
  Y.set_size(cols(), X.n_cols);
  for (Index column = 0; column < X.n_cols; ++column) {
    sum_rows(
        [&](Index first, Index count, float* t, float* sum) {
          for (Index r = 0; r < count; ++r) t[r] = scale_of(first + r) * X(first + r, column);
          kernels::add_half_rows(block(first, count), t, sum);
        },
        Y.colptr(column));
  }
}

void HalfDense::apply_normal(const Mat<float>& X, Mat<float>& Y) const {
  Y.set_size(cols(), X.n_cols);
  for (Index column = 0; column < X.n_cols; ++column) {
    const Col<float> x = scaled(X.colptr(column));
    const float shift = constant_ ? X(data_.cols(), column) : 0.0f;
    sum_rows(
        [&](Index first, Index count, float* t, float* sum) {
          std::array<float, 512> weight;
          for (Index r = 0; r < count; ++r) weight[r] = scale_of(first + r) * scale_of(first + r);
          kernels::normal_half_rows(block(first, count), x.memptr(), shift, weight.data(), t, sum);
        },
        Y.colptr(column));
  }
}

OperatorCost HalfDense::cost() const {
  const double N = static_cast<double>(rows()), k = static_cast<double>(stored());
  OperatorCost cost;
  cost.nonzeros = N * k;
  cost.gram_nonzeros = static_cast<double>(cols() * cols());
  cost.apply = {2 * N * k, 2 * N * k};
  cost.normal = {4 * N * k, 2 * N * k};
  cost.gram = {N * k * k, 2 * N * k * k};
  cost.row = {2 * N * k, 2 * N * k};
  return cost;
}

}  // namespace raphson
