#pragma once
/// Random matrices S ∈ R^{s×N} that shrink N rows to s while keeping lengths: E[SᵀS] = I, always.

#include <raphson/core/seed.hpp>
#include <raphson/core/types.hpp>

#include <algorithm>
#include <memory>
#include <string>

namespace raphson {

template <class Real>
class TallOperator;

/// Rows of a dense matrix A = diag(scale) · [rows | 1]: row i starts at data + i·stride. scale may be null (all ones); when
/// `constant` is set, a last column of ones is appended to the stored `width` ones.
template <class Real>
struct DenseRows {
  const Real* data = nullptr;
  Index count = 0;
  Index width = 0;
  Index stride = 0;
  const Real* scale = nullptr;
  bool constant = false;

  Index cols() const { return width + (constant ? 1 : 0); }
  /// Copies row i, scaled and completed, to out[0..cols()).
  void copy_row(Index i, Real* out) const { copy_part(i, 0, cols(), Real(1), out); }
  /// out[0..length) = factor · entries [first, first + length) of row i of A, rounded where Out is float and Real is not.
  template <class Out>
  void copy_part(Index i, Index first, Index length, Real factor, Out* out) const {
    const Real* row = data + i * stride + first;
    if (scale) factor *= scale[i];
    const Index stored = std::min(width, first + length) - std::min(width, first);
    for (Index j = 0; j < stored; ++j) out[j] = static_cast<Out>(factor * row[j]);
    if (stored < length) out[stored] = static_cast<Out>(factor);
  }
};

/// Rows of a sparse matrix A = diag(scale) · [rows | 1] in compressed-row form; the meaning is that of DenseRows.
template <class Real>
struct SparseRows {
  const arma::uword* start = nullptr;   ///< row i holds entries start[i] .. start[i+1]
  const arma::uword* column = nullptr;  ///< increasing within a row
  const Real* value = nullptr;
  Index count = 0;
  Index width = 0;
  const Real* scale = nullptr;
  bool constant = false;

  Index cols() const { return width + (constant ? 1 : 0); }
  /// out[0..length) = factor · entries [first, first + length) of row i of A. O(length + log of the row's entries).
  template <class Out>
  void copy_part(Index i, Index first, Index length, Real factor, Out* out) const {
    if (scale) factor *= scale[i];
    std::fill_n(out, length, Out(0));
    const arma::uword* end = column + start[i + 1];
    for (const arma::uword* c = std::lower_bound(column + start[i], end, first); c != end && *c < first + length; ++c)
      out[*c - first] = static_cast<Out>(factor * value[c - column]);
    if (constant && first <= width && width < first + length) out[width - first] = static_cast<Out>(factor);
  }
};

/// A matrix A whose columns are Kronecker products, A(:, j) = u_j ⊗ v_j with row r·right() + k holding u_j(r) v_j(k): the transposed
/// Jacobian of a layer, neurons × features. Members are safe to call from several threads at once.
template <class Real>
class KroneckerColumns {
 public:
  virtual ~KroneckerColumns() = default;
  virtual Index count() const = 0;                          ///< columns
  virtual Index left() const = 0;                           ///< length of u
  virtual Index right() const = 0;                          ///< length of v
  virtual void left_factor(Index j, Real* out) const = 0;   ///< u_j, left() numbers
  virtual void right_factor(Index j, Real* out) const = 0;  ///< v_j, right() numbers
};

/// One drawn sketch: a value that stands for a fixed matrix S ∈ R^{s×N} with E[SᵀS] = I.
///
/// The result of sketching A ∈ R^{N×k} is kept as B = (SA)ᵀ ∈ R^{k×s}, so that row i of SA is the contiguous column i of B.
/// Every member is const, deterministic for any thread count, and safe to call from several threads at once.
template <class Real>
class Sketch {
 public:
  virtual ~Sketch() = default;

  /// Name as users type it: "gaussian", "srht", "fourier", "count-sketch", "sparse-sign", "uniform-rows", …
  virtual std::string kind() const = 0;
  virtual Index rows() const = 0;  ///< s
  virtual Index cols() const = 0;  ///< N

  /// Y = S X for X ∈ R^{N×p}; Y is resized to s×p.
  virtual void apply(const Mat<Real>& X, Mat<Real>& Y) const = 0;

  /// B = (S A)ᵀ for A given by rows; B is resized to k×s. The defaults form panels of columns of A (64 MiB, or 8 columns
  /// where that is more) and call apply, so that a new kind needs apply alone; every kind shipped here overrides them.
  virtual void apply_rows(const DenseRows<Real>& A, Mat<Real>& B) const;
  virtual void apply_rows(const SparseRows<Real>& A, Mat<Real>& B) const;

  /// The same in single precision for preconditioners: kinds that can round to it as they go, in half the memory, and may overflow where
  /// apply_rows does not. The default rounds what apply_rows gives.
  virtual void apply_rows_single(const DenseRows<Real>& A, Mat<float>& B) const;
  virtual void apply_rows_single(const SparseRows<Real>& A, Mat<float>& B) const;

  /// B = (S A)ᵀ from the factors of A, without its columns; false (the default): S has no use for them, and B is as it was.
  virtual bool apply_kronecker(const KroneckerColumns<Real>&, Mat<Real>&) const { return false; }
};

/// How to draw a sketch: what users choose and solvers pass around. `make(s, N, seed)` draws it.
/// Each kind in solvers/sketches derives from this in its own file; no list of kinds exists in the library.
class SketchKind {
 public:
  virtual ~SketchKind() = default;
  virtual std::string name() const = 0;
  virtual std::unique_ptr<Sketch<double>> make(Index s, Index N, Seed seed) const = 0;
  virtual std::unique_ptr<Sketch<float>> make_single(Index s, Index N, Seed seed) const = 0;
  /// The sketch for this matrix. Kinds whose probabilities depend on A override these; the others draw as make does.
  virtual std::unique_ptr<Sketch<double>> make_for(const TallOperator<double>& A, Index s, Seed seed) const;
  virtual std::unique_ptr<Sketch<float>> make_single_for(const TallOperator<double>& A, Index s, Seed seed) const;
  /// Floating-point operations and bytes moved to sketch a dense N × k matrix, for cost estimates.
  virtual double flops(Index s, Index N, Index k) const = 0;
  virtual double bytes(Index s, Index N, Index k) const = 0;
  /// For cost estimates: whether Sketch::apply adds every number to places of its own, and whether Sketch::apply_kronecker has a use for
  /// factors.
  virtual bool scatters() const { return false; }
  virtual bool uses_factors() const { return false; }
  /// The same: whether Sketch::apply_rows_single rounds as it goes.
  virtual bool rounds_rows() const { return false; }
};

/// Throws InputError unless 1 ≤ s ≤ N: "sketch size 5000 exceeds the 1000 rows of the matrix ...". Makers call it.
void check_sketch_size(Index s, Index N);

/// Throws InputError unless a matrix with `rows` rows fits a sketch with N columns. Every apply and apply_rows calls it.
void check_sketched_rows(Index rows, Index N);

}  // namespace raphson
