// A sketch of your own: independent ±1/√s entries. It says how to apply itself; sketching rows, preconditioning and the rest follow.
#include <raphson/raphson.hpp>

#include <cmath>
#include <cstdio>
#include <span>
#include <vector>

namespace {

using raphson::Index;
using raphson::Seed;

template <class Real>
class Rademacher : public raphson::Sketch<Real> {
 public:
  Rademacher(Index s, Index N, Seed seed) : s_(s), N_(N), seed_(seed) {}
  std::string kind() const override { return "rademacher"; }
  Index rows() const override { return s_; }
  Index cols() const override { return N_; }

  // Column j of S is drawn when it is needed, from position j·words on: nothing is stored, and who asks first does not matter.
  void apply(const raphson::Mat<Real>& X, raphson::Mat<Real>& Y) const override {
    raphson::check_sketched_rows(X.n_rows, N_);
    Y.zeros(s_, X.n_cols);
    const Index words = (s_ + 63) / 64;
    const Real entry = Real(1 / std::sqrt(double(s_)));  // E[SᵀS] = I
    std::vector<std::uint64_t> bits(words);
    raphson::Col<Real> column(s_);
    for (Index j = 0; j < N_; ++j) {
      seed_.bits(j * words, bits);
      for (Index i = 0; i < s_; ++i) column(i) = (bits[i / 64] >> (i % 64)) & 1 ? entry : -entry;
      Y += column * X.row(j);
    }
  }

 private:
  Index s_, N_;
  Seed seed_;
};

class RademacherKind : public raphson::SketchKind {
 public:
  std::string name() const override { return "rademacher"; }
  std::unique_ptr<raphson::Sketch<double>> make(Index s, Index N, Seed seed) const override { return draw<double>(s, N, seed); }
  std::unique_ptr<raphson::Sketch<float>> make_single(Index s, Index N, Seed seed) const override { return draw<float>(s, N, seed); }
  double flops(Index s, Index N, Index k) const override { return 2.0 * double(s) * double(N) * double(k); }
  double bytes(Index s, Index N, Index k) const override { return 8.0 * double(N) * double(k) * double(s); }

 private:
  template <class Real>
  static std::unique_ptr<raphson::Sketch<Real>> draw(Index s, Index N, Seed seed) {
    raphson::check_sketch_size(s, N);
    return std::make_unique<Rademacher<Real>>(s, N, seed);
  }
};

}  // namespace

int main() {
  raphson::Generated data = raphson::generate_classification({.rows = 4000, .columns = 20, .scale_span = 1e3, .seed = 5});
  raphson::LinearModel model(data.C, data.y, raphson::logistic_loss(), {.l2 = 1e-3});
  const Index s = 8 * model.parameters();

  // How far it is from keeping lengths: extreme singular values of S on a random subspace, against the theory's 1 ± √(k/s).
  arma::mat M(4000, 20), Q, T;
  Seed{2}.normal(0, std::span<double>(M.memptr(), M.n_elem));
  arma::qr_econ(Q, T, M);
  const auto kind = std::make_shared<RademacherKind>();
  kind->make(s, 4000, Seed{1})->apply(Q, T);
  const raphson::Vec sigma = arma::svd(T);
  const double spread = std::sqrt(20.0 / double(s));
  std::printf("singular values of SQ between %.3f and %.3f; theory %.3f and %.3f\n", sigma.min(), sigma.max(), 1 - spread, 1 + spread);

  raphson::PreconditionedCg solver(raphson::SketchOptions{.kind = kind, .size = s});
  raphson::Vec x(model.parameters(), arma::fill::zeros);
  const raphson::Summary summary = raphson::minimize(model, solver, x);
  std::printf("%s: %s; %zu steps, %zu inner\n", to_string(summary.status).c_str(), summary.message.c_str(), summary.iterations,
              summary.inner_iterations);
  return summary.converged() && sigma.min() > 1 - 2 * spread && sigma.max() < 1 + 2 * spread ? 0 : 1;
}
