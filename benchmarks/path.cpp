/// bench-path LOSS FILE [largest smallest points]: a regularization path against as many fits from scratch, in one run.
///
/// FILE may be `generated`: 20000 x 300, columns correlated (0.9) and of scales over 10².
/// Each solver does both, in turn, `repeats` times; seconds are the least. Objectives are compared so that both do the same job.

#include <raphson/core/error.hpp>
#include <raphson/core/interrupt.hpp>
#include <raphson/models/regularization_path.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/problems/readers.hpp>
#include <raphson/solvers/solvers.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

using namespace raphson;

namespace {

constexpr int repeats = 3;

struct Totals {
  double seconds = std::numeric_limits<double>::infinity();
  Index converged = 0, steps = 0, inner = 0;
  std::vector<double> objectives;

  void add(const Summary& s) {
    converged += s.converged() ? 1 : 0;
    steps += s.iterations;
    inner += s.inner_iterations;
    objectives.push_back(s.objective);
  }
};

using Maker = std::function<std::unique_ptr<LinearSolver>()>;

Totals warm(const LinearModel& model, const Maker& make, const std::vector<double>& grid) {
  const Stopwatch clock;
  const auto solver = make();
  const std::vector<PathPoint> path = fit_path(model, *solver, grid);
  Totals totals;
  totals.seconds = clock.seconds();
  for (const PathPoint& point : path) totals.add(point.summary);
  return totals;
}

Totals cold(const LinearModel& model, const Maker& make, const std::vector<double>& grid) {
  const Stopwatch clock;
  Totals totals;
  for (const double l2 : grid) {
    const auto solver = make();
    Vec theta(model.parameters(), arma::fill::zeros);
    totals.add(minimize(model.with_l2(l2), *solver, theta));
  }
  totals.seconds = clock.seconds();
  return totals;
}

void keep_quicker(Totals& best, Totals next) {
  if (next.seconds < best.seconds) best = std::move(next);
}

std::shared_ptr<const Loss> loss_named(const std::string& name) {
  if (name == "squared") return squared_loss();
  if (name == "logistic") return logistic_loss();
  if (name == "poisson") return poisson_loss();
  if (name == "squared-hinge") return squared_hinge_loss();
  return nullptr;
}

double largest_difference(const Totals& a, const Totals& b) {
  double largest = 0;
  for (Index i = 0; i < std::min(a.objectives.size(), b.objectives.size()); ++i)
    largest = std::max(largest, std::abs(a.objectives[i] - b.objectives[i]) / std::max(1.0, std::abs(b.objectives[i])));
  return largest;
}

void report(const std::string& name, const Totals& w, const Totals& c, Index points) {
  fmt::print("{:<28} {:>9.3f} {:>9.3f} {:>7.2f}   {:>5} {:>5}   {:>6} {:>6}   {}/{} and {}/{}   {:.1e}\n", name, w.seconds, c.seconds,
             c.seconds / w.seconds, w.steps, c.steps, w.inner, c.inner, w.converged, points, c.converged, points, largest_difference(w, c));
}

LinearModel model_of(const std::string& loss, const std::string& file) {
  if (file != "generated") {
    const Dataset data = read(file);
    return LinearModel(data.features, data.target, loss_named(loss));
  }
  const GeneratorOptions shape{.rows = 20000, .columns = 300, .scale_span = 1e2, .correlation = 0.9};
  const Generated made = loss == "squared"   ? generate_regression(shape)
                         : loss == "poisson" ? generate_counts(shape)
                                             : generate_classification(shape);
  return LinearModel(made.C, made.y, loss_named(loss));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3 || !loss_named(argv[1])) {
    fmt::print(stderr, "usage: bench-path squared|logistic|poisson|squared-hinge FILE [largest smallest points]\n");
    return 2;
  }
  const double largest = argc > 3 ? std::stod(argv[3]) : 1e3, smallest = argc > 4 ? std::stod(argv[4]) : 1e-3;
  const std::vector<double> grid = l2_grid(largest, smallest, argc > 5 ? std::stoul(argv[5]) : 30);
  const LinearModel model = model_of(argv[1], argv[2]);
  fmt::print("{}: n = {}, d = {}; {} penalties from {:g} to {:g}, tolerance 1e-8, least of {} runs\n", argv[2], model.data().rows(),
             model.data().cols(), grid.size(), largest, smallest, repeats);
  fmt::print("{:<28} {:>9} {:>9} {:>7}   {:>11}   {:>13}   {}   {}\n", "solver", "path s", "cold s", "ratio", "steps", "inner", "converged",
             "objectives differ by");
  const std::pair<const char*, Maker> solvers[] = {
      {"auto", [] { return std::make_unique<Auto>(); }},
      {"exact", [] { return std::make_unique<Exact>(); }},
      {"preconditioned-cg, reuse", [] { return std::make_unique<PreconditionedCg>(SketchOptions{}, Reuse::while_contracting); }},
      {"jacobi-cg", [] { return std::make_unique<Cg>(Cg::Scaling::jacobi); }},
  };
  for (const auto& [name, make] : solvers) {
    Totals w, c;
    for (int i = 0; i < repeats; ++i) {
      keep_quicker(w, warm(model, make, grid));
      keep_quicker(c, cold(model, make, grid));
    }
    report(name, w, c, grid.size());
  }
  return 0;
} catch (const InputError& error) {
  fmt::print(stderr, "bench-path: {}\n", error.what());
  return 2;
}
