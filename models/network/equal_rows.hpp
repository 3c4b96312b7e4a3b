#pragma once
/// Rows of a data matrix that coincide.

#include <raphson/core/data_matrix.hpp>

#include <vector>

namespace raphson {

/// Groups of two or more equal rows (−0 equals 0), each increasing, in the order of their first rows. O(nnz log n).
std::vector<std::vector<Index>> equal_rows(const DataMatrix& X);

/// Whether every entry of the row is zero.
bool is_zero_row(const DataMatrix& X, Index row);

}  // namespace raphson
