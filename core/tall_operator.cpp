#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/row_gram.hpp>
#include <raphson/core/tall_operator.hpp>

#include <algorithm>

namespace raphson {
namespace {

constexpr Index panel = 64;  ///< columns of A that the defaults form at a time

/// Calls use(first, A_panel) for consecutive panels of columns of A, N × at most `panel`.
template <class Real, class Use>
void for_column_panels(const TallOperator<Real>& A, const Use& use) {
  Mat<Real> unit, columns;
  for (Index first = 0; first < A.cols(); first += panel) {
    const Index width = std::min(panel, A.cols() - first);
    unit.zeros(A.cols(), width);
    for (Index j = 0; j < width; ++j) unit(first + j, j) = 1;
    A.apply(unit, columns);
    use(first, columns);
  }
}

}  // namespace

template <class Real>
void TallOperator<Real>::apply_normal(const Mat<Real>& X, Mat<Real>& Y) const {
  Mat<Real> AX;
  apply(X, AX);
  apply_adjoint(AX, Y);
}

template <class Real>
void TallOperator<Real>::apply_mapped(const Col<Real>& x, const RowMap<Real>& map, Col<Real>& z, Col<Real>& y) const {
  Mat<Real> margins, t(rows(), 1, arma::fill::none), sum;
  apply(x, margins);
  map(0, rows(), margins.memptr(), t.memptr());
  apply_adjoint(t, sum);
  z = margins.as_col();
  y = sum.as_col();
}

template <class Real>
void TallOperator<Real>::gram(Mat<Real>& G) const {
  G.set_size(cols(), cols());
  Mat<Real> rows_of_gram;
  for_column_panels(*this, [&](Index first, const Mat<Real>& columns) {
    apply_adjoint(columns, rows_of_gram);
    G.cols(first, first + columns.n_cols - 1) = rows_of_gram;
  });
  // Two products that differ in rounding must not leave an unsymmetric matrix.
  for (Index j = 0; j < G.n_cols; ++j) {
    for (Index i = 0; i < j; ++i) G(i, j) = G(j, i);
  }
}

template <class Real>
void TallOperator<Real>::gram_single(Mat<float>& G) const {
  if (const auto A = single()) return A->gram(G);
  Mat<Real> exact;
  gram(exact);
  G = arma::conv_to<Mat<float>>::from(exact);
}

template <class Real>
void TallOperator<Real>::sketch(const Sketch<Real>& S, Mat<Real>& B) const {
  B.set_size(cols(), S.rows());
  Mat<Real> sketched;
  for_column_panels(*this, [&](Index first, const Mat<Real>& columns) {
    S.apply(columns, sketched);
    B.rows(first, first + columns.n_cols - 1) = sketched.t();
  });
}

template <class Real>
void TallOperator<Real>::sketch_single(const Sketch<Real>& S, Mat<float>& B) const {
  Mat<Real> exact;
  sketch(S, exact);
  B = arma::conv_to<Mat<float>>::from(exact);
}

template <class Real>
void TallOperator<Real>::gather_rows(std::span<const Index> index, Mat<Real>& B) const {
  B.set_size(cols(), index.size());
  Mat<Real> unit, rows_of_A;
  for (Index first = 0; first < index.size(); first += panel) {
    const Index width = std::min<Index>(panel, index.size() - first);
    unit.zeros(rows(), width);
    for (Index j = 0; j < width; ++j) unit(index[first + j], j) = 1;
    apply_adjoint(unit, rows_of_A);
    B.cols(first, first + width - 1) = rows_of_A;
  }
}

template <class Real>
void TallOperator<Real>::sampled_gram(std::span<const Index> index, Mat<float>& G) const {
  constexpr Index at_once = 4096;
  G.zeros(cols(), cols());
  Mat<Real> B;
  for (Index first = 0; first < index.size(); first += at_once) {
    gather_rows(index.subspan(first, std::min<Index>(at_once, index.size() - first)), B);
    add_row_gram<float, Real>({B.memptr(), B.n_cols, B.n_rows, B.n_rows}, 1.0f, G.memptr(), G.n_rows);
  }
  mirror_lower(G);
}

template <class Real>
void TallOperator<Real>::gram_diagonal(Col<Real>& g) const {
  g.set_size(cols());
  for_column_panels(*this, [&](Index first, const Mat<Real>& columns) {
    for (Index j = 0; j < columns.n_cols; ++j) g[first + j] = arma::dot(columns.col(j), columns.col(j));
  });
}

template <class Real>
void TallOperator<Real>::sparse_gram(arma::SpMat<Real>&) const {
  throw InputError("this operator has no sparse Gram matrix.");
}

template <class Real>
OperatorCost TallOperator<Real>::cost() const {
  const double N = static_cast<double>(rows()), k = static_cast<double>(cols());
  const double size = sizeof(Real);
  OperatorCost cost;
  cost.nonzeros = N * k;
  cost.gram_nonzeros = k * k;
  cost.apply = {2 * N * k, size * N * k};
  cost.normal = {4 * N * k, 2 * size * N * k};
  cost.gram = {k * 4 * N * k, k * 2 * size * N * k};
  cost.row = {2 * N * k, size * N * k};
  return cost;
}

template class TallOperator<double>;
template class TallOperator<float>;

}  // namespace raphson
