#include <raphson/core/aligned.hpp>
#include <raphson/core/kernels/gather_rows.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/sketches/tile_gather.hpp>

#include <algorithm>
#include <numeric>
#include <utility>

namespace raphson {
namespace {

constexpr Index longest_tile = 4096, shortest_tile = 1024;  ///< rows: 256 KiB to 1 MiB

/// Rows of a tile: such that a row of S A that is loaded and stored gets two rows of the tile on average, where that can be.
Index tile_rows(const SignedColumns& signs) {
  Index rows = shortest_tile;
  while (rows < longest_tile && rows * signs.each < 2 * signs.rows) rows *= 2;
  return rows;
}

/// The entries of S in the columns of one tile, sorted by the row of S A, rows of S A by how many entries they have.
struct Tile {
  std::vector<std::uint16_t> entry;   ///< 2·row of the tile + (1 when negative), in the order of `target`
  std::vector<std::uint32_t> target;  ///< rows of S A that have any: those with one first, then two, …; increasing among equals
  std::vector<Index> first;           ///< target[first[c]] .. target[first[c + 1]) have c entries
};

Tile sort_tile(const SignedColumns& signs, Index begin, Index end) {
  const std::uint32_t *from = signs.target.data() + begin * signs.each, *to = signs.target.data() + end * signs.each;
  std::vector<std::uint32_t> count(signs.rows, 0);
  for (const std::uint32_t* t = from; t < to; ++t) ++count[*t / 2];
  Tile tile;
  tile.first.assign(*std::max_element(count.begin(), count.end()) + 2, 0);
  for (const std::uint32_t c : count) tile.first[c + 1] += c > 0 ? 1 : 0;
  std::partial_sum(tile.first.begin(), tile.first.end(), tile.first.begin());
  tile.target.resize(tile.first.back());
  std::vector<Index> next(tile.first.begin(), tile.first.end() - 1);
  for (Index r = 0; r < signs.rows; ++r) {
    if (count[r] > 0) tile.target[next[count[r]]++] = static_cast<std::uint32_t>(r);
  }
  std::uint32_t place = 0;
  for (const std::uint32_t r : tile.target) place += std::exchange(count[r], place);
  tile.entry.resize(static_cast<Index>(to - from));
  for (Index i = 0; i < end - begin; ++i) {
    for (Index q = 0; q < signs.each; ++q, ++from) tile.entry[count[*from / 2]++] = static_cast<std::uint16_t>(2 * i + *from % 2);
  }
  return tile;
}

template <class Out>
void add_tile(const Tile& tile, const Out* packed, Out* sums) {
  const std::uint16_t* entry = tile.entry.data();
  for (Index each = 1; each + 1 < tile.first.size(); ++each) {
    const Index targets = tile.first[each + 1] - tile.first[each];
    if (targets > 0) kernels::gather_strip(packed, tile.target.data() + tile.first[each], targets, each, entry, sums);
    entry += targets * each;
  }
}

/// Work cut into strips of columns and, where those are few, parts of the tiles. Sums of a part are rows() × strip_width numbers.
template <class Real, class Out>
class TileGather {
 public:
  TileGather(const SignedColumns& signs, double magnitude, const DenseRows<Real>& A)
      : A_(A), signs_(signs), tiles_{A.count, tile_rows(signs)}, strips_{A.width, width}, sorted_(tiles_.count()), factor_(A.count) {
    // Sums of a part ask for memory: not more than a quarter of what it reads, unless there would be but a few tasks.
    constexpr Index many = 16, few = 4;
    const Index most = std::min(many / strips_.count(), std::max(A.count / (4 * signs.rows), few / strips_.count()));
    parts_ = cut(tiles_.count(), 1, std::max<Index>(1, most));
    const auto c = static_cast<Real>(magnitude);
    parallel_for(tiles_.count(), [&](Index t) {
      sorted_[t] = sort_tile(signs, tiles_.begin(t), tiles_.end(t));
      for (Index i = tiles_.begin(t); i < tiles_.end(t); ++i) factor_[i] = A.scale ? c * A.scale[i] : c;
    });
  }

  void run(Mat<Out>& B) const {
    std::vector<AlignedVector<Out>> sums(parts_.count() == 1 ? 0 : strips_.count() * parts_.count());
    parallel_for(strips_.count() * parts_.count(), [&](Index task) {
      const Index strip = task / parts_.count();
      AlignedVector<Out> sum = part_sums(strip, task % parts_.count());
      if (parts_.count() > 1) {
        sums[task] = std::move(sum);
      } else {
        copy_out(strip, 0, signs_.rows, sum.data(), B);
      }
    });
    if (parts_.count() > 1) add_parts(sums, B);
  }

 private:
  static constexpr Index width = kernels::strip_width<Out>;

  AlignedVector<Out> part_sums(Index strip, Index part) const {
    AlignedVector<Out> sums(signs_.rows * width, Out(0)), packed(std::min(tiles_.size, A_.count) * width);
    for (Index t = parts_.begin(part); t < parts_.end(part); ++t) {
      const Real* corner = A_.data + tiles_.begin(t) * A_.stride + strips_.begin(strip);
      kernels::pack_strip(kernels::RowBlock<Real>{corner, A_.stride, tiles_.length(t), strips_.length(strip)},
                          factor_.data() + tiles_.begin(t), packed.data());
      add_tile(sorted_[t], packed.data(), sums.data());
    }
    return sums;
  }

  void copy_out(Index strip, Index begin, Index end, const Out* sums, Mat<Out>& B) const {
    for (Index r = begin; r < end; ++r) std::copy_n(sums + r * width, strips_.length(strip), B.colptr(r) + strips_.begin(strip));
  }

  /// Parts are added in their order.
  void add_parts(std::vector<AlignedVector<Out>>& sums, Mat<Out>& B) const {
    const Blocks blocks = cut(signs_.rows, 64);
    parallel_for(blocks.count(), [&](Index block) {
      const Index begin = blocks.begin(block) * width, end = blocks.end(block) * width;
      for (Index strip = 0; strip < strips_.count(); ++strip) {
        Out* total = sums[strip * parts_.count()].data();
        for (Index part = 1; part < parts_.count(); ++part) {
          const Out* more = sums[strip * parts_.count() + part].data();
          for (Index e = begin; e < end; ++e) total[e] += more[e];
        }
        copy_out(strip, blocks.begin(block), blocks.end(block), total, B);
      }
    });
  }

  const DenseRows<Real>& A_;
  const SignedColumns& signs_;
  Blocks tiles_, strips_, parts_;
  std::vector<Tile> sorted_;
  std::vector<Real> factor_;
};

}  // namespace

bool tiles_serve(const SignedColumns& signs, Index width, Index number_bytes) {
  const bool often = 2 * longest_tile * signs.each >= signs.rows, one_strip = width * number_bytes <= 256;
  return often && (signs.each >= 3 || (signs.each >= 1 && one_strip));
}

template <class Real, class Out>
void gather_tiles(const SignedColumns& signs, double magnitude, const DenseRows<Real>& A, Mat<Out>& B) {
  if (A.width > 0 && A.count > 0) TileGather<Real, Out>(signs, magnitude, A).run(B);
}

template void gather_tiles(const SignedColumns&, double, const DenseRows<double>&, Mat<double>&);
template void gather_tiles(const SignedColumns&, double, const DenseRows<float>&, Mat<float>&);
template void gather_tiles(const SignedColumns&, double, const DenseRows<double>&, Mat<float>&);

}  // namespace raphson
