#pragma once
/// The matrix A ∈ R^{N×k} of a Gram system, known by what it can do.

#include <raphson/core/sketch.hpp>
#include <raphson/core/types.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>

namespace raphson {

class PreconditionerKind;

/// Work of one call, for cost models: floating-point operations, bytes read and written.
struct Work {
  double flops = 0;
  double bytes = 0;
  bool own_kernels = false;  ///< flops are counted in those of Machine::gram, in either precision
};

/// Work of the operations of a TallOperator.
struct OperatorCost {
  Work apply;           ///< A x, one vector; Aᵀ x costs the same
  Work normal;          ///< AᵀA x
  Work gram;            ///< AᵀA
  Work row;             ///< gathering one row of A
  Work column = {};     ///< forming one column of A for a sketch that has no use for its factors; zero: sketches read rows
  double nonzeros = 0;  ///< stored entries of A (N·k when dense; what a product touches when matrix-free)
  bool varies = false;  ///< from one outer step to the next A changes in more than the weights of its rows: little that is kept serves
  bool rounded_gram = false;  ///< whether gram_rounded is offered
  bool half = false;          ///< whether half is, as a rule
  double gram_nonzeros = 0;   ///< upper bound on the nonzeros of AᵀA: k² when dense
};

/// t[0..count) from z = (Ax)[first .. first + count). Called once for every row, by several threads at once, for disjoint ranges of at
/// most 512 rows or for all rows together.
template <class Real>
using RowMap = std::function<void(Index first, Index count, const Real* z, Real* t)>;

/// A ∈ R^{N×k}, immutable, N ≥ k as a rule. Derive and override apply and apply_adjoint; everything else then works, slowly,
/// and is overridden where structure pays. Members are deterministic for any thread count and safe to call concurrently.
/// Outputs are resized. Shape mismatches throw InputError in the public wrappers of solvers, not here.
template <class Real>
class TallOperator {
 public:
  virtual ~TallOperator() = default;

  virtual Index rows() const = 0;  ///< N
  virtual Index cols() const = 0;  ///< k

  /// Y = A X (k×p to N×p) and Y = Aᵀ X (N×p to k×p). Y must not alias X.
  virtual void apply(const Mat<Real>& X, Mat<Real>& Y) const = 0;
  virtual void apply_adjoint(const Mat<Real>& X, Mat<Real>& Y) const = 0;

  /// Y = AᵀA X. Default: apply, then apply_adjoint.
  virtual void apply_normal(const Mat<Real>& X, Mat<Real>& Y) const;

  /// z = A x (N), t = map(z) row by row, y = Aᵀ t (k): value and gradient of a sum of losses from one read of A. Default: apply, map,
  /// apply_adjoint.
  virtual void apply_mapped(const Col<Real>& x, const RowMap<Real>& map, Col<Real>& z, Col<Real>& y) const;

  /// G = AᵀA, k×k, both triangles. Default: apply_normal on panels of the identity.
  virtual void gram(Mat<Real>& G) const;

  /// The same rounded to single precision as it is formed, without a copy of A. Default: that of single(), else of gram, rounded.
  virtual void gram_single(Mat<float>& G) const;

  /// The same, roughly and faster: from entries rounded to eight bits (core/row_gram.hpp). False, the default, where that is not offered,
  /// as OperatorCost::rounded_gram says; G is then as it was.
  virtual bool gram_rounded(Mat<float>&) const { return false; }

  /// G = Σ aᵢaᵢᵀ over the rows i named, k×k, both triangles, in single precision: a sample of AᵀA. Default: from gather_rows, a few
  /// thousand at a time.
  virtual void sampled_gram(std::span<const Index> index, Mat<float>& G) const;

  /// B = (S A)ᵀ, k×s. Default: panels of columns of A through S.apply.
  virtual void sketch(const Sketch<Real>& S, Mat<Real>& B) const;

  /// The same rounded to single precision as it is formed, where S can; numbers beyond its range become infinite. Default: sketch, rounded.
  virtual void sketch_single(const Sketch<Real>& S, Mat<float>& B) const;

  /// B(:, i) = row index[i] of A, k×index.size(). Default: apply_adjoint on unit vectors.
  virtual void gather_rows(std::span<const Index> index, Mat<Real>& B) const;

  /// diag(AᵀA), k. Default: column norms through panels of columns of A (k applies: override it).
  virtual void gram_diagonal(Col<Real>& g) const;

  /// Whether AᵀA is sparse enough to be worth a sparse factorization; sparse_gram gives it then (k×k, both triangles, the
  /// pattern depending on structure only: entries that happen to vanish stay). Default: false; sparse_gram throws InputError.
  virtual bool has_sparse_gram() const { return false; }
  virtual void sparse_gram(arma::SpMat<Real>& G) const;

  /// The same operator in single precision, or null when there is none. Shares data with this one where it can.
  virtual std::shared_ptr<const TallOperator<float>> single() const { return nullptr; }

  /// The same operator with its numbers rounded to eleven bits, sums in single precision: a quarter of the traffic. Null where there is
  /// none.
  virtual std::shared_ptr<const TallOperator<float>> half() const { return nullptr; }

  /// A preconditioner for AᵀA + diag(μ) that is known from where A comes from, for KernelCg; null: none.
  virtual std::shared_ptr<const PreconditionerKind> preconditioner() const { return nullptr; }

  /// Position of the first non-finite stored number of A, as text ("row 17, column 4 (nan)"), or empty. Default: empty.
  virtual std::string non_finite() const { return {}; }

  virtual OperatorCost cost() const;
};

using Operator = TallOperator<double>;
using SingleOperator = TallOperator<float>;

}  // namespace raphson
