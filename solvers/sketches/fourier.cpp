#include <raphson/solvers/sketches/sketches.hpp>

#ifdef RAPHSON_WITH_FFTW

#include <raphson/solvers/sketches/fftw_plans.hpp>
#include <raphson/solvers/sketches/transform_sketch.hpp>

#include <cmath>
#include <limits>
#include <new>
#include <numbers>

namespace raphson {
namespace {

/// The smallest 2^a 3^b 5^c ≥ N: lengths at which FFTW is quick, at most a few per cent apart beyond 100.
Index smooth_length(Index N) {
  Index best = std::numeric_limits<Index>::max();
  for (Index five = 1; five < 5 * N; five *= 5)
    for (Index length = five; length < 3 * N; length *= 3) {
      Index candidate = length;
      while (candidate < N) candidate *= 2;
      best = std::min(best, candidate);
    }
  return best;
}

/// In-place DCT-II of `lanes` interleaved columns of a length. The plan is estimated, never timed, and ignores alignment: the same
/// length gives the same bits, always.
template <class Real>
class CosinePlan {
 public:
  CosinePlan(Index length, Index lanes) {
    const auto n = static_cast<std::ptrdiff_t>(length), stride = static_cast<std::ptrdiff_t>(lanes);
    constexpr unsigned flags = FFTW_ESTIMATE | FFTW_UNALIGNED;
    Real unused = 0;  // an estimating planner does not touch the data
    const std::lock_guard lock(fftw_planner());
    if constexpr (std::is_same_v<Real, double>) {
      const fftw_iodim64 transform{n, stride, stride}, columns{stride, 1, 1};
      const fftw_r2r_kind kind = FFTW_REDFT10;
      plan_ = fftw_plan_guru64_r2r(1, &transform, 1, &columns, &unused, &unused, &kind, flags);
    } else {
      const fftwf_iodim64 transform{n, stride, stride}, columns{stride, 1, 1};
      const fftwf_r2r_kind kind = FFTW_REDFT10;
      plan_ = fftwf_plan_guru64_r2r(1, &transform, 1, &columns, &unused, &unused, &kind, flags);
    }
    if (!plan_) throw std::bad_alloc();
  }
  ~CosinePlan() { destroy_plan<Real>(plan_); }
  CosinePlan(const CosinePlan&) = delete;
  CosinePlan& operator=(const CosinePlan&) = delete;

  void run(Real* panel) const {
    if constexpr (std::is_same_v<Real, double>)
      fftw_execute_r2r(plan_, panel, panel);
    else
      fftwf_execute_r2r(plan_, panel, panel);
  }

 private:
  FftwPlan<Real> plan_;
};

template <class Real>
class CosineSketch final : public TransformSketch<Real> {
 public:
  CosineSketch(Index s, Index N, Seed seed)
      : TransformSketch<Real>(s, N, smooth_length(N), seed), plan_(this->padded(), TransformSketch<Real>::lanes) {}
  std::string kind() const override { return "fourier"; }

 private:
  void transform(Real* panel) const override { plan_.run(panel); }
  /// FFTW's row i is 2 Σ xⱼ cos(π(j + ½)i/N′), of norm √(2N′), but 2√N′ for row 0; wanted is norm √(N′/s).
  double weight(Index row) const override { return (row == 0 ? 0.5 : 0.5 * std::numbers::sqrt2) / std::sqrt(double(this->rows())); }

  CosinePlan<Real> plan_;
};

class Fourier final : public SketchKind {
 public:
  std::string name() const override { return "fourier"; }
  std::unique_ptr<Sketch<double>> make(Index s, Index N, Seed seed) const override { return draw<double>(s, N, seed); }
  std::unique_ptr<Sketch<float>> make_single(Index s, Index N, Seed seed) const override { return draw<float>(s, N, seed); }
  double flops(Index, Index N, Index k) const override {
    const double padded = double(smooth_length(N));
    return 2.5 * padded * std::log2(padded) * double(k);
  }
  /// Measured: FFTW takes as long as 20 to 40 reads of its data.
  bool rounds_rows() const override { return true; }
  double bytes(Index s, Index N, Index k) const override {
    return 8.0 * (double(N) + 30 * double(smooth_length(N)) + double(s)) * double(k);
  }

 private:
  template <class Real>
  static std::unique_ptr<Sketch<Real>> draw(Index s, Index N, Seed seed) {
    check_sketch_size(s, N);
    return std::make_unique<CosineSketch<Real>>(s, N, seed);
  }
};

}  // namespace

std::shared_ptr<const SketchKind> fourier_sketch() { return std::make_shared<Fourier>(); }

}  // namespace raphson

#else

#include <raphson/core/error.hpp>

namespace raphson {

std::shared_ptr<const SketchKind> fourier_sketch() {
  throw InputError(
      "the fourier sketch is not in this build (RAPHSON_WITH_FFTW=OFF). Built in: gaussian, srht, count-sketch, sparse-sign, "
      "uniform-rows, norm-rows, leverage-rows.");
}

}  // namespace raphson

#endif
