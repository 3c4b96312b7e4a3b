#pragma once
/// S A of dense rows for a sparse S, from one read of A.

#include <raphson/core/sketch.hpp>
#include <raphson/solvers/sketches/gather_sketch.hpp>

namespace raphson {

/// B(0 .. A.width, :) = (S A)ᵀ for S = magnitude · signs, without the column of ones; B is A.cols() × signs.rows already.
///
/// A task owns a strip of 256 bytes' worth of columns: tile by tile, some thousand rows of it are packed, scaled, into a piece of memory
/// that stays in the second-level cache, and every row of S A that they touch is loaded once, takes its rows of the tile in and is stored.
/// The entries of a tile are sorted once for all strips, by the number that a row of S A gets. A is read once, in pieces of a strip;
/// the cache moves about (entries a column + 4) times as much. Nk·each multiply-adds, 256·s bytes for each task at work.
template <class Real, class Out>
void gather_tiles(const SignedColumns& signs, double magnitude, const DenseRows<Real>& A, Mat<Out>& B);

/// Whether that takes less time than gathering whole rows: where columns of S have several entries or rows of A are short, and tiles are
/// not spread too thin over the rows of S A.
bool tiles_serve(const SignedColumns& signs, Index width, Index number_bytes);

}  // namespace raphson
