#pragma once
/// A = diag(scale) [C | 1] for dense and sparse data: the operators behind scaled_rows().

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/kernels/row_passes.hpp>
#include <raphson/core/threads.hpp>

namespace raphson {

/// Dense rows, N × (d or d+1). Every product reads C once, in blocks of rows that stay in cache between A x and Aᵀ(A x).
template <class Real>
class ScaledDense final : public TallOperator<Real> {
 public:
  ScaledDense(DataMatrix C, Col<Real> scale, bool constant);

  Index rows() const override { return data_.rows(); }
  Index cols() const override { return data_.cols() + (constant_ ? 1 : 0); }
  void apply(const Mat<Real>& X, Mat<Real>& Y) const override;
  void apply_adjoint(const Mat<Real>& X, Mat<Real>& Y) const override;
  void apply_normal(const Mat<Real>& X, Mat<Real>& Y) const override;
  void apply_mapped(const Col<Real>& x, const RowMap<Real>& map, Col<Real>& z, Col<Real>& y) const override;
  void gram(Mat<Real>& G) const override;
  void gram_single(Mat<float>& G) const override;
  bool gram_rounded(Mat<float>& G) const override;
  void sketch(const Sketch<Real>& S, Mat<Real>& B) const override;
  void sketch_single(const Sketch<Real>& S, Mat<float>& B) const override;
  void gather_rows(std::span<const Index> index, Mat<Real>& B) const override;
  void gram_diagonal(Col<Real>& g) const override;
  std::shared_ptr<const TallOperator<float>> single() const override;
  std::shared_ptr<const TallOperator<float>> half() const override;
  std::string non_finite() const override;
  OperatorCost cost() const override;

 private:
  DenseRows<Real> view() const;
  kernels::RowBlock<Real> block(Index first, Index count) const {
    return {C_->memptr() + first * C_->n_rows, C_->n_rows, count, C_->n_rows};
  }
  Real scale_of(Index row) const { return scale_.is_empty() ? Real(1) : scale_[row]; }
  void add_constant(const Real* t, Index count, Real* sum) const;
  void normal_product(const Real* x, Real* y) const;
  void rows_times(Index first, Index count, const Mat<Real>& X, Real* Y, Index ldy) const;
  void add_adjoint(Index first, Index count, const Real* T, Index ldt, Index columns, Real* Y) const;

  DataMatrix data_;
  const Mat<Real>* C_;  ///< d × N, inside data_
  Col<Real> scale_;
  bool constant_;
};

/// Dense rows in numbers of sixteen bits, one vector at a time.
class HalfDense final : public TallOperator<float> {
 public:
  /// data.dense_half() is not null.
  HalfDense(DataMatrix data, Col<float> scale, bool constant);

  Index rows() const override { return data_.rows(); }
  Index cols() const override { return data_.cols() + (constant_ ? 1 : 0); }
  void apply(const Mat<float>& X, Mat<float>& Y) const override;
  void apply_adjoint(const Mat<float>& X, Mat<float>& Y) const override;
  void apply_normal(const Mat<float>& X, Mat<float>& Y) const override;
  OperatorCost cost() const override;

 private:
  kernels::RowBlock<kernels::Half> block(Index first, Index count) const {
    return {half_->numbers.colptr(first), half_->numbers.n_rows, count, half_->numbers.n_rows};
  }
  Index stored() const { return half_->numbers.n_rows; }
  /// What the stored numbers are multiplied with, for x in terms of A.
  Col<float> scaled(const float* x) const;
  /// y = Σ over runs of rows of what use(first, count, t, sum) puts into t and adds to `sum`, the sum of the t being the constant's.
  template <class Use>
  void sum_rows(const Use& use, float* y) const;
  float scale_of(Index row) const { return scale_.is_empty() ? 1.0f : scale_[row]; }

  DataMatrix data_;
  const HalfRows* half_;  ///< inside data_
  Col<float> scale_;
  bool constant_;
};

/// Sparse rows. Products cost O(nnz), the Gram matrix ½Σ nnz(row)² (core/sparse_row_gram.hpp). Its pattern depends on the positions stored
/// in C only.
template <class Real>
class ScaledSparse final : public TallOperator<Real> {
 public:
  ScaledSparse(DataMatrix C, Col<Real> scale, bool constant);

  Index rows() const override { return data_.rows(); }
  Index cols() const override { return data_.cols() + (constant_ ? 1 : 0); }
  void apply(const Mat<Real>& X, Mat<Real>& Y) const override;
  void apply_adjoint(const Mat<Real>& X, Mat<Real>& Y) const override;
  void apply_normal(const Mat<Real>& X, Mat<Real>& Y) const override;
  void apply_mapped(const Col<Real>& x, const RowMap<Real>& map, Col<Real>& z, Col<Real>& y) const override;
  void gram(Mat<Real>& G) const override;
  void sketch(const Sketch<Real>& S, Mat<Real>& B) const override;
  void sketch_single(const Sketch<Real>& S, Mat<float>& B) const override;
  void gather_rows(std::span<const Index> index, Mat<Real>& B) const override;
  void gram_diagonal(Col<Real>& g) const override;
  bool has_sparse_gram() const override { return true; }
  void gram_single(Mat<float>& G) const override;
  void sampled_gram(std::span<const Index> index, Mat<float>& G) const override;
  void sparse_gram(arma::SpMat<Real>& G) const override;
  std::shared_ptr<const TallOperator<float>> single() const override;
  std::string non_finite() const override;
  OperatorCost cost() const override;

 private:
  SparseRows<Real> view() const;
  Real scale(Index row) const { return scale_.is_empty() ? Real(1) : scale_[row]; }
  Blocks sum_blocks() const { return cut(rows(), 1024, 16); }
  /// Adds column j of AᵀA to dense work space of k numbers.
  void add_gram_column(Index j, Real* work) const;

  DataMatrix data_;
  const arma::SpMat<Real>* C_;  ///< d × N: compressed rows
  Col<Real> scale_;
  bool constant_;
};

}  // namespace raphson
