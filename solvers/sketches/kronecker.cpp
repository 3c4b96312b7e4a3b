#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <fmt/format.h>
#include <cmath>
#include <vector>

namespace raphson {
namespace {

void check_features(const char* name, Index N, Index features) {
  if (features == 0 || N % features != 0) {
    throw InputError(
        fmt::format("{} sketch: {} rows are not a multiple of {} features. Give the number of columns of the data.", name, N, features));
  }
}

void check_factors(Index left, Index right, Index N, Index features) {
  if (left * right != N || right != features) {
    throw InputError(fmt::format("the sketch was drawn for {} x {} rows, the matrix has {} x {}.", N / features, features, left, right));
  }
}

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
};

/// What both kinds share: A by rows (r, k) of any form through one function for the place and weight of a row in S.
template <class Real>
class KroneckerSketch : public Sketch<Real> {
 public:
  KroneckerSketch(Index s, Index N, Index features) : rows_(s), cols_(N), features_(features) {}
  Index rows() const override { return rows_; }
  Index cols() const override { return cols_; }

  void apply(const Mat<Real>& X, Mat<Real>& Y) const override {
    check_sketched_rows(X.n_rows, cols_);
    Y.zeros(rows_, X.n_cols);
    parallel_for(X.n_cols, [&](Index j) {
      const Real* x = X.colptr(j);
      Real* y = Y.colptr(j);
      for (Index i = 0; i < cols_; ++i) {
        Index row = 0;
        const double weight = entry(i / features_, i % features_, row);
        if (weight != 0) y[row] += static_cast<Real>(weight * static_cast<double>(x[i]));
      }
    });
  }

 protected:
  /// S has one nonzero in column (r, k) at most: its value, and its row.
  virtual double entry(Index r, Index k, Index& row) const = 0;

  Index rows_, cols_, features_;
};

/// TensorSketch of degree two: row h(r) + h′(k) mod s, sign σ(r)σ′(k).
template <class Real>
class TensorSketch final : public KroneckerSketch<Real> {
 public:
  TensorSketch(Index s, Index N, Index features, Seed seed)
      : KroneckerSketch<Real>(s, N, features), left_(N / features, s, seed), right_(features, s, seed.split(Purpose::shuffle)) {}
  std::string kind() const override { return "tensor"; }

  bool apply_kronecker(const KroneckerColumns<Real>& A, Mat<Real>& B) const override {
    check_factors(A.left(), A.right(), this->cols_, this->features_);
    const Index s = this->rows_;
    B.set_size(A.count(), s);
    Mat<Real> columns(s, A.count());
    parallel_for(A.count(), [&](Index j) {
      std::vector<Real> u(A.left()), v(A.right()), bucket(s, Real(0));
      A.left_factor(j, u.data());
      A.right_factor(j, v.data());
      for (Index r = 0; r < u.size(); ++r) bucket[left_.row[r]] += static_cast<Real>(left_.sign[r]) * u[r];
      Real* out = columns.colptr(j);
      std::fill_n(out, s, Real(0));
      for (Index k = 0; k < v.size(); ++k) {
        const Real weight = static_cast<Real>(right_.sign[k]) * v[k];
        if (weight == 0) continue;
        const Index turn = right_.row[k];
        for (Index i = 0; i < s - turn; ++i) out[i + turn] += weight * bucket[i];
        for (Index i = s - turn; i < s; ++i) out[i + turn - s] += weight * bucket[i];
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

  Hash left_, right_;
};

/// ⌊s/d⌋ neurons drawn uniformly without replacement, all their features, scaled by √(m/⌊s/d⌋); rows left over are zero.
template <class Real>
class NeuronSample final : public KroneckerSketch<Real> {
 public:
  NeuronSample(Index s, Index N, Index features, Seed seed) : KroneckerSketch<Real>(s, N, features), place_(N / features, none) {
    const Index neurons = N / features;
    chosen_ = seed.split(Purpose::sketch).sample_without_replacement(neurons, s / features);
    for (Index t = 0; t < chosen_.size(); ++t) place_[chosen_[t]] = t;
    weight_ = std::sqrt(static_cast<double>(neurons) / static_cast<double>(chosen_.size()));
  }
  std::string kind() const override { return "uniform-neurons"; }

  bool apply_kronecker(const KroneckerColumns<Real>& A, Mat<Real>& B) const override {
    check_factors(A.left(), A.right(), this->cols_, this->features_);
    Mat<Real> columns(this->rows_, A.count());
    parallel_for(A.count(), [&](Index j) {
      std::vector<Real> u(A.left()), v(A.right());
      A.left_factor(j, u.data());
      A.right_factor(j, v.data());
      Real* out = columns.colptr(j);
      std::fill_n(out, this->rows_, Real(0));
      for (Index t = 0; t < chosen_.size(); ++t) {
        const Real factor = static_cast<Real>(weight_) * u[chosen_[t]];
        for (Index k = 0; k < v.size(); ++k) out[t * v.size() + k] = factor * v[k];
      }
    });
    B = columns.t();
    return true;
  }

 private:
  static constexpr Index none = static_cast<Index>(-1);
  double entry(Index r, Index k, Index& row) const override {
    if (place_[r] == none) return 0;
    row = place_[r] * this->features_ + k;
    return weight_;
  }

  std::vector<Index> place_, chosen_;
  double weight_ = 1;
};

class TensorKind final : public SketchKind {
 public:
  explicit TensorKind(Index features) : features_(features) {}
  std::string name() const override { return "tensor"; }
  std::unique_ptr<Sketch<double>> make(Index s, Index N, Seed seed) const override { return draw<double>(s, N, seed); }
  std::unique_ptr<Sketch<float>> make_single(Index s, Index N, Seed seed) const override { return draw<float>(s, N, seed); }
  double flops(Index s, Index N, Index k) const override {
    return 2 * (double(N) / double(features_) + double(s) * double(features_)) * double(k);
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

class NeuronKind final : public SketchKind {
 public:
  explicit NeuronKind(Index features) : features_(features) {}
  std::string name() const override { return "uniform-neurons"; }
  std::unique_ptr<Sketch<double>> make(Index s, Index N, Seed seed) const override { return draw<double>(s, N, seed); }
  std::unique_ptr<Sketch<float>> make_single(Index s, Index N, Seed seed) const override { return draw<float>(s, N, seed); }
  double flops(Index s, Index, Index k) const override { return double(s) * double(k); }
  double bytes(Index s, Index, Index k) const override { return 16 * double(s) * double(k); }
  bool uses_factors() const override { return true; }

 private:
  template <class Real>
  std::unique_ptr<Sketch<Real>> draw(Index s, Index N, Seed seed) const {
    check_sketch_size(s, N);
    check_features("uniform-neurons", N, features_);
    if (s < features_) {
      throw InputError(fmt::format("uniform-neurons sketch: size {} is below the {} rows of one neuron. Take more.", s, features_));
    }
    return std::make_unique<NeuronSample<Real>>(s, N, features_, seed);
  }
  Index features_;
};

}  // namespace

std::shared_ptr<const SketchKind> tensor_sketch(Index features) { return std::make_shared<TensorKind>(features); }
std::shared_ptr<const SketchKind> uniform_neurons_sketch(Index features) { return std::make_shared<NeuronKind>(features); }

}  // namespace raphson
