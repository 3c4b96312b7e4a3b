// Strengths from games between neighbours on a long thin network (Bradley and Terry): 4 × 5000 players, three games along every line,
// P(i beats j) = 1/(1 + exp(−(xᵢ − xⱼ))). Data of small treewidth: the sparse Cholesky factor of CᵀDC has a few nonzeros a column, and a
// Newton step costs about as much as reading the data, while conjugate gradients feel the length of the network.
#include <raphson/raphson.hpp>

#include <cmath>
#include <cstdio>
#include <span>
#include <utility>
#include <vector>

using namespace raphson;

int main() {
  const Index lanes = 4, length = 5000, players = lanes * length, games = 3;
  std::vector<std::pair<Index, Index>> lines;
  for (Index i = 0; i < length; ++i)
    for (Index j = 0; j < lanes; ++j) {
      if (i + 1 < length) lines.emplace_back(i * lanes + j, (i + 1) * lanes + j);
      if (j + 1 < lanes) lines.emplace_back(i * lanes + j, i * lanes + j + 1);
    }

  // Row e of C is +1 at one player and −1 at the other.
  const Index n = games * lines.size();
  arma::umat places(2, 2 * n);
  Vec entries(2 * n), y(n), truth(players);
  Seed{1}.normal(0, std::span<double>(truth.memptr(), players));
  for (Index e = 0; e < n; ++e) {
    const auto [a, b] = lines[e / games];
    places.col(2 * e) = arma::uvec{e, a};
    places.col(2 * e + 1) = arma::uvec{e, b};
    entries(2 * e) = 1;
    entries(2 * e + 1) = -1;
    y(e) = Seed{2}.uniform(e) < 1 / (1 + std::exp(truth(b) - truth(a))) ? 1 : -1;
  }
  const DataMatrix C(arma::sp_mat(places, entries, n, players));
  const LinearModel model(C, y, logistic_loss(), {.l2 = 1e-4, .intercept = false});
  std::printf("%s\n%zu games, %zu players\n\n", model.formula().c_str(), n, players);

  SparseCholesky sparse;
  Cg jacobi(Cg::Scaling::jacobi);
  double objective[2] = {};
  bool converged[2] = {};
  std::printf("%-16s %-12s %6s %7s %9s %18s\n", "solver", "status", "steps", "inner", "seconds", "objective");
  for (int i = 0; i < 2; ++i) {
    LinearSolver& solver = i == 0 ? static_cast<LinearSolver&>(sparse) : jacobi;
    Vec x(players, arma::fill::zeros);
    Options options;
    options.time_limit = 10;
    const Summary summary = minimize(model, solver, x, options);
    std::printf("%-16s %-12s %6zu %7zu %9.3f %18.8f\n", solver.name().c_str(), to_string(summary.status).c_str(), summary.iterations,
                summary.inner_iterations, summary.seconds, summary.objective);
    objective[i] = summary.objective;
    converged[i] = summary.converged();
  }
  const SparseCholesky::Statistics statistics = sparse.statistics();
  std::printf("\nfactor: %zu nonzeros for %zu unknowns, width %zu; analyzed %zu time(s), factored %zu times\n", statistics.factor_nonzeros,
              players, statistics.order_width, statistics.analyses, statistics.factorizations);
  return converged[0] && objective[0] <= objective[1] * (1 + 1e-9) ? 0 : 1;
}
