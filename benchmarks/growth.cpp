/// Seconds of one linear solve over n at fixed d and over d at fixed n, predicted by the cost model and measured.

#include "benchmarks/support/report.hpp"

#include <raphson/core/interrupt.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/raphson.hpp>
#include <raphson/solvers/estimates.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>

namespace {

using namespace raphson;
using namespace raphson::bench;

struct Strategy {
  std::string name;
  std::function<std::unique_ptr<LinearSolver>()> make;
  bool predicts_iterations = true;  ///< false: a spectrum that no model knows decides, and the prediction is for as many as were taken
};

std::vector<Strategy> strategies() {
  return {{"exact", [] { return std::make_unique<Exact>(); }},
          {"preconditioned-cg", [] { return std::make_unique<PreconditionedCg>(SketchOptions{.precision = Precision::f32}); }},
          {"sketch-and-solve", [] { return std::make_unique<SketchAndSolve>(); }},
          {"jacobi-cg", [] { return std::make_unique<Cg>(Cg::Scaling::jacobi); }, false},
          {"auto", [] { return std::make_unique<Auto>(); }}};
}

struct Point {
  Index n = 0, d = 0;
  std::string strategy, used;
  double predicted = 0, measured = 0, setup = 0;
  Index iterations = 0;
  double deviation() const { return measured / predicted - 1; }
};

/// Data that no solver has looked at: what they make of them and keep is part of the first solve that is timed.
DataMatrix fresh(const DataMatrix& C) { return DataMatrix::from_rows(arma::mat(C.dense())); }

/// The first Newton system of a logistic regression, solved to `tolerance`; medians over repeats after one run that is not counted.
std::vector<Point> measure(Index n, Index d, double tolerance, int repeats) {
  const Generated made = generate_classification({.rows = n, .columns = d, .scale_span = 1e4, .correlation = 0.9});
  const Vec zero(d, arma::fill::zeros);
  std::vector<Point> points;
  for (const Strategy& strategy : strategies()) {
    Point point{n, d, strategy.name, {}, 0, 0, 0, 0};
    std::vector<double> seconds, setup;
    for (int run = 0; run <= repeats; ++run) {
      const LinearModel model(fresh(made.C), made.y, logistic_loss(), {.l2 = 1e-3, .intercept = false});
      const auto at = model.linearize(zero);
      const GramSystem system{.A = at->matrix(), .b = &at->right_hand_side(), .penalty = at->penalty(), .tolerance = tolerance};
      const auto solver = strategy.make();
      point.predicted = solver->estimate(system, Machine::measured()).seconds;  // before anything is known
      Vec z;
      const Stopwatch watch;
      const LinearReport report = solver->solve(system, z);
      if (run > 0) {
        seconds.push_back(watch.seconds());
        setup.push_back(report.setup_seconds);
      }
      point.iterations = report.iterations;
      point.used = report.used;
      // A set-up and a check besides the iterations: two more products.
      if (!strategy.predicts_iterations)
        point.predicted = static_cast<double>(point.iterations + 2) * product_seconds(*system.A, Machine::measured());
    }
    point.measured = median(seconds);
    point.setup = median(setup);
    points.push_back(std::move(point));
  }
  std::cout << fmt::format("{} x {}\n", n, d);
  return points;
}

/// Least-squares slope of log(seconds) over log(size): the measured power.
double power(const std::vector<Point>& points, bool over_n, bool predicted) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (const Point& p : points) {
    const double x = std::log(static_cast<double>(over_n ? p.n : p.d)), y = std::log(predicted ? p.predicted : p.measured);
    sx += x;
    sy += y;
    sxx += x * x;
    sxy += x * y;
  }
  const double m = static_cast<double>(points.size());
  return (m * sxy - sx * sy) / (m * sxx - sx * sx);
}

std::vector<Point> of(const std::string& strategy, const std::vector<Point>& points) {
  std::vector<Point> mine;
  std::ranges::copy_if(points, std::back_inserter(mine), [&](const Point& p) { return p.strategy == strategy; });
  return mine;
}

double largest_deviation(const std::vector<Point>& points) {
  double largest = 0;
  for (const Point& p : points)
    if (!(std::abs(p.deviation()) <= std::abs(largest))) largest = p.deviation();
  return largest;
}

/// Of measured/predicted, what is left when the model's constant is fitted: the shape's own error.
double shape_deviation(const std::vector<Point>& points) {
  double logs = 0;
  for (const Point& p : points) logs += std::log(p.measured / p.predicted);
  const double scale = std::exp(logs / static_cast<double>(points.size()));
  double largest = 0;
  for (const Point& p : points) largest = std::max(largest, std::abs(p.measured / (scale * p.predicted) - 1));
  return largest;
}

std::string detail(const std::vector<Point>& points) {
  std::vector<std::vector<std::string>> rows{{"n", "d", "solver", "predicted", "measured", "deviation", "of it set-up", "iterations"}};
  for (const Strategy& s : strategies())
    for (const Point& p : of(s.name, points))
      rows.push_back({std::to_string(p.n), std::to_string(p.d),
                      p.used.empty() || p.used == p.strategy ? p.strategy : p.strategy + " → " + p.used, seconds_text(p.predicted),
                      seconds_text(p.measured), fmt::format("{:+.0f} %", 100 * p.deviation()), seconds_text(p.setup),
                      std::to_string(p.iterations)});
  return table(rows);
}

std::string overview(const std::vector<Point>& over_n, const std::vector<Point>& over_d) {
  std::vector<std::vector<std::string>> rows{
      {"solver", "n^a measured", "predicted", "d^b measured", "predicted", "largest deviation", "with fitted constant", "within 30 %"}};
  for (const Strategy& s : strategies()) {
    const auto a = of(s.name, over_n), b = of(s.name, over_d);
    std::vector<Point> both = a;
    both.insert(both.end(), b.begin(), b.end());
    const double worst = largest_deviation(both);
    const std::string verdict = std::abs(worst) <= 0.3 ? "yes" : "**no**";
    rows.push_back({s.predicts_iterations ? s.name : s.name + ", iterations given", fmt::format("{:.2f}", power(a, true, false)),
                    fmt::format("{:.2f}", power(a, true, true)), fmt::format("{:.2f}", power(b, false, false)),
                    fmt::format("{:.2f}", power(b, false, true)), fmt::format("{:+.0f} %", 100 * worst),
                    fmt::format("{:.0f} %", 100 * shape_deviation(both)), verdict});
  }
  return table(rows);
}

Json json_of(const std::vector<Point>& points) {
  Json rows = Json::array();
  for (const Point& p : points)
    rows.push_back({{"n", p.n},
                    {"d", p.d},
                    {"solver", p.strategy},
                    {"used", p.used},
                    {"predicted", p.predicted},
                    {"measured", p.measured},
                    {"setup", p.setup},
                    {"iterations", p.iterations}});
  return rows;
}

std::string rates_text(const Machine& m) {
  return fmt::format(
      "Calibrated: Gram matrix of 100 and of 512 or more columns {:.0f} and {:.0f} GF/s in double, {:.0f} and {:.0f} in single precision; "
      "Cholesky of 200 and of 1000 columns {:.0f} and {:.0f}, {:.0f} and {:.0f} GF/s;\n"
      "reading {:.0f} GB/s from memory, {:.0f}, {:.0f}, {:.0f} and {:.0f} GB/s of 4, 8, 16 and 32 MiB read again; {:.1f} ns a row, {:.0f} "
      "µs a "
      "parallel sum, new memory {:.1f} GB/s.",
      m.gram_rate(100, false) / 1e9, m.gram_rate(512, false) / 1e9, m.gram_rate(100, true) / 1e9, m.gram_rate(512, true) / 1e9,
      m.factor_rate(200, false) / 1e9, m.factor_rate(1000, false) / 1e9, m.factor_rate(200, true) / 1e9, m.factor_rate(1000, true) / 1e9,
      m.bandwidth / 1e9, m.cached[0] / 1e9, m.cached[1] / 1e9, m.cached[2] / 1e9, m.cached[3] / 1e9, 1e9 * m.row, 1e6 * m.dispatch,
      m.touch / 1e9);
}

bool draw(const std::vector<Point>& over_n, const std::vector<Point>& over_d, const std::string& path) {
  const std::vector<Strategy> all = strategies();
  std::string script = "set logscale xy\nset grid\nset format y '%g'\nset ylabel 'seconds'\n";
  const auto blocks = [&](const char* name, const std::vector<Point>& points, bool n) {
    for (Index k = 0; k < all.size(); ++k) {
      script += fmt::format("${}{} << EOD\n", name, k);
      for (const Point& p : of(all[k].name, points)) script += fmt::format("{} {} {}\n", n ? p.n : p.d, p.measured, p.predicted);
      script += "EOD\n";
    }
  };
  blocks("n", over_n, true);
  blocks("d", over_d, false);
  const auto plot = [&](const char* name, bool legend) {
    std::string text = "plot ";
    for (Index k = 0; k < all.size(); ++k)
      text += fmt::format("{}${}{} using 1:2 with points pt {} lw 2 lc {} {}, ${}{} using 1:3 with lines dt 2 lc {} notitle", k ? ", " : "",
                          name, k, k + 4, k + 1, legend ? fmt::format("title '{}'", all[k].name) : std::string("notitle"), name, k, k + 1);
    return text + "\n";
  };
  script += fmt::format("set multiplot layout 1,2\nset xlabel 'n, at d = {}'\nset key off\n{}", over_n.front().d, plot("n", false));
  script += fmt::format("set xlabel 'd, at n = {}'\nset key outside right top\n{}unset multiplot\n", over_d.front().n, plot("d", true));
  return picture(path, script, "1200,440");
}

}  // namespace

int main(int argument_count, char** words) {
  const Arguments a(argument_count, words, "bench-growth: seconds of a linear solve over n and over d, predicted and measured",
                    {{"out", "build/bench", "folder for growth.md, .json, .svg (docs/benchmarks to publish)"},
                     {"largest-n", "320000", "n goes up to this by factors of 2, six sizes, at --fixed-d"},
                     {"fixed-d", "200", ""},
                     {"largest-d", "1600", "d goes up to this by factors of 2, six sizes, at --fixed-n"},
                     {"fixed-n", "40000", ""},
                     {"sizes", "6", "how many of each"},
                     {"tolerance", "1e-8", "of the linear system"},
                     {"repeats", "5", "median"},
                     {"threads", "2", ""}});
  const ThreadScope scope(static_cast<int>(a.number("threads")));
  const int repeats = static_cast<int>(a.number("repeats"));
  Json json{{"command", a.command()}, {"machine", machine(thread_count())}, {"repeats", repeats}};
  const Machine& m = Machine::measured();
  json["rates"] = {{"gram", m.gram},
                   {"gram_half", m.gram_half},
                   {"gram_single", m.gram_single},
                   {"gram_single_half", m.gram_single_half},
                   {"factor", m.factor},
                   {"factor_half", m.factor_half},
                   {"factor_single", m.factor_single},
                   {"factor_single_half", m.factor_single_half},
                   {"bandwidth", m.bandwidth},
                   {"cached", m.cached},
                   {"row", m.row},
                   {"touch", m.touch},
                   {"dispatch", m.dispatch}};

  const auto sweep = [&](const char* largest, const char* fixed, bool n) {
    std::vector<Point> points;
    for (int k = static_cast<int>(a.number("sizes")) - 1; k >= 0; --k) {
      const auto size = static_cast<Index>(a.number(largest)) >> k, other = static_cast<Index>(a.number(fixed));
      const auto here = n ? measure(size, other, a.number("tolerance"), repeats) : measure(other, size, a.number("tolerance"), repeats);
      points.insert(points.end(), here.begin(), here.end());
    }
    return points;
  };
  const std::vector<Point> over_n = sweep("largest-n", "fixed-d", true), over_d = sweep("largest-d", "fixed-n", false);

  std::string text = fmt::format(
      "# Growth with the size of the problem\n\n"
      "One linear solve (AᵀA + μI)z = b, the first Newton system of a logistic regression on dense data (AR(0.9) columns, scales over "
      "10⁴), to {}:\n"
      "what `LinearSolver::estimate` predicts from the machine's calibrated rates, and the clock; medians of {}. *Powers* are fitted to "
      "all sizes;\n"
      "*with fitted constant* is the largest deviation left when one factor a solver is fitted to all its points, that is, how well the\n"
      "model has the shape. The model has to be within 30 %. Iterations of sketched methods are predicted; those of jacobi-cg depend on a\n"
      "spectrum that is not known beforehand, and its prediction is for as many as it took.\n\n{}\n{}\n\n    {}\n\n{}\n"
      "![Predicted (lines) and measured (points) seconds](growth.svg)\n\n## Over n\n\n{}\n## Over d\n\n{}",
      a.text("tolerance"), repeats, machine_text(json["machine"]), rates_text(m), a.command(), overview(over_n, over_d), detail(over_n),
      detail(over_d));
  text += fmt::format("\nPeak memory of the whole run: {:.0f} MiB.\n", peak_memory() / (1 << 20));
  json["over_n"] = json_of(over_n);
  json["over_d"] = json_of(over_d);
  const std::string base = a.text("out") + "/growth";
  write_file(base + ".md", text);
  write_json(base + ".json", json);
  draw(over_n, over_d, base + ".svg");
  std::cout << "wrote " << base << ".md\n";
  return 0;
}
