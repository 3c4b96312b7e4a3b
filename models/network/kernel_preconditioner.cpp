#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/angle_shares.hpp>
#include <raphson/models/network/kernel_preconditioner.hpp>
#include <raphson/models/network/tiles.hpp>
#include <raphson/models/two_layer_relu.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <mutex>
#include <numbers>

namespace raphson {
namespace {

/// L Lᵀ = K + (μ + extra)·I in either precision.
struct KernelFactor {
  Mat<float> single;
  Mat<double> full;  ///< used when `single` is empty
  double shift = 0, extra = 0;

  Index size() const { return single.is_empty() ? full.n_rows : single.n_rows; }
};

/// Whether every pivot stands clear of rounding errors: k·ε of the largest diagonal entry.
template <class Real>
bool safely_factored(Mat<Real>& G) {
  const double largest = static_cast<double>(G.diag().max());
  if (!cholesky(G)) return false;
  const double floor = std::numeric_limits<Real>::epsilon() * static_cast<double>(G.n_rows) * largest;
  const double pivot = static_cast<double>(G.diag().min());
  return pivot * pivot > floor;
}

/// What decides K beside the data.
struct Layers {
  Index hidden;
  bool output;  ///< trained too
};

/// relu_kernel from inner products and norms, in place: cos of the next angle is (sin θ + (π − θ) cos θ)/π.
void kernel_of(const Layers& layers, Index count, const double* norms, double* inner) {
  std::vector<double> cosine(count), share(count), tangent(count, 0.0);
  for (Index e = 0; e < count; ++e) cosine[e] = norms[e] > 0 ? inner[e] / norms[e] : 0;
  for (Index l = 0; l < layers.hidden; ++l) {
    angle_shares(cosine.data(), count, share.data());
    for (Index e = 0; e < count; ++e) tangent[e] = (inner[e] + tangent[e]) * (2 * share[e]);
    if (l + 1 == layers.hidden && !layers.output) break;
    for (Index e = 0; e < count; ++e) {
      const double c = cosine[e];
      cosine[e] = std::sqrt(std::max(0.0, 1 - c * c)) / std::numbers::pi + 2 * share[e] * c;
      inner[e] = norms[e] * cosine[e];
    }
  }
  for (Index e = 0; e < count; ++e) inner[e] = (layers.output ? tangent[e] + inner[e] : tangent[e]) / 2;
}

/// Lower triangle of relu_kernel + shift·I in single precision, tile by tile: the angle of nearly parallel rows is good
/// to 1e-8 only.
Mat<float> single_kernel(const DataMatrix& X, const Layers& layers, double shift) {
  Vec squares(X.rows());
  for (Index i = 0; i < squares.n_elem; ++i) inner_products(X, i, 1, i, 1, &squares[i]);
  const Blocks tiles{X.rows(), 64};
  const auto pairs = lower_pairs(tiles.count());
  Mat<float> K(X.rows(), X.rows());
  parallel_for(pairs.size(), [&](Index t) {
    const auto [I, J] = pairs[t];
    const Index i = tiles.begin(I), rows = tiles.length(I), j = tiles.begin(J), cols = tiles.length(J);
    std::vector<double> inner(rows * cols), norms(rows * cols);
    inner_products(X, i, rows, j, cols, inner.data());
    for (Index b = 0; b < cols; ++b) {
      for (Index a = 0; a < rows; ++a) norms[b * rows + a] = std::sqrt(squares[i + a]) * std::sqrt(squares[j + b]);
    }
    kernel_of(layers, rows * cols, norms.data(), inner.data());
    for (Index b = 0; b < cols; ++b) {
      for (Index a = 0; a < rows; ++a) K(i + a, j + b) = static_cast<float>(inner[b * rows + a]);
    }
  });
  const double trained = static_cast<double>(layers.hidden + (layers.output ? 1 : 0));
  for (Index i = 0; i < X.rows(); ++i) K(i, i) = static_cast<float>(0.5 * trained * squares[i] + shift);
  return K;
}

std::shared_ptr<const KernelFactor> factor_kernel(const DataMatrix& X, const Layers& layers, double shift) {
  auto factor = std::make_shared<KernelFactor>();
  factor->shift = shift;
  factor->single = single_kernel(X, layers, shift);
  if (safely_factored(factor->single)) return factor;
  factor->single.reset();
  arma::mat K = relu_kernel(X, layers.hidden, layers.output);
  const double largest = K.diag().max();
  if (!(largest > 0) || !all_finite(K)) return nullptr;
  K.diag() += shift;
  for (const double extra : {0.0, 1e-10 * largest, 1e-7 * largest}) {
    factor->full = K;
    factor->full.diag() += extra;
    factor->extra = extra;
    if (safely_factored(factor->full)) return factor;
  }
  return nullptr;
}

/// Of the mean diagonal entry of K, about: shifts below are factored as this, which costs CG a step or two at most.
constexpr double least_shift = 1e-6;

/// The power of four nearest to a positive number.
double power_of_four(double x) { return std::exp2(2 * std::round(std::log2(x) / 2)); }

/// ½H times the mean of ‖xᵢ‖².
double mean_diagonal(const DataMatrix& X, const Layers& layers) {
  double sum = 0, square = 0;
  for (Index i = 0; i < X.rows(); ++i) {
    inner_products(X, i, 1, i, 1, &square);
    sum += square;
  }
  return 0.5 * static_cast<double>(layers.hidden + (layers.output ? 1 : 0)) * sum / static_cast<double>(X.rows());
}

/// K⁻¹ on each of so many vectors of n, one after the other.
class KernelPreconditioner final : public Preconditioner {
 public:
  KernelPreconditioner(std::shared_ptr<const KernelFactor> factor, Index outputs) : factor_(std::move(factor)), outputs_(outputs) {}
  std::string name() const override {
    return fmt::format("relu-kernel, {}{}", factor_->single.is_empty() ? "f64" : "f32", factor_->extra > 0 ? ", shifted" : "");
  }
  Index size() const override { return outputs_ * factor_->size(); }
  double extra_shift() const override { return factor_->extra; }
  void solve(const Vec& r, Vec& z) const override {
    if (outputs_ > 1) {
      const Index n = factor_->size();
      z.set_size(r.n_elem);
      Vec part;
      for (Index c = 0; c < outputs_; ++c) {
        solve_output(r.subvec(c * n, (c + 1) * n - 1), part);
        z.subvec(c * n, (c + 1) * n - 1) = part;
      }
      return;
    }
    solve_output(r, z);
  }

 private:
  void solve_output(const Vec& r, Vec& z) const {
    if (factor_->single.is_empty()) {
      z = r;
      return cholesky_solve(factor_->full, z);
    }
    const double scale = arma::norm(r, "inf");
    if (scale == 0 || !std::isfinite(scale)) {
      z = r;
      return;
    }
    Col<float> x = arma::conv_to<Col<float>>::from(r / scale);
    cholesky_solve(factor_->single, x);
    z = scale * arma::conv_to<Vec>::from(x);
  }

  std::shared_ptr<const KernelFactor> factor_;
  Index outputs_;
};

class KernelKind final : public PreconditionerKind {
 public:
  KernelKind(DataMatrix X, const Layers& layers)
      : X_(std::move(X)), layers_(layers), least_shift_(least_shift * mean_diagonal(X_, layers)) {}
  std::string name() const override { return "relu-kernel"; }

  std::unique_ptr<Preconditioner> build(const GramSystem& system, Index attempt, std::string& why) const override {
    if (system.size() % X_.rows() != 0) {
      why =
          fmt::format("relu-kernel: {} unknowns, but the data have {} rows; it is for systems in Jᵀ (md ≥ n), one unknown a row and output",
                      system.size(), X_.rows());
      return nullptr;
    }
    if (attempt > 0 || system.penalty) {
      why = system.penalty ? "relu-kernel: a penalty that differs between unknowns is not supported" : "relu-kernel has no other way";
      return nullptr;
    }
    const std::lock_guard lock(mutex_);
    if (const double shift = factored_shift(system); !factor_ || factor_->shift != shift) {
      const SingleThreadedBlas blas;
      factor_ = factor_kernel(X_, layers_, shift);
    }
    if (!factor_) {
      why = "relu-kernel: K is singular (rows of zeros, or non-finite data)";
      return nullptr;
    }
    return std::make_unique<KernelPreconditioner>(factor_, system.size() / X_.rows());
  }

  Estimate estimate_build(const GramSystem& system, const Machine& machine) const override {
    const double n = static_cast<double>(X_.rows()), d = static_cast<double>(X_.cols());
    const std::lock_guard lock(mutex_);
    const bool kept = factor_ && factor_->shift == factored_shift(system);
    // An element costs some 60 flops of gemm a layer beside its inner product.
    const double make =
        n * n * (2 * d + 60 * static_cast<double>(layers_.hidden)) / machine.gemm + n * n * n / 3 / machine.factor_rate(X_.rows(), true);
    return {.seconds = kept ? 0 : make, .bytes = 4 * n * n, .advice = {}};
  }
  Index sketch_size(const GramSystem&) const override { return 0; }
  /// However wide the net: of one layer it is the weights' moving that is left, and each further layer's randomness moves JJᵀ further from
  /// its expectation.
  double condition() const override { return layers_.hidden == 1 ? 1.1 : 4 * static_cast<double>(layers_.hidden * layers_.hidden); }

 private:
  /// What is factored for a system's shift: so rounded that the factor outlives changes of damping, without depending on the systems
  /// before.
  double factored_shift(const GramSystem& system) const {
    return system.shift > 0 ? power_of_four(std::max(system.shift, least_shift_)) : 0;
  }

  DataMatrix X_;
  Layers layers_;
  double least_shift_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const KernelFactor> factor_;
};

}  // namespace

std::shared_ptr<const PreconditionerKind> relu_kernel_preconditioner(DataMatrix X, Index hidden_layers, bool output) {
  if (hidden_layers == 0) throw InputError("relu-kernel: no hidden layers. Give at least 1.");
  return std::make_shared<KernelKind>(std::move(X), Layers{hidden_layers, output});
}

}  // namespace raphson
