#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/held_out.hpp"
#include "cli/model_file.hpp"
#include "cli/output_file.hpp"
#include "cli/plot.hpp"
#include "cli/report.hpp"
#include "cli/result_json.hpp"

#include <raphson/core/threads.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace raphson::cli {
namespace {

/// The objective with μ as a letter.
std::string formula_of(const LinearModel& model) {
  return model.with_l2(0).formula() + " + ½·μ·‖x‖²" + (model.has_intercept() ? ", intercept not penalized" : "");
}

void print_grid(Console& console, const PathArguments& a, const std::vector<double>& grid, const Split& split) {
  std::string text =
      fmt::format("path      μ from {:g} down to {:g}, {} point{}", a.l2_max, a.l2_min, grid.size(), grid.size() == 1 ? "" : "s");
  if (grid.size() > 1) text += fmt::format(", each {:.4g} times the one before", grid[1] / grid[0]);
  if (a.validation) text += fmt::format("; {} of {} rows kept back", split.held.count(), split.held.count() + split.fitted.count());
  console.line(text);
}

/// Fits the path; says on a terminal how far it is.
std::vector<PathPoint> fit(const Problem& problem, const SolverRow& row, LinearSolver& solver, const PathArguments& arguments,
                           const std::vector<double>& grid, const std::atomic<bool>* cancel, Console& console) {
  Options options = options_for(arguments, row);
  options.cancel = cancel;
  Index point = 0;
  options.callback = [&](const Iteration& iteration) {
    if (iteration.iteration == 0) ++point;
    console.stage(fmt::format("point {} of {}, iteration {}", point, grid.size(), iteration.iteration + 1));
    return Action::proceed;
  };
  console.stage("starting");
  std::vector<PathPoint> path = fit_path(*problem.linear, solver, grid, options);
  console.stage("");
  return path;
}

std::vector<PathRow> judge(const Problem& problem, const std::vector<PathPoint>& path, const Split& split) {
  std::vector<PathRow> rows;
  for (const PathPoint& point : path) {
    PathRow row;
    row.point = &point;
    row.norm = arma::norm(point.theta.head(problem.linear->data().cols()));
    row.training = loss_per_row(*problem.linear, split.fitted, point.theta);
    if (split.held.count() > 0) row.validation = loss_per_row(*problem.linear, split.held, point.theta);
    rows.push_back(row);
  }
  return rows;
}

/// The least validation loss, among converged points where there are any; none without validation.
std::optional<Index> best_of(const std::vector<PathRow>& rows) {
  std::optional<Index> best;
  for (const bool converged : {true, false}) {
    for (Index i = 0; i < rows.size(); ++i) {
      if (rows[i].point->summary.converged() != converged || !std::isfinite(rows[i].validation)) continue;
      if (!best || rows[i].validation < rows[*best].validation) best = i;
    }
    if (best) break;
  }
  return best;
}

void print_table(Console& console, const std::vector<PathRow>& rows, std::optional<Index> best, bool validated) {
  console.line(fmt::format("\n{:>10}  {:>16}  {:>5}  {:>6}  {:>11}  {:>13}{}  {:>8}", "l2", "objective", "iter", "inner", "|x|", "training",
                           validated ? fmt::format("  {:>13}", "validation") : "", "seconds"));
  for (Index i = 0; i < rows.size(); ++i) {
    const Summary& s = rows[i].point->summary;
    std::string line = fmt::format("{:>10.4g}  {:>16.9e}  {:>5}  {:>6}  {:>11.5g}  {:>13.7g}", rows[i].point->l2, s.objective, s.iterations,
                                   s.inner_iterations, rows[i].norm, rows[i].training);
    if (validated) line += fmt::format("  {:>13.7g}", rows[i].validation);
    line += fmt::format("  {:>8.3f}", s.seconds);
    if (best == i) line += "  best";
    if (!s.converged()) line += "  " + to_string(s.status);
    console.line(line);
  }
  console.line(fmt::format("|x|: without the intercept; training{}: loss a row, without the penalty", validated ? ", validation" : ""));
}

void print_totals(Console& console, const std::vector<PathRow>& rows, Index asked, const std::string& announced, double read_seconds) {
  Index converged = 0, iterations = 0, inner = 0;
  double seconds = 0;
  for (const PathRow& row : rows) {
    const Summary& s = row.point->summary;
    converged += s.converged() ? 1 : 0;
    iterations += s.iterations;
    inner += s.inner_iterations;
    seconds += s.seconds;
  }
  console.line(fmt::format("{} of {} points converged; {} iterations, {} inner, {:.2f} s (read {:.2f})", converged, asked, iterations,
                           inner, seconds, read_seconds));
  for (const PathRow& row : rows)
    if (!row.point->summary.converged()) console.line(fmt::format("l2 = {:.4g}: {}", row.point->l2, row.point->summary.message));
  const Summary& last = rows.back().point->summary;
  if (last.solver_used != announced && last.solver_used != last.solver_asked && !last.solver_used.empty())
    console.line(fmt::format("solver    {} → {} at the end: {}", last.solver_asked, last.solver_used, last.solver_reason));
}

void print_best(Console& console, const std::vector<PathRow>& rows, Index best, const PathArguments& arguments) {
  const PathRow& row = rows[best];
  console.line(fmt::format("best      l2 = {}: loss a row {:.7g} on the rows kept back, {:.7g} on the fitted ones", row.point->l2,
                           row.validation, row.training));
  if (rows.size() < arguments.points || rows.size() == 1) return;
  if (best == 0) console.line("note      the best is where the path begins: try a larger --l2-max");
  if (best + 1 == rows.size()) console.line("note      the best is where the path ends: try a smaller --l2-min");
}

void draw(Console& console, OutputFile& plot, const std::vector<PathRow>& rows, std::optional<Index> best, const Problem& problem,
          const PathArguments& arguments) {
  const std::string title = fmt::format("{}, {}: n = {}, d = {}", arguments.data.substr(arguments.data.find_last_of('/') + 1),
                                        arguments.model.loss, problem.linear->data().rows(), problem.linear->data().cols());
  console.stage("drawing");
  draw_picture(console, plot, path_script(rows, best, title, plot.path(), plot.temporary()));
}

}  // namespace

int run_path(const PathArguments& arguments) {
  const SolverRow& row = find_solver(arguments.solver_name);
  check_plot_path(arguments.plot);
  require_distinct({{"--data", arguments.data}, {"--json", arguments.json}, {"--save", arguments.save}, {"--plot", arguments.plot}});
  OutputFile json("--json", arguments.json), save("--save", arguments.save), plot("--plot", arguments.plot);
  const std::unique_ptr<LinearSolver> solver = row.make(arguments.solver);
  const std::vector<double> grid = l2_grid(arguments.l2_max, arguments.l2_min, arguments.points);
  const ThreadScope threads(arguments.options.threads);
  Console console(arguments.quiet);

  Problem problem = load_problem(arguments, console);
  const std::vector<std::string> notes = problem.linear->notes();
  const Split split =
      arguments.validation ? hold_out(problem, arguments.model, *arguments.validation, arguments.options.seed) : keep_all(problem);
  const std::string formula = formula_of(*problem.linear);
  print_problem(console, problem, arguments, formula);
  print_grid(console, arguments, grid, split);
  const std::string announced = print_solver(console, problem, row, solver.get(), options_for(arguments, row));
  print_run(console, arguments.options);

  const std::vector<PathPoint> path = fit(problem, row, *solver, arguments, grid, catch_interrupts(), console);
  const std::vector<PathRow> rows = judge(problem, path, split);
  const std::optional<Index> best = best_of(rows);
  print_table(console, rows, best, arguments.validation.has_value());
  print_totals(console, rows, grid.size(), announced, problem.read_seconds);
  if (best) print_best(console, rows, *best, arguments);
  for (const std::string& note : notes) console.line("note      " + note);

  const PathPoint& chosen = path[best.value_or(path.size() - 1)];
  if (json.wanted()) json.write(path_json(problem, formula, rows, split.held.count(), best, row.name));
  if (save.wanted()) {
    PathArguments of_chosen = arguments;
    of_chosen.model.l2 = chosen.l2;
    save.write(model_text(saved_model(problem, of_chosen, chosen.summary, chosen.theta), save.path()));
  }
  json.commit();
  save.commit();
  if (json.wanted()) console.line("wrote     " + json.path());
  if (save.wanted()) console.line(fmt::format("wrote     {}: the model of l2 = {}", save.path(), chosen.l2));
  if (plot.wanted()) draw(console, plot, rows, best, problem, arguments);
  const bool all = path.size() == grid.size() && std::ranges::all_of(path, [](const PathPoint& p) { return p.summary.converged(); });
  return all ? 0 : 1;
}

}  // namespace raphson::cli
