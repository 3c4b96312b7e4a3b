#include <raphson/core/aligned.hpp>
#include <raphson/core/kernels/targets.hpp>
#include <raphson/models/network/table_sums.hpp>

#include <algorithm>
#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "raphson/models/network/table_sums.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace raphson::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
constexpr Doubles tag{};
constexpr Index lanes = hn::MaxLanes(tag);
using HalfDoubles = hn::CappedTag<double, 4>;  // rows are padded to four numbers only
constexpr HalfDoubles half{};

/// `vectors` vectors of columns of add_selected_rows for one word of bits and all rows. Tables of 16 sums for four bits each; half a
/// word at a time when a whole one's would not stay in the first-level cache.
template <Index vectors, class Tag>
HWY_INLINE void add_word(Tag d, const std::uint64_t* bits, Index stride, Index rows, const double* V, Index width, double* out) {
  constexpr Index size = hn::MaxLanes(d), entry = vectors * size, groups = entry <= 12 ? 16 : 8;
  HWY_ALIGN double table[groups * 16 * entry];
  for (Index shift = 0; shift < 64; shift += 4 * groups) {
    for (Index g = 0; g < groups; ++g) {
      double* t = table + g * 16 * entry;
      for (Index v = 0; v < vectors; ++v) hn::Store(hn::Zero(d), d, t + v * size);
      for (unsigned b = 1; b < 16; ++b) {
        const double* row = V + (shift + 4 * g + static_cast<Index>(std::countr_zero(b))) * width;
        for (Index v = 0; v < vectors; ++v) {
          const auto sum = hn::Add(hn::Load(d, t + (b & (b - 1)) * entry + v * size), hn::LoadU(d, row + v * size));
          hn::Store(sum, d, t + b * entry + v * size);
        }
      }
    }
    for (Index c = 0; c < rows; ++c) {
      const std::uint64_t word = bits[c * stride] >> shift;
      double* to = out + c * width;
      hn::Vec<Tag> even[vectors], odd[vectors];
      for (Index v = 0; v < vectors; ++v) {
        even[v] = hn::LoadU(d, to + v * size);
        odd[v] = hn::Zero(d);
      }
      for (Index g = 0; g < groups; g += 2) {
        const double* s = table + (g * 16 + ((word >> (4 * g)) & 15)) * entry;
        const double* t = table + ((g + 1) * 16 + ((word >> (4 * g + 4)) & 15)) * entry;
        for (Index v = 0; v < vectors; ++v) {
          even[v] = hn::Add(even[v], hn::Load(d, s + v * size));
          odd[v] = hn::Add(odd[v], hn::Load(d, t + v * size));
        }
      }
      for (Index v = 0; v < vectors; ++v) hn::StoreU(hn::Add(even[v], odd[v]), d, to + v * size);
    }
  }
}

void add_rows(const std::uint64_t* bits, Index stride, Index rows, Index words, const double* V, Index width, double* out) {
  for (Index w = 0; w < words; ++w, ++bits, V += 64 * width) {
    for (Index k = 0; k < width;) {
      const Index left = (width - k) / lanes;
      if (left == 0) {
        add_word<1>(half, bits, stride, rows, V + k, width, out + k);
        k += hn::MaxLanes(half);
      } else if (left >= 3 && left != 4) {
        add_word<3>(tag, bits, stride, rows, V + k, width, out + k);
        k += 3 * lanes;
      } else if (left >= 2) {
        add_word<2>(tag, bits, stride, rows, V + k, width, out + k);
        k += 2 * lanes;
      } else {
        add_word<1>(tag, bits, stride, rows, V + k, width, out + k);
        k += lanes;
      }
    }
  }
}

/// A lane holds a word column: 64 × 64 bits a lane, turned over by swapping blocks of halving size.
void transpose(const std::uint64_t* rows, Index stride, Index count, std::uint64_t* out) {
  using Words = hn::ScalableTag<std::uint64_t>;
  constexpr Words words{};
  for (Index w = 0; w < 8; w += hn::MaxLanes(words)) {
    for (Index i = 0; i < 64; ++i)
      hn::StoreU(i < count ? hn::LoadU(words, rows + i * stride + w) : hn::Zero(words), words, out + 8 * i + w);
    std::uint64_t mask = 0x00000000FFFFFFFFu;
    for (int j = 32; j != 0; j >>= 1, mask ^= mask << j) {
      const auto low = hn::Set(words, mask);
      for (Index k = 0; k < 64; k = ((k | static_cast<Index>(j)) + 1) & ~static_cast<Index>(j)) {
        std::uint64_t *p = out + 8 * k + w, *q = out + 8 * (k | static_cast<Index>(j)) + w;
        const auto a = hn::LoadU(words, p), b = hn::LoadU(words, q);
        const auto swap = hn::And(hn::Xor(hn::ShiftRightSame(a, j), b), low);
        hn::StoreU(hn::Xor(b, swap), words, q);
        hn::StoreU(hn::Xor(a, hn::ShiftLeftSame(swap, j)), words, p);
      }
    }
  }
}

}  // namespace raphson::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raphson {

HWY_EXPORT(add_rows);
HWY_EXPORT(transpose);

Index table_width(Index width) { return round_up(width, 4); }

void add_selected_rows(const std::uint64_t* bits, Index stride, Index rows, Index words, const double* V, Index width, double* out) {
  HWY_DYNAMIC_DISPATCH(add_rows)(bits, stride, rows, words, V, width, out);
}

void transpose_bits(const std::uint64_t* rows, Index stride, Index count, std::uint64_t* out) {
  HWY_DYNAMIC_DISPATCH(transpose)(rows, stride, count, out);
}

}  // namespace raphson
#endif
