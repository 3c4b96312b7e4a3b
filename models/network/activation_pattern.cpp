#include <raphson/core/dense.hpp>
#include <raphson/models/network/activation_pattern.hpp>

#include <algorithm>
#include <array>
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

constexpr Index line_words = cache_line / sizeof(std::uint64_t);

Index padded_words(Index neurons) { return round_up((neurons + word_bits - 1) / word_bits, line_words); }
Index odd_lines(Index words) { return words / line_words % 2 == 1 ? words : words + line_words; }

}  // namespace

ActivationPattern::ActivationPattern(Index points, Index neurons, const Activation& activation)
    : points_(points),
      neurons_(neurons),
      words_(padded_words(neurons)),
      stride_(odd_lines(words_)),
      binary_(activation.kind == Activation::Kind::relu),
      bits_(binary_ ? points * stride_ : 0),
      values_(binary_ ? 0 : points * neurons) {}

double ActivationPattern::bytes(Index points, Index neurons, const Activation& activation) {
  const double n = static_cast<double>(points);
  if (activation.kind == Activation::Kind::relu) return n * static_cast<double>(odd_lines(padded_words(neurons)) * sizeof(std::uint64_t));
  return n * static_cast<double>(neurons) * sizeof(double);
}

void ActivationPattern::store(Index point, Index first, Index count, const double* z) {
  if (!binary_) {
    std::copy(z, z + count, values_.begin() + static_cast<std::ptrdiff_t>(point * neurons_ + first));
    return;
  }
  std::uint64_t* words = bits_.data() + point * stride_ + first / word_bits;
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
    const std::uint64_t* words = bits_.data() + (point + i) * stride_ + first / word_bits;
    for (Index begin = 0; begin < count; begin += 8) {  // writes up to 7 zeros beyond count, inside the tile
      const auto byte = static_cast<unsigned>(words[begin / word_bits] >> (begin % word_bits)) & 255u;
      std::memcpy(T + begin, expanded_bytes[byte].data(), 8 * sizeof(double));
    }
  }
}

double ActivationPattern::at(Index point, Index neuron) const {
  if (!binary_) return values_[point * neurons_ + neuron];
  return static_cast<double>((bits_[point * stride_ + neuron / word_bits] >> (neuron % word_bits)) & 1u);
}

double ActivationPattern::squared_norm(Index point) const { return overlap(point, point); }

double ActivationPattern::overlap(Index i, Index j) const {
  double value = 0;
  overlaps(i, 1, j, 1, &value);
  return value;
}

void ActivationPattern::overlaps(Index i, Index rows, Index j, Index cols, double* C) const {
  if (binary_) {
    std::vector<std::uint32_t> counts(rows * cols);
    count_common_bits(bits().from(i), rows, bits().from(j), cols, counts.data());
    std::copy(counts.begin(), counts.end(), C);
  } else if (rows == 1 && cols == 1) {
    *C = dot(neurons_, values_.data() + i * neurons_, values_.data() + j * neurons_);
  } else {
    gemm(true, false, rows, cols, neurons_, 1.0, values_.data() + i * neurons_, neurons_, values_.data() + j * neurons_, neurons_, 0.0, C,
         rows);
  }
}

void ActivationPattern::overlaps(Index i, const Index* index, Index count, double* values) const {
  if (binary_) {
    std::vector<std::uint32_t> counts(count);
    count_common_bits(bits().row(i), bits(), index, count, counts.data());
    std::copy(counts.begin(), counts.end(), values);
    return;
  }
  for (Index e = 0; e < count; ++e) values[e] = overlap(i, index[e]);
}

std::string ActivationPattern::non_finite() const {
  if (binary_ || all_finite(values_.data(), values_.size())) return {};
  Index position = 0;
  while (std::isfinite(values_[position])) ++position;
  return fmt::format("neuron {} at observation {} ({})", position % neurons_, position / neurons_,
                     std::isnan(values_[position]) ? "nan" : "inf");
}

}  // namespace raphson
