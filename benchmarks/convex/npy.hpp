#pragma once
/// NumPy's .npy files, little-endian, C order, one or two dimensions: the form in which data and solutions go between peers.

#include <raphson/core/types.hpp>

#include <string>
#include <vector>

namespace raphson::bench {

/// An n × d array, read into a d × n column-major matrix (row i of the array is column i); a vector is n × 1 read as 1 × n.
/// Throws std::runtime_error for a missing file or another type than `f8`.
arma::mat read_npy(const std::string& path);
std::vector<std::int64_t> read_npy_integers(const std::string& path);  ///< `i8` or `i4`, one dimension
/// `rows_as_columns` is d × n; written as the n × d array.
void write_npy(const std::string& path, const arma::mat& rows_as_columns);
void write_npy(const std::string& path, const Vec& x);
void write_npy_integers(const std::string& path, const std::vector<std::int32_t>& values);

}  // namespace raphson::bench
