#include <raphson/core/threads.hpp>
#include <raphson/models/network/jacobian.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace raphson {
namespace {

/// B = (S A)ᵀ from panels of at most 64 MiB of columns of A (N × k) that fill(j, out) makes.
template <class Fill>
void sketch_columns(const Sketch<double>& S, Index N, Index k, const Fill& fill, Mat<double>& B) {
  B.set_size(k, S.rows());
  const Blocks panels{k, std::clamp(Index{1} << 23, N, N * k) / N};
  Mat<double> columns, sketched;
  for (Index p = 0; p < panels.count(); ++p) {
    const Index first = panels.begin(p), width = panels.length(p);
    columns.set_size(N, width);
    parallel_for(width, [&](Index j) { fill(first + j, columns.colptr(j)); });
    S.apply(columns, sketched);
    B.rows(first, first + width - 1) = sketched.t();
  }
}

OperatorCost network_cost(const NetworkJacobian& J) {
  const double n = static_cast<double>(J.points()), m = static_cast<double>(J.pattern().neurons());
  const double touched = static_cast<double>(J.data().X.nonzeros()) * m;  // of J, where φ′ is taken for full
  OperatorCost cost;
  cost.nonzeros = touched;
  // Small tiles and the expansion of Φ run at about half of gemm's rate.
  cost.apply = {4 * touched,
                ActivationPattern::bytes(J.points(), J.pattern().neurons(), Activation{}) + 8 * static_cast<double>(J.parameters())};
  cost.normal = {2 * cost.apply.flops, 2 * cost.apply.bytes};
  cost.row = {n, 8 * n};
  return cost;
}

/// Column i of Jᵀ: m^{-1/2} (aᵣ Φᵢᵣ)ᵣ ⊗ xᵢ.
class JacobianFactors final : public KroneckerColumns<double> {
 public:
  explicit JacobianFactors(const NetworkJacobian& J) : J_(J) {}
  Index count() const override { return J_.points(); }
  Index left() const override { return J_.pattern().neurons(); }
  Index right() const override { return J_.data().X.cols(); }
  void left_factor(Index i, double* out) const override {
    const Index m = left();
    const double scale = 1 / std::sqrt(static_cast<double>(m));
    std::vector<double> tile(tile_neurons);
    for (Index first = 0; first < m; first += tile_neurons) {
      const Index neurons = std::min(tile_neurons, m - first);
      J_.pattern().expand(first, neurons, i, 1, tile.data());
      for (Index r = 0; r < neurons; ++r) out[first + r] = scale * J_.data().signs[first + r] * tile[r];
    }
  }
  void right_factor(Index i, double* out) const override {
    for (Index k = 0; k < right(); ++k) out[k] = J_.data().X.at(i, k);
  }

 private:
  const NetworkJacobian& J_;
};

/// A = Jᵀ, md × n.
class AdjointOperator final : public Operator {
 public:
  explicit AdjointOperator(std::shared_ptr<const NetworkJacobian> J) : J_(std::move(J)) {}
  Index rows() const override { return J_->parameters(); }
  Index cols() const override { return J_->points(); }
  void apply(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply_transposed(X, Y); }
  void apply_adjoint(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply(X, Y); }
  void gram(Mat<double>& G) const override { J_->point_gram(G); }
  void gram_diagonal(Vec& g) const override { J_->point_gram_diagonal(g); }
  bool has_sparse_gram() const override { return J_->data().graph().worthwhile; }
  void sparse_gram(arma::sp_mat& G) const override {
    if (!has_sparse_gram()) return Operator::sparse_gram(G);
    J_->sparse_point_gram(G);
  }
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
    const double n = static_cast<double>(cols()), m = static_cast<double>(J_->pattern().neurons());
    // ReLU: n²m/128 words of bits, each about the price of 12 flops of gemm; softplus: a full gemm on the lower tiles.
    cost.gram = {n * n * m * (J_->pattern().is_binary() ? 0.1 : 1.0), 8 * n * n};
    cost.gram_nonzeros = J_->data().X.is_sparse() && has_sparse_gram() ? static_cast<double>(J_->data().graph().neighbour.n_elem) : n * n;
    return cost;
  }

 private:
  std::shared_ptr<const NetworkJacobian> J_;
};

/// A = J, n × md.
class DirectOperator final : public Operator {
 public:
  explicit DirectOperator(std::shared_ptr<const NetworkJacobian> J) : J_(std::move(J)) {}
  Index rows() const override { return J_->points(); }
  Index cols() const override { return J_->parameters(); }
  void apply(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply(X, Y); }
  void apply_adjoint(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply_transposed(X, Y); }
  void gram(Mat<double>& G) const override { J_->parameter_gram(G); }
  void gram_diagonal(Vec& g) const override { J_->parameter_gram_diagonal(g); }
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
