#include <raphson/models/network/common_bits.hpp>

#include <bit>

#define HWY_WANT_AVX3_DL
#define HWY_DISABLED_TARGETS HWY_SSSE3
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "raphson/models/network/common_bits.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

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

void count_tile(const BitRows& A, Index rows, const BitRows& B, Index cols, std::uint32_t* C) {
  for (Index b = 0; b < cols; ++b) {
    for (Index a = 0; a < rows; ++a) C[b * rows + a] = count_pair(A.row(a), B.row(b), A.words);
  }
}

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
