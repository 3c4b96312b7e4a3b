#include <raphson/core/error.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/models/deep_relu.hpp>
#include <raphson/models/network/equal_rows.hpp>
#include <raphson/models/network/kernel_preconditioner.hpp>
#include <raphson/models/network/layered_jacobian.hpp>
#include <raphson/models/network/point_line.hpp>
#include <raphson/models/network/setup.hpp>
#include <raphson/models/network/train_journal.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace raphson {

struct DeepRelu::Data {
  std::shared_ptr<const LayeredNet> net;
  std::uint64_t seed;
};

namespace {

constexpr const char* sizes = "weights of all layers";

void check_widths(const std::vector<Index>& widths) {
  if (widths.empty()) throw InputError("deep_relu: no hidden layers. Give at least one width, such as {512, 512}.");
  const auto zero = std::find(widths.begin(), widths.end(), Index{0});
  if (zero == widths.end()) return;
  throw InputError(fmt::format("deep_relu: width of hidden layer {} is 0. Give every layer at least 1 neuron.", zero - widths.begin() + 1));
}

/// What a point and its trial keep, the largest layer once more for the product in progress, and half a dozen vectors of parameters.
void check_memory(const LayeredNet& net) {
  const double n = static_cast<double>(net.X.rows());
  double parameters = static_cast<double>(net.X.cols()) * static_cast<double>(net.widths[0]);
  for (Index l = 1; l < net.layers(); ++l) parameters += static_cast<double>(net.widths[l - 1]) * static_cast<double>(net.widths[l]);
  const double largest = static_cast<double>(*std::max_element(net.widths.begin(), net.widths.end()));
  require_memory(
      2 * LayerRecord::bytes(n, net.widths) + 8 * n * largest + 6 * 8 * parameters, available_memory(),
      fmt::format("a net of widths {} on {} x {} data does not fit in memory", fmt::join(net.widths, ","), net.X.rows(), net.X.cols()),
      "Use smaller widths.");
}

/// What can be had at best: equal rows share a value, and ReLU without biases makes 0 of a row of zeros.
Vec attainable_targets(const LayeredNet& net) {
  Vec y = agreed_targets(net.X, net.y);
  for (Index i = 0; i < net.X.rows(); ++i) {
    if (net.activation.kind == Activation::Kind::relu && is_zero_row(net.X, i)) y[i] = 0;
  }
  return y;
}

/// r = f − y at one θ with what its backward pass needs.
struct LayeredPoint {
  Vec theta;
  LayerRecord record;
  Vec residual;
  double value;

  LayeredPoint(const LayeredNet& net, Vec at)
      : theta(std::move(at)), residual(forward(net, net.X, theta.memptr(), &record) - net.y), value(0.5 * arma::dot(residual, residual)) {}
};

/// ½‖r‖² with r = f − y, from r, ∇ = Jᵀr and A: Jᵀ for adjoint steps, J for direct ones.
class LayeredLinearization final : public Linearization {
 public:
  LayeredLinearization(Vec residual, Vec gradient, double target_norm, StepForm form, std::shared_ptr<const Operator> A)
      : residual_(std::move(residual)),
        gradient_(std::move(gradient)),
        minus_residual_(-residual_),
        minus_gradient_(-gradient_),
        target_norm_(target_norm),
        form_(form),
        A_(std::move(A)) {}

  double value() const override { return 0.5 * arma::dot(residual_, residual_); }
  /// The outputs, of the size of the targets, are what is rounded; ½‖r‖² may be smaller by any factor.
  double value_resolution() const override {
    const double norm = residual_norm();
    return 8 * std::numeric_limits<double>::epsilon() * norm * (norm + target_norm_);
  }
  const Vec& gradient() const override { return gradient_; }
  std::shared_ptr<const Operator> matrix() const override { return A_; }
  StepForm step_form() const override { return form_; }
  const Vec& right_hand_side() const override { return form_ == StepForm::adjoint ? minus_residual_ : minus_gradient_; }
  const Vec* least_squares_target() const override { return form_ == StepForm::direct ? &minus_residual_ : nullptr; }
  double residual_norm() const override { return arma::norm(residual_); }

 private:
  Vec residual_, gradient_, minus_residual_, minus_gradient_;
  double target_norm_;
  StepForm form_;
  std::shared_ptr<const Operator> A_;
};

std::unique_ptr<Linearization> linearized(const std::shared_ptr<const LayeredNet>& net, LayeredPoint point) {
  backward(*net, point.theta.memptr(), point.record);
  auto J = std::make_shared<const LayeredJacobian>(net, std::move(point.record));
  Mat<double> gradient;
  J->multiply_transposed(point.residual, gradient);
  const bool adjoint = J->parameters() >= J->points();
  return std::make_unique<LayeredLinearization>(std::move(point.residual), Vec(std::move(gradient)), arma::norm(net->y),
                                                adjoint ? StepForm::adjoint : StepForm::direct,
                                                adjoint ? adjoint_operator(std::move(J)) : direct_operator(std::move(J)));
}

}  // namespace

DeepRelu::DeepRelu(DataMatrix X, Vec y, DeepReluOptions options) {
  check_training_data(X, y);
  check_widths(options.widths);
  check_activation(options.activation);
  LayeredNet net{std::move(X), std::move(y), std::move(options.widths), options.activation, {}, nullptr};
  check_memory(net);
  net.kernel = relu_kernel_preconditioner(net.X, net.layers());
  net.signs = draw_signs(options.seed, net.widths.back(), 1).as_col();
  data_ = std::make_shared<const Data>(Data{std::make_shared<const LayeredNet>(std::move(net)), options.seed});
}

std::string DeepRelu::name() const { return activation().kind == Activation::Kind::relu ? "deep-relu" : "deep-softplus"; }

std::string DeepRelu::formula() const {
  const std::string phi =
      activation().kind == Activation::Kind::relu ? "max(z, 0)" : fmt::format("log(1 + exp({0:g} z))/{0:g}", activation().sharpness);
  const Index H = widths().size();
  return fmt::format(
      "½ Σ (f(xᵢ) − yᵢ)², f(x) = m_{0}^(-1/2) aᵀφ(W_{0} h), h = √(2/m) φ(W h) layer by layer, φ(z) = {1}, m = {2}, a = ±1 fixed", H, phi,
      fmt::join(widths(), ", "));
}

Index DeepRelu::parameters() const { return data_->net->parameters(); }

double DeepRelu::value(const Vec& theta) const {
  require_size(theta.n_elem, parameters(), "theta", sizes);
  const Vec residual = forward(*data_->net, data(), theta.memptr(), nullptr) - target();
  return 0.5 * arma::dot(residual, residual);
}

std::unique_ptr<Linearization> DeepRelu::linearize(const Vec& theta) const {
  require_size(theta.n_elem, parameters(), "theta", sizes);
  return linearized(data_->net, LayeredPoint(*data_->net, theta));
}

std::unique_ptr<Line> DeepRelu::along(const Vec& theta, const Vec& p) const {
  require_size(theta.n_elem, parameters(), "theta", sizes);
  require_size(p.n_elem, parameters(), "p", sizes);
  return std::make_unique<PointLine<LayeredPoint>>(
      theta, p, [net = data_->net](const Vec& at) { return LayeredPoint(*net, at); },
      [net = data_->net](LayeredPoint point) { return linearized(net, std::move(point)); });
}

std::vector<std::string> DeepRelu::notes() const {
  const double floor = arma::norm(target() - attainable_targets(*data_->net));
  if (!(floor > 0)) return {};
  return {fmt::format(
      "rows with equal features{} have different targets: no weights bring ‖f − y‖ below {:.3g}; smallest residual_ratio "
      "{:.2e} of the initial weights",
      activation().kind == Activation::Kind::relu ? ", or with none," : "", floor, floor / std::sqrt(2 * value(initial_weights())))};
}

Vec DeepRelu::initial_weights() const { return draw_weights(data_->seed, parameters()); }
const Vec& DeepRelu::output_signs() const { return data_->net->signs; }
const std::vector<Index>& DeepRelu::widths() const { return data_->net->widths; }
const DataMatrix& DeepRelu::data() const { return data_->net->X; }
const Vec& DeepRelu::target() const { return data_->net->y; }
const Activation& DeepRelu::activation() const { return data_->net->activation; }

Vec DeepRelu::predict(const DataMatrix& X, const Vec& theta) const {
  require_size(theta.n_elem, parameters(), "theta", sizes);
  check_features(X, data());
  return forward(*data_->net, X, theta.memptr(), nullptr);
}

Summary train_network(const DeepRelu& model, LinearSolver& solver, Vec& theta, const TrainOptions& options) {
  check(options);
  require_size(theta.n_elem, model.parameters(), "the start", sizes);
  const std::string shape =
      fmt::format("{}, sharpness {}, widths {}", model.name(), model.activation().sharpness, fmt::join(model.widths(), ", "));
  TrainJournal journal(network_facts(model.data(), model.target(), model.output_signs(), shape), solver, theta, options);
  return journal.minimize(model, solver, theta, journal.without_repeats(options));
}

}  // namespace raphson
