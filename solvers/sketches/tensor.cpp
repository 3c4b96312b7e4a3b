#include <raphson/solvers/sketches/circular_convolution.hpp>
#include <raphson/solvers/sketches/kronecker_sketch.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

namespace raphson {
namespace {

/// Row and sign of every index of one factor.
struct Hash {
  std::vector<Index> row;
  std::vector<double> sign;

  Hash(Index count, Index s, Seed seed) : row(count), sign(count) {
    const Seed rows = seed.split(Purpose::sketch), signs = seed.split(Purpose::sketch_signs);
    for (Index i = 0; i < count; ++i) {
      row[i] = rows.below(i, s);
      sign[i] = signs.bits(i) & 1 ? -1 : 1;
    }
  }

  /// CountSketch of x to s numbers.
  template <class Real>
  std::vector<Real> buckets(const std::vector<Real>& x, Index s) const {
    std::vector<Real> bucket(s, Real(0));
    for (Index i = 0; i < x.size(); ++i) bucket[row[i]] += static_cast<Real>(sign[i]) * x[i];
    return bucket;
  }
};

/// With so many features, relative to log₂ s, three transforms cost less than adding the hashed u up once for each of them
/// (bench-nets_kernels --tensor).
constexpr double features_for_fft = 4;
bool pays_fft(Index s, Index features) { return double(features) >= features_for_fft * std::log2(double(s) + 1); }

/// TensorSketch of degree two: row h(r) + h′(k) mod s, sign σ(r)σ′(k). Column u ⊗ v becomes the circular convolution of the two hashed
/// factors, by its definition or by FFT.
template <class Real>
class TensorSketch final : public KroneckerSketch<Real> {
 public:
  TensorSketch(Index s, Index N, Index features, Seed seed)
      : KroneckerSketch<Real>(s, N, features), left_(N / features, s, seed), right_(features, s, seed.split(Purpose::shuffle)) {
    if (pays_fft(s, features)) convolution_ = CircularConvolution<Real>::make(s);
  }
  std::string kind() const override { return "tensor"; }

  bool apply_kronecker(const KroneckerColumns<Real>& A, Mat<Real>& B) const override {
    check_factors(A.left(), A.right(), this->cols_, this->features_);
    const Index s = this->rows_;
    Mat<Real> columns(s, A.count());
    parallel_for(A.count(), [&](Index j) {
      std::vector<Real> u(A.left()), v(A.right());
      A.left_factor(j, u.data());
      A.right_factor(j, v.data());
      const std::vector<Real> neurons = left_.buckets(u, s);
      if (convolution_ && pays_fft(s, static_cast<Index>(std::ranges::count_if(v, [](Real x) { return x != 0; })))) {
        (*convolution_)(neurons.data(), right_.buckets(v, s).data(), columns.colptr(j));
      } else {
        convolve(neurons, v, columns.colptr(j));
      }
    });
    B = columns.t();
    return true;
  }

 private:
  double entry(Index r, Index k, Index& row) const override {
    row = (left_.row[r] + right_.row[k]) % this->rows_;
    return left_.sign[r] * right_.sign[k];
  }

  void convolve(const std::vector<Real>& neurons, const std::vector<Real>& v, Real* out) const {
    const Index s = this->rows_;
    std::fill_n(out, s, Real(0));
    for (Index k = 0; k < v.size(); ++k) {
      const Real weight = static_cast<Real>(right_.sign[k]) * v[k];
      if (weight == 0) continue;
      const Index turn = right_.row[k];
      for (Index i = 0; i < s - turn; ++i) out[i + turn] += weight * neurons[i];
      for (Index i = s - turn; i < s; ++i) out[i + turn - s] += weight * neurons[i];
    }
  }

  Hash left_, right_;
  std::unique_ptr<const CircularConvolution<Real>> convolution_;
};

class TensorKind final : public SketchKind {
 public:
  explicit TensorKind(Index features) : features_(features) {}
  std::string name() const override { return "tensor"; }
  std::unique_ptr<Sketch<double>> make(Index s, Index N, Seed seed) const override { return draw<double>(s, N, seed); }
  std::unique_ptr<Sketch<float>> make_single(Index s, Index N, Seed seed) const override { return draw<float>(s, N, seed); }
  double flops(Index s, Index N, Index k) const override {
    const double a_number = pays_fft(s, features_) ? features_for_fft * std::log2(double(s) + 1) : double(features_);
    return 2 * (double(N) / double(features_) + double(s) * a_number) * double(k);
  }
  double bytes(Index s, Index N, Index k) const override { return 8 * (double(N) / double(features_) + 2 * double(s)) * double(k); }
  bool uses_factors() const override { return true; }

 private:
  template <class Real>
  std::unique_ptr<Sketch<Real>> draw(Index s, Index N, Seed seed) const {
    check_sketch_size(s, N);
    check_features("tensor", N, features_);
    return std::make_unique<TensorSketch<Real>>(s, N, features_, seed);
  }
  Index features_;
};

}  // namespace

std::shared_ptr<const SketchKind> tensor_sketch(Index features) { return std::make_shared<TensorKind>(features); }

}  // namespace raphson
