#pragma once
/// Counting the bits that rows of a bit matrix have in common, with the widest instructions of the machine at hand.

#include <raphson/core/types.hpp>

#include <cstdint>

namespace raphson {

/// Rows of `words` 64-bit words, `stride` words from one to the next; both are multiples of 8 and the first row begins on a cache line.
struct BitRows {
  const std::uint64_t* first;
  Index stride, words;

  const std::uint64_t* row(Index i) const { return first + i * stride; }
  BitRows from(Index i) const { return {row(i), stride, words}; }
};

/// C(a, b) = |A_a & B_b| for a < rows, b < cols; leading dimension `rows`. rows·cols·words·64 bit operations.
void count_common_bits(const BitRows& A, Index rows, const BitRows& B, Index cols, std::uint32_t* C);

/// counts[e] = |x & A_{index[e]}| for e < count, x a row like those of A.
void count_common_bits(const std::uint64_t* x, const BitRows& A, const Index* index, Index count, std::uint32_t* counts);

/// Price of the symmetric matrix |A_a & A_b| for each of its elements and bits, in flops of Machine::gram (benchmarks/nets_kernels.cpp).
double common_bits_cost();

}  // namespace raphson
