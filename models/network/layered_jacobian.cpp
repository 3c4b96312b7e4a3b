#include <raphson/core/dense.hpp>
#include <raphson/core/row_gram.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/layer_input.hpp>
#include <raphson/models/network/layered_jacobian.hpp>
#include <raphson/models/network/parallel_gemm.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace raphson {
namespace {

/// Rows of an n × m matrix in parallel, columns one after the other: sums over neurons have one order.
constexpr Index row_block = 512;

/// Lower triangle of G = M Mᵀ for M (n × m).
template <class Real>
void gram_of_columns(const Mat<double>& M, Mat<Real>& G) {
  G.zeros(M.n_rows, M.n_rows);
  add_row_gram<Real, double>({M.memptr(), M.n_cols, M.n_rows, M.n_rows}, Real(1), G.memptr(), G.n_rows);
}

/// s(i) = Σᵣ A(i,r)².
Vec squared_row_norms(const Mat<double>& A) {
  Vec sum(A.n_rows, arma::fill::zeros);
  const Blocks blocks{A.n_rows, row_block};
  parallel_for(blocks.count(), [&](Index b) {
    for (Index r = 0; r < A.n_cols; ++r) {
      for (Index i = blocks.begin(b); i < blocks.end(b); ++i) sum[i] += A(i, r) * A(i, r);
    }
  });
  return sum;
}

Vec squared_row_norms(const DataMatrix& X) {
  Vec sum(X.rows(), arma::fill::zeros);
  for (Index i = 0; i < X.rows(); ++i) {
    if (X.is_sparse()) {
      const arma::sp_mat& rows = X.sparse();
      for (Index e = rows.col_ptrs[i]; e < rows.col_ptrs[i + 1]; ++e) sum[i] += rows.values[e] * rows.values[e];
    } else {
      sum[i] = dot(X.cols(), X.dense().colptr(i), X.dense().colptr(i));
    }
  }
  return sum;
}

}  // namespace

double LayeredJacobian::input(Index layer, Index point, Index k) const {
  return layer == 0 ? net_->X.at(point, k) : record_.outputs[layer - 1](point, k);
}

void LayeredJacobian::multiply(const Mat<double>& U, Mat<double>& Y) const {
  const Index n = points();
  Y.zeros(n, U.n_cols);
  Mat<double> moved;  // what U does to the inputs of the neurons
  const Blocks blocks{n, row_block};
  for (Index c = 0; c < U.n_cols; ++c) {
    for (Index l = 0; l < net_->layers(); ++l) {
      const Index m = net_->widths[l], before = net_->inputs(l);
      const double* u = U.colptr(c) + net_->begin(l);
      moved.set_size(n, m);
      if (l == 0) {
        project(net_->X, m, u, moved.memptr());
      } else {
        parallel_gemm(false, false, n, m, before, record_.outputs[l - 1].memptr(), n, u, before, moved.memptr(), n);
      }
      const Mat<double>& Delta = record_.slopes[l];
      parallel_for(blocks.count(), [&](Index b) {
        for (Index r = 0; r < m; ++r) {
          for (Index i = blocks.begin(b); i < blocks.end(b); ++i) Y(i, c) += moved(i, r) * Delta(i, r);
        }
      });
    }
  }
}

void LayeredJacobian::multiply_transposed(const Mat<double>& V, Mat<double>& Y) const {
  const Index n = points();
  Y.set_size(parameters(), V.n_cols);
  Mat<double> weighted;
  for (Index c = 0; c < V.n_cols; ++c) {
    const double* v = V.colptr(c);
    for (Index l = 0; l < net_->layers(); ++l) {
      const Index m = net_->widths[l], before = net_->inputs(l);
      double* y = Y.colptr(c) + net_->begin(l);
      weighted.set_size(n, m);
      parallel_for(m, [&](Index r) {
        for (Index i = 0; i < n; ++i) weighted(i, r) = v[i] * record_.slopes[l](i, r);
      });
      if (l == 0) {
        collect(net_->X, m, weighted.memptr(), y);
      } else {
        parallel_gemm(true, false, before, m, n, record_.outputs[l - 1].memptr(), n, weighted.memptr(), n, y, before);
      }
    }
  }
}

void LayeredJacobian::row(Index point, double* out) const {
  for (Index l = 0; l < net_->layers(); ++l) {
    std::vector<double> h(net_->inputs(l));
    for (Index k = 0; k < h.size(); ++k) h[k] = input(l, point, k);
    for (Index r = 0; r < net_->widths[l]; ++r) {
      const double d = delta(l, point, r);
      for (const double x : h) *out++ = d * x;
    }
  }
}

void LayeredJacobian::column(Index parameter, double* out) const {
  Index layer = 0;
  while (parameter >= net_->begin(layer + 1)) ++layer;
  const Index within = parameter - net_->begin(layer), before = net_->inputs(layer);
  for (Index i = 0; i < points(); ++i) out[i] = delta(layer, i, within / before) * input(layer, i, within % before);
}

template <class Real>
void LayeredJacobian::point_gram(Mat<Real>& G) const {
  gram_of_columns(record_.slopes[0], G);
  multiply_by_inner_products(net_->X, G);
  Mat<Real> inputs, deltas;
  for (Index l = 1; l < net_->layers(); ++l) {
    gram_of_columns(record_.outputs[l - 1], inputs);
    gram_of_columns(record_.slopes[l], deltas);
    parallel_for(points(), [&](Index j) {
      for (Index i = j; i < points(); ++i) G(i, j) += inputs(i, j) * deltas(i, j);
    });
  }
  mirror_lower(G);
}

template void LayeredJacobian::point_gram<double>(Mat<double>&) const;
template void LayeredJacobian::point_gram<float>(Mat<float>&) const;

void LayeredJacobian::point_gram_diagonal(Vec& g) const {
  g = squared_row_norms(net_->X) % squared_row_norms(record_.slopes[0]);
  for (Index l = 1; l < net_->layers(); ++l) g += squared_row_norms(record_.outputs[l - 1]) % squared_row_norms(record_.slopes[l]);
}

std::string LayeredJacobian::non_finite() const {
  for (Index l = 0; l < net_->layers(); ++l) {
    for (const std::vector<Mat<double>>* matrices : {&record_.outputs, &record_.slopes}) {
      if (l >= matrices->size() || all_finite((*matrices)[l])) continue;
      const Mat<double>& M = (*matrices)[l];
      const Index at = static_cast<Index>(std::find_if(M.begin(), M.end(), [](double v) { return !std::isfinite(v); }) - M.begin());
      return fmt::format("neuron {} of hidden layer {} at observation {} ({})", at / M.n_rows, l + 1, at % M.n_rows, M[at]);
    }
  }
  return {};
}

}  // namespace raphson
