#include <raphson/core/error.hpp>
#include <raphson/core/sketch.hpp>
#include <raphson/core/tall_operator.hpp>
#include <raphson/core/threads.hpp>

#include <fmt/format.h>
#include <type_traits>

namespace raphson {
namespace {

constexpr Index panel_bytes = Index{64} << 20;

/// X = columns [first, first + X.n_cols) of A.
template <class Real, class Rows>
void copy_panel(const Rows& A, Index first, Mat<Real>& X) {
  const Blocks blocks = cut(A.count, 1024);
  parallel_for(blocks.count(), [&](Index block) {
    std::vector<Real> part(X.n_cols);
    for (Index i = blocks.begin(block); i < blocks.end(block); ++i) {
      A.copy_part(i, first, X.n_cols, Real(1), part.data());
      for (Index j = 0; j < X.n_cols; ++j) X.at(i, j) = part[j];
    }
  });
}

template <class Real, class Rows>
void sketch_by_panels(const Sketch<Real>& S, const Rows& A, Mat<Real>& B) {
  check_sketched_rows(A.count, S.cols());
  B.set_size(A.cols(), S.rows());
  const Blocks panels{A.cols(), std::max<Index>(8, panel_bytes / (A.count * sizeof(Real)))};
  Mat<Real> X, Y;
  for (Index panel = 0; panel < panels.count(); ++panel) {
    X.set_size(A.count, panels.length(panel));
    copy_panel(A, panels.begin(panel), X);
    S.apply(X, Y);
    B.rows(panels.begin(panel), panels.end(panel) - 1) = Y.t();
  }
}

/// B = what form(exact) leaves in a matrix of Real.
template <class Form>
void rounded(Mat<float>& B, const Form& form) {
  if constexpr (std::is_invocable_v<Form, Mat<float>&>) {
    form(B);
  } else {
    Mat<double> exact;
    form(exact);
    B = arma::conv_to<Mat<float>>::from(exact);
  }
}

}  // namespace

template <class Real>
void Sketch<Real>::apply_rows(const DenseRows<Real>& A, Mat<Real>& B) const {
  sketch_by_panels(*this, A, B);
}

template <class Real>
void Sketch<Real>::apply_rows(const SparseRows<Real>& A, Mat<Real>& B) const {
  sketch_by_panels(*this, A, B);
}

template <class Real>
void Sketch<Real>::apply_rows_single(const DenseRows<Real>& A, Mat<float>& B) const {
  rounded(B, [&](Mat<Real>& exact) { apply_rows(A, exact); });
}

template <class Real>
void Sketch<Real>::apply_rows_single(const SparseRows<Real>& A, Mat<float>& B) const {
  rounded(B, [&](Mat<Real>& exact) { apply_rows(A, exact); });
}

std::unique_ptr<Sketch<double>> SketchKind::make_for(const Operator& A, Index s, Seed seed) const { return make(s, A.rows(), seed); }
std::unique_ptr<Sketch<float>> SketchKind::make_single_for(const Operator& A, Index s, Seed seed) const {
  return make_single(s, A.rows(), seed);
}

void check_sketch_size(Index s, Index N) {
  if (s < 1) throw InputError(fmt::format("sketch size is 0; ask for a size from 1 to the {} rows of the matrix.", N));
  if (s > N) throw InputError(fmt::format("sketch size {0} exceeds the {1} rows of the matrix; ask for a size from 1 to {1}.", s, N));
}

void check_sketched_rows(Index rows, Index N) {
  if (rows != N) throw InputError(fmt::format("the sketch was drawn for {} rows, the matrix has {}; draw one with N = {}.", N, rows, rows));
}

template class Sketch<float>;
template class Sketch<double>;

}  // namespace raphson
