// Kernels of two-layer ReLU networks beside BLAS, in one run: bench-nets_kernels [threads] [--target avx2]. Least of five repeats; ratios
// count. --tensor: TensorSketch instead, a column at a time, by its definition and by FFT. --target takes one of this machine's instruction
// sets in place of the best one: avx2, avx3, avx3_dl, sse2.
#include <raphson/core/dense.hpp>
#include <raphson/core/interrupt.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/jacobian.hpp>
#include <raphson/solvers/sketches/circular_convolution.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <hwy/targets.h>

using namespace raphson;

namespace {

template <class Run>
double seconds(const Run& run, int repeats = 5) {
  double best = 1e300;
  for (int r = 0; r < repeats; ++r) {
    const Stopwatch watch;
    run();
    best = std::min(best, watch.seconds());
  }
  return best;
}

template <class Real>
Mat<Real> random(Index rows, Index cols, std::uint64_t key) {
  Mat<Real> A(rows, cols);
  Seed(key).normal(0, std::span<Real>(A.memptr(), A.n_elem));
  return A;
}

/// XᵀW by tiles of 256 × 64, all threads: what BLAS does with the projection alone.
template <class Real>
double projection_seconds(Index n, Index d, Index m) {
  const Mat<Real> X = random<Real>(d, n, 1), W = random<Real>(d, m, 2);
  const Blocks points{n, 64};
  return seconds([&] {
    parallel_for(points.count(), [&](Index b) {
      std::vector<Real> tile(256 * 64);
      for (Index r = 0; r < m; r += 256) {
        const Index count = std::min(Index{256}, m - r);
        gemm<Real>(true, false, count, points.length(b), d, 1, W.colptr(r), d, X.colptr(points.begin(b)), d, 0, tile.data(), 256);
      }
    });
  });
}

/// Φ Φᵀ from an expanded pattern of at most 4096 neurons, in flops a second.
template <class Real>
double syrk_rate(Index n, Index m) {
  const Index columns = std::min<Index>(m, 4096);
  const Mat<Real> Phi = random<Real>(n, columns, 3);
  Mat<Real> G(n, n, arma::fill::zeros);
  const double time = seconds([&] { add_outer_gram<Real>(n, columns, Phi.memptr(), n, 0, G); }, 3);
  return double(n) * double(n) * double(columns) / time;
}

void measure(Index n, Index d, Index m) {
  const arma::mat X = arma::normalise(random<double>(d, n, 1)), W = random<double>(d, m, 2);
  Vec signs(m);
  for (Index r = 0; r < m; ++r) signs[r] = Seed(3).bits(r) % 2 == 0 ? 1 : -1;
  const auto data = std::make_shared<const NetworkData>(DataMatrix::from_rows(arma::mat(X)), Vec(n, arma::fill::zeros), signs);
  ActivationPattern pattern(n, m, Activation::relu());
  const double flops = 2 * double(n) * double(d) * double(m);
  const double forward_time = seconds([&] { forward(data->X, signs, Activation::relu(), W.memptr(), &pattern); });
  const NetworkJacobian J(data, std::move(pattern));
  arma::mat v = random<double>(n, 1, 4), u, y, G;
  arma::fmat S;
  const double transposed = seconds([&] { J.multiply_transposed(v, u); }), direct = seconds([&] { J.multiply(u, y); });
  const double normal = seconds([&] { J.multiply_normal(v, y); });
  const double gram = seconds([&] { J.point_gram(G); }), single = seconds([&] { J.point_gram(S); });
  const double macs = double(n) * double(n + 1) / 2 * double(m), dsyrk = syrk_rate<double>(n, m);
  const double sgemm_time = projection_seconds<float>(n, d, m), dgemm_time = projection_seconds<double>(n, d, m);
  fmt::print("n = {}, d = {}, m = {}\n", n, d, m);
  fmt::print("  forward      {:8.2f} ms   {:.2f} x sgemm projection, {:.2f} x dgemm projection\n", 1e3 * forward_time,
             forward_time / sgemm_time, forward_time / dgemm_time);
  fmt::print("  Gram         {:8.2f} ms   {:.0f} Gbit-mac/s, {:.1f} times as fast as dsyrk ({:.0f} GF/s); float {:.2f} ms\n", 1e3 * gram,
             macs / gram / 1e9, double(n) * double(n) * double(m) / dsyrk / gram, dsyrk / 1e9, 1e3 * single);
  fmt::print("  J'v, J u     {:8.2f} ms, {:.2f} ms   {:.0f} GF/s as multiply-adds, {:.2f} x two dgemm projections; J J'v {:.2f} ms\n",
             1e3 * transposed, 1e3 * direct, 2 * flops / (transposed + direct) / 1e9, (transposed + direct) / (2 * dgemm_time),
             1e3 * normal);
}

/// 64 columns u ⊗ v of m · d numbers.
class RandomFactors final : public KroneckerColumns<double> {
 public:
  RandomFactors(Index m, Index d) : u_(random<double>(m, 64, 5)), v_(random<double>(d, 64, 6)) {}
  Index count() const override { return 64; }
  Index left() const override { return u_.n_rows; }
  Index right() const override { return v_.n_rows; }
  void left_factor(Index j, double* out) const override { std::copy_n(u_.colptr(j), u_.n_rows, out); }
  void right_factor(Index j, double* out) const override { std::copy_n(v_.colptr(j), v_.n_rows, out); }

 private:
  arma::mat u_, v_;
};

/// Where FFT begins to pay in TensorSketch, on one thread: what another feature costs by the definition against three transforms.
void measure_tensor(Index s) {
  const auto column = [s](Index d) {
    const RandomFactors A(s / 4, d);
    const auto S = tensor_sketch(d)->make(s, s / 4 * d, Seed(1));
    arma::mat B;
    return 1e6 * seconds([&] { S->apply_kronecker(A, B); }) / 64;
  };
  const double feature = (column(36) - column(4)) / 32;
  const auto fft = CircularConvolution<double>::make(s);
  const arma::mat a = random<double>(s, 2, 7);
  arma::vec out(s);
  const double transforms = 1e6 * seconds([&] { (*fft)(a.colptr(0), a.colptr(1), out.memptr()); }, 20);
  fmt::print("s = {:6}  {:.3f} us a feature, FFT {:.1f} us: pays from {:.0f} features = {:.1f} log2 s\n", s, feature, transforms,
             transforms / feature, transforms / feature / std::log2(double(s)));
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Makes the kernels use that instruction set; false, with the names of those there are, when this machine has none of that name.
bool choose_target(const std::string& name) {
  std::string names;
  for (std::int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
    const std::int64_t target = left & -left;
    if (lower(hwy::TargetName(target)) == lower(name)) {
      hwy::SetSupportedTargetsForTest(target);
      return true;
    }
    names += " " + lower(hwy::TargetName(target));
  }
  fmt::print(stderr, "--target {}: this machine has{}\n", name, names);
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  int asked = 2;
  bool tensor = false;
  for (int a = 1; a < argc; ++a) {
    if (std::string(argv[a]) == "--target" && a + 1 < argc) {
      if (!choose_target(argv[++a])) return 1;
    } else if (std::string(argv[a]) == "--tensor") {
      tensor = true;
    } else {
      asked = std::atoi(argv[a]);
    }
  }
  const ThreadScope threads(tensor ? 1 : asked);
  if (tensor) {
    if (!CircularConvolution<double>::make(8)) return fmt::print("--tensor: built without FFTW\n"), 1;
    for (const Index s : {Index{500}, Index{2000}, Index{8000}, Index{32000}}) measure_tensor(s);
    return 0;
  }
  for (const auto& [n, d, m] : {std::array<Index, 3>{500, 10, 4096}, {1000, 10, 65536}, {2000, 20, 16384}, {4000, 50, 16384}})
    measure(n, d, m);
}
