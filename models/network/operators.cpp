#include <raphson/core/threads.hpp>
#include <raphson/models/network/columns.hpp>
#include <raphson/models/network/jacobian.hpp>
#include <raphson/models/network/table_sums.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace raphson {
namespace {

/// A number of J that is made for a sketch, from bits looked up one by one, costs as much as this traffic.
constexpr double forming_bytes = 48;

OperatorCost network_cost(const NetworkJacobian& J) {
  const double n = static_cast<double>(J.points()), m = static_cast<double>(J.pattern().neurons());
  const double touched = static_cast<double>(J.data().X.nonzeros()) * m;  // of J, one output, where φ′ is taken for full
  const double outputs = static_cast<double>(J.outputs());
  OperatorCost cost;
  cost.varies = true;
  cost.nonzeros = outputs * touched;
  const Activation kind = J.pattern().is_binary() ? Activation::relu() : Activation::softplus();
  const double bytes = ActivationPattern::bytes(J.points(), J.pattern().neurons(), kind) + 8 * static_cast<double>(J.parameters());
  // Table lookups, of rows padded to whole vectors, take 0.37 of what the multiply-adds would at the rate of our Gram kernels; small tiles
  // and the expansion of Φ twice as much at that of gemm (benchmarks/nets_kernels.cpp).
  if (J.has_tables()) {
    cost.apply = {outputs * 0.74 * n * m * static_cast<double>(table_width(J.data().X.cols())), outputs * bytes, true};
  } else {
    cost.apply = {4 * touched + 2 * (outputs - 1) * n * m, bytes};
  }
  cost.normal = {2 * cost.apply.flops, 2 * cost.apply.bytes, cost.apply.own_kernels};
  cost.row = {outputs * n, 8 * outputs * n};
  return cost;
}

template <class To, class From>
Mat<To> converted(const Mat<From>& A) {
  return arma::conv_to<Mat<To>>::from(A);
}

/// A network operator in single precision: computed in double and rounded, the Gram matrix JJᵀ tile by tile.
class SingleNetwork final : public SingleOperator {
 public:
  SingleNetwork(std::shared_ptr<const Operator> A, std::shared_ptr<const NetworkJacobian> J, bool adjoint)
      : A_(std::move(A)), J_(std::move(J)), adjoint_(adjoint) {}
  Index rows() const override { return A_->rows(); }
  Index cols() const override { return A_->cols(); }
  void apply(const Mat<float>& X, Mat<float>& Y) const override {
    in_double(X, Y, [this](const Mat<double>& x, Mat<double>& y) { A_->apply(x, y); });
  }
  void apply_adjoint(const Mat<float>& X, Mat<float>& Y) const override {
    in_double(X, Y, [this](const Mat<double>& x, Mat<double>& y) { A_->apply_adjoint(x, y); });
  }
  void apply_normal(const Mat<float>& X, Mat<float>& Y) const override {
    in_double(X, Y, [this](const Mat<double>& x, Mat<double>& y) { A_->apply_normal(x, y); });
  }
  void gram(Mat<float>& G) const override {
    if (adjoint_) return J_->point_gram(G);
    Mat<double> exact;
    A_->gram(exact);
    G = converted<float>(exact);
  }
  void gram_diagonal(Col<float>& g) const override {
    Vec exact;
    A_->gram_diagonal(exact);
    g = arma::conv_to<Col<float>>::from(exact);
  }
  void sketch(const Sketch<float>& S, Mat<float>& B) const override {
    sketch_columns(
        S, rows(), cols(),
        [&](Index j, float* out) {
          std::vector<double> column(rows());
          if (adjoint_) {
            J_->row(j, column.data());
          } else {
            J_->column(j, column.data());
          }
          std::transform(column.begin(), column.end(), out, [](double value) { return static_cast<float>(value); });
        },
        B);
  }
  void gather_rows(std::span<const Index> index, Mat<float>& B) const override {
    Mat<double> exact;
    A_->gather_rows(index, exact);
    B = converted<float>(exact);
  }
  std::string non_finite() const override { return A_->non_finite(); }
  OperatorCost cost() const override { return A_->cost(); }

 private:
  template <class Product>
  void in_double(const Mat<float>& X, Mat<float>& Y, const Product& product) const {
    Mat<double> exact;
    product(converted<double>(X), exact);
    Y = converted<float>(exact);
  }

  std::shared_ptr<const Operator> A_;
  std::shared_ptr<const NetworkJacobian> J_;
  bool adjoint_;
};

/// Column cn + i of Jᵀ: m^{-1/2} (aᵣ_c Φᵢᵣ)ᵣ ⊗ xᵢ.
class JacobianFactors final : public KroneckerColumns<double> {
 public:
  explicit JacobianFactors(const NetworkJacobian& J) : J_(J) {}
  Index count() const override { return J_.residuals(); }
  Index left() const override { return J_.pattern().neurons(); }
  Index right() const override { return J_.data().X.cols(); }
  void left_factor(Index residual, double* out) const override {
    const Index m = left(), i = residual % J_.points(), output = residual / J_.points();
    const double scale = 1 / std::sqrt(static_cast<double>(m));
    std::vector<double> tile(tile_neurons);
    for (Index first = 0; first < m; first += tile_neurons) {
      const Index neurons = std::min(tile_neurons, m - first);
      J_.pattern().expand(first, neurons, i, 1, tile.data());
      for (Index r = 0; r < neurons; ++r) out[first + r] = scale * J_.data().signs(first + r, output) * tile[r];
    }
  }
  void right_factor(Index residual, double* out) const override {
    const Index i = residual % J_.points();
    for (Index k = 0; k < right(); ++k) out[k] = J_.data().X.at(i, k);
  }

 private:
  const NetworkJacobian& J_;
};

/// A = Jᵀ, md × nC.
class AdjointOperator final : public Operator {
 public:
  explicit AdjointOperator(std::shared_ptr<const NetworkJacobian> J) : J_(std::move(J)) {}
  Index rows() const override { return J_->parameters(); }
  Index cols() const override { return J_->residuals(); }
  void apply(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply_transposed(X, Y); }
  void apply_adjoint(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply(X, Y); }
  void apply_normal(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply_normal(X, Y); }
  void gram(Mat<double>& G) const override { J_->point_gram(G); }
  void gram_diagonal(Vec& g) const override { J_->point_gram_diagonal(g); }
  std::shared_ptr<const SingleOperator> single() const override {
    return std::make_shared<SingleNetwork>(std::make_shared<AdjointOperator>(J_), J_, true);
  }
  bool has_sparse_gram() const override { return J_->outputs() == 1 && J_->data().graph().worthwhile; }
  void sparse_gram(arma::sp_mat& G) const override {
    if (!has_sparse_gram()) return Operator::sparse_gram(G);
    J_->sparse_point_gram(G);
  }
  std::shared_ptr<const PreconditionerKind> preconditioner() const override { return J_->data().kernel; }
  std::string non_finite() const override { return J_->pattern().non_finite(); }

  void sketch(const Sketch<double>& S, Mat<double>& B) const override {
    if (S.apply_kronecker(JacobianFactors(*J_), B)) return;
    sketch_columns(
        S, rows(), cols(), [&](Index i, double* out) { J_->row(i, out); }, B);
  }
  void gather_rows(std::span<const Index> index, Mat<double>& B) const override {
    B.set_size(cols(), index.size());
    parallel_for(index.size(), [&](Index t) { J_->column(index[t], B.colptr(t)); });
  }
  OperatorCost cost() const override {
    OperatorCost cost = network_cost(*J_);
    const double n = static_cast<double>(J_->points()), m = static_cast<double>(J_->pattern().neurons());
    const double k = static_cast<double>(cols()), C = static_cast<double>(J_->outputs());
    // Common bits, or ΦΦᵀ by the Gram kernels; then for each element the inner product of two rows and storing it twice, which grows with
    // the distance between the two places.
    cost.column = {0, forming_bytes * static_cast<double>(rows())};
    const double inner = static_cast<double>(J_->data().X.nonzeros()) / n, counts = 1 + C * (C - 1) / 2;
    cost.gram = {n * n * (counts * m * (J_->pattern().is_binary() ? common_bits_cost() : 1.0) + 1.5 * inner) + k * k * (50 + 0.008 * k),
                 8 * k * k, true};
    cost.gram_nonzeros = J_->data().X.is_sparse() && has_sparse_gram() ? static_cast<double>(J_->data().graph().neighbour.n_elem) : k * k;
    return cost;
  }

 private:
  std::shared_ptr<const NetworkJacobian> J_;
};

/// A = J, nC × md.
class DirectOperator final : public Operator {
 public:
  explicit DirectOperator(std::shared_ptr<const NetworkJacobian> J) : J_(std::move(J)) {}
  Index rows() const override { return J_->residuals(); }
  Index cols() const override { return J_->parameters(); }
  void apply(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply(X, Y); }
  void apply_adjoint(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply_transposed(X, Y); }
  void gram(Mat<double>& G) const override { J_->parameter_gram(G); }
  void gram_diagonal(Vec& g) const override { J_->parameter_gram_diagonal(g); }
  std::shared_ptr<const SingleOperator> single() const override {
    return std::make_shared<SingleNetwork>(std::make_shared<DirectOperator>(J_), J_, false);
  }
  std::string non_finite() const override { return J_->pattern().non_finite(); }

  void sketch(const Sketch<double>& S, Mat<double>& B) const override {
    sketch_columns(
        S, rows(), cols(), [&](Index p, double* out) { J_->column(p, out); }, B);
  }
  void gather_rows(std::span<const Index> index, Mat<double>& B) const override {
    B.set_size(cols(), index.size());
    parallel_for(index.size(), [&](Index t) { J_->row(index[t], B.colptr(t)); });
  }
  OperatorCost cost() const override {
    OperatorCost cost = network_cost(*J_);
    const double n = static_cast<double>(rows()), P = static_cast<double>(cols());
    cost.row = {P, 8 * P};
    cost.column = {0, forming_bytes * n};
    cost.gram = {n * P * P, 8 * P * P};
    cost.gram_nonzeros = P * P;
    return cost;
  }

 private:
  std::shared_ptr<const NetworkJacobian> J_;
};

}  // namespace

std::shared_ptr<const Operator> adjoint_operator(std::shared_ptr<const NetworkJacobian> J) {
  return std::make_shared<AdjointOperator>(std::move(J));
}
std::shared_ptr<const Operator> direct_operator(std::shared_ptr<const NetworkJacobian> J) {
  return std::make_shared<DirectOperator>(std::move(J));
}

}  // namespace raphson
