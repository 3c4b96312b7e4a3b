#include <raphson/models/network/columns.hpp>
#include <raphson/models/network/layered_jacobian.hpp>

#include <functional>
#include <span>

namespace raphson {
namespace {

OperatorCost layered_cost(const LayeredJacobian& J) {
  const LayeredNet& net = J.net();
  const double n = static_cast<double>(J.points());
  double entries = static_cast<double>(net.X.nonzeros()) * static_cast<double>(net.widths[0]), stored = static_cast<double>(net.widths[0]);
  for (Index l = 1; l < net.layers(); ++l) {
    entries += n * static_cast<double>(net.weights(l));
    stored += static_cast<double>(net.inputs(l) + net.widths[l]);
  }
  OperatorCost cost;
  cost.varies = true;
  cost.nonzeros = entries;
  cost.apply = {2 * entries, 8 * (n * stored + static_cast<double>(J.parameters()))};
  cost.normal = {2 * cost.apply.flops, 2 * cost.apply.bytes};
  return cost;
}

/// A = Jᵀ, P × n.
class LayeredAdjoint final : public Operator {
 public:
  explicit LayeredAdjoint(std::shared_ptr<const LayeredJacobian> J) : J_(std::move(J)) {}
  Index rows() const override { return J_->parameters(); }
  Index cols() const override { return J_->points(); }
  void apply(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply_transposed(X, Y); }
  void apply_adjoint(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply(X, Y); }
  void gram(Mat<double>& G) const override { J_->point_gram(G); }
  void gram_single(Mat<float>& G) const override { J_->point_gram(G); }
  void gram_diagonal(Vec& g) const override { J_->point_gram_diagonal(g); }
  void sketch(const Sketch<double>& S, Mat<double>& B) const override {
    sketch_columns(
        S, rows(), cols(), [this](Index i, double* out) { J_->row(i, out); }, B);
  }
  void gather_rows(std::span<const Index> index, Mat<double>& B) const override {
    B.set_size(cols(), index.size());
    parallel_for(index.size(), [&](Index t) { J_->column(index[t], B.colptr(t)); });
  }
  std::string non_finite() const override { return J_->non_finite(); }
  std::shared_ptr<const PreconditionerKind> preconditioner() const override { return J_->net().kernel; }
  OperatorCost cost() const override {
    OperatorCost cost = layered_cost(*J_);
    const LayeredNet& net = J_->net();
    const double n = static_cast<double>(cols());
    double inner = 0;
    for (Index l = 0; l < net.layers(); ++l) inner += static_cast<double>(net.inputs(l) + net.widths[l]);
    cost.row = {2 * n, 16 * n};
    cost.gram = {n * n * inner, (net.layers() > 1 ? 24 : 8) * n * n};
    cost.gram_nonzeros = n * n;
    return cost;
  }

 private:
  std::shared_ptr<const LayeredJacobian> J_;
};

/// A = J, n × P.
class LayeredDirect final : public Operator {
 public:
  explicit LayeredDirect(std::shared_ptr<const LayeredJacobian> J) : J_(std::move(J)) {}
  Index rows() const override { return J_->points(); }
  Index cols() const override { return J_->parameters(); }
  void apply(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply(X, Y); }
  void apply_adjoint(const Mat<double>& X, Mat<double>& Y) const override { J_->multiply_transposed(X, Y); }
  void gram(Mat<double>& G) const override { gram_of_rows(rows(), cols(), row_of(), G); }
  void gram_diagonal(Vec& g) const override { gram_diagonal_of_rows(rows(), cols(), row_of(), g); }
  void sketch(const Sketch<double>& S, Mat<double>& B) const override {
    sketch_columns(
        S, rows(), cols(), [this](Index p, double* out) { J_->column(p, out); }, B);
  }
  void gather_rows(std::span<const Index> index, Mat<double>& B) const override {
    B.set_size(cols(), index.size());
    parallel_for(index.size(), [&](Index t) { J_->row(index[t], B.colptr(t)); });
  }
  std::string non_finite() const override { return J_->non_finite(); }
  OperatorCost cost() const override {
    OperatorCost cost = layered_cost(*J_);
    const double n = static_cast<double>(rows()), P = static_cast<double>(cols());
    cost.row = {P, 8 * P};
    cost.gram = {n * P * P, 8 * P * P};
    cost.gram_nonzeros = P * P;
    return cost;
  }

 private:
  std::function<void(Index, double*)> row_of() const {
    return [this](Index i, double* out) { J_->row(i, out); };
  }

  std::shared_ptr<const LayeredJacobian> J_;
};

}  // namespace

std::shared_ptr<const Operator> adjoint_operator(std::shared_ptr<const LayeredJacobian> J) {
  return std::make_shared<LayeredAdjoint>(std::move(J));
}
std::shared_ptr<const Operator> direct_operator(std::shared_ptr<const LayeredJacobian> J) {
  return std::make_shared<LayeredDirect>(std::move(J));
}

}  // namespace raphson
