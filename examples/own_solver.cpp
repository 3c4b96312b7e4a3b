// A linear solver of your own: conjugate gradients preconditioned by the diagonal blocks of AᵀA, in one class. It plugs into minimize like
// those that come with the library, and is compared with two of them.
#include <raphson/core/dense.hpp>
#include <raphson/raphson.hpp>

#include <algorithm>
#include <cstdio>
#include <vector>

namespace {

using raphson::Index;
using raphson::Vec;

class BlockJacobiCg : public raphson::LinearSolver {
 public:
  explicit BlockJacobiCg(Index block) : block_(block) {}
  std::string name() const override { return "block-jacobi-cg"; }

  raphson::Estimate estimate(const raphson::GramSystem& system, const raphson::Machine&) const override {
    const double k = static_cast<double>(system.size()), N = static_cast<double>(system.A->rows()), p = static_cast<double>(block_);
    return {.bytes = 8 * (N * p + 2 * k * p + 5 * k), .advice = "Use smaller blocks."};
  }

  raphson::LinearReport solve(const raphson::GramSystem& system, Vec& z) override {
    raphson::check(system);  // sizes and signs, as every solver does first
    raphson::LinearReport report;
    report.used = name();
    z.zeros(system.size());
    if (!system.b->is_finite() || !factor_blocks(system)) {
      report.message = "b or a diagonal block of AᵀA is not finite, or a block is singular: add a penalty";
      return report;  // the status is `failed` until something better is known
    }
    iterate(system, z, report);
    report.relative_residual = system.relative_residual(z);  // of the system itself, not the one that the recurrence carries
    const bool reached = report.relative_residual <= system.tolerance;
    report.status = reached ? raphson::LinearStatus::converged : raphson::LinearStatus::not_converged;
    return report;
  }

 private:
  void iterate(const raphson::GramSystem& system, Vec& z, raphson::LinearReport& report) const {
    const double target = 0.5 * system.tolerance * arma::norm(*system.b);  // half: the recurrence drifts from the true residual
    Vec r = *system.b, s = precondition(r), p = s, Hp;
    double rs = arma::dot(r, s);
    while (arma::norm(r) > target && report.iterations < 10 * system.size() && !system.interrupted()) {
      system.apply(p, Hp);
      const double curvature = arma::dot(p, Hp);
      if (!(curvature > 0)) return;
      z += rs / curvature * p;
      r -= rs / curvature * Hp;
      s = precondition(r);
      const double next = arma::dot(r, s);
      p = s + next / rs * p;
      rs = next;
      ++report.iterations;
    }
  }

  // L Lᵀ = (AE)ᵀAE + diag(μ) for the block's columns E of the identity.
  bool factor_blocks(const raphson::GramSystem& system) {
    factors_.clear();
    for (Index first = 0; first < system.size(); first += block_) {
      const Index last = std::min(first + block_, system.size()) - 1;
      arma::mat E(system.size(), last - first + 1, arma::fill::zeros), AE;
      for (Index j = first; j <= last; ++j) E(j, j - first) = 1;
      system.A->apply(E, AE);
      arma::mat G = AE.t() * AE;
      for (Index j = first; j <= last; ++j) G(j - first, j - first) += system.mu(j);
      if (!raphson::cholesky(G)) return false;
      factors_.push_back(std::move(G));
    }
    return true;
  }

  Vec precondition(const Vec& r) const {
    Vec s = r;
    Index first = 0;
    for (const arma::mat& L : factors_) {
      Vec part = s.subvec(first, first + L.n_rows - 1);
      raphson::cholesky_solve(L, part);
      s.subvec(first, first + L.n_rows - 1) = part;
      first += L.n_rows;
    }
    return s;
  }

  Index block_;
  std::vector<arma::mat> factors_;
};

}  // namespace

int main() {
  raphson::Dataset data = raphson::read("examples/data/breast_cancer.csv");
  raphson::LinearModel model(data.features, data.target, raphson::logistic_loss(), {.l2 = 1e-3});

  BlockJacobiCg mine(10);  // the columns are ten means, ten standard errors, ten worst values
  raphson::Cg plain, jacobi(raphson::Cg::Scaling::jacobi);
  std::vector<raphson::Index> inner;
  bool mine_converged = false;
  std::printf("%-16s %-16s %6s %6s  %s\n", "solver", "status", "steps", "inner", "objective");
  for (raphson::LinearSolver* solver : {static_cast<raphson::LinearSolver*>(&plain), static_cast<raphson::LinearSolver*>(&jacobi),
                                        static_cast<raphson::LinearSolver*>(&mine)}) {
    Vec x(model.parameters(), arma::fill::zeros);
    const raphson::Summary summary = raphson::minimize(model, *solver, x);
    std::printf("%-16s %-16s %6zu %6zu  %.10f\n", solver->name().c_str(), to_string(summary.status).c_str(), summary.iterations,
                summary.inner_iterations, summary.objective);
    inner.push_back(summary.inner_iterations);
    mine_converged = summary.converged();
  }
  return mine_converged && inner[2] < inner[1] ? 0 : 1;
}
