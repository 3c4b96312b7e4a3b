#include <raphson/core/dense.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/jacobian_operators.hpp>
#include <raphson/models/network/joint_jacobian.hpp>
#include <raphson/models/network/layer_input.hpp>
#include <raphson/models/network/neuron_gram.hpp>
#include <raphson/models/network/softplus.hpp>
#include <raphson/models/network/tiles.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace raphson {
namespace {

std::shared_ptr<const NetworkData> with_outputs_of_one(const NetworkData& data) {
  return std::make_shared<const NetworkData>(data.X, data.y, Mat<double>(data.signs.n_rows, 1, arma::fill::ones));
}

}  // namespace

JointJacobian::JointJacobian(const NetworkData& data, Activation activation, ActivationPattern pattern, Vec theta)
    : activation_(activation),
      theta_(std::move(theta)),
      kernel_(data.kernel),
      B_(std::make_shared<const NetworkJacobian>(with_outputs_of_one(data), std::move(pattern))) {}

double JointJacobian::scale() const { return 1 / std::sqrt(static_cast<double>(neurons())); }

void JointJacobian::multiply(const Mat<double>& U, Mat<double>& Y) const {
  const DataMatrix& X = B_->data().X;
  const Index d = X.cols(), m = neurons();
  Y.set_size(points(), U.n_cols);
  const Blocks blocks{m, tile_neurons};
  Vec moved(m * d);
  Mat<double> y;
  for (Index c = 0; c < U.n_cols; ++c) {
    const double *u = U.colptr(c), *v = u + m * d;
    parallel_for(blocks.count(), [&](Index b) {
      for (Index r = blocks.begin(b); r < blocks.end(b); ++r) {
        const double out = a(r), through = relu() ? v[r] : 0.0;
        for (Index e = r * d; e < (r + 1) * d; ++e) moved[e] = out * u[e] + through * theta_[e];
      }
    });
    B_->multiply(moved, y);
    Y.col(c) = y;
    if (!relu()) Y.col(c) += forward(X, Mat<double>(v, m, 1), activation_, theta_.memptr(), nullptr);
  }
}

void JointJacobian::multiply_transposed(const Mat<double>& V, Mat<double>& Y) const {
  const Index d = B_->data().X.cols(), m = neurons();
  const Blocks blocks{m, tile_neurons};
  Y.set_size(parameters(), V.n_cols);
  Mat<double> M;
  for (Index c = 0; c < V.n_cols; ++c) {
    B_->multiply_transposed(V.col(c), M);
    double *u = Y.colptr(c), *v = u + m * d;
    parallel_for(blocks.count(), [&](Index b) {
      for (Index r = blocks.begin(b); r < blocks.end(b); ++r) {
        const double out = a(r);
        double inner = 0;
        for (Index e = r * d; e < (r + 1) * d; ++e) {
          u[e] = out * M[e];
          inner += theta_[e] * M[e];
        }
        v[r] = inner;
      }
    });
    if (!relu()) collect_activations(V.colptr(c), v);
  }
}

/// T(r, i) = φ(⟨w_{first+r}, x_{point+i}⟩), leading dimension tile_neurons.
void JointJacobian::activations(const TileWeights& weights, Index first, Index count, Index point, Index points, double* T) const {
  weights.project(first, count, point, points, T);
  std::vector<double> other(relu() ? tile_neurons * points : tile_neurons);
  if (relu()) B_->pattern().expand(first, count, point, points, other.data());
  for (Index i = 0; i < points; ++i) {
    double* t = T + i * tile_neurons;
    if (relu()) {
      for (Index r = 0; r < count; ++r) t[r] *= other[i * tile_neurons + r];
    } else {
      softplus_here(count, activation_.sharpness, t, other.data());
      for (Index r = 0; r < count; ++r) t[r] = other[r] / activation_.sharpness;
    }
  }
}

/// out(r) = m^{-1/2} Σᵢ yᵢ φ(⟨wᵣ,xᵢ⟩).
void JointJacobian::collect_activations(const double* y, double* out) const {
  const Index n = points();
  const TileWeights weights(B_->data().X, theta_.memptr(), neurons());
  const Blocks groups{neurons(), tile_neurons};
  parallel_for(groups.count(), [&](Index g) {
    const Index first = groups.begin(g), count = groups.length(g);
    std::vector<double> T(tile_neurons * tile_points);
    std::fill_n(out + first, count, 0.0);
    for (Index point = 0; point < n; point += tile_points) {
      const Index points = std::min(tile_points, n - point);
      activations(weights, first, count, point, points, T.data());
      for (Index i = 0; i < points; ++i) {
        for (Index r = 0; r < count; ++r) out[first + r] += y[point + i] * T[i * tile_neurons + r];
      }
    }
    for (Index r = first; r < first + count; ++r) out[r] *= scale();
  });
}

double JointJacobian::activation_at(Index point, Index r) const {
  const DataMatrix& X = B_->data().X;
  const Index d = X.cols();
  double z = 0;
  for (Index k = 0; k < d; ++k) z += theta_[r * d + k] * X.at(point, k);
  if (relu()) return B_->pattern().at(point, r) * z;
  double value = 0;
  softplus_here(1, activation_.sharpness, &z, &value);
  return value / activation_.sharpness;
}

void JointJacobian::row(Index point, double* out) const {
  const Index d = B_->data().X.cols();
  B_->row(point, out);
  for (Index e = 0; e < B_->parameters(); ++e) out[e] *= a(e / d);
  for (Index r = 0; r < neurons(); ++r) out[B_->parameters() + r] = scale() * activation_at(point, r);
}

void JointJacobian::column(Index parameter, double* out) const {
  if (parameter < B_->parameters()) {
    B_->column(parameter, out);
    for (Index i = 0; i < points(); ++i) out[i] *= a(parameter / B_->data().X.cols());
  } else {
    for (Index i = 0; i < points(); ++i) out[i] = scale() * activation_at(i, parameter - B_->parameters());
  }
}

template <class Real>
void JointJacobian::point_gram(Mat<Real>& G) const {
  const Index n = points(), m = neurons();
  const Real factor = static_cast<Real>(1 / static_cast<double>(m));
  const Vec outputs = theta_.tail(m);
  const TileWeights weights(B_->data().X, theta_.memptr(), m);
  G.zeros(n, n);
  add_neuron_gram(
      n, m,
      [this](Index first, Index count, Index point, Index points, double* T) { B_->pattern().expand(first, count, point, points, T); },
      &outputs, factor, G);
  multiply_by_inner_products(B_->data().X, G);
  add_neuron_gram(
      n, m, [&](Index first, Index count, Index point, Index points, double* T) { activations(weights, first, count, point, points, T); },
      nullptr, factor, G);
  mirror_lower(G);
}

template void JointJacobian::point_gram<double>(Mat<double>&) const;
template void JointJacobian::point_gram<float>(Mat<float>&) const;

void JointJacobian::point_gram_diagonal(Vec& g) const {
  const DataMatrix& X = B_->data().X;
  const TileWeights weights(X, theta_.memptr(), neurons());
  const Blocks panels{points(), tile_points};
  g.zeros(points());
  parallel_for(panels.count(), [&](Index panel) {
    const Index point = panels.begin(panel), count = panels.length(panel);
    std::vector<double> slopes(tile_neurons * tile_points), values(tile_neurons * tile_points);
    std::vector<double> of_slopes(count, 0.0), of_values(count, 0.0);
    for (Index first = 0; first < neurons(); first += tile_neurons) {
      const Index length = std::min(tile_neurons, neurons() - first);
      B_->pattern().expand(first, length, point, count, slopes.data());
      activations(weights, first, length, point, count, values.data());
      for (Index i = 0; i < count; ++i) {
        for (Index r = 0; r < length; ++r) {
          const double slope = a(first + r) * slopes[i * tile_neurons + r], value = values[i * tile_neurons + r];
          of_slopes[i] += slope * slope;
          of_values[i] += value * value;
        }
      }
    }
    for (Index i = 0; i < count; ++i) {
      double inner = 0;
      inner_products(X, point + i, 1, point + i, 1, &inner);
      g[point + i] = (inner * of_slopes[i] + of_values[i]) / static_cast<double>(neurons());
    }
  });
}

/// Of what both forms have in common: `cost` of the net with fixed outputs, and J_a.
OperatorCost JointJacobian::with_outputs(OperatorCost cost) const {
  const double touched = static_cast<double>(B_->data().X.nonzeros()) * static_cast<double>(neurons());
  const double activations = static_cast<double>(points()) * static_cast<double>(neurons());
  cost.nonzeros += activations;
  if (!relu()) cost.apply.flops += 2 * touched + 20 * activations;  // a pass of its own, with an exponential and a logarithm each
  cost.normal = {2 * cost.apply.flops, 2 * cost.apply.bytes, cost.apply.own_kernels};
  return cost;
}

OperatorCost JointJacobian::adjoint_cost() const {
  OperatorCost cost = with_outputs(adjoint_operator(B_)->cost());
  const double n = static_cast<double>(points()), m = static_cast<double>(neurons());
  const double touched = static_cast<double>(B_->data().X.nonzeros()) * m;
  cost.gram = {2 * n * n * m + 2 * touched + n * static_cast<double>(B_->data().X.nonzeros()), 8 * n * n, true};
  cost.gram_nonzeros = n * n;
  return cost;
}

OperatorCost JointJacobian::direct_cost() const {
  OperatorCost cost = with_outputs(direct_operator(B_)->cost());
  const double n = static_cast<double>(points()), P = static_cast<double>(parameters());
  cost.row = {P, 8 * P};
  cost.gram = {n * P * P, 8 * P * P};
  cost.gram_nonzeros = P * P;
  return cost;
}

std::shared_ptr<const Operator> adjoint_operator(std::shared_ptr<const JointJacobian> J) {
  return std::make_shared<AdjointOf<JointJacobian>>(std::move(J));
}
std::shared_ptr<const Operator> direct_operator(std::shared_ptr<const JointJacobian> J) {
  return std::make_shared<DirectOf<JointJacobian>>(std::move(J));
}

}  // namespace raphson
