#include <raphson/core/dense.hpp>
#include <raphson/models/network/activation_pattern.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

namespace raphson {
namespace {

constexpr Index word_bits = 64;

/// The eight bits of a byte as eight numbers, lowest first.
constexpr auto expanded_bytes = [] {
  std::array<std::array<double, 8>, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (unsigned bit = 0; bit < 8; ++bit) table[byte][bit] = (byte >> bit) & 1u;
  }
  return table;
}();

/// C(a, b) = number of common bits of row a of A and row b of B, `words` words each.
[[gnu::always_inline]] inline void count_common(const std::uint64_t* A, Index rows, const std::uint64_t* B, Index cols, Index words,
                                                double* C) {
  constexpr Index chunk = 128;  // words of a row handled at a time, so that a tile of rows stays in the first-level cache
  std::fill(C, C + rows * cols, 0.0);
  for (Index begin = 0; begin < words; begin += chunk) {
    const Index end = std::min(words, begin + chunk);
    for (Index b = 0; b < cols; ++b) {
      const std::uint64_t* y = B + b * words;
      for (Index a = 0; a < rows; ++a) {
        const std::uint64_t* x = A + a * words;
        Index even = 0, odd = 0;
        Index w = begin;
        for (; w + 1 < end; w += 2) {
          even += static_cast<Index>(std::popcount(x[w] & y[w]));
          odd += static_cast<Index>(std::popcount(x[w + 1] & y[w + 1]));
        }
        if (w < end) even += static_cast<Index>(std::popcount(x[w] & y[w]));
        C[b * rows + a] += static_cast<double>(even + odd);
      }
    }
  }
}

using CountCommon = void (*)(const std::uint64_t*, Index, const std::uint64_t*, Index, Index, double*);

void count_common_portable(const std::uint64_t* A, Index rows, const std::uint64_t* B, Index cols, Index words, double* C) {
  count_common(A, rows, B, cols, words, C);
}

#if defined(__x86_64__)
[[gnu::target("popcnt")]] void count_common_popcnt(const std::uint64_t* A, Index rows, const std::uint64_t* B, Index cols, Index words,
                                                   double* C) {
  count_common(A, rows, B, cols, words, C);
}
#endif

/// The same whole numbers either way: x86-64 in general has no instruction that counts bits, nearly every such machine does.
CountCommon fastest_count() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("popcnt")) return count_common_popcnt;
#endif
  return count_common_portable;
}

}  // namespace

ActivationPattern::ActivationPattern(Index points, Index neurons, const Activation& activation)
    : points_(points),
      neurons_(neurons),
      words_((neurons + word_bits - 1) / word_bits),
      binary_(activation.kind == Activation::Kind::relu),
      bits_(binary_ ? points * words_ : 0),
      values_(binary_ ? 0 : points * neurons) {}

double ActivationPattern::bytes(Index points, Index neurons, const Activation& activation) {
  const double entries = static_cast<double>(points) * static_cast<double>(neurons);
  return activation.kind == Activation::Kind::relu ? entries / 8 : entries * sizeof(double);
}

void ActivationPattern::store(Index point, Index first, Index count, const double* z) {
  if (!binary_) {
    std::copy(z, z + count, values_.begin() + static_cast<std::ptrdiff_t>(point * neurons_ + first));
    return;
  }
  std::uint64_t* words = bits_.data() + point * words_ + first / word_bits;
  for (Index begin = 0; begin < count; begin += word_bits) {
    const Index length = std::min(word_bits, count - begin);
    std::uint64_t word = 0;
    for (Index bit = 0; bit < length; ++bit) word |= static_cast<std::uint64_t>(z[begin + bit] >= 0) << bit;
    words[begin / word_bits] = word;
  }
}

void ActivationPattern::expand(Index first, Index count, Index point, Index points, double* T) const {
  for (Index i = 0; i < points; ++i, T += tile_neurons) {
    if (!binary_) {
      std::memcpy(T, values_.data() + (point + i) * neurons_ + first, count * sizeof(double));
      continue;
    }
    const std::uint64_t* words = bits_.data() + (point + i) * words_ + first / word_bits;
    for (Index begin = 0; begin < count; begin += 8) {  // writes up to 7 zeros beyond count, inside the tile
      const auto byte = static_cast<unsigned>(words[begin / word_bits] >> (begin % word_bits)) & 255u;
      std::memcpy(T + begin, expanded_bytes[byte].data(), 8 * sizeof(double));
    }
  }
}

double ActivationPattern::at(Index point, Index neuron) const {
  if (!binary_) return values_[point * neurons_ + neuron];
  return static_cast<double>((bits_[point * words_ + neuron / word_bits] >> (neuron % word_bits)) & 1u);
}

double ActivationPattern::squared_norm(Index point) const { return overlap(point, point); }

double ActivationPattern::overlap(Index i, Index j) const {
  double value = 0;
  overlaps(i, 1, j, 1, &value);
  return value;
}

void ActivationPattern::overlaps(Index i, Index rows, Index j, Index cols, double* C) const {
  if (binary_) {
    static const CountCommon count = fastest_count();
    count(bits_.data() + i * words_, rows, bits_.data() + j * words_, cols, words_, C);
  } else if (rows == 1 && cols == 1) {
    *C = dot(neurons_, values_.data() + i * neurons_, values_.data() + j * neurons_);
  } else {
    gemm(true, false, rows, cols, neurons_, 1.0, values_.data() + i * neurons_, neurons_, values_.data() + j * neurons_, neurons_, 0.0, C,
         rows);
  }
}

std::string ActivationPattern::non_finite() const {
  if (binary_ || all_finite(values_.data(), values_.size())) return {};
  Index position = 0;
  while (std::isfinite(values_[position])) ++position;
  return fmt::format("neuron {} at observation {} ({})", position % neurons_, position / neurons_,
                     std::isnan(values_[position]) ? "nan" : "inf");
}

}  // namespace raphson
