#include <raphson/core/kernels/byte_products.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>

// Only one target has the instructions; the baseline is there to say so.
#define HWY_WANT_AVX3_DL
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX2 | HWY_AVX3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "raphson/core/kernels/byte_products.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef RAPHSON_BYTE_PRODUCTS_ONCE
#define RAPHSON_BYTE_PRODUCTS_ONCE
namespace raphson::kernels {

/// Columns of A that are rounded together: their rows in single precision stay in the second-level cache.
constexpr Index strip_groups = 5, strip = strip_groups * BytePanel::group;

/// Where a strip of a panel goes.
struct Strip {
  std::int8_t* words;  ///< of its first group
  float* scale;
  std::int32_t* sum;
};

}  // namespace raphson::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace raphson::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX3_DL

constexpr Index depth = BytePanel::depth, group = BytePanel::group, lanes = 16;
constexpr int columns = 8;

const hn::FixedTag<float, lanes> reals{};
const hn::FixedTag<std::int32_t, lanes> words{};
using Reals = hn::Vec<decltype(reals)>;
using Words = hn::Vec<decltype(words)>;

HWY_INLINE Reals load_single(const float* p) { return hn::LoadU(reals, p); }
HWY_INLINE Reals load_single(const double* p) {
  const hn::FixedTag<double, lanes / 2> wide;
  const hn::FixedTag<float, lanes / 2> half;
  return hn::Combine(reals, hn::DemoteTo(half, hn::LoadU(wide, p + lanes / 2)), hn::DemoteTo(half, hn::LoadU(wide, p)));
}

/// rows (count × strip) = columns [first, first + width) of the rows from `begin` on, in single precision; largest |entry| of each column.
/// Compared as integers, so that NaN is the largest.
template <class Src>
void load_strip(const DenseRows<Src>& A, Index begin, Index count, Index first, Index width, float* HWY_RESTRICT rows,
                std::int32_t* HWY_RESTRICT largest) {
  const Index stored = std::min(width, A.width - std::min(A.width, first)), padded = (width + group - 1) / group * group;
  std::fill_n(largest, strip, 0);
  for (Index s = 0; s < count; ++s) {
    const Src* source = A.data + (begin + s) * A.stride + first;
    const float factor = A.scale ? static_cast<float>(A.scale[begin + s]) : 1.0f;
    float* out = rows + s * strip;
    const auto scale = hn::Set(reals, factor);
    Index j = 0;
    for (; j + lanes <= stored; j += lanes) {
      const Reals x = hn::Mul(scale, load_single(source + j));
      hn::Store(x, reals, out + j);
      hn::Store(hn::Max(hn::Load(words, largest + j), hn::BitCast(words, hn::Abs(x))), words, largest + j);
    }
    if (j == padded) continue;
    for (; j < stored; ++j) out[j] = factor * static_cast<float>(source[j]);
    if (j < width) out[j++] = factor;  // the constant column
    std::fill(out + j, out + padded, 0.0f);
    for (j = stored / lanes * lanes; j < width; j += lanes)
      hn::Store(hn::Max(hn::Load(words, largest + j), hn::BitCast(words, hn::Abs(hn::Load(reals, out + j)))), words, largest + j);
  }
  for (Index s = count; s < depth; ++s) std::fill_n(rows + s * strip, padded, 0.0f);
}

/// Rounds 16 columns to words of four rows; the sums of the integers.
HWY_INLINE Words round_columns(const float* HWY_RESTRICT rows, Reals inverse, std::int8_t* HWY_RESTRICT out) {
  Words total = hn::Zero(words);
  const Words low = hn::Set(words, 255);
  const auto rounded = [&](const float* row) { return hn::NearestInt(hn::Mul(hn::Load(reals, row), inverse)); };
  for (Index s = 0; s < depth; s += 4, rows += 4 * strip, out += 4 * group) {
    const Words a = rounded(rows), b = rounded(rows + strip), c = rounded(rows + 2 * strip), d = rounded(rows + 3 * strip);
    total = hn::Add(total, hn::Add(hn::Add(a, b), hn::Add(c, d)));
    const Words ab = hn::Or(hn::And(a, low), hn::ShiftLeft<8>(hn::And(b, low)));
    const Words cd = hn::Or(hn::ShiftLeft<16>(hn::And(c, low)), hn::ShiftLeft<24>(d));
    hn::Store(hn::Or(ab, cd), words, reinterpret_cast<std::int32_t*>(out));
  }
  return total;
}

template <class Src>
void pack_strip(const DenseRows<Src>& A, Index begin, Index count, Index first, Index width, const Strip& to) {
  static thread_local std::vector<float> memory;
  memory.resize(depth * strip + lanes);
  const auto past = reinterpret_cast<std::uintptr_t>(memory.data()) / sizeof(float) % lanes;
  float* rows = memory.data() + (lanes - past) % lanes;
  HWY_ALIGN std::int32_t largest[strip];
  load_strip(A, begin, count, first, width, rows, largest);
  const Index padded = (width + group - 1) / group * group;
  for (Index j = 0; j < padded; j += lanes) {
    const Reals most = hn::BitCast(reals, hn::Load(words, largest + j));
    const Reals scale = hn::Mul(most, hn::Set(reals, 1.0f / 127));
    hn::StoreU(scale, reals, to.scale + j);
    // Columns so small that the inverse overflows count as zero.
    const auto inverse = hn::IfThenElseZero(hn::Gt(most, hn::Set(reals, 1e-35f)), hn::Div(hn::Set(reals, 127.0f), most));
    std::int8_t* out = to.words + j / group * (group * depth) + j % group * 4;
    hn::StoreU(round_columns(rows + j, inverse, out), words, to.sum + j);
  }
}

/// Sums of one column of C: three vectors of rows.
struct Sums {
  __m512i a, b, c;
};

/// sum += Σ over the four bytes of each lane, x unsigned, y signed. Written as an instruction because GCC 12 moves the accumulators of the
/// intrinsic through memory, at half the speed.
HWY_INLINE void add_products(__m512i& sum, __m512i x, __m512i y) { asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y)); }

HWY_INLINE void add_column(Sums& sum, __m512i x0, __m512i x1, __m512i x2, const std::int8_t* y) {
  std::int32_t word;
  std::memcpy(&word, y, 4);
  const __m512i factor = _mm512_set1_epi32(word);
  add_products(sum.a, x0, factor);
  add_products(sum.b, x1, factor);
  add_products(sum.c, x2, factor);
}

/// C (one column of a group) += the sums, less what the offset of 128 added, at their scale; scale_y holds alpha too.
HWY_INLINE void store_column(const Sums& sum, const float* scale_x, float scale_y, std::int32_t sum_y, float* C) {
  const __m512i extra = _mm512_set1_epi32(static_cast<std::int32_t>(128u * static_cast<std::uint32_t>(sum_y)));
  const __m512 scale = _mm512_set1_ps(scale_y);
  const auto store = [&](__m512i v, Index at) HWY_ATTR {
    const __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(v, extra)), scale);
    _mm512_storeu_ps(C + at, _mm512_fmadd_ps(value, _mm512_loadu_ps(scale_x + at), _mm512_loadu_ps(C + at)));
  };
  store(sum.a, 0);
  store(sum.b, lanes);
  store(sum.c, 2 * lanes);
}

/// C (group × columns) += the block's sums. x is made unsigned by an offset of 128. Each sum has a name of its own, since GCC keeps those
/// of an array in memory.
HWY_INLINE void block(const std::int8_t* HWY_RESTRICT x, const std::int8_t* HWY_RESTRICT y, const float* scale_x, const float* scale_y,
                      const std::int32_t* sum_y, float alpha, float* HWY_RESTRICT C, Index ldc) {
  const __m512i zero = _mm512_setzero_si512(), offset = _mm512_set1_epi8(static_cast<char>(0x80));
  Sums s0{zero, zero, zero}, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  for (Index s = 0; s < depth; s += 4, x += 4 * group, y += 4 * group) {
    const __m512i x0 = _mm512_xor_si512(offset, _mm512_load_si512(x));
    const __m512i x1 = _mm512_xor_si512(offset, _mm512_load_si512(x + 64));
    const __m512i x2 = _mm512_xor_si512(offset, _mm512_load_si512(x + 128));
    add_column(s0, x0, x1, x2, y);
    add_column(s1, x0, x1, x2, y + 4);
    add_column(s2, x0, x1, x2, y + 8);
    add_column(s3, x0, x1, x2, y + 12);
    add_column(s4, x0, x1, x2, y + 16);
    add_column(s5, x0, x1, x2, y + 20);
    add_column(s6, x0, x1, x2, y + 24);
    add_column(s7, x0, x1, x2, y + 28);
  }
  store_column(s0, scale_x, alpha * scale_y[0], sum_y[0], C);
  store_column(s1, scale_x, alpha * scale_y[1], sum_y[1], C + ldc);
  store_column(s2, scale_x, alpha * scale_y[2], sum_y[2], C + 2 * ldc);
  store_column(s3, scale_x, alpha * scale_y[3], sum_y[3], C + 3 * ldc);
  store_column(s4, scale_x, alpha * scale_y[4], sum_y[4], C + 4 * ldc);
  store_column(s5, scale_x, alpha * scale_y[5], sum_y[5], C + 5 * ldc);
  store_column(s6, scale_x, alpha * scale_y[6], sum_y[6], C + 6 * ldc);
  store_column(s7, scale_x, alpha * scale_y[7], sum_y[7], C + 7 * ldc);
}

void products(const BytePanel& P, Index row_first, Index row_last, Index column_first, Index column_last, float alpha, float* C,
              Index ldc) {
  constexpr Index width = static_cast<Index>(columns);
  HWY_ALIGN float edge[group * width];
  for (Index cg = column_first; cg < column_last; ++cg) {
    for (Index part = 0; part < group; part += width) {
      const Index j = cg * group + part;
      if (j >= P.columns()) return;
      const std::int8_t* y = P.words(cg) + 4 * part;
      const float* scale = P.scale(cg) + part;
      const std::int32_t* sum = P.sum(cg) + part;
      for (Index rg = std::max(row_first, cg); rg < row_last; ++rg) {
        const Index i = rg * group;
        if (i + group <= P.columns() && j + width <= P.columns()) {
          block(P.words(rg), y, P.scale(rg), scale, sum, alpha, C + i + j * ldc, ldc);
          continue;
        }
        std::fill_n(edge, group * width, 0.0f);
        block(P.words(rg), y, P.scale(rg), scale, sum, alpha, edge, group);
        for (Index c = 0; c < std::min(width, P.columns() - j); ++c) {
          for (Index r = 0; r < std::min(group, P.columns() - i); ++r) C[i + r + (j + c) * ldc] += edge[r + c * group];
        }
      }
    }
  }
}

bool available() { return true; }

#else

template <class Src>
void pack_strip(const DenseRows<Src>&, Index, Index, Index, Index, const Strip&) {}
void products(const BytePanel&, Index, Index, Index, Index, float, float*, Index) {}
bool available() { return false; }

#endif

void pack_f64(const DenseRows<double>& A, Index begin, Index count, Index first, Index width, const Strip& to) {
  pack_strip(A, begin, count, first, width, to);
}
void pack_f32(const DenseRows<float>& A, Index begin, Index count, Index first, Index width, const Strip& to) {
  pack_strip(A, begin, count, first, width, to);
}

}  // namespace raphson::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raphson::kernels {

HWY_EXPORT(available);
HWY_EXPORT(products);
HWY_EXPORT(pack_f64);
HWY_EXPORT(pack_f32);

bool has_byte_products() { return HWY_DYNAMIC_DISPATCH(available)(); }

void BytePanel::resize(Index columns) {
  columns_ = columns;
  const Index padded = groups() * group;
  if (memory_.size() < padded * depth + 64) memory_.resize(padded * depth + 64);
  data_ = memory_.data() + (64 - reinterpret_cast<std::uintptr_t>(memory_.data()) % 64) % 64;
  scale_.resize(padded);
  sum_.resize(padded);
}

template <class Src>
void BytePanel::pack(const DenseRows<Src>& A, Index begin, Index count, Index first, Index last) {
  for (Index g = first; g < last; g += strip_groups) {
    const Index column = g * group, end = std::min(last, g + strip_groups) * group;
    const Strip to{data_ + column * depth, scale_.data() + column, sum_.data() + column};
    const Index width = std::min(end, columns_) - column;
    if constexpr (std::is_same_v<Src, double>) {
      HWY_DYNAMIC_DISPATCH(pack_f64)(A, begin, count, column, width, to);
    } else {
      HWY_DYNAMIC_DISPATCH(pack_f32)(A, begin, count, column, width, to);
    }
  }
}

void add_byte_products(const BytePanel& P, Index row_first, Index row_last, Index column_first, Index column_last, float alpha, float* C,
                       Index ldc) {
  HWY_DYNAMIC_DISPATCH(products)(P, row_first, row_last, column_first, column_last, alpha, C, ldc);
}

template void BytePanel::pack<double>(const DenseRows<double>&, Index, Index, Index, Index);
template void BytePanel::pack<float>(const DenseRows<float>&, Index, Index, Index, Index);

}  // namespace raphson::kernels
#endif
