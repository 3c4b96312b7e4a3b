#pragma once
/// J of a two-layer network, known by its products. Internal to TwoLayerRelu.
///
/// With C outputs vectors of residuals have nC numbers, output after output: residual cn + i belongs to output c at row i.

#include <raphson/core/tall_operator.hpp>
#include <raphson/models/network/activation_pattern.hpp>
#include <raphson/models/network/kernel_preconditioner.hpp>

#include <memory>
#include <mutex>

namespace raphson {

/// Which observations share a feature: the pattern of XXᵀ with its values, for sparse X. Depends on the data alone.
struct ObservationGraph {
  arma::uvec start, neighbour;  ///< compressed columns, both triangles, increasing
  Vec inner_product;            ///< ⟨xᵢ,xⱼ⟩; zeros stay
  bool worthwhile = false;      ///< X is sparse and at most a fifth of all pairs share a feature; else nothing is stored

  explicit ObservationGraph(const DataMatrix& X);
};

/// What a network is trained on; shared by every linearization and every activation.
struct NetworkData {
  DataMatrix X;
  Mat<double> y;                                     ///< n × C
  Mat<double> signs;                                 ///< a, ±1, m × C
  bool output_trained = false;                       ///< signs are where a starts
  std::shared_ptr<const PreconditionerKind> kernel;  ///< of X: it keeps its factor for whatever is trained on these rows

  const ObservationGraph& graph() const;  ///< built at the first call

  NetworkData(DataMatrix features, Mat<double> target, Mat<double> output_signs, bool trains_output = false)
      : X(std::move(features)),
        y(std::move(target)),
        signs(std::move(output_signs)),
        output_trained(trains_output),
        kernel(relu_kernel_preconditioner(X, 1, trains_output)) {}
  NetworkData(const NetworkData& other, Mat<double> target)
      : X(other.X), y(std::move(target)), signs(other.signs), output_trained(other.output_trained), kernel(other.kernel) {}

 private:
  mutable std::once_flag built_;
  mutable std::unique_ptr<const ObservationGraph> graph_;
};

/// f_c(xᵢ) = m^{-1/2} Σᵣ aᵣ_c φ(⟨wᵣ,xᵢ⟩) for every row of X, n × C; W as d × m; Φ goes to `pattern` unless null. 2·nnz(X)·m flops and
/// nm activations; table lookups on bits are done for each output.
Mat<double> forward(const DataMatrix& X, const Mat<double>& signs, const Activation& activation, const double* W,
                    ActivationPattern* pattern);

/// J ∈ R^{nC×md} at one W: row cn + i is m^{-1/2} (aᵣ_c Φᵢᵣ xᵢ)ᵣ. Every product costs 2·nnz(X)·m flops a column, with tables C times that.
class NetworkJacobian {
 public:
  NetworkJacobian(std::shared_ptr<const NetworkData> data, ActivationPattern pattern) : data_(std::move(data)), Phi_(std::move(pattern)) {}

  Index points() const { return data_->X.rows(); }
  Index outputs() const { return data_->signs.n_cols; }
  Index residuals() const { return points() * outputs(); }
  Index parameters() const { return data_->X.cols() * Phi_.neurons(); }
  const NetworkData& data() const { return *data_; }
  const ActivationPattern& pattern() const { return Phi_; }

  void multiply(const Mat<double>& U, Mat<double>& Y) const;             ///< Y = J U
  void multiply_transposed(const Mat<double>& V, Mat<double>& Y) const;  ///< Y = Jᵀ V
  void multiply_normal(const Mat<double>& V, Mat<double>& Y) const;      ///< Y = J Jᵀ V

  bool has_tables() const;  ///< bits and dense data: products by table lookups

  void row(Index residual, double* out) const;      ///< md numbers
  void column(Index parameter, double* out) const;  ///< nC numbers

  /// J Jᵀ, nC × nC, computed in double: blocks (XXᵀ) ∘ (Φ diag(a_c ∘ a_c′) Φᵀ)/m for outputs c, c′. One product ΦΦᵀ serves all diagonal
  /// blocks, and one each pair c < c′: n²m/128 words of bits, or n²m flops for softplus, 1 + C(C − 1)/2 times. Real is float or double.
  template <class Real>
  void point_gram(Mat<Real>& G) const;
  void point_gram_diagonal(Vec& g) const;         ///< ‖xᵢ‖² Σᵣ Φᵢᵣ² / m
  void sparse_point_gram(arma::sp_mat& G) const;  ///< the same on the pattern of XXᵀ; one output
  void parameter_gram(Mat<double>& G) const;      ///< Jᵀ J, md × md, from panels of rows: nC(md)² flops
  void parameter_gram_diagonal(Vec& g) const;

 private:
  void dense_point_gram(Mat<double>& G) const;
  template <class Real>
  void outputs_gram(Mat<Real>& G) const;  ///< point_gram for several outputs
  void add_dense_overlaps(const Vec* factors, Mat<double>& G) const;
  void multiply_by_inner_products(Mat<double>& G) const;
  const Vec signs_of(Index output) const { return data_->signs.unsafe_col(output); }
  double scale() const;  ///< m^{-1/2}

  std::shared_ptr<const NetworkData> data_;
  ActivationPattern Phi_;
};

/// A = Jᵀ (md × n) and A = J (n × md).
std::shared_ptr<const Operator> adjoint_operator(std::shared_ptr<const NetworkJacobian> J);
std::shared_ptr<const Operator> direct_operator(std::shared_ptr<const NetworkJacobian> J);

}  // namespace raphson
