#pragma once
/// Sketches that mix all rows by a fast orthogonal transform and then sample: SRHT and the subsampled cosine transform.

#include <raphson/core/large_memory.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/core/sketch.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/core/types.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace raphson {

/// S = √(N′/s) P F D: D random signs, F ∈ R^{N′×N′} orthogonal after zero padding from N to N′, P a sample of s of the N′ rows
/// without replacement, so that E[PᵀP] = (s/N′) I and E[SᵀS] = I (Ailon, Chazelle 2006; Tropp 2011).
///
/// Works on panels of 64 bytes' worth of columns, one cache line a row: A is read once in whole cache lines, and the transform
/// runs on all columns of the panel at once. Panels are independent and run in parallel; each thread holds one, 64·N′ bytes.
template <class Real>
class TransformSketch : public Sketch<Real> {
 public:
  TransformSketch(Index s, Index N, Index padded, Seed seed)
      : cols_(N), padded_(padded), sample_(seed.split(Purpose::sketch).sample_without_replacement(padded, s)), signs_((N + 63) / 64) {
    seed.split(Purpose::sketch_signs).bits(0, signs_);
  }

  Index rows() const override { return sample_.size(); }
  Index cols() const override { return cols_; }

  void apply(const Mat<Real>& X, Mat<Real>& Y) const override {
    check_sketched_rows(X.n_rows, cols_);
    Y.set_size(rows(), X.n_cols);
    run(Columns{X}, X.n_cols, [&](Index t, Index first, Index length, Real weight, const Real* value) {
      for (Index j = 0; j < length; ++j) Y.at(t, first + j) = weight * value[j];
    });
  }
  void apply_rows(const DenseRows<Real>& A, Mat<Real>& B) const override { sketch_rows(A, B); }
  void apply_rows(const SparseRows<Real>& A, Mat<Real>& B) const override { sketch_rows(A, B); }
  void apply_rows_single(const DenseRows<Real>& A, Mat<float>& B) const override { sketch_rows(A, B); }
  void apply_rows_single(const SparseRows<Real>& A, Mat<float>& B) const override { sketch_rows(A, B); }

 protected:
  static constexpr Index lanes = 64 / sizeof(Real);
  Index padded() const { return padded_; }

  /// Multiplies the N′ × lanes panel, row i at panel + i·lanes, by a multiple W of F.
  virtual void transform(Real* panel) const = 0;
  /// √(N′/s) F = diag(weight) W.
  virtual double weight(Index row) const = 0;

 private:
  /// A column-major matrix, read like DenseRows.
  struct Columns {
    const Mat<Real>& X;
    void copy_part(Index i, Index first, Index length, Real factor, Real* out) const {
      for (Index j = 0; j < length; ++j) out[j] = factor * X.at(i, first + j);
    }
  };

  template <class Rows, class Out>
  void sketch_rows(const Rows& A, Mat<Out>& B) const {
    check_sketched_rows(A.count, cols_);
    resize_raw(B, A.cols(), rows());
    run(A, A.cols(), [&](Index t, Index first, Index length, Real weight, const Real* value) {
      Out* out = B.colptr(t) + first;
      for (Index j = 0; j < length; ++j) out[j] = static_cast<Out>(weight * value[j]);
    });
  }

  /// panel = columns [first, first + length) of D A, completed by zero rows. What lies in the columns beyond stays: columns do not meet.
  template <class Rows>
  void load(const Rows& A, Index first, Index length, Real* panel) const {
    std::fill(panel + cols_ * lanes, panel + padded_ * lanes, Real(0));
    for (Index i = 0; i < cols_; ++i) {
      const bool negative = (signs_[i / 64] >> (i % 64)) & 1;
      A.copy_part(i, first, length, negative ? Real(-1) : Real(1), panel + i * lanes);
    }
  }

  /// A thread's panel is allocated once, not once a panel: touching new memory costs more than the transform's reads.
  template <class Rows, class Store>
  void run(const Rows& A, Index k, const Store& store) const {
    const Blocks panels{k, lanes};
    const Index workers = std::min(panels.count(), static_cast<Index>(thread_count()));
    parallel_for(workers, [&](Index worker) {
      std::vector<Real> panel(padded_ * lanes);
      for (Index p = worker; p < panels.count(); p += workers) {
        load(A, panels.begin(p), panels.length(p), panel.data());
        transform(panel.data());
        for (Index t = 0; t < rows(); ++t)
          store(t, panels.begin(p), panels.length(p), static_cast<Real>(weight(sample_[t])), panel.data() + sample_[t] * lanes);
      }
    });
  }

  Index cols_, padded_;
  std::vector<Index> sample_;         ///< rows of F kept, increasing
  std::vector<std::uint64_t> signs_;  ///< bit i % 64 of word i / 64: whether D negates row i
};

}  // namespace raphson
