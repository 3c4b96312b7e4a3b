#include <raphson/core/dense.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/kernel_preconditioner.hpp>
#include <raphson/models/two_layer_relu.hpp>

#include <fmt/format.h>
#include <cmath>
#include <mutex>

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

std::shared_ptr<const KernelFactor> factor_kernel(const DataMatrix& X, double shift) {
  auto factor = std::make_shared<KernelFactor>();
  factor->shift = shift;
  arma::mat K = relu_kernel(X);
  const double largest = K.diag().max();
  if (!(largest > 0) || !all_finite(K)) return nullptr;
  K.diag() += shift;
  factor->single = arma::conv_to<Mat<float>>::from(K);
  if (safely_factored(factor->single)) return factor;
  factor->single.reset();
  for (const double extra : {0.0, 1e-10 * largest, 1e-7 * largest}) {
    factor->full = K;
    factor->full.diag() += extra;
    factor->extra = extra;
    if (safely_factored(factor->full)) return factor;
  }
  return nullptr;
}

class KernelPreconditioner final : public Preconditioner {
 public:
  explicit KernelPreconditioner(std::shared_ptr<const KernelFactor> factor) : factor_(std::move(factor)) {}
  std::string name() const override {
    return fmt::format("relu-kernel, {}{}", factor_->single.is_empty() ? "f64" : "f32", factor_->extra > 0 ? ", shifted" : "");
  }
  Index size() const override { return factor_->size(); }
  double extra_shift() const override { return factor_->extra; }
  void solve(const Vec& r, Vec& z) const override {
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

 private:
  std::shared_ptr<const KernelFactor> factor_;
};

class KernelKind final : public PreconditionerKind {
 public:
  explicit KernelKind(DataMatrix X) : X_(std::move(X)) {}
  std::string name() const override { return "relu-kernel"; }

  std::unique_ptr<Preconditioner> build(const GramSystem& system, Index attempt, std::string& why) const override {
    if (system.size() != X_.rows()) {
      why = fmt::format("relu-kernel: {} unknowns, but the data have {} rows; it is for systems in Jᵀ (md ≥ n)", system.size(), X_.rows());
      return nullptr;
    }
    if (attempt > 0 || system.penalty) {
      why = system.penalty ? "relu-kernel: a penalty that differs between unknowns is not supported" : "relu-kernel has no other way";
      return nullptr;
    }
    const std::lock_guard lock(mutex_);
    if (!factor_ || factor_->shift != system.shift) {
      const SingleThreadedBlas blas;
      factor_ = factor_kernel(X_, system.shift);
    }
    if (!factor_) {
      why = "relu-kernel: K is singular (rows of zeros, or non-finite data)";
      return nullptr;
    }
    return std::make_unique<KernelPreconditioner>(factor_);
  }

  Estimate estimate_build(const GramSystem& system, const Machine& machine) const override {
    const double n = static_cast<double>(system.size()), d = static_cast<double>(X_.cols());
    const std::lock_guard lock(mutex_);
    const bool kept = factor_ && factor_->shift == system.shift;
    // A pair of rows costs about 30 flops of gemm beside its inner products.
    const double make = n * n * (3 * d + 100) / machine.gemm + n * n * n / 3 / machine.factor_single;
    return {.seconds = kept ? 0 : make, .bytes = 4 * n * n, .advice = {}};
  }
  Index sketch_size(const GramSystem&) const override { return 0; }

 private:
  DataMatrix X_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const KernelFactor> factor_;
};

}  // namespace

std::shared_ptr<const PreconditionerKind> relu_kernel_preconditioner(DataMatrix X) { return std::make_shared<KernelKind>(std::move(X)); }

}  // namespace raphson
