#pragma once
#include <raphson/core/seed.hpp>
#include <raphson/core/types.hpp>

#include <vector>

namespace raphson {

/// One row of every `share` consecutive ones out of N, increasing; the N mod share last rows have no chance. share ≥ 1.
inline std::vector<Index> one_row_of_every(Index share, Index N, const Seed& seed) {
  std::vector<Index> index(N / share);
  for (Index i = 0; i < index.size(); ++i) index[i] = share * i + seed.below(i, share);
  return index;
}

}  // namespace raphson
