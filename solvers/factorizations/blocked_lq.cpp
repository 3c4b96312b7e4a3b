#include <raphson/core/dense.hpp>
#include <raphson/core/kernels/idle_panels.hpp>
#include <raphson/core/kernels/outer_product.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/factorizations/blocked_lq.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace raphson {
namespace {

constexpr Index panel_width = 64;  ///< reflectors applied together
constexpr Index leaf_width = 8;    ///< columns below which a panel is factored one by one
constexpr Index tile = 96;         ///< rows of B that a task updates

/// A panel being factored: V (m × n) with explicit ones on its diagonal and zeros above, R (n × n), T (n × n) with
/// H₁ … Hₙ = I − V T Vᵀ; column-major, all upper triangles.
struct Panel {
  Mat<double> V, R, T, work;
  void reset(Index m, Index n) {
    V.set_size(m, n);
    R.zeros(n, n);
    T.zeros(n, n);
    work.set_size(n, n);
  }
};

/// v ← the reflector that sends v (m) to (β, 0, …): v₁ = 1. Returns τ; β goes to `beta`.
double reflector(Index m, double* v, double& beta) {
  const double alpha = v[0];
  const double below = m > 1 ? std::sqrt(dot(m - 1, v + 1, v + 1)) : 0.0;
  v[0] = 1;
  beta = alpha;
  if (!(below > 0)) return 0;
  beta = -std::copysign(std::hypot(alpha, below), alpha);
  const double scale = 1 / (alpha - beta);
  for (Index i = 1; i < m; ++i) v[i] *= scale;
  return (beta - alpha) / beta;
}

/// T(first.., j) from the reflectors before it: −τ T V₁ᵀv.
void extend_triangle(Panel& p, Index first, Index j, double tau) {
  const Index m = p.V.n_rows - j;
  Vec inner(j - first);
  for (Index i = first; i < j; ++i) inner(i - first) = dot(m, p.V.colptr(i) + j, p.V.colptr(j) + j);
  for (Index i = first; i < j; ++i) {
    double sum = 0;
    for (Index l = i; l < j; ++l) sum += p.T(i, l) * inner(l - first);
    p.T(i, j) = -tau * sum;
  }
  p.T(j, j) = tau;
}

void factor_leaf(Panel& p, Index first, Index last) {
  for (Index j = first; j < last; ++j) {
    double* v = p.V.colptr(j);
    const Index m = p.V.n_rows - j;
    const double tau = reflector(m, v + j, p.R(j, j));
    extend_triangle(p, first, j, tau);
    for (Index c = j + 1; c < last; ++c) {
      double* x = p.V.colptr(c);
      const double factor = tau * dot(m, v + j, x + j);
      for (Index i = j; i < p.V.n_rows; ++i) x[i] -= factor * v[i];
      p.R(j, c) = x[j];
      x[j] = 0;
    }
  }
}

/// Columns [first, last) of the panel, rows from `first` on.
void factor_columns(Panel& p, Index first, Index last) {
  if (last - first <= leaf_width) return factor_leaf(p, first, last);
  const Index middle = first + (last - first) / 2, left = middle - first, right = last - middle;
  const Index m = p.V.n_rows, ld = m, n = p.T.n_rows;
  factor_columns(p, first, middle);

  // The right half ← (I − V Tᵀ Vᵀ) · right half.
  const double* V = p.V.colptr(first) + first;
  double* C = p.V.colptr(middle) + first;
  const double* T = p.T.colptr(first) + first;
  double* W = p.work.memptr();
  Mat<double> TW(left, right);
  gemm(true, false, left, right, m - first, 1.0, V, ld, C, ld, 0.0, W, left);
  gemm(true, false, left, right, left, 1.0, T, n, W, left, 0.0, TW.memptr(), left);
  gemm(false, false, m - first, right, left, -1.0, V, ld, TW.memptr(), left, 1.0, C, ld);
  for (Index c = 0; c < right; ++c) {
    std::copy_n(C + c * ld, left, p.R.colptr(middle + c) + first);
    std::fill_n(C + c * ld, left, 0.0);
  }
  factor_columns(p, middle, last);

  // T₁₂ = −T₁₁ V₁ᵀV₂ T₂₂.
  gemm(true, false, left, right, m - middle, 1.0, p.V.colptr(first) + middle, ld, p.V.colptr(middle) + middle, ld, 0.0, W, left);
  gemm(false, false, left, right, left, -1.0, T, n, W, left, 0.0, TW.memptr(), left);
  gemm(false, false, left, right, right, 1.0, TW.memptr(), left, p.T.colptr(middle) + middle, n, 0.0, p.T.colptr(middle) + first, n);
}

/// V ← (rows [first, first + n) of diag(t) B, columns from `first` on)ᵀ.
void load_panel(const Mat<double>& B, const Vec& t, Index first, Mat<double>& V) {
  const Blocks blocks = cut(V.n_rows, 256);
  parallel_for(blocks.count(), [&](Index block) {
    for (Index i = blocks.begin(block); i < blocks.end(block); ++i) {
      const double* row = B.colptr(first + i) + first;
      for (Index j = 0; j < V.n_cols; ++j) V(i, j) = t(first + j) * row[j];
    }
  });
}

/// w (m) ← w − V Tᵀ Vᵀw.
void apply_reflectors(const Panel& p, double* w) {
  const Index m = p.V.n_rows, n = p.V.n_cols;
  Mat<double> W(1, n), WT(1, n);
  gemm(false, false, 1, n, m, 1.0, w, 1, p.V.memptr(), m, 0.0, W.memptr(), 1);
  gemm(false, false, 1, n, n, 1.0, W.memptr(), 1, p.T.memptr(), n, 0.0, WT.memptr(), 1);
  gemm(false, true, 1, m, n, -1.0, WT.memptr(), 1, p.V.memptr(), m, 1.0, w, 1);
}

/// The reflectors of a panel in the form in which inner loops read them: V in pieces of rows, once by columns and once by rows.
class PackedReflectors {
 public:
  void set(const Panel& p) {
    const Index m = p.V.n_rows, n = p.V.n_cols;
    pieces_ = {m, piece};
    down_.resize(pieces_.count());
    across_.resize(pieces_.count());
    parallel_for(pieces_.count(), [&](Index c) {
      const Index first = pieces_.begin(c), count = pieces_.length(c);
      std::vector<double> transposed(count * n);
      for (Index j = 0; j < n; ++j) {
        for (Index i = 0; i < count; ++i) transposed[j + i * n] = p.V(first + i, j);
      }
      pack(down_[c], transposed.data(), n, n, count);
      pack(across_[c], p.V.memptr() + first, count, m, n);
    });
  }

  /// C (rows × m at leading dimension ld) ← C − (C V) T Vᵀ.
  void apply(const Mat<double>& T, double* C, Index ld, Index rows) const {
    const Index n = T.n_rows;
    kernels::IdlePanels<PackedPanel> panels(1);
    PackedPanel& P = panels[0];
    Mat<double> W(rows, n, arma::fill::zeros), WT(rows, n);
    for (Index c = 0; c < pieces_.count(); ++c) {
      pack(P, C + pieces_.begin(c) * ld, rows, ld, pieces_.length(c));
      kernels::add_product(P, down_[c], 1.0, W.memptr(), rows);
    }
    gemm(false, false, rows, n, n, 1.0, W.memptr(), rows, T.memptr(), n, 0.0, WT.memptr(), rows);
    pack(P, WT.memptr(), rows, rows, n);
    for (Index c = 0; c < pieces_.count(); ++c) kernels::add_product(P, across_[c], -1.0, C + pieces_.begin(c) * ld, ld);
  }

 private:
  using PackedPanel = kernels::PackedPanel<double>;
  static constexpr Index piece = 240;  ///< rows of V: with as many columns of a tile they stay in the second-level cache

  /// P(i, s) = A[i + s·stride] for i < rows, s < depth.
  static void pack(PackedPanel& P, const double* A, Index rows, Index stride, Index depth) {
    P.resize(rows, depth);
    P.pack(DenseRows<double>{A, depth, rows, stride}, 0, 0, 0, P.groups());
  }

  Blocks pieces_;
  std::vector<PackedPanel> down_, across_;
};

}  // namespace

bool blocked_lq(Mat<double>& B, const Vec& t, Vec& w, Mat<double>& L, const std::function<bool()>& stop) {
  const SingleThreadedBlas one;
  const Index k = B.n_rows, s = B.n_cols;
  if (s < k || !all_finite(B) || !all_finite(w)) return false;
  L.zeros(k, k);
  Panel panel;
  PackedReflectors reflectors;
  for (Index first = 0; first < k; first += panel_width) {
    if (stop && stop()) return false;
    const Index n = std::min(panel_width, k - first), below = first + n;
    panel.reset(s - first, n);
    load_panel(B, t, first, panel.V);
    factor_columns(panel, 0, n);
    L.submat(first, first, below - 1, below - 1) = panel.R.t();

    const Blocks tiles{k - below, tile};
    if (tiles.count() > 0) reflectors.set(panel);
    parallel_for(tiles.count() + (w.is_empty() ? 0 : 1), [&](Index task) {
      if (task == tiles.count()) return apply_reflectors(panel, w.memptr() + first);
      const Index row = below + tiles.begin(task);
      reflectors.apply(panel.T, B.colptr(first) + row, k, tiles.length(task));
      for (Index j = first; j < below; ++j) {
        for (Index i = row; i < row + tiles.length(task); ++i) L(i, j) = t(i) * B(i, j);
      }
    });
  }
  if (!w.is_empty()) w.resize(k);
  return all_finite(L);
}

}  // namespace raphson
