// The linear system by itself, with a matrix known only by its products: a signal blurred by a moving average is recovered from noisy
// samples by ridge regression, minimize ‖Az − c‖² + μ‖z‖², that is (AᵀA + μI) z = Aᵀc.
#include <raphson/raphson.hpp>

#include <cmath>
#include <cstdio>
#include <span>

using namespace raphson;

int main() {
  const Index k = 20000, width = 25, N = k + width - 1;
  // (Az)ᵢ is the mean of z over a window: running sums make it O(N) instead of O(N·width).
  const auto blur = [=](const Vec& z, Vec& y) {
    double sum = 0;
    for (Index i = 0; i < N; ++i) {
      if (i < k) sum += z(i);
      if (i >= width) sum -= z(i - width);
      y(i) = sum / double(width);
    }
  };
  const auto adjoint = [=](const Vec& y, Vec& z) {
    double sum = 0;
    for (Index i = N; i-- > 0;) {
      sum += y(i);
      if (i + width < N) sum -= y(i + width);
      if (i < k) z(i) = sum / double(width);
    }
  };
  const auto A = std::make_shared<FunctionOperator>(N, k, blur, adjoint);

  Vec signal(k), noise(N), c(N);
  for (Index i = 0; i < k; ++i) signal(i) = std::sin(double(i) / 300) + (i / 40 * 7 % 11 < 5 ? 1.0 : -1.0);
  Seed{1}.normal(0, std::span<double>(noise.memptr(), noise.n_elem));
  blur(signal, c);
  const double before = arma::norm(c.subvec(width / 2, width / 2 + k - 1) - signal) / arma::norm(signal);
  c += 1e-4 * noise;

  Vec b(k);
  adjoint(c, b);
  GramSystem system;
  system.A = A;
  system.b = &b;
  system.shift = 1e-6;
  system.tolerance = 1e-10;

  Cg cg;
  Vec z;
  const LinearReport report = cg.solve(system, z);
  const double after = arma::norm(z - signal) / arma::norm(signal);
  std::printf("%s: %s, %zu iterations, relative residual %.1e (recomputed: %.1e)\n", report.used.c_str(), to_string(report.status).c_str(),
              report.iterations, report.relative_residual, system.relative_residual(z));
  std::printf("relative error of the signal: blurred %.3f, recovered %.3f\n", before, after);
  return report.status == LinearStatus::converged && after < 0.5 * before ? 0 : 1;
}
