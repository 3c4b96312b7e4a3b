#pragma once
/// What sketches of columns u ⊗ v share. Internal to the sketches.

#include <raphson/core/error.hpp>
#include <raphson/core/sketch.hpp>
#include <raphson/core/threads.hpp>

#include <fmt/format.h>
#include <string>

namespace raphson {

inline void check_features(const std::string& name, Index N, Index features) {
  if (features == 0 || N % features != 0) {
    throw InputError(
        fmt::format("{} sketch: {} rows are not a multiple of {} features. Give the number of columns of the data.", name, N, features));
  }
}

inline void check_factors(Index left, Index right, Index N, Index features) {
  if (left * right != N || right != features) {
    throw InputError(fmt::format("the sketch was drawn for {} x {} rows, the matrix has {} x {}.", N / features, features, left, right));
  }
}

/// A sketch with one nonzero in a column at most, known by the place and weight of row (r, k) of A, row r·features + k.
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

}  // namespace raphson
