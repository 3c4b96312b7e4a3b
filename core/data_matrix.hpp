#pragma once
/// n × d data, one row per observation, dense or sparse, shared and immutable.

#include <raphson/core/tall_operator.hpp>
#include <raphson/core/types.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace raphson {

/// A d × n matrix whose columns are observations, used where it lies: no copy, the caller keeps it alive and unchanged.
struct PointsAsColumns {
  const arma::mat* X = nullptr;
};
inline PointsAsColumns points_as_columns(const arma::mat& X) { return {&X}; }

/// Positions of a sparse k × k matrix by columns: column j holds rows index[start[j]] .. index[start[j+1]), increasing.
struct SparsePattern {
  arma::uvec start, index;
};

/// C rounded to eleven significant bits: C(i, j) ≈ numbers(j, i)·scale(j), powers of two near the columns' root mean squares.
struct HalfRows {
  arma::Mat<std::uint16_t> numbers;  ///< d', d filled up with zeros to a multiple of 16, × n: IEEE 754 binary16
  Col<float> scale;                  ///< d
};

/// Dense data are stored row-major (a d × n column-major matrix: column i is observation i), sparse data in compressed rows.
/// Copies share storage.
class DataMatrix {
 public:
  DataMatrix() = default;
  DataMatrix(arma::mat A);                           ///< n × d; transposed once, in place when square or large
  DataMatrix(arma::sp_mat A);                        ///< n × d; transposed once
  DataMatrix(PointsAsColumns view);                  ///< d × n, no copy
  static DataMatrix from_rows(arma::mat d_by_n);     ///< takes over storage that is row-major already
  static DataMatrix from_rows(arma::sp_mat d_by_n);  ///< the same in compressed rows

  bool is_sparse() const;
  Index rows() const;      ///< n
  Index cols() const;      ///< d
  Index nonzeros() const;  ///< stored entries: n·d when dense
  double bytes() const;
  /// Σ over rows of (stored entries, and one for the constant)²: the work of CᵀC for sparse data. Counted once, then shared. Thread-safe.
  double squared_row_lengths(bool constant) const;

  /// d × n: column i is observation i. Throws InputError when the data are of the other form.
  const arma::mat& dense() const;
  const arma::sp_mat& sparse() const;
  /// The same in single precision; made at the first call, then shared. Thread-safe.
  const arma::fmat& dense_single() const;
  const arma::SpMat<float>& sparse_single() const;
  /// Dense data in numbers of sixteen bits, scaled by columns; made at the first call, then shared. Null when a number is too large beside
  /// the others of its column. Thread-safe.
  const HalfRows* dense_half() const;
  /// Sparse data by columns, n × d; made at the first call, then shared. Thread-safe.
  const arma::sp_mat& sparse_columns() const;
  /// Pattern of [C | 1]ᵀ[C | 1] for sparse data (the constant where asked), diagonal included; made once, then shared. Thread-safe.
  const SparsePattern& gram_pattern(bool constant) const;

  /// Element (row, column); O(log nnz of the row) when sparse.
  double at(Index row, Index column) const;
  /// The rows named, in that order.
  DataMatrix select_rows(const std::vector<Index>& index) const;
  /// C x (n) for x ∈ R^d.
  Vec multiply(const Vec& x) const;

 private:
  struct Storage;
  std::shared_ptr<const Storage> storage_;
};

/// Throws InputError: "`name` has 3 non-finite values; first at row 17, column 4 (nan). Remove or impute those rows." or
/// "`name` is 0 x 12: no observations."
void require_finite(const DataMatrix& A, std::string_view name);
void require_nonempty(const DataMatrix& A, std::string_view name);

/// A = diag(scale) [C | 1]: the square-root Hessian of g(Cx + intercept). scale (n) may be empty for all ones; the last column
/// is there when `constant`. Products read C once; the Gram matrix never stores diag(scale)·C.
std::shared_ptr<const Operator> scaled_rows(const DataMatrix& C, Vec scale = {}, bool constant = false);

}  // namespace raphson
