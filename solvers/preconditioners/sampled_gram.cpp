#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/row_sample.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/preconditioners/sampled_gram.hpp>
#include <raphson/solvers/preconditioners/sketched.hpp>
#include <raphson/solvers/preconditioners/triangular.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

namespace raphson {
namespace {

/// G becomes T G T with the diagonal given.
void give_diagonal(const Vec& diagonal, Mat<float>& G) {
  const Index k = G.n_rows;
  Vec t(k);
  for (Index j = 0; j < k; ++j) t(j) = G(j, j) > 0 ? std::sqrt(diagonal(j) / static_cast<double>(G(j, j))) : 0.0;
  const Blocks blocks = cut(k, 64);
  parallel_for(blocks.count(), [&](Index b) {
    for (Index j = blocks.begin(b); j < blocks.end(b); ++j) {
      for (Index i = 0; i < k; ++i) G(i, j) *= static_cast<float>(t(i) * t(j));
      G(j, j) = static_cast<float>(diagonal(j));
    }
  });
}

class SampledGramKind final : public PreconditionerKind {
 public:
  explicit SampledGramKind(Index share) : share_(share) {}

  std::string name() const override { return "sampled-rows"; }

  std::unique_ptr<Preconditioner> build(const GramSystem& system, Index attempt, std::string& why) const override {
    const SingleThreadedBlas blas;
    const Index N = system.A->rows(), share = attempt == 0 ? share_ : 2;
    if (attempt > 1 || N < share) return sketched_preconditioner({.size = N >= system.size() ? N : 0})->build(system, 0, why);
    const Seed seed = attempt == 0 ? system.seed.split(Purpose::sketch) : system.seed.split(Purpose::retry, attempt);
    Mat<float> G;
    Vec diagonal;
    system.A->sampled_gram(one_row_of_every(share, N, seed), G);
    system.A->gram_diagonal(diagonal);
    const std::string what = fmt::format("{} of {} rows", N / share, N);
    if (system.interrupted()) {
      why = fmt::format("{}: stopped before their Gram matrix was factored", what);
      return nullptr;
    }
    give_diagonal(diagonal, G);
    ScaledFactor<float> factor;
    if (!cholesky_factor(G, system.shift_diagonal(), 0, factor)) {
      why = fmt::format("{}: the Cholesky factorization of their Gram matrix broke down", what);
      return nullptr;
    }
    return std::make_unique<TriangularPreconditioner<float>>(std::move(factor), what + ", f32, Cholesky", N / share);
  }

  Estimate estimate_build(const GramSystem& system, const Machine& machine) const override {
    const double k = static_cast<double>(system.size()), bytes = 4 * k * k;
    const double seconds = gram_seconds(*system.A, machine) / static_cast<double>(share_) + product_seconds(*system.A, machine) +
                           factor_seconds(system.size(), machine, Precision::f32);
    return {.seconds = seconds, .bytes = bytes, .advice = smaller_solvers(system, bytes)};
  }

  Index sketch_size(const GramSystem& system) const override { return system.A->rows() / share_; }

 private:
  Index share_;
};

}  // namespace

std::shared_ptr<const PreconditionerKind> sampled_gram_preconditioner(Index share) {
  if (share < 1) throw InputError("sampled_gram_preconditioner: share = 0; one row of every so many is drawn, give 1 or more.");
  return std::make_shared<SampledGramKind>(share);
}

}  // namespace raphson
