#include <raphson/core/dense.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/core/sparse_row_gram.hpp>
#include <raphson/core/threads.hpp>

#include <cstdint>
#include <vector>

namespace raphson {
namespace {

constexpr Index small = 512;           ///< columns up to which every block of rows has a sum of its own
constexpr Index band_bytes = 1 << 21;  ///< of G: fewer bands look at each row less often, and what scatters still stays in a cache
constexpr Index tile = 16384;          ///< rows that all bands take in before the next ones are read

/// Adds the lower triangle of weight · aaᵀ, for the columns of stored entries [from, to) of a row a that ends at `end`.
template <class Real, class Sum>
void add_outer(const SparseRows<Real>& A, Real weight, Index from, Index to, Index end, Sum* G) {
  const Index k = A.cols();
  for (Index j = from; j < to; ++j) {
    const Real entry = weight * A.value[j];
    Sum* column = G + A.column[j] * k;
    for (Index l = j; l < end; ++l) column[A.column[l]] += static_cast<Sum>(entry * A.value[l]);
    if (A.constant) column[A.width] += static_cast<Sum>(entry);
  }
}

template <class Real>
Real weight_of(const SparseRows<Real>& A, Index i) {
  return A.scale ? A.scale[i] * A.scale[i] : Real(1);
}

/// First columns of bands whose parts below the diagonal are equal in bytes, and k at the end.
std::vector<Index> cut_bands(Index k, Index bytes_per_number) {
  std::vector<Index> first{0};
  Index bytes = 0;
  for (Index j = 0; j < k; ++j) {
    bytes += (k - j) * bytes_per_number;
    if (bytes < band_bytes && j + 1 < k) continue;
    first.push_back(j + 1);
    bytes = 0;
  }
  return first;
}

template <class Real, class Sum, class RowAt>
void small_gram(const SparseRows<Real>& A, Index count, const RowAt& row_at, Mat<Sum>& G) {
  const Index k = A.cols();
  const Blocks blocks = cut(count, 2048, 8);
  parallel_sum<Sum>(
      blocks, k * k,
      [&](Index b, Sum* partial) {
        for (Index r = blocks.begin(b); r < blocks.end(b); ++r) {
          const Index i = row_at(r);
          const Real weight = weight_of(A, i);
          add_outer(A, weight, A.start[i], A.start[i + 1], A.start[i + 1], partial);
          if (A.constant) partial[k * k - 1] += static_cast<Sum>(weight);
        }
      },
      G.memptr());
}

template <class Real, class Sum, class RowAt>
void banded_gram(const SparseRows<Real>& A, Index count, const RowAt& row_at, Mat<Sum>& G) {
  const Index k = A.cols();
  const std::vector<Index> first = cut_bands(k, sizeof(Sum));
  const Index bands = first.size() - 1;
  parallel_for(bands, [&](Index b) { std::fill(G.colptr(first[b]), G.colptr(first[b]) + (first[b + 1] - first[b]) * k, Sum(0)); });
  // Row r of the tile holds entries of band b from start + place[b · tile + r] on.
  std::vector<std::uint32_t> place((bands + 1) * tile);
  for (Index begin = 0; begin < count; begin += tile) {
    const Index length = std::min(tile, count - begin);
    const Blocks blocks = cut(length, 1024, 16);
    parallel_for(blocks.count(), [&](Index block) {
      for (Index r = blocks.begin(block); r < blocks.end(block); ++r) {
        const Index i = row_at(begin + r), start = A.start[i], end = A.start[i + 1];
        Index e = start;
        for (Index b = 0; b <= bands; ++b) {
          while (e < end && A.column[e] < first[b]) ++e;
          place[b * tile + r] = static_cast<std::uint32_t>(e - start);
        }
      }
    });
    parallel_for(bands, [&](Index b) {
      for (Index r = 0; r < length; ++r) {
        const Index i = row_at(begin + r), start = A.start[i];
        const Real weight = weight_of(A, i);
        add_outer(A, weight, start + place[b * tile + r], start + place[(b + 1) * tile + r], A.start[i + 1], G.memptr());
        if (A.constant && b + 1 == bands) G(k - 1, k - 1) += static_cast<Sum>(weight);
      }
    });
  }
}

template <class Real, class Sum, class RowAt>
void gram_of(const SparseRows<Real>& A, Index count, const RowAt& row_at, Mat<Sum>& G) {
  resize_raw(G, A.cols(), A.cols());
  if (A.cols() <= small)
    small_gram(A, count, row_at, G);
  else
    banded_gram(A, count, row_at, G);
  mirror_lower(G);
}

}  // namespace

template <class Real, class Sum>
void sparse_row_gram(const SparseRows<Real>& A, std::span<const Index> rows, Mat<Sum>& G) {
  gram_of(
      A, rows.size(), [rows](Index r) { return rows[r]; }, G);
}

template <class Real, class Sum>
void sparse_row_gram(const SparseRows<Real>& A, Mat<Sum>& G) {
  gram_of(
      A, A.count, [](Index r) { return r; }, G);
}

#define RAPHSON_INSTANTIATE(Real, Sum)                                                                  \
  template void sparse_row_gram<Real, Sum>(const SparseRows<Real>&, std::span<const Index>, Mat<Sum>&); \
  template void sparse_row_gram<Real, Sum>(const SparseRows<Real>&, Mat<Sum>&);
RAPHSON_INSTANTIATE(double, double)
RAPHSON_INSTANTIATE(float, float)
RAPHSON_INSTANTIATE(double, float)

}  // namespace raphson
