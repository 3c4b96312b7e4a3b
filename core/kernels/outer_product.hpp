#pragma once
/// C ± P Qᵀ from packed panels: the inner loops of Gram matrices and of the Cholesky factorization, one thread each, in the vector
/// instructions of the machine at hand.

#include <raphson/core/sketch.hpp>
#include <raphson/core/types.hpp>

#include <vector>

namespace raphson::kernels {

/// A panel P of `rows` × `depth` numbers as the inner loop reads it: groups of `group` rows, one after the other, zeros in place of rows
/// that are missing from the last; within a group step after step. Keeps its memory when it is filled again.
template <class Real>
class PackedPanel {
 public:
  /// Room for rows × depth; pack then fills groups [first, last) from any thread.
  void resize(Index rows, Index depth);
  Index groups() const { return groups_; }
  Index group_rows() const { return group_; }
  Index rows() const { return rows_; }
  Index depth() const { return depth_; }

  /// Step s of the panel is row `begin + s` of A (scaled and completed): P = A[begin .. begin + depth)ᵀ restricted to the groups' columns
  /// from `column` on. Src may be double for a panel of floats.
  template <class Src>
  void pack(const DenseRows<Src>& A, Index begin, Index column, Index first, Index last);

  const Real* group(Index g) const { return data_ + g * group_ * depth_; }

 private:
  Index rows_ = 0, depth_ = 0, group_ = 0, groups_ = 0;
  std::vector<Real> memory_;
  Real* data_ = nullptr;  ///< in memory_, at a multiple of 64 bytes
};

/// C(i, j) += alpha Σ_s P(i, s) P(j, s) for i in the row groups [row_first, row_last) and j in [column_first, column_last), where i ≥ j; C
/// is column-major with leading dimension ldc, C(0, 0) belonging to the panel's first row. Entries with i < j in the same small block are
/// overwritten with anything. 2·depth flops an entry.
template <class Real>
void add_outer(const PackedPanel<Real>& P, Index row_first, Index row_last, Index column_first, Index column_last, Real alpha, Real* C,
               Index ldc);

/// C(i, j) += alpha Σ_s P(i, s) Q(j, s), P.rows() × Q.rows(), of two panels of the same depth. 2·depth flops an entry.
void add_product(const PackedPanel<double>& P, const PackedPanel<double>& Q, double alpha, double* C, Index ldc);

/// Rows of a group on this machine.
template <class Real>
Index outer_group();

}  // namespace raphson::kernels
