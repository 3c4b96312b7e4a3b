#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/two_layer_relu.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace raphson {
namespace {

/// One observation of either form, scaled to unit norm.
struct Direction {
  const double* value;
  const arma::uword* index;  ///< null: dense
  Index count;
  double norm;
};

Direction direction(const DataMatrix& X, Index i) {
  Direction u{nullptr, nullptr, X.cols(), 0};
  if (X.is_sparse()) {
    const arma::sp_mat& rows = X.sparse();
    u = {rows.values + rows.col_ptrs[i], rows.row_indices + rows.col_ptrs[i], rows.col_ptrs[i + 1] - rows.col_ptrs[i], 0};
  } else {
    u.value = X.dense().colptr(i);
  }
  for (Index k = 0; k < u.count; ++k) u.norm = std::hypot(u.norm, u.value[k]);
  return u;
}

/// The angle between the outputs of a layer for inputs at this angle: cos = (sin θ + (π − θ) cos θ)/π, by 1 − cos.
double next_angle(double angle) {
  const double half = std::sin(angle / 2);
  const double gap = 2 * half * half - (std::sin(angle) - angle * std::cos(angle)) / std::numbers::pi;
  return 2 * std::asin(std::min(1.0, std::sqrt(std::max(0.0, gap / 2))));
}

/// ½ Σₗ Σₗ₋₁ Πₖ₌ₗ Σ̇ₖ over the hidden layers l, and ½Σ of the last with `output`, with Σ₀ = ⟨x,x′⟩, Σ̇ = (π − θ)/π and Σ = ‖x‖‖x′‖cos of the
/// next angle; the first θ = 2 atan2(‖u − v‖, ‖u + v‖) for unit u, v: accurate for nearly parallel rows, where arccos is not (Kahan 2006).
double kernel(const Direction& x, const Direction& y, Index hidden_layers, bool output) {
  if (!(x.norm > 0 && y.norm > 0)) return 0;
  double difference = 0, sum = 0, inner = 0;
  const auto add = [&](double a, double b) {
    inner += a * b;
    const double u = a / x.norm, v = b / y.norm;
    difference += (u - v) * (u - v);
    sum += (u + v) * (u + v);
  };
  if (!x.index) {
    for (Index k = 0; k < x.count; ++k) add(x.value[k], y.value[k]);
  } else {
    Index e = 0, f = 0;
    while (e < x.count || f < y.count) {
      const bool take_x = f == y.count || (e < x.count && x.index[e] <= y.index[f]);
      const bool take_y = e == x.count || (f < y.count && y.index[f] <= x.index[e]);
      add(take_x ? x.value[e] : 0.0, take_y ? y.value[f] : 0.0);
      e += take_x ? 1 : 0;
      f += take_y ? 1 : 0;
    }
  }
  double angle = 2 * std::atan2(std::sqrt(difference), std::sqrt(sum));
  double tangent = 0;
  for (Index l = 0; l < hidden_layers; ++l) {
    tangent = (inner + tangent) * (std::numbers::pi - angle) / std::numbers::pi;
    angle = next_angle(angle);
    inner = x.norm * y.norm * std::cos(angle);
  }
  return (output ? tangent + inner : tangent) / 2;
}

}  // namespace

arma::mat relu_kernel(const DataMatrix& X, Index hidden_layers, bool output) {
  if (hidden_layers == 0) throw InputError("relu_kernel: no hidden layers. Give at least 1.");
  const Index n = X.rows();
  std::vector<Direction> rows(n);
  for (Index i = 0; i < n; ++i) rows[i] = direction(X, i);
  arma::mat K(n, n);
  parallel_for(n, [&](Index j) {
    for (Index i = j; i < n; ++i) K(i, j) = K(j, i) = kernel(rows[i], rows[j], hidden_layers, output);
  });
  return K;
}

}  // namespace raphson
