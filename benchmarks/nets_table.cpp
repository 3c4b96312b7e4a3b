/// Every row of the papers' tables on one problem: steps to each accuracy, seconds a step, growth with n and m, beside the bounds claimed;
/// with --sweep, where unit steps stop converging as m·d/n falls.
///
///     bench-nets_table [--n 200] [--d 10] [--m 2048] [--time-limit 20] [--json FILE] [--sweep PICTURE.svg] [--no-growth]

#include <raphson/core/threads.hpp>
#include <raphson/models/network/diagnostics.hpp>
#include <raphson/models/network/kernel_preconditioner.hpp>
#include <raphson/models/network/minibatch.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/first_order.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solvers.hpp>

#include <fmt/format.h>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

using namespace raphson;
using Json = nlohmann::json;

namespace {

struct Size {
  Index n = 200, d = 10, m = 2048;
};

TwoLayerRelu sphere_net(const Size& size, std::uint64_t seed = 0) {
  Generated data = generate_sphere(size.n, size.d, Seed(7));
  TwoLayerReluOptions options;
  options.width = size.m;
  options.seed = seed;
  return TwoLayerRelu(std::move(data.C), std::move(data.y), options);
}

/// Points on a chain: each has its own feature and shares one with the next, so that XXᵀ is tridiagonal (treewidth 1).
TwoLayerRelu chain_net(const Size& size) {
  arma::sp_mat X(size.n, size.n + 1);
  Vec y(size.n);
  for (Index i = 0; i < size.n; ++i) {
    const double angle = 0.3 + 0.9 * Seed(7).split(Purpose::data).uniform(i);
    X(i, i) = std::cos(angle);
    X(i, i + 1) = std::sin(angle);
    y[i] = std::sin(3 * angle);
  }
  TwoLayerReluOptions options;
  options.width = size.m;
  return TwoLayerRelu(DataMatrix(X), y, options);
}

struct Method {
  std::string name, source, steps_claimed, cost_claimed;
  std::function<Summary(const TwoLayerRelu&, Vec&, const Options&)> train;
  bool chain = false;  ///< on the chain instead of the sphere
};

Options unit(Options options) {
  options.globalization = Globalization::unit;
  return options;
}

/// Unit steps with a linear solver: Algorithm 1 with that solver for its regression.
template <class Make>
std::function<Summary(const TwoLayerRelu&, Vec&, const Options&)> outer(Make make) {
  return [make](const TwoLayerRelu& net, Vec& W, const Options& options) {
    const auto solver = make(net);
    return minimize(net, *solver, W, unit(options));
  };
}

SketchOptions sized(std::shared_ptr<const SketchKind> kind, const TwoLayerRelu& net, Index factor) {
  SketchOptions options;
  options.kind = std::move(kind);
  options.size = std::min(factor * net.data().rows(), net.parameters());
  return options;
}

std::vector<Method> methods() {
  using Gd = PreconditionedGd::Iteration;
  std::vector<Method> table;
  const auto add = [&](std::string name, std::string source, std::string steps, std::string cost, auto train) {
    table.push_back({std::move(name), std::move(source), std::move(steps), std::move(cost), std::move(train), false});
  };
  add("gradient descent, step 1/λmax", "DZPS19, SY19", "n² log(1/ε)", "mn",
      outer([](const TwoLayerRelu&) { return std::make_unique<FixedStep>(); }));
  add("gradient descent, line search", "", "", "",
      [](const TwoLayerRelu& net, Vec& W, const Options& o) { return gradient_descent(net, W, o); });
  add("adaptive gradient descent", "WDW19", "n log(1/ε)", "mn",
      [](const TwoLayerRelu& net, Vec& W, const Options& o) { return adaptive_gradient(net, W, o); });
  add("Gram-Gauss-Newton, exact", "CGH+19", "log log(1/ε)", "mn²", outer([](const TwoLayerRelu&) { return std::make_unique<Exact>(); }));
  add("Gram-Gauss-Newton, lazy chord", "this library", "", "", outer([](const TwoLayerRelu&) { return std::make_unique<Chord>(); }));
  add("mini-batch GGN, n/4 rows", "CGH+19", "n² log(1/ε)", "m", [](const TwoLayerRelu& net, Vec& W, const Options& o) {
    Exact solver;
    return minibatch_gauss_newton(net, solver, W, std::max<Index>(1, net.data().rows() / 4), 0, o);
  });
  add("natural gradient, η = 1, damping 1e-3", "ZMG19", "log(1/ε)", "mn²",
      outer([](const TwoLayerRelu&) { return std::make_unique<NaturalGradient>(1.0, 1e-3); }));
  add("natural gradient, η = 0.5, no damping", "ZMG19", "log(1/ε)", "mn²",
      outer([](const TwoLayerRelu&) { return std::make_unique<NaturalGradient>(0.5, 0.0); }));
  add("Algorithms 1+2 to the letter, s = 40n", "BPSW21", "log(1/ε)", "mnd + n³",
      outer([](const TwoLayerRelu& net) { return std::make_unique<PreconditionedGd>(sized(srht_sketch(), net, 40), Gd::literal); }));
  add("Algorithms 1+2, step length measured, s = 4n", "BPSW21", "log(1/ε)", "mnd + n³",
      outer([](const TwoLayerRelu& net) { return std::make_unique<PreconditionedGd>(sized(srht_sketch(), net, 4), Gd::printed); }));
  add("Algorithm 1, CG, SRHT s = 4n", "BPSW21", "log(1/ε)", "mnd + n³",
      outer([](const TwoLayerRelu& net) { return std::make_unique<PreconditionedCg>(sized(srht_sketch(), net, 4)); }));
  add("Algorithm 1, CG, TensorSketch s = 4n", "BPSW21", "log(1/ε)", "mnd + n³",
      outer([](const TwoLayerRelu& net) { return std::make_unique<PreconditionedCg>(sized(tensor_sketch(net.data().cols()), net, 4)); }));
  add("Algorithm 1, CG, uniform neurons s = 4n", "this library", "", "", outer([](const TwoLayerRelu& net) {
        return std::make_unique<PreconditionedCg>(sized(uniform_neurons_sketch(net.data().cols()), net, 4));
      }));
  add("Algorithm 1, CG, kernel K of Eq. (5)", "this library", "", "",
      outer([](const TwoLayerRelu& net) { return std::make_unique<PreconditionedCg>(relu_kernel_preconditioner(net.data())); }));
  if (has_sparse_cholesky()) {
    add("small-treewidth GGN, sparse Cholesky (chain)", "LSLZ", "log log(1/ε)", "mdτ²",
        outer([](const TwoLayerRelu&) { return std::make_unique<SparseCholesky>(); }));
    table.back().chain = true;
  }
  return table;
}

/// Step at which ‖f − y‖/‖f₀ − y‖ ≤ ε was first seen; −1: never.
long steps_to(const Summary& summary, double epsilon) {
  for (const Iteration& it : summary.history) {
    if (it.residual_ratio <= epsilon) return static_cast<long>(it.iteration);
  }
  return -1;
}

double seconds_per_step(const Summary& summary) {
  return summary.iterations > 0 ? summary.seconds / static_cast<double>(summary.iterations) : std::nan("");
}

Summary run(const Method& method, const Size& size, double time_limit, Index iterations = 100000) {
  const TwoLayerRelu net = method.chain ? chain_net(size) : sphere_net(size);
  Options options;
  options.tolerance = 1e-10;
  options.max_iterations = iterations;
  options.time_limit = time_limit;
  Vec W = net.initial_weights();
  return method.train(net, W, options);
}

/// Least-squares slope of log y over log x.
double exponent(const std::vector<double>& x, const std::vector<double>& y) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  const double count = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double u = std::log(x[i]), v = std::log(y[i]);
    sx += u, sy += v, sxx += u * u, sxy += u * v;
  }
  return (count * sxy - sx * sy) / (count * sxx - sx * sx);
}

struct Growth {
  double with_n, with_m;
};

/// Exponents of seconds a step over n/4, n/2, n and m/4, m/2, m: three short runs each, the quickest counts.
Growth growth(const Method& method, const Size& size, double time_limit) {
  const auto slope = [&](bool in_n) {
    std::vector<double> x, y;
    for (const Index part : {Index{4}, Index{2}, Index{1}}) {
      Size s = size;
      (in_n ? s.n : s.m) /= part;
      double best = std::numeric_limits<double>::infinity();
      for (int repeat = 0; repeat < 3; ++repeat) best = std::fmin(best, seconds_per_step(run(method, s, time_limit, 4)));
      x.push_back(static_cast<double>(in_n ? s.n : s.m));
      y.push_back(best);
    }
    return exponent(x, y);
  };
  return {slope(true), slope(false)};
}

Json table(const Size& size, double time_limit, bool with_growth) {
  fmt::print("n = {}, d = {}, m = {}, threads {}; steps until ‖f − y‖ ≤ ε ‖f₀ − y‖ (–: not in {:g} s)\n\n", size.n, size.d, size.m,
             thread_count(), time_limit);
  fmt::print(
      "| method | source | 1e-1 | 1e-2 | 1e-4 | 1e-6 | 1e-8 | 1e-10 | ms a step | s in all | time ~ n^ | ~ m^ | steps claimed | cost "
      "claimed |\n");
  fmt::print("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  Json rows = Json::array();
  for (const Method& method : methods()) {
    const Summary summary = run(method, size, time_limit);
    Json row{{"method", method.name},
             {"source", method.source},
             {"status", to_string(summary.status)},
             {"steps", summary.iterations},
             {"seconds", summary.seconds},
             {"seconds_per_step", seconds_per_step(summary)},
             {"message", summary.message},
             {"inner", summary.inner_iterations},
             {"steps_claimed", method.steps_claimed},
             {"cost_claimed", method.cost_claimed}};
    std::string cells;
    for (int k = 1; k <= 10; ++k) {
      const long steps = steps_to(summary, std::pow(10.0, -k) * (1 + 1e-12));
      row["steps_to"].push_back(steps);
      if (k == 1 || k % 2 == 0) cells += steps >= 0 ? fmt::format(" {} |", steps) : " – |";
    }
    std::string slopes = " | |";
    if (with_growth) {
      const Growth g = growth(method, size, time_limit);
      row["exponent_n"] = g.with_n;
      row["exponent_m"] = g.with_m;
      slopes = fmt::format(" {:.1f} | {:.1f} |", g.with_n, g.with_m);
    }
    fmt::print("| {} | {} |{} {:.2f} | {:.2f} |{} {} | {} |\n", method.name, method.source, cells, 1e3 * seconds_per_step(summary),
               summary.seconds, slopes, method.steps_claimed, method.cost_claimed);
    std::fflush(stdout);
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Steps of unit Gram-Gauss-Newton to 1e-8 for m·d/n from 4 down to ½, five seeds each; a picture by gnuplot.
Json sweep(const Size& size, const std::string& picture) {
  fmt::print(
      "\nunit steps of exact Gram-Gauss-Newton, n = {}, d = {}, five seeds: converged to 1e-8 within 200 steps, and their median\n\n",
      size.n, size.d);
  fmt::print("| m·d/n | m | converged | median steps | λmin(G)/λmin(K) at the start | flipped at the end |\n|---|---|---|---|---|---|\n");
  Json rows = Json::array();
  std::string points;
  for (const double ratio : {4.0, 3.0, 2.5, 2.0, 1.75, 1.5, 1.4, 1.28, 1.15, 1.0, 0.75, 0.5}) {
    Size s = size;
    s.m = static_cast<Index>(std::ceil(ratio * static_cast<double>(size.n) / static_cast<double>(size.d)));
    std::vector<double> steps;
    double spectrum = 0, flipped = 0;
    Index converged = 0;
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const TwoLayerRelu net = sphere_net(s, seed);
      Options options = unit({});
      options.max_iterations = 200;
      Vec W = net.initial_weights();
      const NetworkDiagnostics diagnostics(net, W);
      const NetworkHealth start = diagnostics.at(W);
      Exact solver;
      const Summary summary = minimize(net, solver, W, options);
      spectrum += start.lambda_min_gram / start.lambda_min_kernel / 5;
      flipped += diagnostics.at(W).flipped / 5;
      if (summary.converged()) ++converged;
      steps.push_back(summary.converged() ? static_cast<double>(summary.iterations) : 200);
    }
    std::sort(steps.begin(), steps.end());
    fmt::print("| {:.2f} | {} | {} of 5 | {} | {:.2g} | {:.1f} % |\n", ratio, s.m, converged,
               steps[2] < 200 ? fmt::format("{}", steps[2]) : "–", spectrum, 100 * flipped);
    std::fflush(stdout);
    points += fmt::format("{} {} {}\n", ratio, steps[2], 20 * converged);
    rows.push_back({{"ratio", ratio},
                    {"m", s.m},
                    {"converged", converged},
                    {"median_steps", steps[2]},
                    {"lambda_ratio", spectrum},
                    {"flipped", flipped}});
  }
  if (FILE* gnuplot = popen("gnuplot", "w")) {
    fmt::print(gnuplot,
               "set terminal svg size 720,420 font 'sans,12'\nset output '{}'\nset xlabel 'm d / n'\nset ylabel 'median steps to 1e-8 "
               "(200: not reached)'\n"
               "set y2label 'seeds that converge, %'\nset y2range [0:105]\nset y2tics\nset ytics nomirror\nset logscale y\nset yrange "
               "[3:250]\nset grid\n"
               "$data << EOD\n{}EOD\nplot $data using 1:2 with linespoints pt 7 title 'steps', $data using 1:3 axes x1y2 with linespoints "
               "pt 5 title "
               "'converged'\n",
               picture, points);
    if (pclose(gnuplot) != 0) fmt::print(stderr, "gnuplot failed: no picture\n");
  }
  return rows;
}

}  // namespace

int main(int count, char** argument) {
  Size size;
  double time_limit = 20;
  std::string json, picture;
  bool with_growth = true;
  for (int i = 1; i < count; ++i) {
    const std::string name = argument[i];
    if (name == "--no-growth") {
      with_growth = false;
      continue;
    }
    if (i + 1 == count) {
      fmt::print(stderr, "{} needs a value\n", name);
      return 2;
    }
    const std::string value = argument[++i];
    if (name == "--n") {
      size.n = std::stoul(value);
    } else if (name == "--d") {
      size.d = std::stoul(value);
    } else if (name == "--m") {
      size.m = std::stoul(value);
    } else if (name == "--time-limit") {
      time_limit = std::stod(value);
    } else if (name == "--json") {
      json = value;
    } else if (name == "--sweep") {
      picture = value;
    } else {
      fmt::print(stderr, "unknown option {}\n", name);
      return 2;
    }
  }
  Json result{{"n", size.n}, {"d", size.d}, {"m", size.m}, {"threads", thread_count()}};
  result["table"] = table(size, time_limit, with_growth);
  if (!picture.empty()) result["sweep"] = sweep(size, picture);
  if (!json.empty()) std::ofstream(json) << result.dump(2) << "\n";
  return 0;
}
