#pragma once
/// A sketch as a user would write one, and matrices in every form that sketches take.

#include <raphson/core/seed.hpp>
#include <raphson/core/sketch.hpp>

#include <cmath>
#include <span>
#include <type_traits>

namespace raphson::test {

/// A user's kind, dense random signs, that knows apply alone: what it does with rows are the defaults of the base class.
template <class Real>
class OwnSketch final : public Sketch<Real> {
 public:
  OwnSketch(Index s, Index N, Seed seed) : S_(s, N) {
    for (Index e = 0; e < S_.n_elem; ++e) S_(e) = static_cast<Real>((seed.bits(e) & 1 ? 1 : -1) / std::sqrt(double(s)));
  }
  std::string kind() const override { return "own"; }
  Index rows() const override { return S_.n_rows; }
  Index cols() const override { return S_.n_cols; }
  void apply(const Mat<Real>& X, Mat<Real>& Y) const override {
    check_sketched_rows(X.n_rows, cols());
    Y.zeros(rows(), X.n_cols);
    for (Index j = 0; j < X.n_cols; ++j)
      for (Index i = 0; i < cols(); ++i) Y.col(j) += X(i, j) * S_.col(i);
  }

 private:
  Mat<Real> S_;
};

class OwnKind final : public SketchKind {
 public:
  std::string name() const override { return "own"; }
  std::unique_ptr<Sketch<double>> make(Index s, Index N, Seed seed) const override { return draw<double>(s, N, seed); }
  std::unique_ptr<Sketch<float>> make_single(Index s, Index N, Seed seed) const override { return draw<float>(s, N, seed); }
  double flops(Index s, Index N, Index k) const override { return 2.0 * double(s) * double(N) * double(k); }
  double bytes(Index s, Index N, Index k) const override { return 8.0 * double(N + s) * double(k); }

 private:
  template <class Real>
  static std::unique_ptr<Sketch<Real>> draw(Index s, Index N, Seed seed) {
    check_sketch_size(s, N);
    return std::make_unique<OwnSketch<Real>>(s, N, seed);
  }
};

/// Standard normal numbers, about a third of them zero when `sparse`.
template <class Real = double>
Mat<Real> random_matrix(Index rows, Index cols, std::uint64_t key, bool sparse = false) {
  Mat<Real> A(rows, cols);
  const Seed seed = Seed(key).split(Purpose::data);
  seed.normal(0, std::span<Real>(A.memptr(), A.n_elem));
  if (sparse)
    for (Index e = 0; e < A.n_elem; ++e)
      if (seed.uniform(e) < 0.33) A(e) = 0;
  return A;
}

/// A = diag(scale) [C | 1] in the three forms in which a sketch may meet it. The dense rows lie in a wider matrix.
template <class Real>
struct Data {
  Mat<Real> A;                ///< N × k
  Mat<Real> storage;          ///< (d + 3) × N
  arma::SpMat<Real> columns;  ///< d × N: the rows of C in compressed form
  Col<Real> scale;
  bool constant;

  Data(Index N, Index d, bool scaled, bool constant_) : constant(constant_) {
    const Mat<Real> C = random_matrix<Real>(N, d, 11, true);
    const Mat<Real> transposed = d == 0 ? Mat<Real>(0, N) : Mat<Real>(C.t());
    storage = arma::join_cols(transposed, Mat<Real>(3, N, arma::fill::value(Real(1e6))));
    columns = arma::SpMat<Real>(transposed);
    if (scaled) scale = random_matrix<Real>(N, 1, 12);
    A = constant ? Mat<Real>(arma::join_rows(C, Mat<Real>(N, 1, arma::fill::ones))) : C;
    if (scaled && !A.is_empty()) A.each_col() %= scale;
  }
  const Real* weights() const { return scale.is_empty() ? nullptr : scale.memptr(); }
  DenseRows<Real> dense() const { return {storage.memptr(), storage.n_cols, storage.n_rows - 3, storage.n_rows, weights(), constant}; }
  SparseRows<Real> sparse() const {
    columns.sync();
    return {columns.col_ptrs, columns.row_indices, columns.values, columns.n_cols, columns.n_rows, weights(), constant};
  }
};

}  // namespace raphson::test
