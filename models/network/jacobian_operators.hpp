#pragma once
/// A = Jᵀ and A = J of a Jacobian that has products, rows, columns and JJᵀ, and no structure beside that. Internal to the network models.

#include <raphson/core/tall_operator.hpp>
#include <raphson/models/network/columns.hpp>

#include <functional>
#include <memory>
#include <span>
#include <utility>

namespace raphson {

/// A = Jᵀ, P × n. Jacobian: points, parameters, multiply, multiply_transposed, row, column, point_gram, point_gram_diagonal, kernel,
/// non_finite and adjoint_cost, as LayeredJacobian has them.
template <class Jacobian>
class AdjointOf final : public Operator {
 public:
  explicit AdjointOf(std::shared_ptr<const Jacobian> J) : J_(std::move(J)) {}
  Index rows() const override { return J_->parameters(); }
  Index cols() const override { return J_->points(); }
  void apply(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply_transposed(X, Y); }
  void apply_adjoint(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply(X, Y); }
  void gram(Mat<double>& G) const override { J_->point_gram(G); }
  void gram_single(Mat<float>& G) const override { J_->point_gram(G); }
  void gram_diagonal(Vec& g) const override { J_->point_gram_diagonal(g); }
  void sketch(const Sketch<double>& S, Mat<double>& B) const override {
    sketch_columns(
        S, rows(), cols(), [this](Index i, double* out) { J_->row(i, out); }, B);
  }
  void gather_rows(std::span<const Index> index, Mat<double>& B) const override {
    B.set_size(cols(), index.size());
    parallel_for(index.size(), [&](Index t) { J_->column(index[t], B.colptr(t)); });
  }
  std::string non_finite() const override { return J_->non_finite(); }
  std::shared_ptr<const PreconditionerKind> preconditioner() const override { return J_->kernel(); }
  OperatorCost cost() const override { return J_->adjoint_cost(); }

 private:
  std::shared_ptr<const Jacobian> J_;
};

/// A = J, n × P, of the same with direct_cost. JᵀJ is formed from rows.
template <class Jacobian>
class DirectOf final : public Operator {
 public:
  explicit DirectOf(std::shared_ptr<const Jacobian> J) : J_(std::move(J)) {}
  Index rows() const override { return J_->points(); }
  Index cols() const override { return J_->parameters(); }
  void apply(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply(X, Y); }
  void apply_adjoint(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply_transposed(X, Y); }
  void gram(Mat<double>& G) const override { gram_of_rows(rows(), cols(), row_of(), G); }
  void gram_diagonal(Vec& g) const override { gram_diagonal_of_rows(rows(), cols(), row_of(), g); }
  void sketch(const Sketch<double>& S, Mat<double>& B) const override {
    sketch_columns(
        S, rows(), cols(), [this](Index p, double* out) { J_->column(p, out); }, B);
  }
  void gather_rows(std::span<const Index> index, Mat<double>& B) const override {
    B.set_size(cols(), index.size());
    parallel_for(index.size(), [&](Index t) { J_->row(index[t], B.colptr(t)); });
  }
  std::string non_finite() const override { return J_->non_finite(); }
  OperatorCost cost() const override { return J_->direct_cost(); }

 private:
  std::function<void(Index, double*)> row_of() const {
    return [this](Index i, double* out) { J_->row(i, out); };
  }

  std::shared_ptr<const Jacobian> J_;
};

}  // namespace raphson
