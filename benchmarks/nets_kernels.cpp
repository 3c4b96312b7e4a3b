// Kernels of two-layer ReLU networks beside BLAS, in one run: bench-nets_kernels [threads] [--target avx2]. Least of five repeats; ratios
// count. --target takes one of this machine's instruction sets in place of the best one: avx2, avx3, avx3_dl, sse2.
#include <raphson/core/dense.hpp>
#include <raphson/core/interrupt.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/jacobian.hpp>

#include <algorithm>
#include <array>
#include <cctype>
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
  int thread_count = 2;
  for (int a = 1; a < argc; ++a) {
    if (std::string(argv[a]) == "--target" && a + 1 < argc) {
      if (!choose_target(argv[++a])) return 1;
    } else {
      thread_count = std::atoi(argv[a]);
    }
  }
  const ThreadScope threads(thread_count);
  for (const auto& [n, d, m] : {std::array<Index, 3>{500, 10, 4096}, {1000, 10, 65536}, {2000, 20, 16384}, {4000, 50, 16384}})
    measure(n, d, m);
}
