// Seconds to train two-layer ReLU networks to a residual ratio of 1e-10, one row a strategy, beside what the cost model predicts and what
// auto chooses: docs/benchmarks/nets-training.md.
#include <raphson/core/threads.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solvers.hpp>

#include "benchmarks/support/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>

using namespace raphson;
using namespace raphson::bench;

namespace {

struct Case {
  Index n, d, m;
  bool twins = false;  ///< every twentieth row has a near-duplicate
  std::string text() const { return fmt::format("({}, {}, {}){}", n, d, m, twins ? ", near-duplicates" : ""); }
};

struct Strategy {
  std::string name;
  std::function<std::unique_ptr<LinearSolver>(const Case&)> make;
  bool sketches = false;
};

struct Row {
  std::string name, used, reason, status;
  double seconds = 0, ratio = 0;
  double predicted_nominal = 0, predicted_measured = 0;
  Index steps = 0, products = 0;
};

std::unique_ptr<LinearSolver> sketched(std::shared_ptr<const SketchKind> kind) {
  return std::make_unique<PreconditionedCg>(SketchOptions{.kind = std::move(kind), .size = 0, .precision = Precision::f32});
}

std::vector<Strategy> strategies() {
  return {
      {"exact", [](const Case&) { return std::make_unique<Exact>(); }},
      {"chord", [](const Case&) { return std::make_unique<Chord>(); }},
      {"JJᵀ kept, CG",
       [](const Case& c) {
         return std::make_unique<PreconditionedCg>(SketchOptions{.kind = {}, .size = c.d * c.m, .precision = Precision::f32},
                                                   Reuse::while_contracting);
       }},
      {"kernel-cg", [](const Case&) { return std::make_unique<KernelCg>(); }},
      {"cg", [](const Case&) { return std::make_unique<Cg>(); }},
      {"TensorSketch s = 4n, CG", [](const Case& c) { return sketched(tensor_sketch(c.d)); }, true},
      {"uniform neurons s = 4n, CG", [](const Case& c) { return sketched(uniform_neurons_sketch(c.d)); }, true},
      {"auto", [](const Case&) { return std::make_unique<Auto>(); }},
  };
}

TwoLayerRelu network(const Case& c) {
  Generated data = generate_sphere(c.n, c.d, Seed(3));
  TwoLayerReluOptions options;
  options.width = c.m;
  if (!c.twins) return TwoLayerRelu(std::move(data.C), std::move(data.y), options);
  arma::mat X = data.C.dense();
  for (Index i = 0; i + 1 < c.n; i += 20) {
    X.col(i + 1) = X.col(i);
    X(0, i + 1) += 1e-4;
    data.y[i + 1] = data.y[i] + 1e-4;
  }
  return TwoLayerRelu(DataMatrix::from_rows(std::move(X)), std::move(data.y), options);
}

double predicted(const TwoLayerRelu& net, const LinearSolver& solver, Index steps, const Machine& machine) {
  const auto at = net.linearize(net.initial_weights());
  GramSystem system;
  system.A = at->matrix();
  system.b = &at->right_hand_side();
  system.tolerance = 0.05;  // as steps ask for as a rule
  const double count = static_cast<double>(steps);
  return solver.estimate(system, machine).run_seconds(count) + (count + 1) * outer_step_seconds(*system.A, machine);
}

/// Medians over repeats; each has a network of its own, since networks keep their kernel.
Row measure(const Case& c, const Strategy& strategy, int repeats, double time_limit) {
  Row row{.name = strategy.name, .used = {}, .reason = {}, .status = {}};
  std::vector<double> seconds;
  double spent = 0;
  for (int repeat = 0; repeat < repeats && (repeat == 0 || spent < time_limit); ++repeat) {
    const TwoLayerRelu net = network(c);
    const auto solver = strategy.make(c);
    Vec W = net.initial_weights();
    TrainOptions options;
    options.tolerance = 1e-10;
    options.time_limit = time_limit;
    const Summary summary = train_network(net, *solver, W, options);
    seconds.push_back(summary.seconds);
    spent += summary.seconds;
    row.status = to_string(summary.status);
    row.used = summary.solver_used;
    row.reason = summary.solver_reason;
    row.ratio = summary.residual_ratio;
    row.steps = summary.iterations;
    row.products = summary.inner_iterations;
  }
  row.seconds = median(seconds);
  const TwoLayerRelu fresh = network(c);
  row.predicted_nominal = predicted(fresh, *strategy.make(c), row.steps, Machine::nominal());
  row.predicted_measured = predicted(fresh, *strategy.make(c), row.steps, Machine::measured());
  return row;
}

std::string section(const Case& c, const std::vector<Row>& rows) {
  double best = std::numeric_limits<double>::infinity();
  for (const Row& row : rows)
    if (row.status == "converged" && row.name != "auto") best = std::min(best, row.seconds);
  std::vector<std::vector<std::string>> lines = {
      {"strategy", "seconds", "× best", "predicted", "at measured rates", "steps", "products", "residual ratio", "remark"}};
  for (const Row& row : rows) {
    const bool converged = row.status == "converged";
    lines.push_back({row.name, seconds_text(row.seconds), converged ? fmt::format("{:.2f}", row.seconds / best) : "–",
                     seconds_text(row.predicted_nominal), seconds_text(row.predicted_measured), fmt::format("{}", row.steps),
                     fmt::format("{}", row.products), rounded(row.ratio),
                     row.name == "auto" ? "used " + row.used
                     : converged        ? ""
                                        : row.status});
  }
  const std::string reason = rows.back().name == "auto" ? fmt::format("\nauto: {}.\n", rows.back().reason) : "";
  return fmt::format("## (n, d, m) = {}\n\n{}{}\n", c.text(), table(lines), reason);
}

Json json_of(const Case& c, const std::vector<Row>& rows) {
  Json all{{"n", c.n}, {"d", c.d}, {"m", c.m}, {"near_duplicates", c.twins}, {"runs", Json::array()}};
  for (const Row& row : rows)
    all["runs"].push_back({{"strategy", row.name},
                           {"status", row.status},
                           {"seconds", row.seconds},
                           {"predicted_seconds", row.predicted_nominal},
                           {"predicted_seconds_measured_rates", row.predicted_measured},
                           {"steps", row.steps},
                           {"products", row.products},
                           {"residual_ratio", row.ratio},
                           {"used", row.used},
                           {"reason", row.reason}});
  return all;
}

}  // namespace

int main(int argument_count, char** words) {
  const Arguments a(argument_count, words,
                    "bench-nets_training: seconds to train a two-layer ReLU network to 1e-10, predicted and measured",
                    {{"out", "build/bench", "folder for nets-training.md and .json (docs/benchmarks to publish)"},
                     {"scale", "1", "divides n and m of every case"},
                     {"large", "flag", "(8000, 10, 8192) too: half a minute an exact run, 2 GiB"},
                     {"sketches", "flag", "the sketched strategies too"},
                     {"repeats", "3", "median"},
                     {"time-limit", "60", "seconds a run"},
                     {"threads", "2", ""}});
  const ThreadScope scope(static_cast<int>(a.number("threads")));
  std::vector<Case> cases = {{500, 10, 4096},   {1000, 10, 65536}, {2000, 20, 16384},      {4000, 50, 16384},
                             {1000, 10, 16384}, {4000, 10, 8192},  {1000, 10, 8192, true}, {300, 30, 4096}};
  if (a.flag("large")) cases.push_back({8000, 10, 8192});
  Json json{{"command", a.command()}, {"machine", machine(thread_count())}, {"cases", Json::array()}};
  std::string text = fmt::format(
      "# Training two-layer ReLU networks\n\n"
      "Seconds to ‖f − y‖ ≤ 1e-10 ‖f₀ − y‖ by `train_network` with default options, on rows of unit norm with smooth targets\n"
      "(`generate_sphere`); medians of {}. *predicted* is what the cost model says for as many steps at nominal rates, which also decide "
      "what\n"
      "auto does; beside it the same at the rates of a short calibration. *× best*: over the quickest single strategy.\n\n{}\n    {}\n\n",
      a.text("repeats"), machine_text(json["machine"]), a.command());
  const auto shrink = static_cast<Index>(a.number("scale"));
  for (Case c : cases) {
    c.n = std::max<Index>(20, c.n / shrink);
    c.m = std::max<Index>(64, c.m / shrink);
    std::vector<Row> rows;
    for (const Strategy& strategy : strategies()) {
      if (strategy.sketches && !a.flag("sketches")) continue;
      rows.push_back(measure(c, strategy, static_cast<int>(a.number("repeats")), a.number("time-limit")));
      std::cout << fmt::format("{} {}: {:.4f} s, {}\n", c.text(), strategy.name, rows.back().seconds, rows.back().status) << std::flush;
    }
    text += section(c, rows);
    json["cases"].push_back(json_of(c, rows));
    write_file(a.text("out") + "/nets-training.md", text);
    write_json(a.text("out") + "/nets-training.json", json);
  }
  return 0;
}
