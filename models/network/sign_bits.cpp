#include <raphson/core/aligned.hpp>
#include <raphson/core/dense.hpp>
#include <raphson/core/kernels/targets.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/sign_bits.hpp>

#include <algorithm>
#include <bit>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "raphson/models/network/sign_bits.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef RAPHSON_SIGN_BITS_TASK
#define RAPHSON_SIGN_BITS_TASK
namespace raphson {

constexpr Index word_neurons = 64;

/// One word of neurons at some observations.
struct SignTask {
  const float* W;  ///< d × 64: feature after feature, −wᵣ/‖wᵣ‖
  const float* X;  ///< rows xᵢ/‖xᵢ‖, d numbers each
  Index d, points;
  float margin;  ///< c
  std::uint64_t* bits;
  Index stride;         ///< words from one observation's to the next
  std::uint64_t valid;  ///< bits of neurons that there are

  const double *exact_W, *exact_X;  ///< first neuron, first observation
};

/// z of one neuron at one observation, as the contract of sign_bits defines it.
double exact_projection(const double* w, const double* x, Index d);

}  // namespace raphson
#endif

HWY_BEFORE_NAMESPACE();
namespace raphson::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Integers = hn::RebindToSigned<Floats>;
constexpr Floats tag{};
constexpr Integers integers{};
constexpr Index lanes = hn::MaxLanes(tag);
constexpr Index vectors = lanes >= 16 ? 4 : 2;  // of neurons, in registers together with `rows` observations
constexpr Index group = vectors * lanes;

/// y = −(z + c) decides where y > 0 (inactive) or y < −2c (active). As integers, the floats −2c … −0 are the smallest of all.
template <Index rows>
HWY_INLINE void sign_block(const SignTask& task, Index point, Index neuron, std::uint64_t* words) {
  hn::Vec<Floats> y[rows][vectors];
  for (Index i = 0; i < rows; ++i) {
    for (Index v = 0; v < vectors; ++v) y[i][v] = hn::Set(tag, -task.margin);
  }
  const float *x = task.X + point * task.d, *w = task.W + neuron;
  for (Index k = 0; k < task.d; ++k, w += word_neurons) {
    hn::Vec<Floats> column[vectors];
    for (Index v = 0; v < vectors; ++v) column[v] = hn::Load(tag, w + v * lanes);
    for (Index i = 0; i < rows; ++i) {
      const auto entry = hn::Set(tag, x[i * task.d + k]);
      for (Index v = 0; v < vectors; ++v) y[i][v] = hn::MulAdd(entry, column[v], y[i][v]);
    }
  }
  auto smallest = hn::Zero(integers);
  for (Index i = 0; i < rows; ++i) {
    for (Index v = 0; v < vectors; ++v) {
      const auto pattern = hn::BitCast(integers, y[i][v]);
      smallest = hn::Min(smallest, pattern);
      std::uint8_t bytes[8] = {};
      hn::StoreMaskBits(integers, hn::Lt(pattern, hn::Zero(integers)), bytes);
      words[i] |= std::bit_cast<std::uint64_t>(bytes) << (neuron + v * lanes);
    }
  }
  const auto least_certain = hn::BitCast(integers, hn::Set(tag, -2 * task.margin));
  if (hn::AllTrue(integers, hn::Gt(smallest, least_certain))) return;
  HWY_ALIGN float found[group];
  for (Index i = 0; i < rows; ++i) {
    for (Index v = 0; v < vectors; ++v) hn::Store(y[i][v], tag, found + v * lanes);
    for (Index r = 0; r < group; ++r) {
      const std::uint64_t bit = std::uint64_t{1} << (neuron + r);
      if (!(found[r] >= -2 * task.margin && found[r] <= 0) || (task.valid & bit) == 0) continue;
      const double z = exact_projection(task.exact_W + (neuron + r) * task.d, task.exact_X + (point + i) * task.d, task.d);
      words[i] = z >= 0 ? words[i] | bit : words[i] & ~bit;
    }
  }
}

template <Index rows>
HWY_INLINE void sign_rows(const SignTask& task, Index point) {
  std::uint64_t words[rows] = {};
  for (Index neuron = 0; neuron < word_neurons; neuron += group) sign_block<rows>(task, point, neuron, words);
  for (Index i = 0; i < rows; ++i) task.bits[(point + i) * task.stride] = words[i] & task.valid;
}

void sign_word(const SignTask& task) {
  Index point = 0;
  for (; point + 6 <= task.points; point += 6) sign_rows<6>(task, point);
  for (; point < task.points; ++point) sign_rows<1>(task, point);
}

}  // namespace raphson::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace raphson {

HWY_EXPORT(sign_word);

double exact_projection(const double* w, const double* x, Index d) {
  double z = 0;
  for (Index k = 0; k < d; ++k) z += w[k] * x[k];
  return z;
}

namespace {

/// out_k (`distance` apart) = factor·x_k/‖x‖ rounded to float; false when that is not finite. A row of zeros stays one.
bool normalized(const double* x, Index d, double factor, float* out, Index distance) {
  double largest = 0;
  for (Index k = 0; k < d; ++k) {
    if (!std::isfinite(x[k])) return false;
    largest = std::max(largest, std::abs(x[k]));
  }
  if (largest == 0) {
    for (Index k = 0; k < d; ++k) out[k * distance] = 0;
    return true;
  }
  // Nothing overflows or is lost to underflow but what is negligible beside the largest.
  const int exponent = std::ilogb(largest);
  double squares = 0;
  const bool moderate = exponent > -400 && exponent < 400;
  const double power = moderate ? 1 : std::ldexp(1.0, -exponent / 2), rest = moderate ? 1 : std::ldexp(1.0, -(exponent - exponent / 2));
  for (Index k = 0; k < d; ++k) squares += (x[k] * power * rest) * (x[k] * power * rest);
  const double inverse = factor / std::sqrt(squares);
  for (Index k = 0; k < d; ++k) out[k * distance] = static_cast<float>(x[k] * power * rest * inverse);
  return true;
}

struct PackedWeights {
  AlignedVector<float> values;  ///< word after word, d × 64 each
  std::vector<char> finite;     ///< of each word
};

PackedWeights pack(const double* W, Index d, Index m) {
  const Blocks words{m, word_neurons};
  PackedWeights packed{AlignedVector<float>(words.count() * d * word_neurons), std::vector<char>(words.count(), 1)};
  parallel_for(words.count(), [&](Index w) {
    for (Index r = 0; r < words.length(w); ++r) {
      const bool fine = normalized(W + (words.begin(w) + r) * d, d, -1, packed.values.data() + w * d * word_neurons + r, word_neurons);
      if (!fine) packed.finite[w] = 0;
    }
  });
  return packed;
}

/// The definition, for words that have weights which are not finite.
void exact_word(const SignTask& task, Index count) {
  for (Index i = 0; i < task.points; ++i) {
    std::uint64_t word = 0;
    for (Index r = 0; r < count; ++r) {
      const double z = exact_projection(task.exact_W + r * task.d, task.exact_X + i * task.d, task.d);
      word |= static_cast<std::uint64_t>(z >= 0) << r;
    }
    task.bits[i * task.stride] = word;
  }
}

}  // namespace

void sign_bits(const DataMatrix& X, Index first, const double* W, ActivationPattern& pattern) {
  constexpr Index longest = 100000;  // above which the bound c is not proved
  const Index n = pattern.points(), m = pattern.neurons(), d = X.cols();
  const PackedWeights packed = pack(W, d, m);
  const Blocks words{m, word_neurons}, points{n, 384}, shares = cut(words.count(), 4, 64);
  AlignedVector<float> rows(n * d);
  parallel_for(points.count(), [&](Index b) {
    for (Index i = points.begin(b); i < points.end(b); ++i) normalized(X.dense().colptr(first + i), d, 1, rows.data() + i * d, 1);
  });
  const float margin = static_cast<float>(1.1 * static_cast<double>(d + 4) * 0x1p-24);
  parallel_for(points.count() * shares.count(), [&](Index t) {
    const Index block = t / shares.count(), share = t % shares.count(), point = points.begin(block);
    for (Index w = shares.begin(share); w < shares.end(share); ++w) {
      const Index count = words.length(w);
      const SignTask task{.W = packed.values.data() + w * d * word_neurons,
                          .X = rows.data() + point * d,
                          .d = d,
                          .points = points.length(block),
                          .margin = margin,
                          .bits = pattern.row_bits(point) + w,
                          .stride = pattern.bits().stride,
                          .valid = count == word_neurons ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1,
                          .exact_W = W + words.begin(w) * d,
                          .exact_X = X.dense().colptr(first + point)};
      if (packed.finite[w] != 0 && d <= longest) {
        HWY_DYNAMIC_DISPATCH(sign_word)(task);
      } else {
        exact_word(task, count);
      }
    }
  });
}

}  // namespace raphson
#endif
