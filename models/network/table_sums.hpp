#pragma once
/// Sums of the rows of a matrix that bits select, by tables of partial sums (the method of "four Russians": Arlazarov, Dinic, Kronrod,
/// Faradžev 1970), and transposed bits for it.

#include <raphson/models/network/common_bits.hpp>

namespace raphson {

/// Width of rows of `width` numbers in table sums.
Index table_width(Index width);

/// out_c += Σ over the set bits s of row c of `bits` of V_s, for c < rows. Row c is the `words` words at bits + c·stride; V has 64·words
/// rows and out `rows` rows, all `width` numbers long, a multiple of 4 as table_width gives it.
/// A sum of sixteen looked-up rows a word: 16·width additions where the definition takes 64·width multiply-adds.
void add_selected_rows(const std::uint64_t* bits, Index stride, Index rows, Index words, const double* V, Index width, double* out);

/// Bits of up to 64 rows, eight words of each at rows + i·stride, turned over: bit i of out[8b + w] is bit b of word w of row i. Rows
/// from `count` on count as 0.
void transpose_bits(const std::uint64_t* rows, Index stride, Index count, std::uint64_t* out);

}  // namespace raphson
