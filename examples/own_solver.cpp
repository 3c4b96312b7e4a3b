// A linear solver of your own: conjugate gradients preconditioned by the diagonal blocks of AᵀA. It plugs into minimize like those that
// come with the library, and is compared with two of them.
#include <raphson/core/dense.hpp>
#include <raphson/raphson.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/krylov/conjugate_gradients.hpp>
#include <raphson/solvers/solve_support.hpp>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <vector>

namespace {

using raphson::Index;
using raphson::Vec;

// M = blockdiag(AᵀA + diag(μ)), each block kept as its Cholesky factor.
class BlockJacobi : public raphson::Preconditioner {
 public:
  // False from usable(): a block was not finite.
  BlockJacobi(const raphson::GramSystem& system, Index width) : size_(system.size()) {
    for (Index first = 0; first < size_ && usable_; first += width) usable_ = factor(system, first, std::min(width, size_ - first));
  }
  bool usable() const { return usable_; }
  std::string name() const override { return "block-jacobi"; }
  Index size() const override { return size_; }

  void solve(const Vec& r, Vec& z) const override {
    z.set_size(size_);
    Index first = 0;
    for (const arma::mat& L : factors_) {
      Vec part = r.subvec(first, first + L.n_rows - 1);
      raphson::cholesky_solve(L, part);
      z.subvec(first, first + L.n_rows - 1) = part;
      first += L.n_rows;
    }
  }

 private:
  bool factor(const raphson::GramSystem& system, Index first, Index width) {
    arma::mat E(size_, width, arma::fill::zeros), AE;
    for (Index j = 0; j < width; ++j) E(first + j, j) = 1;
    system.A->apply(E, AE);
    arma::mat G = AE.t() * AE;
    // A preconditioner may be off by rounding: a little more on the diagonal keeps a singular block factorable.
    const double floor = 1e-12 * arma::trace(G) + std::numeric_limits<double>::min();
    for (Index j = 0; j < width; ++j) G(j, j) += system.mu(first + j) + floor;
    factors_.push_back(std::move(G));
    return raphson::cholesky(factors_.back());
  }

  Index size_;
  bool usable_ = true;
  std::vector<arma::mat> factors_;
};

class BlockJacobiCg : public raphson::LinearSolver {
 public:
  explicit BlockJacobiCg(Index width) : width_(width) {}
  std::string name() const override { return "block-jacobi-cg"; }

  raphson::Estimate estimate(const raphson::GramSystem& system, const raphson::Machine& machine) const override {
    const double k = double(system.size()), N = double(system.A->rows()), p = double(width_);
    raphson::Estimate estimate = raphson::cg_estimate(system, machine, true);
    estimate.seconds += 2 * N * k * p / machine.gemm;
    estimate.bytes += 8 * (N * p + 2 * k * p);
    return estimate;
  }

  raphson::LinearReport solve(const raphson::GramSystem& system, Vec& z) override {
    raphson::LinearReport report;
    report.used = name();
    if (raphson::settled_at_once(system, z, report)) return report;  // checks sizes and signs; b = 0, NaN in b

    const BlockJacobi M(system, width_);
    if (!M.usable()) {
      raphson::fail_non_finite(system, z, report);
      return report;
    }
    // solve_verified measures the residual of the system itself, and refines until that one is small enough.
    const raphson::IterationLimits limits{system.tolerance, 10 * system.size() + 100, system.size() + 100};
    const raphson::IterationResult result = solve_verified(system, &M, conjugate_gradient_kernel(system, &M), limits, z);
    report.iterations = result.iterations;
    conclude(system, result, "Use preconditioned-cg or exact.", z, report);
    return report;
  }

 private:
  Index width_;
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
