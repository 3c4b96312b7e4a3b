// Every way of solving the Newton systems, and two first-order methods, on one badly scaled logistic regression.
#include <raphson/raphson.hpp>

#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

using namespace raphson;

int main() {
  const Generated data = generate_classification({.rows = 10000, .columns = 80, .scale_span = 1e3, .correlation = 0.9, .seed = 7});
  const LinearModel model(data.C, data.y, logistic_loss(), {.l2 = 1e-3});
  Options options;
  options.tolerance = 1e-9;
  options.time_limit = 5;

  using Run = std::function<Summary(Vec&)>;
  const auto with = [&](std::shared_ptr<LinearSolver> solver) -> Run {
    return [&, solver](Vec& x) { return minimize(model, *solver, x, options); };
  };
  struct Row {
    std::string name;
    Run run;
    bool must_converge;
  };
  const std::vector<Row> rows = {
      {"exact", with(std::make_shared<Exact>()), true},
      {"preconditioned-cg", with(std::make_shared<PreconditionedCg>()), true},
      {"preconditioned-gd", with(std::make_shared<PreconditionedGd>()), true},
      {"sketch-and-solve", with(std::make_shared<SketchAndSolve>()), false},
      {"jacobi-cg", with(std::make_shared<Cg>(Cg::Scaling::jacobi)), true},
      {"cg", with(std::make_shared<Cg>()), false},
      {"auto", with(std::make_shared<Auto>()), true},
      {"lbfgs", [&](Vec& x) { return lbfgs(model, x, options); }, false},
      {"gradient-descent", [&](Vec& x) { return gradient_descent(model, x, options); }, false},
  };

  bool good = true;
  double best = std::numeric_limits<double>::infinity();
  std::printf("%-18s %-16s %6s %6s %9s %9s %18s\n", "solver", "status", "steps", "inner", "rel.grad", "seconds", "objective");
  for (const Row& row : rows) {
    Vec x(model.parameters(), arma::fill::zeros);
    const Summary summary = row.run(x);
    std::printf("%-18s %-16s %6zu %6zu %9.1e %9.3f %18.8f\n", row.name.c_str(), to_string(summary.status).c_str(), summary.iterations,
                summary.inner_iterations, summary.relative_gradient, summary.seconds, summary.objective);
    if (row.must_converge) {
      best = std::min(best, summary.objective);
      good = good && summary.converged() && summary.objective <= best * (1 + 1e-10);
    }
  }
  return good ? 0 : 1;
}
