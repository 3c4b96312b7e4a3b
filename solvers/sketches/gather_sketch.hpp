#pragma once
/// Sketches whose entries are 0 and ±c, a few a column: CountSketch, sparse sign, uniform rows.

#include <raphson/core/sketch.hpp>
#include <raphson/core/types.hpp>

#include <functional>
#include <string>
#include <vector>

namespace raphson {

/// The signs of a sparse S ∈ R^{s×N} by rows: row r has entries entry[start[r]] .. entry[start[r+1]), each 2·column + (1 when
/// negative), columns increasing.
struct SignedRows {
  std::vector<Index> start;
  std::vector<Index> entry;
};

/// Sorts a matrix that is drawn column by column: `draw(first, last, target)` writes, for the columns i in [first, last), their
/// `per_column` entries as 2·row + (1 when negative) to target[0 .. (last − first)·per_column). Columns are drawn in parallel, so
/// what `draw` writes must depend on i alone. O(N·per_column) time and memory.
SignedRows sort_by_rows(Index s, Index N, Index per_column, const std::function<void(Index first, Index last, Index* target)>& draw);

/// S = c · signs. Row r of S A is gathered from the rows of A that row r names, so A is read `per_column` times in whole rows and
/// S A written once; rows of S A are computed in parallel and independently.
template <class Real>
class GatherSketch final : public Sketch<Real> {
 public:
  GatherSketch(std::string kind, Index N, SignedRows signs, double magnitude)
      : kind_(std::move(kind)), cols_(N), magnitude_(static_cast<Real>(magnitude)), signs_(std::move(signs)) {}

  std::string kind() const override { return kind_; }
  Index rows() const override { return signs_.start.size() - 1; }
  Index cols() const override { return cols_; }
  void apply(const Mat<Real>& X, Mat<Real>& Y) const override;
  void apply_rows(const DenseRows<Real>& A, Mat<Real>& B) const override;
  void apply_rows(const SparseRows<Real>& A, Mat<Real>& B) const override;

 private:
  Real coefficient(Index entry, const Real* scale) const {
    const Real c = entry % 2 == 0 ? magnitude_ : -magnitude_;
    return scale ? c * scale[entry / 2] : c;
  }
  void gather(const DenseRows<Real>& A, Index row, std::vector<const Real*>& source, std::vector<Real>& factor, Real* out) const;

  std::string kind_;
  Index cols_;
  Real magnitude_;
  SignedRows signs_;
};

}  // namespace raphson
