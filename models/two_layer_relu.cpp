#include <raphson/core/error.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/models/network/distance_penalty.hpp>
#include <raphson/models/network/equal_rows.hpp>
#include <raphson/models/network/joint_jacobian.hpp>
#include <raphson/models/network/point_line.hpp>
#include <raphson/models/network/setup.hpp>
#include <raphson/models/two_layer_relu.hpp>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace raphson {

struct TwoLayerRelu::Data {
  std::shared_ptr<const NetworkData> network;
  TwoLayerReluOptions options;
  Conflicts conflicts;
  DistancePenalty penalty;
};

namespace {

constexpr const char* sizes = "width x columns of X, and width more where the output is trained";

void check(const TwoLayerReluOptions& options) {
  if (!(options.l2 >= 0) || !std::isfinite(options.l2)) {
    throw InputError(fmt::format("l2 = {}: the penalty ½ l2 ‖W − W₀‖² must be finite and not negative.", options.l2));
  }
  if (options.width == 0) throw InputError("two_layer_relu: width is 0. Give the number of hidden neurons, at least 1.");
}

/// Activations of a point and of its trial, and half a dozen vectors of parameters; a penalty keeps four more.
void check_memory(const DataMatrix& X, const TwoLayerReluOptions& options) {
  const double parameters = static_cast<double>(options.width) * static_cast<double>(X.cols() + (options.train_output ? 1 : 0));
  const double bytes =
      2 * ActivationPattern::bytes(X.rows(), options.width, options.activation) + (options.l2 > 0 ? 10 : 6) * sizeof(double) * parameters;
  require_memory(bytes, available_memory(),
                 fmt::format("a net of width {} on {} x {} data does not fit in memory", options.width, X.rows(), X.cols()),
                 "Use a smaller width.");
}

/// What f is at a row of zeros whatever W: φ(0) is 0 for ReLU and log(2)/β for softplus.
arma::rowvec output_at_zero(const NetworkData& data, const Activation& activation) {
  const double at_zero = activation.kind == Activation::Kind::relu ? 0 : std::log(2.0) / activation.sharpness;
  return at_zero * arma::sum(data.signs, 0) / std::sqrt(static_cast<double>(data.signs.n_rows));
}

/// The nearest targets to y that equal rows agree on.
Mat<double> attainable_targets(const NetworkData& data, const Activation& activation) {
  Mat<double> y = agreed_targets(data.X, data.y);
  if (data.output_trained && activation.kind != Activation::Kind::relu) return y;  // a moves log(2)/β·Σaᵣ/√m
  for (Index i = 0; i < data.X.rows(); ++i) {
    if (is_zero_row(data.X, i)) y.row(i) = output_at_zero(data, activation);
  }
  return y;
}

TwoLayerRelu::Conflicts find_conflicts(const NetworkData& data, const Activation& activation) {
  TwoLayerRelu::Conflicts conflicts;
  for (const std::vector<Index>& rows : equal_rows(data.X)) {
    ++conflicts.equal_groups;
    if (targets_agree(data.y, rows)) continue;
    ++conflicts.groups;
    conflicts.rows += rows.size();
  }
  const Mat<double> nearest = attainable_targets(data, activation);
  for (Index i = 0; i < data.X.rows(); ++i) {
    if (arma::any(data.y.row(i) != nearest.row(i)) && is_zero_row(data.X, i)) ++conflicts.zero_rows;
  }
  conflicts.floor = arma::norm(arma::vectorise(data.y - nearest));
  return conflicts;
}

/// W₀, and a₀ behind it where that is trained.
Vec start_of(const NetworkData& data, std::uint64_t seed) {
  const Vec W0 = draw_weights(seed, data.X.cols() * data.signs.n_rows);
  return data.output_trained ? Vec(arma::join_cols(W0, data.signs)) : W0;
}

/// Rows of the data in the order given, each times its scale like its targets.
std::shared_ptr<const NetworkData> some_rows(const NetworkData& data, const std::vector<Index>& rows, const std::vector<double>& scale) {
  const arma::uvec index = arma::conv_to<arma::uvec>::from(rows);
  Mat<double> y = data.y.rows(index);
  for (Index i = 0; i < rows.size(); ++i) y.row(i) *= scale[i];
  if (!data.X.is_sparse()) {
    arma::mat columns = data.X.dense().cols(index);
    for (Index i = 0; i < rows.size(); ++i) columns.col(i) *= scale[i];
    return std::make_shared<const NetworkData>(DataMatrix::from_rows(std::move(columns)), std::move(y), data.signs, data.output_trained);
  }
  arma::sp_mat columns(data.X.cols(), rows.size());
  for (Index i = 0; i < rows.size(); ++i) columns.col(i) = scale[i] * data.X.sparse().col(rows[i]);
  return std::make_shared<const NetworkData>(DataMatrix(arma::sp_mat(columns.t())), std::move(y), data.signs, data.output_trained);
}

/// f for the parameters θ: W, and a behind it where that is trained.
Mat<double> outputs_at(const NetworkData& data, const DataMatrix& X, const Activation& activation, const Vec& theta,
                       ActivationPattern* pattern) {
  if (!data.output_trained) return forward(X, data.signs, activation, theta.memptr(), pattern);
  return forward(X, theta.tail(data.signs.n_rows), activation, theta.memptr(), pattern);
}

/// f, Φ, r = f − y and D = W − W₀ at one W.
struct NetworkPoint {
  Activation activation;
  ActivationPattern pattern;
  Vec joint;  ///< θ where a is trained, else empty
  Vec residual, distance;
  double value;

  NetworkPoint(const NetworkData& data, const Activation& phi, const DistancePenalty& penalty, const Vec& W)
      : activation(phi),
        pattern(data.X.rows(), data.signs.n_rows, activation),
        joint(data.output_trained ? W : Vec()),
        residual(arma::vectorise(outputs_at(data, data.X, activation, W, &pattern) - data.y)),
        distance(penalty.distance(W)),
        value(0.5 * arma::dot(residual, residual) + penalty.value(distance)) {}
};

/// A = Jᵀ where there are at least as many parameters as residuals, else A = J.
template <class Jacobian>
std::pair<StepForm, std::shared_ptr<const Operator>> step_matrix(std::shared_ptr<const Jacobian> J, Index residuals) {
  if (J->parameters() >= residuals) return {StepForm::adjoint, adjoint_operator(std::move(J))};
  return {StepForm::direct, direct_operator(std::move(J))};
}

class NetworkLinearization final : public Linearization {
 public:
  NetworkLinearization(const std::shared_ptr<const NetworkData>& data, double mu, NetworkPoint point)
      : value_(point.value), penalized_(mu > 0), residual_(std::move(point.residual)) {
    std::tie(form_, A_) =
        data->output_trained
            ? step_matrix(std::make_shared<const JointJacobian>(*data, point.activation, std::move(point.pattern), std::move(point.joint)),
                          residual_.n_elem)
            : step_matrix(std::make_shared<const NetworkJacobian>(data, std::move(point.pattern)), residual_.n_elem);
    const bool adjoint = form_ == StepForm::adjoint;
    adjoint ? A_->apply(residual_, gradient_) : A_->apply_adjoint(residual_, gradient_);
    if (penalized_) gradient_ += mu * point.distance;
    const double norm = arma::norm(residual_);
    // The outputs, of the size of the targets, are what is rounded; ½‖r‖² may be smaller by any factor.
    resolution_ = 8 * std::numeric_limits<double>::epsilon() * norm * (norm + arma::norm(arma::vectorise(data->y)));
    minus_residual_ = -residual_;
    if (!adjoint) minus_gradient_ = -gradient_;
    if (!penalized_) return;
    resolution_ += 8 * std::numeric_limits<double>::epsilon() * value_;
    if (adjoint) {
      steps_ = std::make_unique<const PenalizedSteps>(*A_, mu, std::move(point.distance), gradient_);
      undamped_ = steps_->at(residual_, gradient_, 0);
    } else {
      penalty_ = Vec(gradient_.n_elem, arma::fill::value(mu));
    }
  }

  double value() const override { return value_; }
  double value_resolution() const override { return resolution_; }
  const Vec& gradient() const override { return gradient_; }
  std::shared_ptr<const Operator> matrix() const override { return A_; }
  StepForm step_form() const override { return form_; }
  const Vec& right_hand_side() const override {
    if (form_ == StepForm::direct) return minus_gradient_;
    return penalized_ ? undamped_.b : minus_residual_;
  }
  const Vec* penalty() const override { return penalty_.is_empty() ? nullptr : &penalty_; }
  const Vec* least_squares_target() const override { return form_ == StepForm::direct && !penalized_ ? &minus_residual_ : nullptr; }
  std::optional<PenalizedStep> penalized_step(double damping) const override {
    if (!steps_) return std::nullopt;
    return damping == 0 ? undamped_ : steps_->at(residual_, gradient_, damping);
  }
  double residual_norm() const override { return penalized_ ? std::numeric_limits<double>::quiet_NaN() : arma::norm(residual_); }

 private:
  double value_, resolution_ = 0;
  bool penalized_;
  Vec residual_, gradient_, minus_residual_, minus_gradient_, penalty_;
  StepForm form_;
  std::shared_ptr<const Operator> A_;
  std::unique_ptr<const PenalizedSteps> steps_;
  PenalizedStep undamped_;
};

}  // namespace

TwoLayerRelu::TwoLayerRelu(DataMatrix X, Mat<double> y, TwoLayerReluOptions options) {
  check_training_data(X, y);
  check(options);
  check_activation(options.activation);
  check_memory(X, options);
  if (options.train_output && y.n_cols > 1)
    throw InputError(
        fmt::format("two_layer_relu: the output layer is trained for one output, y has {} columns. Train a net for each.", y.n_cols));
  Mat<double> signs = draw_signs(options.seed, options.width, y.n_cols);
  auto network = std::make_shared<const NetworkData>(std::move(X), std::move(y), std::move(signs), options.train_output);
  const Conflicts conflicts = find_conflicts(*network, options.activation);
  DistancePenalty penalty;
  if (options.l2 > 0) {
    penalty = {options.l2, std::make_shared<const Vec>(start_of(*network, options.seed))};
  }
  data_ = std::make_shared<const Data>(Data{std::move(network), options, conflicts, std::move(penalty)});
}

TwoLayerRelu TwoLayerRelu::with_activation(Activation activation) const {
  check_activation(activation);
  Data data = *data_;
  data.options.activation = activation;
  check_memory(this->data(), data.options);
  data.conflicts = find_conflicts(*data.network, activation);
  return TwoLayerRelu(std::make_shared<const Data>(std::move(data)));
}

TwoLayerRelu TwoLayerRelu::with_attainable_targets() const {
  const NetworkData& network = *data_->network;
  Data data = *data_;
  data.network = std::make_shared<const NetworkData>(network, attainable_targets(network, activation()));
  data.conflicts = find_conflicts(*data.network, activation());
  return TwoLayerRelu(std::make_shared<const Data>(std::move(data)));
}

TwoLayerRelu TwoLayerRelu::on_rows(const std::vector<Index>& rows) const {
  if (rows.empty()) throw InputError("a mini-batch of no rows. Give at least one.");
  for (const Index i : rows) {
    if (i >= this->data().rows()) throw InputError(fmt::format("row {} of {} does not exist.", i, this->data().rows()));
  }
  const std::vector<double> ones(rows.size(), 1.0);
  Data data = *data_;
  data.network = some_rows(*data.network, rows, ones);
  data.conflicts = find_conflicts(*data.network, activation());
  return TwoLayerRelu(std::make_shared<const Data>(std::move(data)));
}

TwoLayerRelu TwoLayerRelu::with_equal_rows_merged() const {
  if (activation().kind != Activation::Kind::relu) throw InputError("equal rows can be merged for relu only.");
  std::vector<double> weight(this->data().rows(), 1.0);
  for (const std::vector<Index>& group : equal_rows(this->data())) {
    for (const Index i : group) weight[i] = 0;
    weight[group[0]] = std::sqrt(static_cast<double>(group.size()));
  }
  std::vector<Index> rows;
  std::vector<double> scale;
  for (Index i = 0; i < weight.size(); ++i) {
    if (weight[i] == 0 || is_zero_row(this->data(), i)) continue;
    rows.push_back(i);
    scale.push_back(weight[i]);
  }
  if (rows.empty()) throw InputError("every row of X is zero: nothing to train on.");
  TwoLayerRelu merged = with_attainable_targets();
  Data data = *merged.data_;
  data.network = some_rows(*data.network, rows, scale);
  data.conflicts = {};
  return TwoLayerRelu(std::make_shared<const Data>(std::move(data)));
}

std::string TwoLayerRelu::name() const {
  return (activation().kind == Activation::Kind::relu ? "two_layer_relu"
                                                      : fmt::format("two_layer_softplus({:g})", activation().sharpness)) +
         (output_trained() ? ", output trained" : "");
}

std::string TwoLayerRelu::formula() const {
  const std::string phi =
      activation().kind == Activation::Kind::relu ? "max(z, 0)" : fmt::format("log(1+exp({0:g}z))/{0:g}", activation().sharpness);
  const char* const distance = output_trained() ? "(W,a) − (W₀,a₀)" : "W − W₀";
  const std::string penalty = l2() > 0 ? fmt::format(" + ½·{:g}·‖{}‖²", l2(), distance) : "";
  if (outputs() > 1) {
    return fmt::format("½ Σ ‖f(xᵢ) − yᵢ‖²{}, f_c(x) = m^(-1/2) Σ aᵣ_c φ(⟨wᵣ,x⟩), c ≤ {}, φ(z) = {}, m = {}, aᵣ_c = ±1 fixed", penalty,
                       outputs(), phi, width());
  }
  return fmt::format("½ Σ (f(xᵢ) − yᵢ)²{}, f(x) = m^(-1/2) Σ aᵣ φ(⟨wᵣ,x⟩), φ(z) = {}, m = {}, aᵣ {}", penalty, phi, width(),
                     output_trained() ? "trained from ±1" : "= ±1 fixed");
}

Index TwoLayerRelu::parameters() const { return width() * (data().cols() + (output_trained() ? 1 : 0)); }

double TwoLayerRelu::value(const Vec& W) const {
  require_size(W.n_elem, parameters(), "W", sizes);
  const Vec residual = arma::vectorise(outputs_at(*data_->network, data(), activation(), W, nullptr) - target());
  return 0.5 * arma::dot(residual, residual) + data_->penalty.value(data_->penalty.distance(W));
}

double TwoLayerRelu::gradient_scale() const { return l2() > 0 ? arma::norm(linearize(initial_weights())->gradient()) : 0.0; }

std::unique_ptr<Linearization> TwoLayerRelu::linearize(const Vec& W) const {
  require_size(W.n_elem, parameters(), "W", sizes);
  const DistancePenalty& penalty = data_->penalty;
  return std::make_unique<NetworkLinearization>(data_->network, penalty.mu, NetworkPoint(*data_->network, activation(), penalty, W));
}

std::unique_ptr<Line> TwoLayerRelu::along(const Vec& W, const Vec& p) const {
  require_size(W.n_elem, parameters(), "W", sizes);
  require_size(p.n_elem, parameters(), "p", sizes);
  return std::make_unique<PointLine<NetworkPoint>>(
      W, p, [data = data_](const Vec& at) { return NetworkPoint(*data->network, data->options.activation, data->penalty, at); },
      [data = data_](NetworkPoint point) {
        return std::make_unique<NetworkLinearization>(data->network, data->penalty.mu, std::move(point));
      });
}

std::vector<std::string> TwoLayerRelu::notes() const {
  const Conflicts& found = conflicts();
  if (!(found.floor > 0)) return {};
  std::string what;
  if (found.groups > 0) what = fmt::format("{} groups of equal rows ({} rows) have different targets", found.groups, found.rows);
  if (found.zero_rows > 0) {
    what += fmt::format("{}{} rows of zeros have targets that no weights change f to", what.empty() ? "" : ", and ", found.zero_rows);
  }
  const double start = std::sqrt(2 * value(initial_weights()));
  return {fmt::format("{}: no weights bring ‖f − y‖ below {:.3g}; smallest residual_ratio {:.2e} of the initial weights' {:.3g}", what,
                      found.floor, found.floor / start, start)};
}

Vec TwoLayerRelu::initial_weights() const { return l2() > 0 ? *data_->penalty.W0 : start_of(*data_->network, data_->options.seed); }

const Mat<double>& TwoLayerRelu::output_signs() const { return data_->network->signs; }
Index TwoLayerRelu::outputs() const { return output_signs().n_cols; }
double TwoLayerRelu::l2() const { return data_->options.l2; }
bool TwoLayerRelu::output_trained() const { return data_->options.train_output; }
Index TwoLayerRelu::width() const { return data_->options.width; }
const DataMatrix& TwoLayerRelu::data() const { return data_->network->X; }
const Mat<double>& TwoLayerRelu::target() const { return data_->network->y; }
const Activation& TwoLayerRelu::activation() const { return data_->options.activation; }
const TwoLayerRelu::Conflicts& TwoLayerRelu::conflicts() const { return data_->conflicts; }

Mat<double> TwoLayerRelu::predict(const DataMatrix& X, const Vec& W) const {
  require_size(W.n_elem, parameters(), "W", sizes);
  check_features(X, data());
  return outputs_at(*data_->network, X, activation(), W, nullptr);
}

}  // namespace raphson
