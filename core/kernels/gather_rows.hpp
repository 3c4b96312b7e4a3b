#pragma once
/// Inner loops of sketches with few entries a column: rows of a matrix added to one another, each read once, one thread each.
///
/// Src may be double where Real is float. Every sum is formed in the order of its rows, wherever the work is cut.

#include <raphson/core/kernels/row_passes.hpp>
#include <raphson/core/types.hpp>

#include <cstdint>

namespace raphson::kernels {

/// Numbers in a row of a strip: four cache lines, and registers enough for a sum of them.
template <class Real>
inline constexpr Index strip_width = 256 / sizeof(Real);

/// Row i of `tile`, strip_width numbers at tile + i·strip_width, = factor[i] · row i of C, which has at most strip_width numbers, and
/// zeros. tile begins on a cache line. Rows of C may lie pages apart: they are asked for ahead.
template <class Src, class Real>
void pack_strip(const RowBlock<Src>& C, const Src* factor, Real* tile);

/// For each of `targets` numbers t in turn: row t of `sums` += Σ ± rows of the tile, `each` of them, named by the next `each` entries
/// 2·row + (1 when subtracted). Rows as in pack_strip; the fewer targets name the same row of sums in one call, the better: once at most.
template <class Real>
void gather_strip(const Real* tile, const std::uint32_t* target, Index targets, Index each, const std::uint16_t* entry, Real* sums);

/// y = Σ t[i] · row[i] for `count` rows of `width` numbers that lie anywhere, while up to `ahead` rows behind them in the list row[] are
/// asked for.
template <class Real, class Src>
void gather_rows(const Src* const* row, const Src* t, Index count, Index ahead, Index width, Real* y);

}  // namespace raphson::kernels
