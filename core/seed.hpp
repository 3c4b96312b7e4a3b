#pragma once
/// Counter-based randomness: a Seed is an immutable value, and element i of its stream never depends on who asks for it,
/// in which order, or on how many threads.

#include <raphson/core/types.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace raphson {

/// What random numbers are used for. Streams split by purpose are independent.
enum class Purpose : std::uint32_t {
  sketch = 1,
  sketch_signs,
  retry,
  initial_weights,
  output_signs,
  data,
  noise,
  probe,
  shuffle,
};

/// A key of the Philox4x32-10 generator (Salmon, Moraes, Dror, Shaw 2011).
///
/// `split` derives independent seeds, one per (purpose, index), so that no two iterations ever reuse numbers. The fill
/// functions give elements [offset, offset + out.size()) of one infinite stream per kind; a Seed that is used for two
/// different kinds of numbers, or twice, must be split first.
class Seed {
 public:
  constexpr explicit Seed(std::uint64_t key = 0) : key_(key) {}

  std::uint64_t key() const { return key_; }

  /// An independent seed for this purpose and index (for instance the iteration).
  Seed split(Purpose purpose, std::uint64_t index = 0) const;

  /// 64 random bits, uniform on [0, 1), standard normal. Element i costs one Philox block, or half of one.
  void bits(Index offset, std::span<std::uint64_t> out) const;
  void uniform(Index offset, std::span<double> out) const;
  void normal(Index offset, std::span<double> out) const;
  void normal(Index offset, std::span<float> out) const;

  std::uint64_t bits(Index position) const;
  double uniform(Index position) const;

  /// A whole number uniform on [0, bound), element `position` of its stream. bound ≥ 1.
  Index below(Index position, Index bound) const;

  /// `count` distinct indices from [0, population), sorted increasingly, uniform over all such sets (Floyd's method).
  /// Throws InputError when count > population. O(count) memory.
  std::vector<Index> sample_without_replacement(Index population, Index count) const;

 private:
  std::uint64_t key_;
};

}  // namespace raphson
