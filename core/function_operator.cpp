#include <raphson/core/error.hpp>
#include <raphson/core/function_operator.hpp>

namespace raphson {
namespace {

void by_columns(const FunctionOperator::Product& product, const Mat<double>& X, Mat<double>& Y, Index rows) {
  Y.zeros(rows, X.n_cols);
  for (Index j = 0; j < X.n_cols; ++j) {
    const Vec x = X.col(j);
    Vec y(rows, arma::fill::zeros);
    product(x, y);
    require_size(y.n_elem, rows, "the result of a user-supplied product", "its size must not change");
    Y.col(j) = y;
  }
}

}  // namespace

FunctionOperator::FunctionOperator(Index rows, Index cols, Product apply, Product adjoint)
    : rows_(rows), cols_(cols), apply_(std::move(apply)), adjoint_(std::move(adjoint)) {
  if (!apply_ || !adjoint_) throw InputError("a matrix-free operator needs both products, A x and its adjoint.");
}

void FunctionOperator::apply(const Mat<double>& X, Mat<double>& Y) const { by_columns(apply_, X, Y, rows_); }
void FunctionOperator::apply_adjoint(const Mat<double>& X, Mat<double>& Y) const { by_columns(adjoint_, X, Y, cols_); }

}  // namespace raphson
