#include <raphson/core/dense.hpp>
#include <raphson/core/row_gram.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/preconditioners/sketched.hpp>
#include <raphson/solvers/preconditioners/triangular.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace raphson {
namespace {

template <class Real>
void gram_in(const GramSystem& system, Mat<Real>& G) {
  if constexpr (sizeof(Real) == 4) {
    system.A->gram_single(G);
  } else {
    system.A->gram(G);
  }
}

/// Noise of a Gram matrix whose factors were rounded to eight bits, relative to its diagonal: (max/127)²/12 over the mean square, for
/// columns whose largest entry is about eight times the typical one. Where pivots are not well above, it is no use.
constexpr double rounding_noise = 3e-4, useful_error = 0.3;

/// Factor of a matrix G from rounded numbers. False when it broke down or means too little; `error` as in Preconditioner.
bool factor_rounded(Mat<float>& G, const Vec& mu, ScaledFactor<float>& factor, double& error) {
  if (!cholesky_factor(G, mu, 0, factor)) return false;
  error = rounding_noise / least_pivot(factor);
  return error <= useful_error;
}

/// BBᵀ + diag(μ) in precision Real by the ways that `how` permits, in order; `text` names the one that worked.
template <class Real>
bool factor_sketch(const Mat<Real>& B, const Vec& mu, SketchFactor how, bool rounded, ScaledFactor<Real>& factor, std::string& text) {
  const DenseRows<Real> rows{B.memptr(), B.n_cols, B.n_rows, B.n_rows};
  if constexpr (sizeof(Real) == 4) {
    Mat<float> G;
    double error;
    text = "i8, Cholesky";
    if (rounded && how != SketchFactor::qr && rounded_row_gram(rows, G) && factor_rounded(G, mu, factor, error)) return true;
  }
  const std::string precision = sizeof(Real) == 4 ? "f32, " : "f64, ";
  const auto cholesky_way = [&](double shift) {
    Mat<Real> G;
    row_gram(rows, G);
    return cholesky_factor(G, mu, shift, factor);
  };
  text = precision + "Cholesky";
  if (how != SketchFactor::qr && cholesky_way(0)) return true;
  text = precision + "QR";
  if (how != SketchFactor::cholesky && lq_stack_factor(B, mu, 0, factor)) return true;
  if (how == SketchFactor::cholesky) {
    text = precision + "shifted Cholesky";
    return cholesky_way(rescue_shift<Real>(B.n_rows));
  }
  text = precision + "shifted QR";
  return lq_stack_factor(B, mu, rescue_shift<Real>(B.n_rows), factor);
}

/// Whether the largest entry is finite and sums of squares of B neither overflow nor vanish in single precision.
bool squares_fit(const Mat<float>& B) {
  const Blocks blocks = cut(B.n_elem, 1 << 16);
  std::vector<std::int32_t> largest(blocks.count(), 0);  // magnitudes are ordered like their bits, infinity and NaN above all numbers
  parallel_for(blocks.count(), [&](Index block) {
    std::int32_t most = 0;
    for (Index e = blocks.begin(block); e < blocks.end(block); ++e) most = std::max(most, std::bit_cast<std::int32_t>(std::abs(B.mem[e])));
    largest[block] = most;
  });
  const float most = std::bit_cast<float>(*std::max_element(largest.begin(), largest.end()));
  return most > 1e-14f && most < 1e15f;
}

class SketchedKind final : public PreconditionerKind {
 public:
  SketchedKind(SketchOptions options, Index default_factor) : options_(std::move(options)), default_factor_(default_factor) {}

  std::string name() const override { return options_.kind ? options_.kind->name() : "sketch"; }

  std::unique_ptr<Preconditioner> build(const GramSystem& system, Index attempt, std::string& why) const override {
    const SingleThreadedBlas blas;
    if (options_.precision != Precision::f64 && attempt == 0) return build_in<float>(system, attempt, why);
    return build_in<double>(system, attempt, why);
  }

  Estimate estimate_build(const GramSystem& system, const Machine& machine) const override {
    return sketched_build_estimate(system, machine, options_, rows(system, 0));
  }

  Index sketch_size(const GramSystem& system) const override {
    const Index s = rows(system, 0);
    return s < system.A->rows() ? s : 0;
  }

 private:
  Index rows(const GramSystem& system, Index attempt) const {
    return raphson::sketch_size(options_, system.A->rows(), system.size(), default_factor_) << attempt;
  }

  template <class Real>
  std::unique_ptr<Preconditioner> build_in(const GramSystem& system, Index attempt, std::string& why) const {
    const Index s = rows(system, attempt);
    const bool rounded = options_.precision == Precision::i8 && attempt == 0;
    if (s >= system.A->rows()) return exact_gram<Real>(system, s, rounded, why);
    const auto kind = attempt == 0 ? chosen_sketch(options_, *system.A) : sparse_sign_sketch();
    const Seed seed = attempt == 0 ? system.seed.split(Purpose::sketch) : system.seed.split(Purpose::retry, attempt);
    Mat<Real> B;
    const auto S = kind->make_for(*system.A, s, seed);
    if constexpr (sizeof(Real) == 4) {
      system.A->sketch_single(*S, B);
      if (!squares_fit(B)) return build_in<double>(system, attempt, why);
    } else {
      system.A->sketch(*S, B);
    }
    const std::string what = fmt::format("{} s = {}", kind->name(), s);
    if (system.interrupted()) {
      why = fmt::format("{}: stopped before it was factored", what);
      return nullptr;
    }
    if (!all_finite(B)) {
      why = fmt::format("{}: the sketch is not finite", what);
      return nullptr;
    }
    ScaledFactor<Real> factor;
    std::string way;
    if (!factor_sketch(B, system.shift_diagonal(), options_.factor, rounded, factor, way)) {
      why = fmt::format("{}: {} broke down", what, way);
      return nullptr;
    }
    return std::make_unique<TriangularPreconditioner<Real>>(std::move(factor), fmt::format("{}, {}", what, way), s);
  }

  template <class Real>
  std::unique_ptr<Preconditioner> exact_gram(const GramSystem& system, Index s, bool rounded, std::string& why) const {
    const Vec mu = system.shift_diagonal();
    ScaledFactor<Real> factor;
    const auto made = [&](const char* precision, double error) {
      const std::string text =
          fmt::format("AᵀA itself, {}: a sketch of {} rows would not be smaller than the {} rows of A", precision, s, system.A->rows());
      return std::make_unique<TriangularPreconditioner<Real>>(std::move(factor), text, 0, error);
    };
    if constexpr (sizeof(Real) == 4) {
      Mat<float> G;
      double error;
      if (rounded && system.A->gram_rounded(G) && factor_rounded(G, mu, factor, error)) return made("i8", std::max(error, 0.01));
    }
    for (const double shift : {0.0, rescue_shift<Real>(system.size())}) {
      Mat<Real> G;
      gram_in(system, G);
      if (system.interrupted()) {
        why = "AᵀA: stopped before it was factored";
        return nullptr;
      }
      if (!all_finite(G)) {
        why = "AᵀA is not finite";
        return nullptr;
      }
      if (cholesky_factor(G, mu, shift, factor)) {
        const double error = static_cast<double>(std::numeric_limits<Real>::epsilon()) * 100 / least_pivot(factor);
        return made(sizeof(Real) == 4 ? "f32" : "f64", shift > 0 ? 1.0 : std::min(error, 1.0));
      }
    }
    why = "the Cholesky factorization of AᵀA broke down";
    return nullptr;
  }

  SketchOptions options_;
  Index default_factor_;
};

}  // namespace

std::shared_ptr<const PreconditionerKind> sketched_preconditioner(SketchOptions options, Index default_factor) {
  return std::make_shared<SketchedKind>(std::move(options), default_factor);
}

}  // namespace raphson
