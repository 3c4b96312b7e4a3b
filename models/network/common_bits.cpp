#include <raphson/core/kernels/targets.hpp>
#include <raphson/models/network/common_bits.hpp>

#include <algorithm>
#include <array>
#include <bit>

#define HWY_WANT_AVX3_DL
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "raphson/models/network/common_bits.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef RAPHSON_COMMON_NIBBLES
#define RAPHSON_COMMON_NIBBLES
namespace raphson {

/// Byte x of row y: the bits that x has in common with the low four of y, and, sixteen times, with its high four.
alignas(64) inline constexpr auto common_nibbles = [] {
  std::array<std::array<std::uint8_t, 16>, 256> table{};
  for (unsigned y = 0; y < 256; ++y) {
    for (unsigned x = 0; x < 16; ++x) {
      table[y][x] = static_cast<std::uint8_t>(std::popcount(x & y & 15u) + 16 * std::popcount(x & (y >> 4)));
    }
  }
  return table;
}();

}  // namespace raphson
#endif

HWY_BEFORE_NAMESPACE();
namespace raphson::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX3_DL

// This target counts the bits of eight words in one instruction. A block of 4 × 4 pairs of rows keeps its sums in registers.
using Words = hn::ScalableTag<std::uint64_t>;
using Vector = hn::Vec<Words>;
constexpr Words tag{};

HWY_INLINE Vector add_common(Vector sum, Vector x, Vector y) { return hn::Add(sum, hn::PopulationCount(hn::And(x, y))); }

/// The sums of eight vectors of eight, as one vector.
HWY_INLINE Vector sum_each(const Vector* v) {
  Vector pair[4], quad[2];
  for (int i = 0; i < 4; ++i)
    pair[i] = hn::Add(hn::InterleaveLower(tag, v[2 * i], v[2 * i + 1]), hn::InterleaveUpper(tag, v[2 * i], v[2 * i + 1]));
  for (int i = 0; i < 2; ++i)
    quad[i] = hn::Add(hn::ConcatLowerLower(tag, pair[2 * i + 1], pair[2 * i]), hn::ConcatUpperUpper(tag, pair[2 * i + 1], pair[2 * i]));
  // quad[0] holds, block by block, half the sums 01, half the sums 01, and the same for 23.
  const Vector even = hn::Add(quad[0], hn::SwapAdjacentBlocks(quad[0])), odd = hn::Add(quad[1], hn::SwapAdjacentBlocks(quad[1]));
  return hn::OddEvenBlocks(odd, even);  // sums 01, 45, 23, 67
}

/// counts[4a + b] for four rows x and four rows y.
HWY_INLINE void count_block(const std::uint64_t* const* x, const std::uint64_t* const* y, Index words, std::uint64_t* counts) {
  Vector sum[16];
  for (int i = 0; i < 16; ++i) sum[i] = hn::Zero(tag);
  for (Index w = 0; w < words; w += 8) {
    const Vector y0 = hn::Load(tag, y[0] + w), y1 = hn::Load(tag, y[1] + w), y2 = hn::Load(tag, y[2] + w), y3 = hn::Load(tag, y[3] + w);
    for (int a = 0; a < 4; ++a) {
      const Vector xa = hn::Load(tag, x[a] + w);
      sum[4 * a] = add_common(sum[4 * a], xa, y0);
      sum[4 * a + 1] = add_common(sum[4 * a + 1], xa, y1);
      sum[4 * a + 2] = add_common(sum[4 * a + 2], xa, y2);
      sum[4 * a + 3] = add_common(sum[4 * a + 3], xa, y3);
    }
  }
  HWY_ALIGN std::uint64_t found[16];
  hn::Store(sum_each(sum), tag, found);
  hn::Store(sum_each(sum + 8), tag, found + 8);
  constexpr int where[8] = {0, 1, 4, 5, 2, 3, 6, 7};
  for (int i = 0; i < 16; ++i) counts[i] = found[(i & 8) + where[i & 7]];
}

HWY_INLINE std::uint32_t count_pair(const std::uint64_t* x, const std::uint64_t* y, Index words) {
  Vector sum = hn::Zero(tag);
  for (Index w = 0; w < words; w += 8) sum = add_common(sum, hn::Load(tag, x + w), hn::Load(tag, y + w));
  return static_cast<std::uint32_t>(hn::GetLane(hn::SumOfLanes(tag, sum)));
}

void count_tile(const BitRows& A, Index rows, const BitRows& B, Index cols, std::uint32_t* C) {
  std::uint64_t counts[16];
  const std::uint64_t *x[4], *y[4];
  for (Index b = 0; b < cols; b += 4) {
    for (Index i = 0; i < 4; ++i) y[i] = B.row(HWY_MIN(b + i, cols - 1));
    for (Index a = 0; a < rows; a += 4) {
      for (Index i = 0; i < 4; ++i) x[i] = A.row(HWY_MIN(a + i, rows - 1));
      count_block(x, y, A.words, counts);
      for (Index j = 0; j < HWY_MIN(Index{4}, cols - b); ++j) {
        for (Index i = 0; i < HWY_MIN(Index{4}, rows - a); ++i) C[(b + j) * rows + a + i] = static_cast<std::uint32_t>(counts[4 * i + j]);
      }
    }
  }
}

#else

#if HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR

HWY_INLINE std::uint32_t count_pair(const std::uint64_t* x, const std::uint64_t* y, Index words) {
  std::uint64_t even = 0, odd = 0;
  for (Index w = 0; w < words; w += 2) {
    even += static_cast<std::uint64_t>(std::popcount(x[w] & y[w]));
    odd += static_cast<std::uint64_t>(std::popcount(x[w + 1] & y[w + 1]));
  }
  return static_cast<std::uint32_t>(even + odd);
}

#else

using Bytes = hn::ScalableTag<std::uint8_t>;
using Words = hn::ScalableTag<std::uint64_t>;
using Vector = hn::Vec<Words>;
constexpr Words tag{};

HWY_INLINE Vector count_bits(Vector v) { return hn::SumsOf8(hn::PopulationCount(hn::BitCast(Bytes{}, v))); }

/// Full adder of bits: low + 2·carry = a + b + c, in every position.
HWY_INLINE Vector carry_save(Vector& low, Vector b, Vector c) {
  const Vector a = low, differ = hn::Xor(a, b);
  low = hn::Xor(differ, c);
  return hn::Or(hn::And(a, b), hn::And(differ, c));
}

/// Harley and Seal: sixteen vectors go through full adders before bits are counted once.
HWY_INLINE std::uint32_t count_pair(const std::uint64_t* x, const std::uint64_t* y, Index words) {
  constexpr Index lanes = hn::MaxLanes(tag);
  const auto common = [&](Index w) HWY_ATTR { return hn::And(hn::Load(tag, x + w), hn::Load(tag, y + w)); };
  Vector ones = hn::Zero(tag), twos = ones, fours = ones, eights = ones, sixteens = ones, rest = ones;
  Index w = 0;
  for (; w + 16 * lanes <= words; w += 16 * lanes) {
    Vector two[2], four[2], eight[2];
    for (Index e = 0; e < 2; ++e) {
      for (Index f = 0; f < 2; ++f) {
        const Index at = w + (8 * e + 4 * f) * lanes;
        two[0] = carry_save(ones, common(at), common(at + lanes));
        two[1] = carry_save(ones, common(at + 2 * lanes), common(at + 3 * lanes));
        four[f] = carry_save(twos, two[0], two[1]);
      }
      eight[e] = carry_save(fours, four[0], four[1]);
    }
    sixteens = hn::Add(sixteens, count_bits(carry_save(eights, eight[0], eight[1])));
  }
  for (; w < words; w += lanes) rest = hn::Add(rest, count_bits(common(w)));
  const Vector low = hn::Add(count_bits(ones), hn::ShiftLeft<1>(count_bits(twos)));
  const Vector high = hn::Add(hn::ShiftLeft<2>(count_bits(fours)), hn::ShiftLeft<3>(count_bits(eights)));
  const Vector sum = hn::Add(hn::Add(rest, hn::ShiftLeft<4>(sixteens)), hn::Add(low, high));
  return static_cast<std::uint32_t>(hn::GetLane(hn::SumOfLanes(tag, sum)));
}

#endif

HWY_INLINE void count_pairs(const BitRows& A, Index rows, const BitRows& B, Index cols, Index ldc, std::uint32_t* C) {
  for (Index b = 0; b < cols; ++b) {
    for (Index a = 0; a < rows; ++a) C[b * ldc + a] = count_pair(A.row(a), B.row(b), A.words);
  }
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2

// A byte of `common_nibbles` counts four bits of two rows of B against four bits of a row of A. Shuffles look up a vector of rows of A at
// once: A is laid out nibble by nibble, a byte a row, and the bytes of pairs of rows of B choose the tables.
constexpr Index byte_lanes = hn::MaxLanes(Bytes{});
constexpr Index vectors = byte_lanes == 32 ? 2 : 1, panel_rows = vectors * byte_lanes;  // of A
constexpr Index panel_words = 12, chunk_words = 3, groups_a_word = 16;
constexpr Index pairs_at_once = byte_lanes == 32 ? 2 : 3, most_pairs = 36;  // of rows of B: what the registers hold
constexpr Index most_summed_words = 1008;                                   // of ones, which 16 bits still hold

/// Block of `width` bytes of rows `first`, `first` + 16, … as one vector; rows beyond the last repeat it.
template <class Tag>
HWY_INLINE hn::Vec<Tag> load_rows(Tag d, const BitRows& A, Index rows, Index first, Index word) {
  if constexpr (hn::MaxLanes(Tag{}) == 16) {
    return hn::LoadU(d, reinterpret_cast<const std::uint8_t*>(A.row(HWY_MIN(first, rows - 1)) + word));
  } else {
    const hn::Half<Tag> half;
    return hn::Combine(d, load_rows(half, A, rows, first + hn::MaxLanes(half), word), load_rows(half, A, rows, first, word));
  }
}

/// panel(word, group) = nibble `group` of a vector of rows: the low ones of eight bytes, then the high ones. Two words at a time, as the
/// transposed 16 × 16 bytes of every block.
HWY_INLINE void pack_panel(const BitRows& A, Index rows, Index word, Index words, std::uint8_t* panel) {
  constexpr Bytes d{};
  constexpr hn::Repartition<std::uint16_t, Bytes> wide{};
  const auto low = hn::Set(d, 15);
  for (Index w = 0; w < words; w += 2) {
    for (Index part = 0; part < vectors; ++part) {
      hn::Vec<Bytes> v[16], turned[16];
      for (Index i = 0; i < 16; ++i) v[i] = load_rows(d, A, rows, part * byte_lanes + i, word + w);
      for (Index round = 0; round < 2; ++round) {
        for (Index i = 0; i < 8; ++i) {
          turned[2 * i] = hn::InterleaveLower(d, v[i], v[i + 8]);
          turned[2 * i + 1] = hn::InterleaveUpper(d, v[i], v[i + 8]);
        }
        for (Index i = 0; i < 8; ++i) {
          v[2 * i] = hn::InterleaveLower(d, turned[i], turned[i + 8]);
          v[2 * i + 1] = hn::InterleaveUpper(d, turned[i], turned[i + 8]);
        }
      }
      for (Index i = 0; i < 16; ++i) {
        std::uint8_t* to = panel + ((w + i / 8) * groups_a_word + i % 8) * panel_rows + part * byte_lanes;
        hn::Store(hn::And(v[i], low), d, to);
        hn::Store(hn::And(hn::BitCast(d, hn::ShiftRight<4>(hn::BitCast(wide, v[i]))), low), d, to + 8 * panel_rows);
      }
    }
  }
}

/// Bytes of pairs of rows of B in the order of the panel's nibbles: the first row's low, the second's high.
HWY_INLINE void pack_pairs(const BitRows& B, Index cols, Index pairs, Index word, Index words, std::uint8_t* bytes) {
  constexpr std::uint64_t low = 0x0F0F0F0F0F0F0F0Fu;
  for (Index p = 0; p < pairs; ++p) {
    const std::uint64_t *x = B.row(HWY_MIN(2 * p, cols - 1)) + word, *y = B.row(HWY_MIN(2 * p + 1, cols - 1)) + word;
    std::uint8_t* to = bytes + p * panel_words * groups_a_word;
    for (Index w = 0; w < words; ++w) {
      const std::uint64_t groups[2] = {(x[w] & low) | ((y[w] & low) << 4), ((x[w] >> 4) & low) | (y[w] & ~low)};
      std::copy_n(reinterpret_cast<const std::uint8_t*>(groups), groups_a_word, to + w * groups_a_word);
    }
  }
}

/// sums(row of B, row of A) += the common bits of a chunk of words, for `pairs_at_once` pairs of rows. Three lookups add up to 12 at most,
/// which half a byte holds; what the high halves sum to is kept apart, and what the low ones do is what is left of the whole, modulo 256.
HWY_INLINE void add_chunk(const std::uint8_t* panel, const std::uint8_t* bytes, std::uint16_t* sums) {
  constexpr Bytes d{};
  constexpr hn::Repartition<std::uint16_t, Bytes> wide{};
  constexpr Index next_pair = panel_words * groups_a_word;
  const auto low = hn::Set(d, 15);
  hn::Vec<Bytes> whole[pairs_at_once][vectors], high[pairs_at_once][vectors];
  for (Index p = 0; p < pairs_at_once; ++p) {
    for (Index e = 0; e < vectors; ++e) whole[p][e] = high[p][e] = hn::Zero(d);
  }
  for (Index g = 0; g < chunk_words * groups_a_word; g += 3, panel += 3 * panel_rows) {
    for (Index p = 0; p < pairs_at_once; ++p) {
      const std::uint8_t* at = bytes + p * next_pair + g;
      const auto t0 = hn::LoadDup128(d, common_nibbles[at[0]].data()), t1 = hn::LoadDup128(d, common_nibbles[at[1]].data()),
                 t2 = hn::LoadDup128(d, common_nibbles[at[2]].data());
      for (Index e = 0; e < vectors; ++e) {
        const std::uint8_t* x = panel + e * byte_lanes;
        const auto two = hn::Add(hn::TableLookupBytes(t0, hn::Load(d, x)), hn::TableLookupBytes(t1, hn::Load(d, x + panel_rows)));
        const auto found = hn::Add(two, hn::TableLookupBytes(t2, hn::Load(d, x + 2 * panel_rows)));
        whole[p][e] = hn::Add(whole[p][e], found);
        high[p][e] = hn::Add(high[p][e], hn::And(hn::BitCast(d, hn::ShiftRight<4>(hn::BitCast(wide, found))), low));
      }
    }
  }
  // Bytes of even and of odd rows of A: the order of the sums until they are stored.
  const auto even = hn::Set(wide, 255);
  const auto add = [&](hn::Vec<Bytes> counts, std::uint16_t* to) HWY_ATTR {
    const auto pair = hn::BitCast(wide, counts);
    hn::Store(hn::Add(hn::Load(wide, to), hn::And(pair, even)), wide, to);
    hn::Store(hn::Add(hn::Load(wide, to + byte_lanes / 2), hn::ShiftRight<8>(pair)), wide, to + byte_lanes / 2);
  };
  for (Index p = 0; p < pairs_at_once; ++p) {
    for (Index e = 0; e < vectors; ++e) {
      const auto sixteenfold = hn::BitCast(d, hn::ShiftLeft<4>(hn::BitCast(wide, high[p][e])));
      add(hn::Sub(whole[p][e], hn::AndNot(low, sixteenfold)), sums + 2 * p * panel_rows + e * byte_lanes);
      add(high[p][e], sums + (2 * p + 1) * panel_rows + e * byte_lanes);
    }
  }
}

/// C(a, b) += sums(b, a), whose halves of a vector are the even and the odd rows.
HWY_INLINE void take_sums(const std::uint16_t* sums, Index rows, Index cols, Index ldc, std::uint32_t* C) {
  constexpr Index half = byte_lanes / 2;
  for (Index b = 0; b < cols; ++b) {
    std::uint32_t* out = C + b * ldc;
    const std::uint16_t* from = sums + b * panel_rows;
    for (Index a = 0; a < rows; ++a) out[a] += from[a / byte_lanes * byte_lanes + a % 2 * half + a % byte_lanes / 2];
  }
}

/// At most panel_rows rows of A and 2·most_pairs rows of B.
void count_panel(const BitRows& A, Index rows, const BitRows& B, Index cols, Index ldc, std::uint32_t* C) {
  HWY_ALIGN std::uint8_t panel[panel_words * groups_a_word * panel_rows];
  HWY_ALIGN std::uint8_t bytes[most_pairs * panel_words * groups_a_word];
  HWY_ALIGN std::uint16_t sums[2 * most_pairs * panel_rows];
  const Index pairs = (cols + 2 * pairs_at_once - 1) / (2 * pairs_at_once) * pairs_at_once;
  for (Index b = 0; b < cols; ++b) std::fill_n(C + b * ldc, rows, 0u);
  for (Index begin = 0; begin < A.words; begin += most_summed_words) {
    const Index end = HWY_MIN(A.words, begin + most_summed_words);
    std::fill_n(sums, 2 * pairs * panel_rows, std::uint16_t{0});
    for (Index word = begin; word < end; word += panel_words) {
      const Index words = HWY_MIN(panel_words, end - word), chunks = (words + chunk_words - 1) / chunk_words;
      if (words < panel_words) {  // no common bits beyond the last word
        std::fill(panel, panel + sizeof(panel), std::uint8_t{0});
        std::fill(bytes, bytes + sizeof(bytes), std::uint8_t{0});
      }
      pack_panel(A, rows, word, words, panel);
      pack_pairs(B, cols, pairs, word, words, bytes);
      for (Index p = 0; p < pairs; p += pairs_at_once) {
        for (Index c = 0; c < chunks; ++c) {
          const Index group = c * chunk_words * groups_a_word;
          add_chunk(panel + group * panel_rows, bytes + p * panel_words * groups_a_word + group, sums + 2 * p * panel_rows);
        }
      }
    }
    take_sums(sums, rows, cols, ldc, C);
  }
}

void count_tile(const BitRows& A, Index rows, const BitRows& B, Index cols, std::uint32_t* C) {
  if (rows < panel_rows / 4 || cols < 4) return count_pairs(A, rows, B, cols, rows, C);
  for (Index b = 0; b < cols; b += 2 * most_pairs) {
    for (Index a = 0; a < rows; a += panel_rows) {
      count_panel(A.from(a), HWY_MIN(panel_rows, rows - a), B.from(b), HWY_MIN(2 * most_pairs, cols - b), rows, C + b * rows + a);
    }
  }
}

#else

void count_tile(const BitRows& A, Index rows, const BitRows& B, Index cols, std::uint32_t* C) { count_pairs(A, rows, B, cols, rows, C); }

#endif
#endif

/// See common_bits_cost.
#if HWY_TARGET == HWY_AVX3_DL
double cost() { return 0.023; }
#elif HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
double cost() { return 0.05; }
#else
double cost() { return 0.1; }
#endif

void count_list(const std::uint64_t* x, const BitRows& A, const Index* index, Index count, std::uint32_t* counts) {
  for (Index e = 0; e < count; ++e) counts[e] = count_pair(x, A.row(index[e]), A.words);
}

}  // namespace raphson::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raphson {

HWY_EXPORT(count_tile);
HWY_EXPORT(count_list);
HWY_EXPORT(cost);

double common_bits_cost() { return HWY_DYNAMIC_DISPATCH(cost)(); }

void count_common_bits(const BitRows& A, Index rows, const BitRows& B, Index cols, std::uint32_t* C) {
  HWY_DYNAMIC_DISPATCH(count_tile)(A, rows, B, cols, C);
}

void count_common_bits(const std::uint64_t* x, const BitRows& A, const Index* index, Index count, std::uint32_t* counts) {
  HWY_DYNAMIC_DISPATCH(count_list)(x, A, index, count, counts);
}

}  // namespace raphson
#endif
