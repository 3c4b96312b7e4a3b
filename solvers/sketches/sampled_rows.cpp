#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/core/tall_operator.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <numeric>

namespace raphson {
namespace {

constexpr Index probes = 16;  ///< Gaussian vectors that estimate the norms of rows

/// s rows of A, drawn with replacement with probabilities pᵢ, row i scaled by 1/√(s pᵢ).
template <class Real>
class SampledRows final : public Sketch<Real> {
 public:
  SampledRows(std::string kind, Index N, std::vector<Index> row, std::vector<Real> weight)
      : kind_(std::move(kind)), cols_(N), row_(std::move(row)), weight_(std::move(weight)) {}

  std::string kind() const override { return kind_; }
  Index rows() const override { return row_.size(); }
  Index cols() const override { return cols_; }

  void apply(const Mat<Real>& X, Mat<Real>& Y) const override {
    check_sketched_rows(X.n_rows, cols_);
    Y.set_size(rows(), X.n_cols);
    for (Index j = 0; j < X.n_cols; ++j) {
      for (Index r = 0; r < rows(); ++r) Y(r, j) = weight_[r] * X(row_[r], j);
    }
  }
  void apply_rows(const DenseRows<Real>& A, Mat<Real>& B) const override { copy(A, B); }
  void apply_rows(const SparseRows<Real>& A, Mat<Real>& B) const override { copy(A, B); }
  void apply_rows_single(const DenseRows<Real>& A, Mat<float>& B) const override { copy(A, B); }
  void apply_rows_single(const SparseRows<Real>& A, Mat<float>& B) const override { copy(A, B); }

 private:
  template <class Rows, class Out>
  void copy(const Rows& A, Mat<Out>& B) const {
    check_sketched_rows(A.count, cols_);
    resize_raw(B, A.cols(), rows());
    const Blocks blocks = cut(rows(), 16, 256);
    parallel_for(blocks.count(), [&](Index block) {
      for (Index r = blocks.begin(block); r < blocks.end(block); ++r) A.copy_part(row_[r], 0, A.cols(), weight_[r], B.colptr(r));
    });
  }

  std::string kind_;
  Index cols_;
  std::vector<Index> row_;
  std::vector<Real> weight_;
};

/// ‖row i of A X‖² for a k × probes matrix X of Gaussian vectors, mapped by `map`: estimates of ‖aᵢ‖² or, with a factor of AᵀA, of
/// leverage.
Vec probed_norms(const Operator& A, Mat<double> X) {
  Mat<double> Y;
  A.apply(X, Y);
  return arma::sum(arma::square(Y), 1);
}

Mat<double> gaussian_probes(Index k, Seed seed) {
  Mat<double> X(k, probes, arma::fill::none);
  seed.split(Purpose::probe).normal(0, std::span<double>(X.memptr(), X.n_elem));
  return X;
}

/// L with L Lᵀ ≈ AᵀA from a sparse sign sketch of 4k rows; empty when that is singular.
Mat<double> rough_factor(const Operator& A, Seed seed) {
  const Index s = std::min(A.rows(), 4 * A.cols());
  Mat<double> B, G;
  A.sketch(*sparse_sign_sketch()->make(s, A.rows(), seed.split(Purpose::sketch_signs)), B);
  outer_gram(B, G);
  if (!cholesky(G)) G.reset();
  return G;
}

class SampledKind final : public SketchKind {
 public:
  explicit SampledKind(bool leverage) : leverage_(leverage) {}

  std::string name() const override { return leverage_ ? "leverage-rows" : "norm-rows"; }
  std::unique_ptr<Sketch<double>> make(Index, Index, Seed) const override { throw needs_matrix(); }
  std::unique_ptr<Sketch<float>> make_single(Index, Index, Seed) const override { throw needs_matrix(); }
  std::unique_ptr<Sketch<double>> make_for(const Operator& A, Index s, Seed seed) const override { return draw<double>(A, s, seed); }
  std::unique_ptr<Sketch<float>> make_single_for(const Operator& A, Index s, Seed seed) const override { return draw<float>(A, s, seed); }
  double flops(Index s, Index N, Index k) const override {
    const double rough = leverage_ ? 16.0 * double(N) * double(k) + 4 * std::pow(double(k), 3) : 0;
    return double(s) * double(k) + 2.0 * double(probes) * double(N) * double(k) + rough;
  }
  bool rounds_rows() const override { return true; }
  double bytes(Index s, Index N, Index k) const override {
    return 8.0 * double(N) * double(k) * (leverage_ ? 9 : 1) + 16.0 * double(s) * double(k);
  }

 private:
  InputError needs_matrix() const {
    return InputError(fmt::format("{} looks at the matrix that it samples: call make_for(A, s, seed).", name()));
  }

  /// Half the scores', half uniform: no row that is drawn weighs more than √2 times what it would uniformly.
  Vec probabilities(const Operator& A, Seed seed) const {
    Mat<double> X = gaussian_probes(A.cols(), seed);
    if (leverage_) {
      const Mat<double> L = rough_factor(A, seed);
      for (Index j = 0; !L.is_empty() && j < X.n_cols; ++j) {
        Vec x = X.col(j);
        solve_lower_transposed(L, x);
        X.col(j) = x;
      }
    }
    Vec score = probed_norms(A, std::move(X));
    const double total = arma::accu(score), N = static_cast<double>(A.rows());
    if (!(total > 0) || !std::isfinite(total)) return Vec(A.rows(), arma::fill::value(1 / N));
    return 0.5 * score / total + 0.5 / N;
  }

  template <class Real>
  std::unique_ptr<Sketch<Real>> draw(const Operator& A, Index s, Seed seed) const {
    check_sketch_size(s, A.rows());
    const Vec p = probabilities(A, seed), ends = arma::cumsum(p);
    std::vector<Index> row(s);
    std::vector<Real> weight(s);
    const Seed draws = seed.split(Purpose::sketch);
    for (Index r = 0; r < s; ++r) {
      const double u = draws.uniform(r) * ends.back();
      row[r] = std::min(A.rows() - 1, static_cast<Index>(std::upper_bound(ends.begin(), ends.end(), u) - ends.begin()));
    }
    std::sort(row.begin(), row.end());
    for (Index r = 0; r < s; ++r) weight[r] = static_cast<Real>(1 / std::sqrt(static_cast<double>(s) * p[row[r]]));
    return std::make_unique<SampledRows<Real>>(name(), A.rows(), std::move(row), std::move(weight));
  }

  bool leverage_;
};

}  // namespace

std::shared_ptr<const SketchKind> norm_rows_sketch() { return std::make_shared<SampledKind>(false); }
std::shared_ptr<const SketchKind> leverage_rows_sketch() { return std::make_shared<SampledKind>(true); }

}  // namespace raphson
