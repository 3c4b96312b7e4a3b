/// The convex comparison of Brand, Peng, Song, Weinstein (2021), section D, measured: exact Newton, Newton sketch, Algorithm 3 as printed
/// and as improved, Newton-CG with and without scaling, L-BFGS and gradient descent, on synthetic and real data and over condition numbers.

#include "benchmarks/support/counting.hpp"
#include "benchmarks/support/report.hpp"
#include "benchmarks/support/rotated.hpp"

#include <raphson/core/threads.hpp>
#include <raphson/raphson.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <optional>

namespace {

using namespace raphson;
using namespace raphson::bench;

struct Problem {
  std::string name;
  std::shared_ptr<LinearModel> model;
  double condition = 0;  ///< of the Hessian at 0
};

struct Method {
  std::string name, meaning;
  std::function<std::unique_ptr<LinearSolver>(Index rows, Index unknowns)> solver;  ///< null: first-order
  bool constant_tolerance = false;                                                  ///< 1/(4κ), Theorem D.4
  std::function<Summary(const Model&, Vec&, const Options&)> first_order = {};
};

Index at_most(Index s, Index rows) { return std::min(s, rows); }

std::vector<Method> methods() {
  using Gd = PreconditionedGd;
  std::vector<Method> all;
  all.push_back({"exact Newton", "Cholesky of AᵀDA each step", [](Index, Index) { return std::make_unique<Exact>(); }});
  all.push_back({"Newton sketch", "sketch-and-solve, s = 8k, fresh each step",
                 [](Index n, Index k) { return std::make_unique<SketchAndSolve>(SketchOptions{.size = at_most(8 * k, n)}); }});
  all.push_back({"Algorithm 3, literal", "fresh s = 40k each step, z ← z − Bᵀ(Bz − Rᵀb), inner tolerance 1/(4κ)",
                 [](Index n, Index k) { return std::make_unique<Gd>(SketchOptions{.size = at_most(40 * k, n)}, Gd::Iteration::literal); },
                 true});
  all.push_back({"Algorithm 3, own step", "fresh s = 4k each step, the same iteration with the step length that it needs, 1/(4κ)",
                 [](Index n, Index k) { return std::make_unique<Gd>(SketchOptions{.size = at_most(4 * k, n)}, Gd::Iteration::printed); },
                 true});
  all.push_back({"Algorithm 3, CG", "fresh s = 4k each step, conjugate gradients instead, 1/(4κ)",
                 [](Index n, Index k) { return std::make_unique<PreconditionedCg>(SketchOptions{.size = at_most(4 * k, n)}); }, true});
  all.push_back({"Algorithm 3, improved", "sketch in single precision, kept; conjugate gradients; forcing terms", [](Index, Index) {
                   return std::make_unique<PreconditionedCg>(SketchOptions{.precision = Precision::f32}, Reuse::while_contracting);
                 }});
  all.push_back({"Newton-CG", "no preconditioner", [](Index, Index) { return std::make_unique<Cg>(); }});
  all.push_back({"Newton-CG, Jacobi", "diagonal preconditioner", [](Index, Index) { return std::make_unique<Cg>(Cg::Scaling::jacobi); }});
  all.push_back({"L-BFGS", "10 pairs", nullptr, false, [](const Model& m, Vec& x, const Options& o) { return lbfgs(m, x, o); }});
  all.push_back({"gradient descent", "backtracking", nullptr, false,
                 [](const Model& m, Vec& x, const Options& o) { return gradient_descent(m, x, o); }});
  return all;
}

struct Run {
  Summary summary;
  double seconds = 0;
  std::optional<Reads> reads;  ///< not counted where time ran out
  bool same_steps = true;      ///< the counted run took as many iterations as the timed ones
  Index fallbacks = 0;
  bool whole = false;  ///< the sketch was to have as many rows as A, so AᵀA itself was the preconditioner
};

/// One minimization, counted or not.
Summary minimize_with(const Method& method, const Model& model, Index rows, const Options& options, Run& run) {
  Vec x(model.parameters(), arma::fill::zeros);
  if (method.first_order) return method.first_order(model, x, options);
  const auto solver = method.solver(rows, model.parameters());
  Recorder recorder(*solver);
  Summary summary = minimize(model, recorder, x, options);
  run.fallbacks = recorder.fallbacks();
  run.whole = solver->needs().sketch && recorder.sketch_size() == 0;
  return summary;
}

Run run(const Method& method, const Problem& problem, double limit, int repeats, const Arguments& a) {
  Options options{
      .tolerance = 1e-8, .max_iterations = method.first_order ? Index{1000000} : Index{500}, .time_limit = limit, .coarse_start = false};
  options.seed = static_cast<std::uint64_t>(a.number("seed"));
  if (method.constant_tolerance) {
    options.forcing = Forcing::constant;
    options.inner_tolerance = fast_newton_tolerance(std::min(problem.condition, 1e12));
  }
  const Index rows = problem.model->data().rows();
  Run result;
  const auto seconds = timed(repeats, limit, [&] { result.summary = minimize_with(method, *problem.model, rows, options, result); });
  result.seconds = median(seconds);
  if (result.summary.status == Status::time_limit) return result;
  const auto reads = std::make_shared<Reads>();
  Run unused;
  const Summary counted_summary = minimize_with(method, *counted(*problem.model, reads), rows, options, unused);
  result.reads = *reads;
  result.same_steps = counted_summary.iterations == result.summary.iterations;
  return result;
}

std::shared_ptr<LinearModel> model_of(DataMatrix C, Vec y, double l2, const std::string& loss = "logistic", bool intercept = false) {
  return std::make_shared<LinearModel>(std::move(C), std::move(y), loss == "poisson" ? poisson_loss() : logistic_loss(),
                                       LinearModelOptions{.l2 = l2, .intercept = intercept});
}

Problem finished(std::string name, std::shared_ptr<LinearModel> model) {
  Vec zero(model->parameters(), arma::fill::zeros);
  const auto at = model->linearize(zero);
  const GramSystem system{.A = at->matrix(), .b = &at->right_hand_side(), .penalty = at->penalty()};
  const double condition = gram_condition(system);
  return {std::move(name), std::move(model), condition};
}

std::vector<Problem> synthetic(Index scale) {
  std::vector<Problem> all;
  const auto add = [&](const std::string& name, Generated made, double l2, const std::string& loss = "logistic") {
    all.push_back(finished(fmt::format("{}, {} × {}", name, made.C.rows(), made.C.cols()), model_of(made.C, made.y, l2, loss)));
  };
  add("AR(0.9), scales 10⁴", generate_classification({.rows = 60000 / scale, .columns = 200, .scale_span = 1e4, .correlation = 0.9}), 1e-6);
  add("rotated", rotated_classification(20000 / scale, 100, 1e3, 1, 1), 1e-6);
  add("coherent", generate_classification({.rows = 20000 / scale, .columns = 100, .scale_span = 100, .coherence = 0.005}), 1e-3);
  add("wide sparse 5 %", generate_classification({.rows = 40000 / scale, .columns = 300, .scale_span = 100, .density = 0.05}), 1e-3);
  add("Poisson", generate_counts({.rows = 20000 / scale, .columns = 100, .scale_span = 100, .correlation = 0.5}), 1e-3, "poisson");
  return all;
}

std::vector<Problem> real(const std::string& folder, std::vector<std::string>& skipped) {
  std::vector<Problem> all;
  const std::pair<const char*, double> sets[] = {{"classification/a9a", 1e-2},           {"classification/w8a", 1e-2},
                                                 {"classification/mushrooms", 1e-2},     {"classification/german_scale.txt", 1e-2},
                                                 {"classification/Skin_NonSkin.txt", 1}, {"examples/data/breast_cancer.csv", 1e-3}};
  for (const auto& [path, l2] : sets) {
    const bool shipped = std::string(path).starts_with("examples/");
    const std::string file = shipped ? source_folder() + "/" + path : folder + "/" + path;
    if (!std::filesystem::exists(file)) {
      skipped.push_back(path);
      continue;
    }
    Dataset data = read(file);
    const std::string name = std::filesystem::path(file).stem();
    all.push_back(finished(fmt::format("{}, {} × {}, μ = {:g}", name, data.features.rows(), data.features.cols(), l2),
                           model_of(data.features, data.target, l2, "logistic", true)));
  }
  return all;
}

// ---- reporting -------------------------------------------------------------------------------------------------------------------------

double largest_inner_residual(const Summary& summary) {
  double largest = std::numeric_limits<double>::quiet_NaN();
  for (const Iteration& i : summary.history)
    if (std::isfinite(i.inner_residual) && !(i.inner_residual <= largest)) largest = i.inner_residual;
  return largest;
}

Json json_of(const Run& r) {
  return {{"status", to_string(r.summary.status)},
          {"seconds", r.seconds},
          {"iterations", r.summary.iterations},
          {"inner_iterations", r.summary.inner_iterations},
          {"relative_gradient", r.summary.relative_gradient},
          {"reads", r.reads ? Json{{"all", r.reads->total()},
                                   {"objective", r.reads->objective},
                                   {"products", r.reads->products},
                                   {"sketch", r.reads->sketch},
                                   {"gram", r.reads->gram}}
                            : Json()},
          {"counted_run_took_the_same_steps", r.same_steps},
          {"fallbacks", r.fallbacks},
          {"largest_inner_residual", largest_inner_residual(r.summary)}};
}

std::string outcome(const Run& r) {
  std::string text = r.summary.converged() ? "" : fmt::format("{} at {:.0e}", to_string(r.summary.status), r.summary.relative_gradient);
  if (r.fallbacks > 0) text += fmt::format("{}{} fallbacks", text.empty() ? "" : ", ", r.fallbacks);
  if (r.whole) text += fmt::format("{}AᵀA itself: s would be n", text.empty() ? "" : ", ");
  if (!r.same_steps) text += fmt::format("{}reads of another run", text.empty() ? "" : ", ");
  return text;
}

std::vector<std::string> row_of(const Method& method, const Run& r) {
  return {method.name,
          std::to_string(r.summary.iterations),
          std::to_string(r.summary.inner_iterations),
          r.reads ? fmt::format("{:.1f}", r.reads->total()) : "–",
          seconds_text(r.seconds),
          outcome(r)};
}

/// Every method on one problem: a table, and its part of the JSON.
std::string compare(const Problem& problem, const Arguments& a, Json& json) {
  std::cout << problem.name << std::flush;
  std::vector<std::vector<std::string>> rows{{"method", "steps", "inner", "reads of A", "seconds", "remark"}};
  Json& runs = json["runs"];
  double best = std::numeric_limits<double>::infinity();
  std::string winner = "nobody";
  for (const Method& method : methods()) {
    const Run r = run(method, problem, a.number("time-limit"), static_cast<int>(a.number("repeats")), a);
    rows.push_back(row_of(method, r));
    runs[method.name] = json_of(r);
    if (r.summary.converged() && r.seconds < best) {
      best = r.seconds;
      winner = method.name;
    }
    std::cout << "." << std::flush;
  }
  std::cout << " " << winner << "\n";
  json["name"] = problem.name;
  json["condition"] = problem.condition;
  json["fastest"] = winner;
  return fmt::format("\n### {}\n\nCondition number of the Hessian at 0: {}. Fastest: **{}**, {} s.\n\n{}", problem.name,
                     rounded(problem.condition), winner, seconds_text(best), table(rows));
}

struct SweepPoint {
  double condition = 0;
  std::vector<Run> runs;
};

std::vector<SweepPoint> sweep(const Arguments& a, Json& json) {
  std::vector<SweepPoint> points;
  const auto rows = static_cast<Index>(a.number("sweep-rows")), columns = static_cast<Index>(a.number("sweep-columns"));
  for (int power = 2; power <= 8; ++power) {
    const Generated made = rotated_classification(rows, columns, std::pow(10, 0.5 * power), 1, 3);
    const Problem problem = finished(fmt::format("kappa 1e{}", power), model_of(made.C, made.y, 0));
    SweepPoint point{problem.condition, {}};
    Json entry{{"condition", problem.condition}};
    for (const Method& method : methods()) {
      point.runs.push_back(run(method, problem, a.number("sweep-limit"), static_cast<int>(a.number("repeats")), a));
      entry["runs"][method.name] = json_of(point.runs.back());
    }
    json.push_back(entry);
    points.push_back(std::move(point));
    std::cout << "kappa " << rounded(problem.condition) << "\n";
  }
  return points;
}

/// A row a method, a column a condition number.
std::string sweep_table(const std::vector<SweepPoint>& points, const std::function<std::string(const Run&)>& cell) {
  std::vector<std::vector<std::string>> rows{{"κ"}};
  for (const SweepPoint& point : points) rows[0].push_back(rounded(point.condition));
  const std::vector<Method> all = methods();
  for (Index m = 0; m < all.size(); ++m) {
    rows.push_back({all[m].name});
    for (const SweepPoint& point : points)
      rows.back().push_back(point.runs[m].summary.converged() ? cell(point.runs[m]) : "(" + cell(point.runs[m]) + ")");
  }
  return table(rows);
}

bool sweep_picture(const std::vector<SweepPoint>& points, const std::string& path) {
  const std::vector<Method> all = methods();
  std::vector<Index> arrived;
  std::string script = "set logscale xy\nset grid\nset format '%.0e'\nset xlabel 'condition number of the Hessian'\n";
  for (Index m = 0; m < all.size(); ++m) {
    std::string lines;
    for (const SweepPoint& p : points)
      if (p.runs[m].summary.converged() && p.runs[m].reads)
        lines += fmt::format("{} {} {}\n", p.condition, p.runs[m].reads->total(), p.runs[m].seconds);
    if (lines.empty()) continue;
    arrived.push_back(m);
    script += fmt::format("$m{} << EOD\n{}EOD\n", m, lines);
  }
  const auto plot = [&](int column, bool legend) {
    std::string text = "plot ";
    for (const Index m : arrived)
      text += fmt::format("{}$m{} using 1:{} with linespoints lw 2 pt {} {}", m != arrived.front() ? ", " : "", m, column, m + 1,
                          legend ? fmt::format("title '{}'", all[m].name) : std::string("notitle"));
    return text + "\n";
  };
  script += "set multiplot layout 1,2\nset title 'reads of A to 1e-8'\nset key off\n" + plot(2, false);
  script += "set title 'seconds to 1e-8'\nset key outside right top\n" + plot(3, true) + "unset multiplot\n";
  return picture(path, script, "1200,440");
}

std::string introduction(const Arguments& a, const Json& about) {
  std::string text =
      "# The convex comparison of Brand, Peng, Song and Weinstein (2021), measured\n\n"
      "Section D of the paper: min f(x) = Σ gᵢ(⟨cᵢ,x⟩) + ½μ‖x‖² by steps H p = −∇f, where Algorithm 3 solves each system to 1/(4κ) by a\n"
      "sketched preconditioner and Newton sketch solves a sketched system outright. All of them from x = 0 to a relative gradient of 1e-8 "
      "with\n"
      "the same backtracking line search.\n\n";
  std::vector<std::vector<std::string>> rows{{"method", "what it is"}};
  for (const Method& m : methods()) rows.push_back({m.name, m.meaning});
  text += table(rows);
  text += fmt::format(
      "\n*Steps* are outer iterations, *inner* products with AᵀA. *Reads of A* come from a second, untimed run through a counting wrapper\n"
      "around model and matrix: a call counts as the one read that it needs at least (AᵀAx, AᵀA, a sketch, margins with gradient), half "
      "in\n"
      "single precision; where that run took other steps the remark says so. *Seconds*: medians of {} runs. Where a method did not arrive\n"
      "the remark says where it stopped; the time limit is {} s ({} s in the sweep). A *fallback* is a sketch that was drawn again, or the "
      "exact\n"
      "factorization in its place: seconds of such a row are not those of the method alone.\n\n{}\n\n    {}\n",
      a.text("repeats"), a.text("time-limit"), a.text("sweep-limit"), machine_text(about), a.command());
  return text;
}

/// Inner iterations of each outer one.
double inner_a_step(const Run& r) {
  return static_cast<double>(r.summary.inner_iterations) / static_cast<double>(std::max<Index>(1, r.summary.iterations));
}

/// What the sweep says about the bounds, in figures of this run.
std::string reading(const std::vector<SweepPoint>& points, const Arguments& a) {
  const std::vector<Method> all = methods();
  const auto at = [&](const std::string& name, const SweepPoint& p) -> const Run& {
    return p.runs[static_cast<Index>(std::ranges::find(all, name, &Method::name) - all.begin())];
  };
  const SweepPoint &first = points.front(), &last = points.back();
  const double decades = std::log10(last.condition / first.condition), columns = a.number("sweep-columns");
  std::string text = "\n**log κ.** The bound Õ((nd log κ + d³) log(1/ε)) has its log κ from the inner tolerance 1/(4κ). ";
  text += fmt::format(
      "With conjugate gradients a step took {:.1f} inner iterations at κ = {} and {:.1f} at κ = {}: {:.2f} more for each decade. ",
      inner_a_step(at("Algorithm 3, CG", first)), rounded(first.condition), inner_a_step(at("Algorithm 3, CG", last)),
      rounded(last.condition), (inner_a_step(at("Algorithm 3, CG", last)) - inner_a_step(at("Algorithm 3, CG", first))) / decades);
  text += fmt::format("With forcing terms instead: {:.1f} and {:.1f}.\n\n", inner_a_step(at("Algorithm 3, improved", first)),
                      inner_a_step(at("Algorithm 3, improved", last)));
  const Run &sketch_first = at("Newton sketch", first), &sketch_last = at("Newton sketch", last);
  text += fmt::format(
      "**κ².** The analysis of Newton sketch asks for n ≥ dκ² rows: {} at κ = {}, {} at κ = {}; here n = {} and the sketch has 8d rows. It "
      "took "
      "{} and {} steps there, exact Newton {} and {}; its linear solves left relative residuals up to {} and {}. ",
      rounded(columns * first.condition * first.condition), rounded(first.condition), rounded(columns * last.condition * last.condition),
      rounded(last.condition), a.text("sweep-rows"), sketch_first.summary.iterations, sketch_last.summary.iterations,
      at("exact Newton", first).summary.iterations, at("exact Newton", last).summary.iterations,
      rounded(largest_inner_residual(sketch_first.summary)), rounded(largest_inner_residual(sketch_last.summary)));
  const bool seen = !(static_cast<double>(sketch_last.summary.iterations) <= 1.5 * static_cast<double>(sketch_first.summary.iterations));
  text +=
      seen ? "Its steps grow with κ.\n"
           : "Its steps do not grow with κ: a subspace embedding does not see the conditioning of A, and the κ² is one of the proof. What "
             "it pays is a linear rate, set by s/d alone.\n";
  return text;
}

std::string sweep_text(const std::vector<SweepPoint>& points, const Arguments& a) {
  const auto reads = [](const Run& r) -> std::string { return r.reads ? fmt::format("{:.0f}", r.reads->total()) : "–"; };
  const auto steps = [](const Run& r) {
    return r.summary.inner_iterations ? fmt::format("{} + {}", r.summary.iterations, r.summary.inner_iterations)
                                      : std::to_string(r.summary.iterations);
  };
  std::string text = fmt::format(
      "\n## Over condition numbers\n\nLogistic regression without penalty, {} × {}, C = √n UΣVᵀ with rotated columns, so that scaling "
      "columns does not\n"
      "help. κ is that of the Hessian at 0. In brackets: did not arrive in time.\n\n![Reads and seconds over the condition "
      "number](paper-convex.svg)\n\n",
      a.text("sweep-rows"), a.text("sweep-columns"));
  text += "Steps + inner iterations:\n\n" + sweep_table(points, steps);
  text += "\nReads of A:\n\n" + sweep_table(points, reads);
  text += "\nSeconds:\n\n" + sweep_table(points, [](const Run& r) { return seconds_text(r.seconds); });
  text += "\nLargest relative residual ‖b − Hz‖/‖b‖ that a linear solve left:\n\n" +
          sweep_table(points, [](const Run& r) { return rounded(largest_inner_residual(r.summary)); });
  return text + reading(points, a);
}

}  // namespace

int main(int count, char** words) {
  const Arguments a(count, words, "bench-paper_convex: the convex comparison of Brand, Peng, Song, Weinstein (2021), measured",
                    {{"out", "build/bench", "folder for paper-convex.md, .json, .svg (docs/benchmarks to publish)"},
                     {"data", "../shared/data", "folder of the real sets"},
                     {"repeats", "3", "runs of each, median"},
                     {"time-limit", "3", "seconds a run"},
                     {"sweep-limit", "2", "seconds a run of the sweep"},
                     {"sweep-rows", "10000", ""},
                     {"sweep-columns", "100", ""},
                     {"scale", "1", "divides the rows of the synthetic problems, for a quick look"},
                     {"threads", "2", ""},
                     {"seed", "0", ""}});
  const ThreadScope scope(static_cast<int>(a.number("threads")));
  Json json{{"command", a.command()}, {"machine", machine(thread_count())}, {"repeats", a.number("repeats")}, {"seed", a.number("seed")}};
  std::string text = introduction(a, json["machine"]);

  Json sweep_json = Json::array();
  const std::vector<SweepPoint> points = sweep(a, sweep_json);
  json["sweep"] = sweep_json;
  text += sweep_text(points, a);
  const auto section = [&](const std::string& title, const std::vector<Problem>& problems) {
    text += "\n## " + title + "\n";
    for (const Problem& problem : problems) text += compare(problem, a, json["problems"].emplace_back());
  };
  section("Synthetic problems", synthetic(static_cast<Index>(a.number("scale"))));
  std::vector<std::string> skipped;
  section("Real data", real(a.text("data"), skipped));
  for (const std::string& name : skipped) text += fmt::format("\nSkipped: {} is not under --data.\n", name);
  json["skipped"] = skipped;
  text += fmt::format("\nPeak memory of the whole run: {:.0f} MiB.\n", peak_memory() / (1 << 20));

  const std::string base = a.text("out") + "/paper-convex";
  write_file(base + ".md", text);
  write_json(base + ".json", json);
  sweep_picture(points, base + ".svg");
  std::cout << "wrote " << base << ".md\n";
  return 0;
}
