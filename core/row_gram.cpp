#include <raphson/core/dense.hpp>
#include <raphson/core/kernels/outer_product.hpp>
#include <raphson/core/row_gram.hpp>
#include <raphson/core/threads.hpp>

#include <algorithm>
#include <vector>

namespace raphson {
namespace {

using kernels::PackedPanel;

constexpr Index depth = 256;              ///< rows of A that a panel holds: a group of it is 48 KiB
constexpr Index tile_rows = 240;          ///< of C: a tile and its part of a panel stay in the second-level cache together
constexpr Index most_private = 640;       ///< up to this k every block of rows of A has a sum of its own
constexpr Index packed_bytes = 16 << 20;  ///< panels held at a time where C is shared

/// The lower triangle of a k × k matrix as square tiles of whole groups.
struct Tiles {
  Index groups, each;
  Tiles(Index k, Index group) : groups((k + group - 1) / group), each(std::max<Index>(1, tile_rows / group)) {}
  Index across() const { return (groups + each - 1) / each; }
  Index count() const { return across() * (across() + 1) / 2; }
};

template <class Real>
void add_tile(const PackedPanel<Real>& P, const Tiles& tiles, Index tile, Real alpha, Real* C, Index ldc) {
  Index row = 0;
  while ((row + 1) * (row + 2) / 2 <= tile) ++row;
  const Index column = tile - row * (row + 1) / 2;
  const auto end = [&](Index t) { return std::min(tiles.groups, (t + 1) * tiles.each); };
  kernels::add_outer(P, row * tiles.each, end(row), column * tiles.each, end(column), alpha, C, ldc);
}

/// Rows [begin, end) of A on this thread.
template <class Real, class Src>
void add_rows_here(const DenseRows<Src>& A, Index begin, Index end, Real alpha, Real* C, Index ldc) {
  PackedPanel<Real> P;
  for (Index first = begin; first < end; first += depth) {
    P.resize(A.cols(), std::min(depth, end - first));
    P.pack(A, first, 0, 0, P.groups());
    const Tiles tiles(A.cols(), P.group_rows());
    for (Index tile = 0; tile < tiles.count(); ++tile) add_tile(P, tiles, tile, alpha, C, ldc);
  }
}

/// All threads on the same rows: panels are packed in parallel, then tiles of C take them in.
template <class Real, class Src>
void add_rows_together(const DenseRows<Src>& A, Real alpha, Real* C, Index ldc) {
  const Index k = A.cols(), at_once = std::clamp<Index>(packed_bytes / (depth * k * sizeof(Real)), 1, 8);
  std::vector<PackedPanel<Real>> panels(std::min(at_once, (A.count + depth - 1) / depth));
  const Tiles tiles(k, kernels::outer_group<Real>());
  constexpr Index share = 8;  // groups that a packing task takes
  const Index shares = (tiles.groups + share - 1) / share;
  for (Index first = 0; first < A.count; first += at_once * depth) {
    const Index used = std::min(at_once, (A.count - first + depth - 1) / depth);
    const auto begin = [&](Index p) { return first + p * depth; };
    for (Index p = 0; p < used; ++p) panels[p].resize(k, std::min(depth, A.count - begin(p)));
    parallel_for(used * shares, [&](Index task) {
      const Index p = task / shares, g = task % shares * share;
      panels[p].pack(A, begin(p), 0, g, std::min(g + share, tiles.groups));
    });
    parallel_for(tiles.count(), [&](Index task) {
      // The last rows of tiles have the most work ahead of the diagonal's: take them first.
      for (Index p = 0; p < used; ++p) add_tile(panels[p], tiles, tiles.count() - 1 - task, alpha, C, ldc);
    });
  }
}

}  // namespace

template <class Real, class Src>
void add_row_gram(const DenseRows<Src>& A, Real alpha, Real* C, Index ldc) {
  const Index k = A.cols();
  const Blocks blocks = cut(A.count, 2048, 8);
  if (k > most_private || blocks.count() < 4) return add_rows_together(A, alpha, C, ldc);
  std::vector<Real> sum(k * k);
  parallel_sum<Real>(
      blocks, k * k, [&](Index b, Real* partial) { add_rows_here(A, blocks.begin(b), blocks.end(b), Real(1), partial, k); }, sum.data());
  for (Index j = 0; j < k; ++j) {
    for (Index i = j; i < k; ++i) C[i + j * ldc] += alpha * sum[i + j * k];
  }
}

template <class Real, class Src>
void row_gram(const DenseRows<Src>& A, Mat<Real>& G) {
  G.zeros(A.cols(), A.cols());
  add_row_gram<Real, Src>(A, Real(1), G.memptr(), G.n_rows);
  mirror_lower(G);
}

#define RAPHSON_INSTANTIATE(Real, Src)                                              \
  template void add_row_gram<Real, Src>(const DenseRows<Src>&, Real, Real*, Index); \
  template void row_gram<Real, Src>(const DenseRows<Src>&, Mat<Real>&);
RAPHSON_INSTANTIATE(double, double)
RAPHSON_INSTANTIATE(float, float)
RAPHSON_INSTANTIATE(float, double)

}  // namespace raphson
