#pragma once
/// Rows of a data matrix that coincide.

#include <raphson/core/data_matrix.hpp>

#include <vector>

namespace raphson {

/// Groups of two or more equal rows (−0 equals 0), each increasing, in the order of their first rows. O(nnz log n).
std::vector<std::vector<Index>> equal_rows(const DataMatrix& X);

/// Whether the targets of these rows, a column for each output, are the same.
bool targets_agree(const Mat<double>& y, const std::vector<Index>& rows);

/// y with the mean of its group in place of each target of equal rows that disagree: the nearest that a function of the rows can have.
Mat<double> agreed_targets(const DataMatrix& X, const Mat<double>& y);

/// Whether every entry of the row is zero.
bool is_zero_row(const DataMatrix& X, Index row);

}  // namespace raphson
