#include <raphson/core/error.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/models/network/equal_rows.hpp>
#include <raphson/models/network/jacobian.hpp>
#include <raphson/models/two_layer_relu.hpp>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <unistd.h>

namespace raphson {

struct TwoLayerRelu::Data {
  std::shared_ptr<const NetworkData> network;
  TwoLayerReluOptions options;
  Conflicts conflicts;
};

namespace {

double physical_memory() { return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE)); }

void check(const DataMatrix& X, const Vec& y, const TwoLayerReluOptions& options) {
  require_nonempty(X, "X");
  require_size(y.n_elem, X.rows(), "y", "one per row of X");
  require_finite(X, "X");
  require_finite(y, "y");
  if (options.width == 0) throw InputError("two_layer_relu: width is 0. Give the number of hidden neurons, at least 1.");
}

void check_activation(const Activation& activation) {
  if (activation.kind == Activation::Kind::relu || (activation.sharpness > 0 && std::isfinite(activation.sharpness))) return;
  throw InputError(fmt::format("softplus: sharpness is {}. It must be positive and finite.", activation.sharpness));
}

/// Activations of a point and of its trial, and half a dozen vectors of parameters.
void check_memory(const DataMatrix& X, const TwoLayerReluOptions& options) {
  const double parameters = static_cast<double>(options.width) * static_cast<double>(X.cols());
  const double bytes = 2 * ActivationPattern::bytes(X.rows(), options.width, options.activation) + 6 * sizeof(double) * parameters;
  require_memory(bytes, physical_memory(),
                 fmt::format("a net of width {} on {} x {} data does not fit in memory", options.width, X.rows(), X.cols()),
                 "Use a smaller width.");
}

Vec draw_signs(std::uint64_t seed, Index width) {
  std::vector<std::uint64_t> bits(width);
  Seed(seed).split(Purpose::output_signs).bits(0, bits);
  Vec signs(width);
  for (Index r = 0; r < width; ++r) signs[r] = (bits[r] >> 63) != 0 ? 1.0 : -1.0;
  return signs;
}

/// What f is at a row of zeros whatever W: φ(0) is 0 for ReLU and log(2)/β for softplus.
double output_at_zero(const NetworkData& data, const Activation& activation) {
  const double at_zero = activation.kind == Activation::Kind::relu ? 0 : std::log(2.0) / activation.sharpness;
  return at_zero * arma::accu(data.signs) / std::sqrt(static_cast<double>(data.signs.n_elem));
}

bool targets_agree(const Vec& y, const std::vector<Index>& rows) {
  return std::all_of(rows.begin(), rows.end(), [&](Index i) { return y[i] == y[rows[0]]; });
}

/// The nearest targets to y that equal rows agree on.
Vec attainable_targets(const NetworkData& data, const Activation& activation) {
  Vec y = data.y;
  for (const std::vector<Index>& rows : equal_rows(data.X)) {
    if (targets_agree(y, rows)) continue;
    double mean = 0;
    for (const Index i : rows) mean += y[i] / static_cast<double>(rows.size());
    for (const Index i : rows) y[i] = mean;
  }
  for (Index i = 0; i < data.X.rows(); ++i) {
    if (is_zero_row(data.X, i)) y[i] = output_at_zero(data, activation);
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
  const Vec nearest = attainable_targets(data, activation);
  for (Index i = 0; i < data.X.rows(); ++i) {
    if (data.y[i] != nearest[i] && is_zero_row(data.X, i)) ++conflicts.zero_rows;
  }
  conflicts.floor = arma::norm(data.y - nearest);
  return conflicts;
}

/// Rows of the data in the order given, each times its scale like its target.
std::shared_ptr<const NetworkData> some_rows(const NetworkData& data, const std::vector<Index>& rows, const std::vector<double>& scale) {
  const arma::uvec index = arma::conv_to<arma::uvec>::from(rows);
  Vec y = data.y.elem(index);
  for (Index i = 0; i < rows.size(); ++i) y[i] *= scale[i];
  if (!data.X.is_sparse()) {
    arma::mat columns = data.X.dense().cols(index);
    for (Index i = 0; i < rows.size(); ++i) columns.col(i) *= scale[i];
    return std::make_shared<const NetworkData>(DataMatrix::from_rows(std::move(columns)), std::move(y), data.signs);
  }
  arma::sp_mat columns(data.X.cols(), rows.size());
  for (Index i = 0; i < rows.size(); ++i) columns.col(i) = scale[i] * data.X.sparse().col(rows[i]);
  return std::make_shared<const NetworkData>(DataMatrix(arma::sp_mat(columns.t())), std::move(y), data.signs);
}

/// f, Φ and r = f − y at one W.
struct NetworkPoint {
  ActivationPattern pattern;
  Vec residual;
  double value;

  NetworkPoint(const NetworkData& data, const Activation& activation, const Vec& W)
      : pattern(data.X.rows(), data.signs.n_elem, activation),
        residual(forward(data.X, data.signs, activation, W.memptr(), &pattern) - data.y),
        value(0.5 * arma::dot(residual, residual)) {}
};

class NetworkLinearization final : public Linearization {
 public:
  NetworkLinearization(const std::shared_ptr<const NetworkData>& data, NetworkPoint point)
      : value_(point.value), residual_(std::move(point.residual)) {
    auto J = std::make_shared<const NetworkJacobian>(data, std::move(point.pattern));
    J->multiply_transposed(residual_, gradient_);
    const double norm = arma::norm(residual_);
    // The outputs, of the size of the targets, are what is rounded; ½‖r‖² may be smaller by any factor.
    resolution_ = 8 * std::numeric_limits<double>::epsilon() * norm * (norm + arma::norm(data->y));
    minus_residual_ = -residual_;
    const bool adjoint = J->parameters() >= J->points();
    if (!adjoint) minus_gradient_ = -gradient_;
    form_ = adjoint ? StepForm::adjoint : StepForm::direct;
    A_ = adjoint ? adjoint_operator(std::move(J)) : direct_operator(std::move(J));
  }

  double value() const override { return value_; }
  double value_resolution() const override { return resolution_; }
  const Vec& gradient() const override { return gradient_; }
  std::shared_ptr<const Operator> matrix() const override { return A_; }
  StepForm step_form() const override { return form_; }
  const Vec& right_hand_side() const override { return form_ == StepForm::adjoint ? minus_residual_ : minus_gradient_; }
  const Vec* least_squares_target() const override { return form_ == StepForm::direct ? &minus_residual_ : nullptr; }
  double residual_norm() const override { return arma::norm(residual_); }

 private:
  double value_, resolution_ = 0;
  Vec residual_, gradient_, minus_residual_, minus_gradient_;
  StepForm form_;
  std::shared_ptr<const Operator> A_;
};

/// Keeps what the last value(t) computed, so that the accepted point costs one forward pass.
class NetworkLine final : public Line {
 public:
  NetworkLine(std::shared_ptr<const NetworkData> data, Activation activation, const Vec& theta, const Vec& p)
      : data_(std::move(data)), activation_(activation), theta_(theta), p_(p) {}

  double value(double t) override { return at(t).value; }
  std::unique_ptr<Linearization> linearize(double t) override {
    at(t);
    auto linearization = std::make_unique<NetworkLinearization>(data_, std::move(*point_));
    point_.reset();
    return linearization;
  }

 private:
  const NetworkPoint& at(double t) {
    if (!point_ || t != t_) point_ = std::make_unique<NetworkPoint>(*data_, activation_, theta_ + t * p_);
    t_ = t;
    return *point_;
  }

  std::shared_ptr<const NetworkData> data_;
  Activation activation_;
  const Vec &theta_, &p_;
  double t_ = 0;
  std::unique_ptr<NetworkPoint> point_;
};

}  // namespace

TwoLayerRelu::TwoLayerRelu(DataMatrix X, Vec y, TwoLayerReluOptions options) {
  check(X, y, options);
  check_activation(options.activation);
  check_memory(X, options);
  auto network = std::make_shared<const NetworkData>(std::move(X), std::move(y), draw_signs(options.seed, options.width));
  const Conflicts conflicts = find_conflicts(*network, options.activation);
  data_ = std::make_shared<const Data>(Data{std::move(network), options, conflicts});
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
  return activation().kind == Activation::Kind::relu ? "two_layer_relu" : fmt::format("two_layer_softplus({:g})", activation().sharpness);
}

std::string TwoLayerRelu::formula() const {
  const std::string phi =
      activation().kind == Activation::Kind::relu ? "max(z, 0)" : fmt::format("log(1+exp({0:g}z))/{0:g}", activation().sharpness);
  return fmt::format("½ Σ (f(xᵢ) − yᵢ)², f(x) = m^(-1/2) Σ aᵣ φ(⟨wᵣ,x⟩), φ(z) = {}, m = {}, aᵣ = ±1 fixed", phi, width());
}

Index TwoLayerRelu::parameters() const { return width() * data().cols(); }

double TwoLayerRelu::value(const Vec& W) const {
  require_size(W.n_elem, parameters(), "W", "width x columns of X");
  const Vec residual = forward(data(), output_signs(), activation(), W.memptr(), nullptr) - target();
  return 0.5 * arma::dot(residual, residual);
}

std::unique_ptr<Linearization> TwoLayerRelu::linearize(const Vec& W) const {
  require_size(W.n_elem, parameters(), "W", "width x columns of X");
  return std::make_unique<NetworkLinearization>(data_->network, NetworkPoint(*data_->network, activation(), W));
}

std::unique_ptr<Line> TwoLayerRelu::along(const Vec& W, const Vec& p) const {
  require_size(W.n_elem, parameters(), "W", "width x columns of X");
  require_size(p.n_elem, parameters(), "p", "width x columns of X");
  return std::make_unique<NetworkLine>(data_->network, activation(), W, p);
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

Vec TwoLayerRelu::initial_weights() const {
  Vec W(parameters());
  Seed(data_->options.seed).split(Purpose::initial_weights).normal(0, std::span<double>(W.memptr(), W.n_elem));
  return W;
}

const Vec& TwoLayerRelu::output_signs() const { return data_->network->signs; }
Index TwoLayerRelu::width() const { return data_->options.width; }
const DataMatrix& TwoLayerRelu::data() const { return data_->network->X; }
const Vec& TwoLayerRelu::target() const { return data_->network->y; }
const Activation& TwoLayerRelu::activation() const { return data_->options.activation; }
const TwoLayerRelu::Conflicts& TwoLayerRelu::conflicts() const { return data_->conflicts; }

Vec TwoLayerRelu::predict(const DataMatrix& X, const Vec& W) const {
  require_size(W.n_elem, parameters(), "W", "width x columns of X");
  if (X.cols() != data().cols()) {
    throw InputError(fmt::format("X has {} columns, the net was made for {}.{}", X.cols(), data().cols(),
                                 X.rows() == data().cols() ? " Is X stored with points as columns? Use points_as_columns(X)." : ""));
  }
  return forward(X, output_signs(), activation(), W.memptr(), nullptr);
}

}  // namespace raphson
