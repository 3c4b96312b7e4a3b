#include <raphson/core/dense.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <cmath>
#include <vector>

namespace raphson {
namespace {

/// S is cut into groups of 32 rows, and those into tiles of 256 columns (64 KiB). A task owns a group and draws, uses and forgets its
/// tiles one after the other: S is never stored, every entry is drawn once, and no partial sums are added up.
template <class Real>
class GaussianSketch final : public Sketch<Real> {
 public:
  GaussianSketch(Index s, Index N, Seed seed) : groups_{s, 32}, tiles_{N, 256}, seed_(seed.split(Purpose::sketch)) {}

  std::string kind() const override { return "gaussian"; }
  Index rows() const override { return groups_.total; }
  Index cols() const override { return tiles_.total; }
  void apply(const Mat<Real>& X, Mat<Real>& Y) const override;
  void apply_rows(const DenseRows<Real>& A, Mat<Real>& B) const override;
  void apply_rows(const SparseRows<Real>& A, Mat<Real>& B) const override;

 private:
  Index height(Index group) const { return groups_.length(group); }

  /// out (height × length of the tile) = that part of S diag(scale).
  void draw(Index group, Index tile, const Real* scale, Real* out) const {
    const Index h = height(group), first = tiles_.begin(tile), length = tiles_.length(tile);
    seed_.normal(groups_.begin(group) * cols() + first * h, std::span(out, h * length));
    const Real deviation = static_cast<Real>(1 / std::sqrt(double(rows())));
    for (Index i = 0; i < length; ++i) {
      const Real factor = scale ? deviation * scale[first + i] : deviation;
      for (Index r = 0; r < h; ++r) out[i * h + r] *= factor;
    }
  }

  /// Calls use(group, tile, content) for every tile, those of a group in order and one after the other.
  template <class Use>
  void for_tiles(const Real* scale, const Use& use) const {
    parallel_for(groups_.count(), [&](Index group) {
      std::vector<Real> content(height(group) * tiles_.size);
      for (Index tile = 0; tile < tiles_.count(); ++tile) {
        draw(group, tile, scale, content.data());
        use(group, tile, content.data());
      }
    });
  }

  Blocks groups_, tiles_;
  Seed seed_;
};

template <class Real>
void GaussianSketch<Real>::apply(const Mat<Real>& X, Mat<Real>& Y) const {
  check_sketched_rows(X.n_rows, cols());
  Y.zeros(rows(), X.n_cols);
  if (Y.is_empty()) return;
  const SingleThreadedBlas blas;
  for_tiles(nullptr, [&](Index group, Index tile, const Real* S) {
    gemm(false, false, height(group), X.n_cols, tiles_.length(tile), Real(1), S, height(group), X.memptr() + tiles_.begin(tile), cols(),
         Real(1), Y.memptr() + groups_.begin(group), rows());
  });
}

template <class Real>
void GaussianSketch<Real>::apply_rows(const DenseRows<Real>& A, Mat<Real>& B) const {
  check_sketched_rows(A.count, cols());
  B.zeros(A.cols(), rows());
  if (B.is_empty()) return;
  const SingleThreadedBlas blas;
  for_tiles(A.scale, [&](Index group, Index tile, const Real* S) {
    const Index h = height(group), length = tiles_.length(tile);
    Real* out = B.colptr(groups_.begin(group));
    if (A.width > 0)
      gemm(false, true, A.width, h, length, Real(1), A.data + tiles_.begin(tile) * A.stride, A.stride, S, h, Real(1), out, A.cols());
    if (!A.constant) return;
    for (Index i = 0; i < length; ++i)
      for (Index r = 0; r < h; ++r) out[r * A.cols() + A.width] += S[i * h + r];
  });
}

/// A group's part of S A is kept as height × k, so that an entry of A meets a contiguous column of S.
template <class Real>
void GaussianSketch<Real>::apply_rows(const SparseRows<Real>& A, Mat<Real>& B) const {
  check_sketched_rows(A.count, cols());
  B.set_size(A.cols(), rows());
  if (B.is_empty()) return;
  parallel_for(groups_.count(), [&](Index group) {
    const Index h = height(group);
    std::vector<Real> tile_content(h * tiles_.size);
    Mat<Real> sum(h, A.cols(), arma::fill::zeros);
    for (Index tile = 0; tile < tiles_.count(); ++tile) {
      draw(group, tile, A.scale, tile_content.data());
      for (Index i = tiles_.begin(tile); i < tiles_.end(tile); ++i) {
        const Real* S = tile_content.data() + (i - tiles_.begin(tile)) * h;
        const auto add = [&](Index column, Real value) {
          Real* out = sum.colptr(column);
          for (Index r = 0; r < h; ++r) out[r] += value * S[r];
        };
        for (Index q = A.start[i]; q < A.start[i + 1]; ++q) add(A.column[q], A.value[q]);
        if (A.constant) add(A.width, Real(1));
      }
    }
    for (Index r = 0; r < h; ++r)
      for (Index j = 0; j < A.cols(); ++j) B.at(j, groups_.begin(group) + r) = sum.at(r, j);
  });
}

class Gaussian final : public SketchKind {
 public:
  std::string name() const override { return "gaussian"; }
  std::unique_ptr<Sketch<double>> make(Index s, Index N, Seed seed) const override { return draw<double>(s, N, seed); }
  std::unique_ptr<Sketch<float>> make_single(Index s, Index N, Seed seed) const override { return draw<float>(s, N, seed); }
  /// Drawing one entry costs about as much as 60 operations of a matrix product.
  double flops(Index s, Index N, Index k) const override { return (2.0 * double(k) + 60) * double(s) * double(N); }
  /// A is read once for every 32 rows of S, tile by tile.
  double bytes(Index s, Index N, Index k) const override { return 8.0 * double(k) * (double(N) * std::ceil(double(s) / 32) + double(s)); }

 private:
  template <class Real>
  static std::unique_ptr<Sketch<Real>> draw(Index s, Index N, Seed seed) {
    check_sketch_size(s, N);
    return std::make_unique<GaussianSketch<Real>>(s, N, seed);
  }
};

}  // namespace

std::shared_ptr<const SketchKind> gaussian_sketch() { return std::make_shared<Gaussian>(); }

}  // namespace raphson
