#include <raphson/core/dense.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/columns.hpp>
#include <raphson/models/network/jacobian.hpp>
#include <raphson/models/network/neuron_gram.hpp>
#include <raphson/models/network/table_products.hpp>
#include <raphson/models/network/tiles.hpp>

#include <algorithm>
#include <cmath>

namespace raphson {
namespace {

/// Σ aᵣ xᵣ yᵣ, eight sums side by side in an order that does not depend on the compiler.
double weighted_dot(Index n, const double* a, const double* x, const double* y) {
  double sum[8] = {};
  Index r = 0;
  for (; r + 8 <= n; r += 8) {
    for (Index lane = 0; lane < 8; ++lane) sum[lane] += a[r + lane] * x[r + lane] * y[r + lane];
  }
  for (; r < n; ++r) sum[r % 8] += a[r] * x[r] * y[r];
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/// out (d × count) = m^{-1/2} Σᵢ xᵢ (Φᵢᵣ Σ_c aᵣ_c v_ic)ᵣ over observations [begin, end) and `count` neurons from `first`.
void collect_neurons(const NetworkJacobian& J, const double* v, Index first, Index count, Index begin, Index end, double* out) {
  const NetworkData& data = J.data();
  const Index n = J.points(), d = data.X.cols(), outputs = J.outputs();
  const auto weight = [&](Index i, Index r) {
    double sum = 0;
    for (Index c = 0; c < outputs; ++c) sum += data.signs(first + r, c) * v[c * n + i];
    return sum;
  };
  std::vector<double> tile(tile_neurons * tile_points);
  TileCollector collector(data.X, count, out);
  for (Index point = begin; point < end; point += tile_points) {
    const Index points = std::min(tile_points, end - point);
    J.pattern().expand(first, count, point, points, tile.data());
    for (Index i = 0; i < points; ++i) {
      double* column = tile.data() + i * tile_neurons;
      for (Index r = 0; r < count; ++r) column[r] *= outputs == 1 ? v[point + i] : weight(point + i, r);
    }
    collector.add(tile.data(), point, points);
  }
  collector.finish();
  const double scale = 1 / std::sqrt(static_cast<double>(J.pattern().neurons()));
  for (Index r = 0; r < count; ++r) {
    const double factor = outputs == 1 ? scale * data.signs[first + r] : scale;
    for (Index k = 0; k < d; ++k) out[r * d + k] *= factor;
  }
}

}  // namespace

double NetworkJacobian::scale() const { return 1 / std::sqrt(static_cast<double>(Phi_.neurons())); }

bool NetworkJacobian::has_tables() const { return Phi_.is_binary() && !data_->X.is_sparse(); }

void NetworkJacobian::multiply(const Mat<double>& U, Mat<double>& Y) const {
  const Index n = points(), m = Phi_.neurons(), outputs = this->outputs();
  Y.set_size(residuals(), U.n_cols);
  if (has_tables()) {
    for (Index c = 0; c < U.n_cols; ++c) {
      for (Index o = 0; o < outputs; ++o) table_multiply(data_->X, 0, Phi_, signs_of(o), U.colptr(c), Y.colptr(c) + o * n);
    }
    return;
  }
  const Blocks panels{n, tile_points};
  for (Index c = 0; c < U.n_cols; ++c) {
    const TileWeights weights(data_->X, U.colptr(c), m);
    parallel_for(panels.count(), [&](Index panel) {
      const Index point = panels.begin(panel), count = panels.length(panel);
      std::vector<double> active(tile_neurons * tile_points), inner(tile_neurons * tile_points);
      std::vector<double> sum(outputs * count, 0.0);
      for (Index first = 0; first < m; first += tile_neurons) {
        const Index neurons = std::min(tile_neurons, m - first);
        weights.project(first, neurons, point, count, inner.data());
        Phi_.expand(first, neurons, point, count, active.data());
        for (Index e = 0; e < sum.size(); ++e) {
          const Index o = e / count, i = e % count;
          sum[e] +=
              weighted_dot(neurons, data_->signs.colptr(o) + first, active.data() + i * tile_neurons, inner.data() + i * tile_neurons);
        }
      }
      for (Index e = 0; e < sum.size(); ++e) Y(e / count * n + point + e % count, c) = scale() * sum[e];
    });
  }
}

void NetworkJacobian::multiply_transposed(const Mat<double>& V, Mat<double>& Y) const {
  const Index n = points(), m = Phi_.neurons(), d = data_->X.cols();
  Y.set_size(parameters(), V.n_cols);
  if (has_tables()) {
    Vec term(outputs() > 1 ? parameters() : 0);
    for (Index c = 0; c < V.n_cols; ++c) {
      table_multiply_transposed(data_->X, Phi_, signs_of(0), V.colptr(c), Y.colptr(c));
      for (Index o = 1; o < outputs(); ++o) {
        table_multiply_transposed(data_->X, Phi_, signs_of(o), V.colptr(c) + o * n, term.memptr());
        Y.col(c) += term;
      }
    }
    return;
  }
  const Blocks groups{m, tile_neurons};
  for (Index c = 0; c < V.n_cols; ++c) {
    const double* v = V.colptr(c);
    if (groups.count() >= 4) {
      parallel_for(groups.count(),
                   [&](Index g) { collect_neurons(*this, v, groups.begin(g), groups.length(g), 0, n, Y.colptr(c) + groups.begin(g) * d); });
      continue;
    }
    // Few neurons: the observations are what there is to share out.
    const Blocks blocks = cut(n, 4 * tile_points, 16);
    parallel_sum<double>(
        blocks, parameters(),
        [&](Index b, double* partial) {
          for (Index g = 0; g < groups.count(); ++g) {
            collect_neurons(*this, v, groups.begin(g), groups.length(g), blocks.begin(b), blocks.end(b), partial + groups.begin(g) * d);
          }
        },
        Y.colptr(c));
  }
}

void NetworkJacobian::multiply_normal(const Mat<double>& V, Mat<double>& Y) const {
  if (!has_tables() || outputs() > 1) {  // only a sign squared is 1
    Mat<double> U;
    multiply_transposed(V, U);
    return multiply(U, Y);
  }
  Y.set_size(points(), V.n_cols);
  for (Index c = 0; c < V.n_cols; ++c) table_multiply_normal(data_->X, Phi_, V.colptr(c), Y.colptr(c));
}

void NetworkJacobian::row(Index residual, double* out) const {
  const Index m = Phi_.neurons(), d = data_->X.cols(), point = residual % points(), output = residual / points();
  const auto factor = [&](Index r) { return scale() * data_->signs(r, output) * Phi_.at(point, r); };
  if (!data_->X.is_sparse()) {
    const double* x = data_->X.dense().colptr(point);
    for (Index r = 0; r < m; ++r) {
      const double f = factor(r);
      for (Index k = 0; k < d; ++k) out[r * d + k] = f * x[k];
    }
    return;
  }
  const arma::sp_mat& X = data_->X.sparse();
  std::fill(out, out + m * d, 0.0);
  for (Index r = 0; r < m; ++r) {
    const double f = factor(r);
    for (Index e = X.col_ptrs[point]; e < X.col_ptrs[point + 1]; ++e) out[r * d + X.row_indices[e]] = f * X.values[e];
  }
}

void NetworkJacobian::column(Index parameter, double* out) const {
  const Index n = points(), d = data_->X.cols(), r = parameter / d, k = parameter % d;
  for (Index o = 0; o < outputs(); ++o) {
    const double factor = scale() * data_->signs(r, o);
    for (Index i = 0; i < n; ++i) out[o * n + i] = factor * Phi_.at(i, r) * data_->X.at(i, k);
  }
}

/// Lower triangle of G += Φ diag(factors)² Φᵀ (null: ones) where that is no counting of bits.
void NetworkJacobian::add_dense_overlaps(const Vec* factors, Mat<double>& G) const {
  add_neuron_gram(
      points(), Phi_.neurons(),
      [this](Index first, Index count, Index point, Index length, double* T) { Phi_.expand(first, count, point, length, T); }, factors, 1.0,
      G);
}

/// The lower triangle of G, n × n, times XXᵀ/m tile by tile; both triangles then.
void NetworkJacobian::multiply_by_inner_products(Mat<double>& G) const {
  const Blocks tiles{points(), 128};
  const auto pairs = lower_pairs(tiles.count());
  const double factor = 1 / static_cast<double>(Phi_.neurons());
  parallel_for(pairs.size(), [&](Index t) {
    const auto [I, J] = pairs[t];
    const Index i = tiles.begin(I), height = tiles.length(I), j = tiles.begin(J), width = tiles.length(J);
    std::vector<double> inner(height * width);
    inner_products(data_->X, i, height, j, width, inner.data());
    for (Index b = 0; b < width; ++b) {
      for (Index a = I == J ? b : 0; a < height; ++a) G(i + a, j + b) *= factor * inner[b * height + a];
    }
  });
  mirror_lower(G);
}

void NetworkJacobian::dense_point_gram(Mat<double>& G) const {
  G.zeros(points(), points());
  add_dense_overlaps(nullptr, G);
  multiply_by_inner_products(G);
}

template <class Real>
void NetworkJacobian::point_gram(Mat<Real>& G) const {
  if (outputs() > 1) return outputs_gram(G);
  const Index n = points();
  if (!Phi_.is_binary()) {
    if constexpr (sizeof(Real) == 8) return dense_point_gram(G);
  }
  G.set_size(n, n);
  const Blocks tiles{n, Phi_.is_binary() ? Index{64} : Index{128}};
  const auto pairs = lower_pairs(tiles.count());
  const double factor = 1 / static_cast<double>(Phi_.neurons());
  parallel_for(pairs.size(), [&](Index t) {
    const auto [I, J] = pairs[t];
    const Index i = tiles.begin(I), rows = tiles.length(I), j = tiles.begin(J), cols = tiles.length(J);
    std::vector<double> overlap(rows * cols), inner(rows * cols);
    Phi_.overlaps(i, rows, j, cols, overlap.data());
    inner_products(data_->X, i, rows, j, cols, inner.data());
    for (Index b = 0; b < cols; ++b) {
      // On the diagonal the lower triangle decides both: the two products may differ in their rounding.
      for (Index a = I == J ? b : 0; a < rows; ++a) {
        G(j + b, i + a) = G(i + a, j + b) = static_cast<Real>(factor * inner[b * rows + a] * overlap[b * rows + a]);
      }
    }
  });
}

template void NetworkJacobian::point_gram<double>(Mat<double>&) const;
template void NetworkJacobian::point_gram<float>(Mat<float>&) const;

void NetworkJacobian::point_gram_diagonal(Vec& g) const {
  g.set_size(residuals());
  const double factor = 1 / static_cast<double>(Phi_.neurons());
  parallel_for(points(), [&](Index i) {
    double inner = 0;
    inner_products(data_->X, i, 1, i, 1, &inner);
    g[i] = factor * inner * Phi_.squared_norm(i);
  });
  for (Index e = points(); e < g.n_elem; ++e) g[e] = g[e - points()];
}

void NetworkJacobian::sparse_point_gram(arma::sp_mat& G) const {
  const ObservationGraph& graph = data_->graph();
  const Index n = points();
  // Written in place: the public constructors would drop entries that happen to vanish, and with them the pattern.
  G = arma::sp_mat(arma::arma_reserve_indicator(), n, n, graph.neighbour.n_elem);
  double* values = arma::access::rwp(G.values);
  std::copy_n(graph.neighbour.memptr(), graph.neighbour.n_elem, arma::access::rwp(G.row_indices));
  std::copy_n(graph.start.memptr(), n + 1, arma::access::rwp(G.col_ptrs));
  const double factor = 1 / static_cast<double>(Phi_.neurons());
  const Blocks blocks = cut(n, 16, 256);
  parallel_for(blocks.count(), [&](Index b) {
    std::vector<Index> neighbours;
    std::vector<double> overlaps;
    for (Index j = blocks.begin(b); j < blocks.end(b); ++j) {
      const Index begin = graph.start[j], count = graph.start[j + 1] - begin;
      neighbours.assign(graph.neighbour.begin() + begin, graph.neighbour.begin() + begin + count);
      overlaps.resize(count);
      Phi_.overlaps(j, neighbours.data(), count, overlaps.data());
      for (Index e = 0; e < count; ++e) values[begin + e] = factor * graph.inner_product[begin + e] * overlaps[e];
    }
  });
}

void NetworkJacobian::parameter_gram(Mat<double>& G) const {
  gram_of_rows(
      residuals(), parameters(), [this](Index i, double* out) { row(i, out); }, G);
}

void NetworkJacobian::parameter_gram_diagonal(Vec& g) const {
  gram_diagonal_of_rows(
      residuals(), parameters(), [this](Index i, double* out) { row(i, out); }, g);
}

ObservationGraph::ObservationGraph(const DataMatrix& data) {
  if (!data.is_sparse()) return;
  const arma::sp_mat& X = data.sparse();                   // column i: features of observation i
  const arma::sp_mat& by_feature = data.sparse_columns();  // column k: observations with feature k
  const Index n = data.rows();
  const double most = 0.2 * static_cast<double>(n) * static_cast<double>(n);
  std::vector<Index> rows, found;
  std::vector<double> values, sum(n, 0.0);
  std::vector<char> seen(n, 0);
  start.zeros(n + 1);
  for (Index i = 0; i < n; ++i) {
    found.assign(1, i);  // the diagonal is part of the pattern even when xᵢ = 0
    seen[i] = 1;
    for (Index e = X.col_ptrs[i]; e < X.col_ptrs[i + 1]; ++e) {
      const Index k = X.row_indices[e];
      for (Index f = by_feature.col_ptrs[k]; f < by_feature.col_ptrs[k + 1]; ++f) {
        const Index j = by_feature.row_indices[f];
        if (!seen[j]) found.push_back(j);
        seen[j] = 1;
        sum[j] += X.values[e] * by_feature.values[f];
      }
    }
    if (static_cast<double>(rows.size() + found.size()) > std::max(most, static_cast<double>(n))) return;
    std::sort(found.begin(), found.end());
    for (const Index j : found) {
      rows.push_back(j);
      values.push_back(sum[j]);
      sum[j] = 0;
      seen[j] = 0;
    }
    start[i + 1] = rows.size();
  }
  neighbour = arma::conv_to<arma::uvec>::from(rows);
  inner_product = Vec(values);
  worthwhile = true;
}

const ObservationGraph& NetworkData::graph() const {
  std::call_once(built_, [this] { graph_ = std::make_unique<const ObservationGraph>(X); });
  return *graph_;
}

}  // namespace raphson
