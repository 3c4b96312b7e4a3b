#include <raphson/models/network/jacobian_operators.hpp>
#include <raphson/models/network/layered_jacobian.hpp>

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

}  // namespace

OperatorCost LayeredJacobian::adjoint_cost() const {
  OperatorCost cost = layered_cost(*this);
  const double n = static_cast<double>(points());
  double inner = 0;
  for (Index l = 0; l < net_->layers(); ++l) inner += static_cast<double>(net_->inputs(l) + net_->widths[l]);
  cost.row = {2 * n, 16 * n};
  cost.gram = {n * n * inner, (net_->layers() > 1 ? 24 : 8) * n * n};
  cost.gram_nonzeros = n * n;
  return cost;
}

OperatorCost LayeredJacobian::direct_cost() const {
  OperatorCost cost = layered_cost(*this);
  const double n = static_cast<double>(points()), P = static_cast<double>(parameters());
  cost.row = {P, 8 * P};
  cost.gram = {n * P * P, 8 * P * P};
  cost.gram_nonzeros = P * P;
  return cost;
}

std::shared_ptr<const Operator> adjoint_operator(std::shared_ptr<const LayeredJacobian> J) {
  return std::make_shared<AdjointOf<LayeredJacobian>>(std::move(J));
}
std::shared_ptr<const Operator> direct_operator(std::shared_ptr<const LayeredJacobian> J) {
  return std::make_shared<DirectOf<LayeredJacobian>>(std::move(J));
}

}  // namespace raphson
