#include <raphson/core/error.hpp>
#include <raphson/core/seed.hpp>

#include <Random123/philox.h>
#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <unordered_set>

namespace raphson {
namespace {

__extension__ using Wide = unsigned __int128;

/// The last counter word keeps the kinds of numbers apart, so that one seed never gives two kinds the same bits.
enum Domain : std::uint32_t { domain_bits, domain_uniform, domain_normal, domain_below, domain_split, domain_sample };

std::array<std::uint64_t, 2> philox(std::uint64_t key, std::uint64_t low, std::uint32_t high, Domain domain) {
  const r123::Philox4x32::ctr_type counter = {{static_cast<std::uint32_t>(low), static_cast<std::uint32_t>(low >> 32), high, domain}};
  const r123::Philox4x32::key_type k = {{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)}};
  const auto r = r123::Philox4x32{}(counter, k);
  return {r[0] | (std::uint64_t{r[1]} << 32), r[2] | (std::uint64_t{r[3]} << 32)};
}

/// Uniform on [0, 1) with 53 bits.
double unit(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

/// Calls use(i, pair element) for stream elements offset .. offset+count, two to a block.
template <class Use>
void for_elements(std::uint64_t key, Domain domain, Index offset, Index count, const Use& use) {
  for (Index i = 0; i < count;) {
    const Index position = offset + i;
    const auto pair = philox(key, position / 2, 0, domain);
    for (Index half = position % 2; half < 2 && i < count; ++half, ++i) use(i, half, pair);
  }
}

std::uint64_t scaled(std::uint64_t bits, std::uint64_t bound) { return static_cast<std::uint64_t>((Wide{bits} * bound) >> 64); }

/// Box-Muller: both normals of a block.
template <class Real>
void fill_normal(std::uint64_t key, Index offset, std::span<Real> out) {
  for_elements(key, domain_normal, offset, out.size(), [&](Index i, Index half, const std::array<std::uint64_t, 2>& pair) {
    const double radius = std::sqrt(-2 * std::log(1 - unit(pair[0])));
    const double angle = 2 * std::numbers::pi * unit(pair[1]);
    out[i] = static_cast<Real>(radius * (half == 0 ? std::cos(angle) : std::sin(angle)));
  });
}

}  // namespace

Seed Seed::split(Purpose purpose, std::uint64_t index) const {
  return Seed(philox(key_, index, static_cast<std::uint32_t>(purpose), domain_split)[0]);
}

void Seed::bits(Index offset, std::span<std::uint64_t> out) const {
  for_elements(key_, domain_bits, offset, out.size(), [&](Index i, Index half, const auto& pair) { out[i] = pair[half]; });
}

void Seed::uniform(Index offset, std::span<double> out) const {
  for_elements(key_, domain_uniform, offset, out.size(), [&](Index i, Index half, const auto& pair) { out[i] = unit(pair[half]); });
}

void Seed::normal(Index offset, std::span<double> out) const { fill_normal(key_, offset, out); }
void Seed::normal(Index offset, std::span<float> out) const { fill_normal(key_, offset, out); }

std::uint64_t Seed::bits(Index position) const { return philox(key_, position / 2, 0, domain_bits)[position % 2]; }
double Seed::uniform(Index position) const { return unit(philox(key_, position / 2, 0, domain_uniform)[position % 2]); }
Index Seed::below(Index position, Index bound) const { return scaled(philox(key_, position / 2, 0, domain_below)[position % 2], bound); }

std::vector<Index> Seed::sample_without_replacement(Index population, Index count) const {
  if (count > population) throw InputError(fmt::format("cannot draw {} distinct indices from {}.", count, population));
  std::vector<Index> sample;
  sample.reserve(count);
  std::unordered_set<Index> drawn;
  drawn.reserve(count);
  for (Index j = population - count; j < population; ++j) {
    const Index candidate = scaled(philox(key_, j, 0, domain_sample)[0], j + 1);
    sample.push_back(drawn.insert(candidate).second ? candidate : j);
    drawn.insert(sample.back());
  }
  std::sort(sample.begin(), sample.end());
  return sample;
}

}  // namespace raphson
