#include <raphson/core/kernels/row_passes.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/sketches/gather_sketch.hpp>

#include <algorithm>
#include <numeric>

namespace raphson {

SignedRows sort_by_rows(Index s, Index N, Index per_column, const std::function<void(Index first, Index last, Index* target)>& draw) {
  std::vector<Index> target(N * per_column);
  const Blocks blocks = cut(N, 4096);
  parallel_for(blocks.count(),
               [&](Index block) { draw(blocks.begin(block), blocks.end(block), target.data() + blocks.begin(block) * per_column); });

  SignedRows signs{std::vector<Index>(s + 1, 0), std::vector<Index>(target.size())};
  for (const Index t : target) ++signs.start[t / 2 + 1];
  std::partial_sum(signs.start.begin(), signs.start.end(), signs.start.begin());
  std::vector<Index> next(signs.start.begin(), signs.start.end() - 1);
  for (Index e = 0; e < target.size(); ++e) signs.entry[next[target[e] / 2]++] = 2 * (e / per_column) + target[e] % 2;
  return signs;
}

template <class Real>
void GatherSketch<Real>::apply(const Mat<Real>& X, Mat<Real>& Y) const {
  check_sketched_rows(X.n_rows, cols_);
  Y.set_size(rows(), X.n_cols);
  const Blocks blocks = cut(rows(), 64);
  parallel_for(blocks.count() * X.n_cols, [&](Index task) {
    const Index column = task / blocks.count(), block = task % blocks.count();
    const Real* x = X.colptr(column);
    Real* y = Y.colptr(column);
    for (Index r = blocks.begin(block); r < blocks.end(block); ++r) {
      Real sum = 0;
      for (Index e = signs_.start[r]; e < signs_.start[r + 1]; ++e) sum += coefficient(signs_.entry[e], nullptr) * x[signs_.entry[e] / 2];
      y[r] = sum;
    }
  });
}

/// out = row `row` of S A.
template <class Real>
void GatherSketch<Real>::gather(const DenseRows<Real>& A, Index row, std::vector<const Real*>& source, std::vector<Real>& factor,
                                Real* out) const {
  const Index begin = signs_.start[row], count = signs_.start[row + 1] - begin;
  source.resize(count);
  factor.resize(count);
  Real sum = 0;
  for (Index e = 0; e < count; ++e) {
    const Index entry = signs_.entry[begin + e];
    source[e] = A.data + entry / 2 * A.stride;
    factor[e] = coefficient(entry, A.scale);
    sum += factor[e];
  }
  kernels::sum_scattered_rows(source.data(), factor.data(), count, A.width, out);
  if (A.constant) out[A.width] = sum;
}

template <class Real>
void GatherSketch<Real>::apply_rows(const DenseRows<Real>& A, Mat<Real>& B) const {
  check_sketched_rows(A.count, cols_);
  resize_raw(B, A.cols(), rows());
  if (B.is_empty()) return;
  const Blocks blocks = cut(rows(), 1, 256);
  parallel_for(blocks.count(), [&](Index block) {
    std::vector<const Real*> source;
    std::vector<Real> factor;
    for (Index r = blocks.begin(block); r < blocks.end(block); ++r) gather(A, r, source, factor, B.colptr(r));
  });
}

template <class Real>
void GatherSketch<Real>::apply_rows(const SparseRows<Real>& A, Mat<Real>& B) const {
  check_sketched_rows(A.count, cols_);
  resize_raw(B, A.cols(), rows());
  if (B.is_empty()) return;
  const Blocks blocks = cut(rows(), 1, 256);
  parallel_for(blocks.count(), [&](Index block) {
    for (Index r = blocks.begin(block); r < blocks.end(block); ++r) {
      Real* out = B.colptr(r);
      std::fill_n(out, A.cols(), Real(0));
      for (Index e = signs_.start[r]; e < signs_.start[r + 1]; ++e) {
        const Index i = signs_.entry[e] / 2;
        const Real c = coefficient(signs_.entry[e], A.scale);
        for (Index q = A.start[i]; q < A.start[i + 1]; ++q) out[A.column[q]] += c * A.value[q];
        if (A.constant) out[A.width] += c;
      }
    }
  });
}

template class GatherSketch<float>;
template class GatherSketch<double>;

}  // namespace raphson
