#include <raphson/core/error.hpp>
#include <raphson/core/kernels/gather_rows.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/sketches/gather_sketch.hpp>
#include <raphson/solvers/sketches/tile_gather.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <limits>
#include <numeric>

namespace raphson {

SignedColumns draw_columns(Index s, Index N, Index each, const std::function<void(Index first, Index last, std::uint32_t* target)>& draw) {
  constexpr auto most = std::numeric_limits<std::int32_t>::max();
  if (s > most) throw InputError(fmt::format("a sketch of {} rows is too large; ask for at most {}.", s, most));
  SignedColumns columns{s, each, std::vector<std::uint32_t>(N * each)};
  const Blocks blocks = cut(N, 4096);
  parallel_for(blocks.count(),
               [&](Index block) { draw(blocks.begin(block), blocks.end(block), columns.target.data() + blocks.begin(block) * each); });
  return columns;
}

SignedRows sort_by_rows(const SignedColumns& columns) {
  const std::vector<std::uint32_t>& target = columns.target;
  SignedRows signs{std::vector<Index>(columns.rows + 1, 0), std::vector<Index>(target.size())};
  for (const std::uint32_t t : target) ++signs.start[t / 2 + 1];
  std::partial_sum(signs.start.begin(), signs.start.end(), signs.start.begin());
  std::vector<Index> next(signs.start.begin(), signs.start.end() - 1);
  for (Index i = 0, e = 0; e < target.size(); ++i) {
    for (Index q = 0; q < columns.each; ++q, ++e) signs.entry[next[target[e] / 2]++] = 2 * i + target[e] % 2;
  }
  return signs;
}

template <class Real>
const SignedRows& GatherSketch<Real>::signs() const {
  std::call_once(sorted_, [this] {
    if (columns_.each > 0) signs_ = sort_by_rows(columns_);
  });
  return signs_;
}

template <class Real>
void GatherSketch<Real>::apply(const Mat<Real>& X, Mat<Real>& Y) const {
  check_sketched_rows(X.n_rows, cols_);
  Y.set_size(rows(), X.n_cols);
  const SignedRows& S = signs();
  const Blocks blocks = cut(rows(), 64);
  parallel_for(blocks.count() * X.n_cols, [&](Index task) {
    const Index column = task / blocks.count(), block = task % blocks.count();
    const Real* x = X.colptr(column);
    Real* y = Y.colptr(column);
    for (Index r = blocks.begin(block); r < blocks.end(block); ++r) {
      Real sum = 0;
      for (Index e = S.start[r]; e < S.start[r + 1]; ++e) sum += coefficient(S.entry[e], nullptr) * x[S.entry[e] / 2];
      y[r] = sum;
    }
  });
}

template <class Real>
template <class Out>
void GatherSketch<Real>::gather_whole_rows(const DenseRows<Real>& A, Mat<Out>& B) const {
  const SignedRows& S = signs();
  const Blocks blocks = cut(rows(), 1, 256);
  parallel_for(blocks.count(), [&](Index block) {
    const Index begin = S.start[blocks.begin(block)], count = S.start[blocks.end(block)] - begin;
    std::vector<const Real*> source(count);
    std::vector<Real> factor(count);
    for (Index e = 0; e < count; ++e) {
      source[e] = A.data + S.entry[begin + e] / 2 * A.stride;
      factor[e] = coefficient(S.entry[begin + e], A.scale);
    }
    for (Index r = blocks.begin(block); r < blocks.end(block); ++r) {
      const Index first = S.start[r] - begin, last = S.start[r + 1] - begin;
      kernels::gather_rows(source.data() + first, factor.data() + first, last - first, count - last, A.width, B.colptr(r));
    }
  });
}

/// The column of ones: sums of the factors.
template <class Real>
template <class Out>
void GatherSketch<Real>::sum_factors(const DenseRows<Real>& A, Mat<Out>& B) const {
  Col<Real> sum(rows(), arma::fill::zeros);
  for (Index e = 0; e < columns_.target.size(); ++e) {
    sum[columns_.target[e] / 2] += coefficient(2 * (e / columns_.each) + columns_.target[e] % 2, A.scale);
  }
  for (Index r = 0; r + 1 < signs_.start.size() && columns_.each == 0; ++r) {
    for (Index e = signs_.start[r]; e < signs_.start[r + 1]; ++e) sum[r] += coefficient(signs_.entry[e], A.scale);
  }
  for (Index r = 0; r < rows(); ++r) B(A.width, r) = static_cast<Out>(sum[r]);
}

template <class Real>
template <class Out>
void GatherSketch<Real>::sketch_dense(const DenseRows<Real>& A, Mat<Out>& B) const {
  check_sketched_rows(A.count, cols_);
  resize_raw(B, A.cols(), rows());
  if (B.is_empty()) return;
  if (tiles_serve(columns_, A.width, sizeof(Out))) {
    gather_tiles(columns_, magnitude_, A, B);
  } else {
    gather_whole_rows(A, B);
  }
  if (A.constant) sum_factors(A, B);
}

template <class Real>
template <class Out>
void GatherSketch<Real>::sketch_sparse(const SparseRows<Real>& A, Mat<Out>& B) const {
  check_sketched_rows(A.count, cols_);
  resize_raw(B, A.cols(), rows());
  if (B.is_empty()) return;
  const SignedRows& S = signs();
  const Blocks blocks = cut(rows(), 1, 256);
  parallel_for(blocks.count(), [&](Index block) {
    for (Index r = blocks.begin(block); r < blocks.end(block); ++r) {
      Out* out = B.colptr(r);
      std::fill_n(out, A.cols(), Out(0));
      for (Index e = S.start[r]; e < S.start[r + 1]; ++e) {
        const Index i = S.entry[e] / 2;
        const Real c = coefficient(S.entry[e], A.scale);
        for (Index q = A.start[i]; q < A.start[i + 1]; ++q) out[A.column[q]] += static_cast<Out>(c * A.value[q]);
        if (A.constant) out[A.width] += static_cast<Out>(c);
      }
    }
  });
}

template <class Real>
void GatherSketch<Real>::apply_rows(const DenseRows<Real>& A, Mat<Real>& B) const {
  sketch_dense(A, B);
}

template <class Real>
void GatherSketch<Real>::apply_rows(const SparseRows<Real>& A, Mat<Real>& B) const {
  sketch_sparse(A, B);
}

template <class Real>
void GatherSketch<Real>::apply_rows_single(const DenseRows<Real>& A, Mat<float>& B) const {
  sketch_dense(A, B);
}

template <class Real>
void GatherSketch<Real>::apply_rows_single(const SparseRows<Real>& A, Mat<float>& B) const {
  sketch_sparse(A, B);
}

template class GatherSketch<float>;
template class GatherSketch<double>;

}  // namespace raphson
