#pragma once
/// Sketches whose entries are 0 and ±c, a few a column: CountSketch, sparse sign, uniform rows.

#include <raphson/core/sketch.hpp>
#include <raphson/core/types.hpp>

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace raphson {

/// The signs of a sparse S ∈ R^{s×N} by rows: row r has entries entry[start[r]] .. entry[start[r+1]), each 2·column + (1 when
/// negative), columns increasing.
struct SignedRows {
  std::vector<Index> start;
  std::vector<Index> entry;
};

/// The same by columns: column i has `each` entries from target[i·each] on, each 2·row + (1 when negative).
struct SignedColumns {
  Index rows = 0, each = 0;
  std::vector<std::uint32_t> target;

  Index count() const { return each == 0 ? 0 : target.size() / each; }
};

/// Draws S column by column: `draw(first, last, target)` writes the entries of the columns i in [first, last). Columns are drawn in
/// parallel, so what `draw` writes must depend on i alone. An InputError above 2³¹ rows.
SignedColumns draw_columns(Index s, Index N, Index each, const std::function<void(Index first, Index last, std::uint32_t* target)>& draw);

/// S by rows. O(N·each) time and memory.
SignedRows sort_by_rows(const SignedColumns& columns);

/// S = c · signs.
///
/// Row r of S A is gathered from the rows of A that row r names: A is read once for each entry of a column, in whole rows, and S A written
/// once. Dense rows with several entries a column, and short ones, are instead gathered from tiles (gather_tiles): A is read once.
template <class Real>
class GatherSketch final : public Sketch<Real> {
 public:
  GatherSketch(std::string kind, Index N, SignedRows signs, double magnitude)
      : kind_(std::move(kind)), rows_(signs.start.size() - 1), cols_(N), magnitude_(magnitude), signs_(std::move(signs)) {}
  GatherSketch(std::string kind, SignedColumns columns, double magnitude)
      : kind_(std::move(kind)), rows_(columns.rows), cols_(columns.count()), magnitude_(magnitude), columns_(std::move(columns)) {}

  std::string kind() const override { return kind_; }
  Index rows() const override { return rows_; }
  Index cols() const override { return cols_; }
  void apply(const Mat<Real>& X, Mat<Real>& Y) const override;
  void apply_rows(const DenseRows<Real>& A, Mat<Real>& B) const override;
  void apply_rows(const SparseRows<Real>& A, Mat<Real>& B) const override;
  void apply_rows_single(const DenseRows<Real>& A, Mat<float>& B) const override;
  void apply_rows_single(const SparseRows<Real>& A, Mat<float>& B) const override;

 private:
  Real coefficient(Index entry, const Real* scale) const {
    const Real c = static_cast<Real>(entry % 2 == 0 ? magnitude_ : -magnitude_);
    return scale ? c * scale[entry / 2] : c;
  }
  /// S by rows, sorted when it is first asked for.
  const SignedRows& signs() const;
  template <class Out>
  void sketch_dense(const DenseRows<Real>& A, Mat<Out>& B) const;
  template <class Out>
  void sketch_sparse(const SparseRows<Real>& A, Mat<Out>& B) const;
  template <class Out>
  void gather_whole_rows(const DenseRows<Real>& A, Mat<Out>& B) const;
  template <class Out>
  void sum_factors(const DenseRows<Real>& A, Mat<Out>& B) const;

  std::string kind_;
  Index rows_, cols_;
  double magnitude_;
  SignedColumns columns_;
  mutable std::once_flag sorted_;
  mutable SignedRows signs_;
};

}  // namespace raphson
