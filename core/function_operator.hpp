#pragma once
/// A user's own A, given by two functions.

#include <raphson/core/tall_operator.hpp>

#include <functional>

namespace raphson {

/// A known only by its products. `apply` computes y = A x (k to N), `adjoint` y = Aᵀ x (N to k), each for one vector; outputs
/// arrive sized and zeroed. Everything else a solver may ask for follows from these, at one product per column.
class FunctionOperator : public Operator {
 public:
  using Product = std::function<void(const Vec& x, Vec& y)>;
  FunctionOperator(Index rows, Index cols, Product apply, Product adjoint);

  Index rows() const override { return rows_; }
  Index cols() const override { return cols_; }
  void apply(const Mat<double>& X, Mat<double>& Y) const override;
  void apply_adjoint(const Mat<double>& X, Mat<double>& Y) const override;

 private:
  Index rows_, cols_;
  Product apply_, adjoint_;
};

}  // namespace raphson
