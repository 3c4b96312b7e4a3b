#include <raphson/core/dense.hpp>
#include <raphson/core/kernels/byte_products.hpp>
#include <raphson/core/kernels/idle_panels.hpp>
#include <raphson/core/kernels/narrow_rows.hpp>
#include <raphson/core/kernels/outer_product.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/core/row_gram.hpp>
#include <raphson/core/threads.hpp>

#include <algorithm>
#include <type_traits>
#include <vector>

namespace raphson {
namespace {

using kernels::BytePanel;
using kernels::PackedPanel;

constexpr Index tile_rows = 240;          ///< of C: a tile and its part of a panel stay in the second-level cache together
constexpr Index most_private = 640;       ///< up to this k every block of rows of A has a sum of its own
constexpr Index packed_bytes = 16 << 20;  ///< panels held at a time where C is shared

/// What the two kinds of panels have in common.
template <class Panel>
struct PanelTraits;

template <class T>
struct PanelTraits<PackedPanel<T>> {
  using Real = T;
  static constexpr Index depth = 256;  ///< rows of A that a panel holds: a group of it is 48 KiB
  static Index group() { return kernels::outer_group<Real>(); }
  static Index bytes(Index k) { return depth * k * sizeof(Real); }
  static void resize(PackedPanel<Real>& P, Index k, Index count) { P.resize(k, count); }
  template <class Src>
  static void pack(PackedPanel<Real>& P, const DenseRows<Src>& A, Index begin, Index, Index first, Index last) {
    P.pack(A, begin, 0, first, last);
  }
  static void add(const PackedPanel<Real>& P, Index row, Index row_end, Index column, Index column_end, Real alpha, Real* C, Index ldc) {
    kernels::add_outer(P, row, row_end, column, column_end, alpha, C, ldc);
  }
};

template <>
struct PanelTraits<BytePanel> {
  using Real = float;
  static constexpr Index depth = BytePanel::depth;
  static Index group() { return BytePanel::group; }
  static Index bytes(Index k) { return depth * k; }
  static void resize(BytePanel& P, Index k, Index) { P.resize(k); }
  template <class Src>
  static void pack(BytePanel& P, const DenseRows<Src>& A, Index begin, Index count, Index first, Index last) {
    P.pack(A, begin, count, first, last);
  }
  static void add(const BytePanel& P, Index row, Index row_end, Index column, Index column_end, float alpha, float* C, Index ldc) {
    kernels::add_byte_products(P, row, row_end, column, column_end, alpha, C, ldc);
  }
};

/// The lower triangle of a k × k matrix as square tiles of whole groups.
struct Tiles {
  Index groups, each;
  Tiles(Index k, Index group) : groups((k + group - 1) / group), each(std::max<Index>(1, tile_rows / group)) {}
  Index across() const { return (groups + each - 1) / each; }
  Index count() const { return across() * (across() + 1) / 2; }
};

template <class Panel, class Real = typename PanelTraits<Panel>::Real>
void add_tile(const Panel& P, const Tiles& tiles, Index tile, Real alpha, Real* C, Index ldc) {
  Index row = 0;
  while ((row + 1) * (row + 2) / 2 <= tile) ++row;
  const Index column = tile - row * (row + 1) / 2;
  const auto end = [&](Index t) { return std::min(tiles.groups, (t + 1) * tiles.each); };
  PanelTraits<Panel>::add(P, row * tiles.each, end(row), column * tiles.each, end(column), alpha, C, ldc);
}

/// Rows [begin, end) of A on this thread.
template <class Panel, class Src, class Real = typename PanelTraits<Panel>::Real>
void add_rows_here(const DenseRows<Src>& A, Index begin, Index end, Real alpha, Real* C, Index ldc) {
  using Traits = PanelTraits<Panel>;
  kernels::IdlePanels<Panel> panels(1);
  Panel& P = panels[0];
  const Tiles tiles(A.cols(), Traits::group());
  for (Index first = begin; first < end; first += Traits::depth) {
    const Index count = std::min(Traits::depth, end - first);
    Traits::resize(P, A.cols(), count);
    Traits::pack(P, A, first, count, 0, tiles.groups);
    for (Index tile = 0; tile < tiles.count(); ++tile) add_tile(P, tiles, tile, alpha, C, ldc);
  }
}

/// All threads on the same rows: panels are packed in parallel, then tiles of C take them in.
template <class Panel, class Src, class Real = typename PanelTraits<Panel>::Real>
void add_rows_together(const DenseRows<Src>& A, Real alpha, Real* C, Index ldc) {
  using Traits = PanelTraits<Panel>;
  constexpr Index depth = Traits::depth;
  const Index k = A.cols(), at_once = std::clamp<Index>(packed_bytes / Traits::bytes(k), 1, 8);
  kernels::IdlePanels<Panel> panels(std::min(at_once, (A.count + depth - 1) / depth));
  const Tiles tiles(k, Traits::group());
  constexpr Index share = 10;  // groups that a packing task takes
  const Index shares = (tiles.groups + share - 1) / share;
  for (Index first = 0; first < A.count; first += at_once * depth) {
    const Index used = std::min(at_once, (A.count - first + depth - 1) / depth);
    const auto begin = [&](Index p) { return first + p * depth; };
    const auto count = [&](Index p) { return std::min(depth, A.count - begin(p)); };
    for (Index p = 0; p < used; ++p) Traits::resize(panels[p], k, count(p));
    parallel_for(used * shares, [&](Index task) {
      const Index p = task / shares, g = task % shares * share;
      Traits::pack(panels[p], A, begin(p), count(p), g, std::min(g + share, tiles.groups));
    });
    parallel_for(tiles.count(), [&](Index task) {
      // The last rows of tiles have the most work ahead of the diagonal's: take them first.
      for (Index p = 0; p < used; ++p) add_tile(panels[p], tiles, tiles.count() - 1 - task, alpha, C, ldc);
    });
  }
}

/// C += alpha AᵀA, lower triangle.
template <class Panel, class Src, class Real = typename PanelTraits<Panel>::Real>
void add_gram(const DenseRows<Src>& A, Real alpha, Real* C, Index ldc) {
  const Index k = A.cols();
  const bool one_tile = k <= tile_rows;  // which only sums of its own make work for all threads
  const Blocks blocks = cut(A.count, one_tile ? 512 : 2048, 8);
  if (k > most_private || blocks.count() < (one_tile ? 2 : 4)) return add_rows_together<Panel>(A, alpha, C, ldc);
  std::vector<Real> sum(k * k);
  parallel_sum<Real>(
      blocks, k * k, [&](Index b, Real* partial) { add_rows_here<Panel>(A, blocks.begin(b), blocks.end(b), Real(1), partial, k); },
      sum.data());
  for (Index j = 0; j < k; ++j) {
    for (Index i = j; i < k; ++i) C[i + j * ldc] += alpha * sum[i + j * k];
  }
}

/// The same for rows of a few numbers.
template <class Real>
void add_narrow_gram(const DenseRows<double>& A, Real alpha, Real* C, Index ldc) {
  const Index k = A.cols();
  const Blocks blocks = cut(A.count, 2048, 32);
  Vec sum(k * k, arma::fill::none);
  parallel_sum<double>(
      blocks, k * k,
      [&](Index b, double* partial) {
        const Index first = blocks.begin(b);
        kernels::add_narrow_gram({A.data + first * A.stride, A.stride, blocks.length(b), A.width}, A.scale ? A.scale + first : nullptr,
                                 A.constant, partial);
      },
      sum.memptr());
  for (Index j = 0; j < k; ++j) {
    for (Index i = j; i < k; ++i) C[i + j * ldc] += alpha * static_cast<Real>(sum[i + j * k]);
  }
}

bool is_narrow(const DenseRows<double>& A) { return 1 <= A.width && A.width <= kernels::widest_narrow; }

}  // namespace

template <class Real, class Src>
void add_row_gram(const DenseRows<Src>& A, Real alpha, Real* C, Index ldc) {
  if constexpr (std::is_same_v<Src, double>) {
    if (is_narrow(A)) return add_narrow_gram(A, alpha, C, ldc);
  }
  add_gram<PackedPanel<Real>>(A, alpha, C, ldc);
}

template <class Real, class Src>
void row_gram(const DenseRows<Src>& A, Mat<Real>& G) {
  resize_raw(G, A.cols(), A.cols());
  G.zeros();
  add_row_gram<Real, Src>(A, Real(1), G.memptr(), G.n_rows);
  mirror_lower(G);
}

bool has_rounded_gram() { return kernels::has_byte_products(); }

template <class Src>
bool rounded_row_gram(const DenseRows<Src>& A, Mat<float>& G) {
  if (!has_rounded_gram()) return false;
  if constexpr (std::is_same_v<Src, double>) {
    if (is_narrow(A)) {
      row_gram(A, G);
      return true;
    }
  }
  resize_raw(G, A.cols(), A.cols());
  G.zeros();
  add_gram<BytePanel>(A, 1.0f, G.memptr(), G.n_rows);
  mirror_lower(G);
  return true;
}

template bool rounded_row_gram<double>(const DenseRows<double>&, Mat<float>&);
template bool rounded_row_gram<float>(const DenseRows<float>&, Mat<float>&);

#define RAPHSON_INSTANTIATE(Real, Src)                                              \
  template void add_row_gram<Real, Src>(const DenseRows<Src>&, Real, Real*, Index); \
  template void row_gram<Real, Src>(const DenseRows<Src>&, Mat<Real>&);
RAPHSON_INSTANTIATE(double, double)
RAPHSON_INSTANTIATE(float, float)
RAPHSON_INSTANTIATE(float, double)

}  // namespace raphson
