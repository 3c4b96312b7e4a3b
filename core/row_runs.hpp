#pragma once
/// Sums over the rows of tall matrices.

#include <raphson/core/threads.hpp>
#include <raphson/core/types.hpp>

#include <vector>

namespace raphson {

inline Blocks row_blocks(Index rows) { return cut(rows, 512, 32); }

/// y (length numbers) = Σ over runs of rows of what use(first, count, sum) adds to `sum`, which is zero before: a run, of 512 rows at
/// most, is as many as can be added up in single precision without harm, and runs are added in double.
template <class Real, class Use>
void sum_runs(Index rows, Index length, const Use& use, Real* y) {
  const Index run = 512;
  const Blocks blocks = row_blocks(rows);
  Vec total(length, arma::fill::none);
  parallel_sum<double>(
      blocks, length,
      [&](Index b, double* partial) {
        std::vector<Real> sum(length);
        for (Index first = blocks.begin(b); first < blocks.end(b); first += run) {
          std::fill(sum.begin(), sum.end(), Real(0));
          use(first, std::min(run, blocks.end(b) - first), sum.data());
          for (Index j = 0; j < length; ++j) partial[j] += static_cast<double>(sum[j]);
        }
      },
      total.memptr());
  for (Index j = 0; j < length; ++j) y[j] = static_cast<Real>(total[j]);
}

}  // namespace raphson
