#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/output_file.hpp"
#include "cli/plot.hpp"
#include "cli/report.hpp"
#include "cli/result_json.hpp"

#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/estimates.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace raphson::cli {
namespace {

std::vector<const SolverRow*> chosen_rows(const CompareArguments& arguments) {
  std::vector<std::string> names = arguments.solvers;
  if (names.empty()) names = {"exact", "preconditioned-cg", "cg", "lbfgs"};
  std::vector<const SolverRow*> rows;
  for (const std::string& name : names) {
    if (name == "all") {
      for (const SolverRow& row : solver_table())
        if (row.name != "auto" && std::ranges::find(rows, &row) == rows.end()) rows.push_back(&row);
      continue;
    }
    const SolverRow* row = &find_solver(name);
    if (std::ranges::find(rows, row) != rows.end()) throw InputError(fmt::format("--solvers names {} twice.", name));
    rows.push_back(row);
  }
  return rows;
}

/// What the solver and the objective should cost, at a tolerance that steps of a Newton iteration ask for as a rule.
void predict(const Problem& problem, const LinearSolver& solver, const Options& options, ComparedRun& run) {
  FirstStep first = first_step(problem, options);
  first.system.tolerance = 0.05;
  check_can_solve(solver, first.system, options.memory_limit);
  run.estimate = solver.estimate(first.system, Machine::measured());
  run.read_seconds = outer_step_seconds(*first.system.A, Machine::measured());
}

ComparedRun run_one(const Problem& problem, const SolverRow& row, const CompareArguments& arguments, const std::atomic<bool>* cancel,
                    Console& console) {
  ComparedRun run;
  run.row = &row;
  try {
    const std::unique_ptr<LinearSolver> solver = row.first_order() ? nullptr : row.make(solver_settings(problem, arguments));
    Options options = options_for(arguments, row);
    options.cancel = cancel;
    options.callback = [&](const Iteration& iteration) {
      console.stage(fmt::format("{}: iteration {}", row.name, iteration.iteration + 1));
      return Action::proceed;
    };
    console.stage("");
    console.stage(row.name);
    if (solver) predict(problem, *solver, options, run);
    Vec theta = problem.start;
    run.summary = run_solver(problem, row, solver.get(), arguments, options, theta);
  } catch (const InputError& error) {
    run.cannot = error.what();
  } catch (const std::bad_alloc&) {
    run.cannot = "out of memory";
  }
  return run;
}

double best_objective(const std::vector<ComparedRun>& runs) {
  double best = std::numeric_limits<double>::infinity();
  for (const ComparedRun& run : runs)
    if (run.ran() && run.summary.objective < best) best = run.summary.objective;
  return best;
}

/// Seconds of the quickest converged run; NaN when there is none.
double quickest(const std::vector<ComparedRun>& runs) {
  double seconds = std::numeric_limits<double>::quiet_NaN();
  for (const ComparedRun& run : runs)
    if (run.ran() && run.summary.converged() && !(run.summary.seconds >= seconds)) seconds = run.summary.seconds;
  return seconds;
}

void print_table(Console& console, const Problem& problem, const std::vector<ComparedRun>& runs) {
  const double best = best_objective(runs), fastest = quickest(runs);
  const bool network = problem.zero_residual();
  console.line(fmt::format("\n{:<18} {:<16} {:>6} {:>7} {:>17} {:>9} {:>9} {:>9} {:>9} {:>8}", "solver", "status", "iter", "inner",
                           "objective", "gap", network ? "residual" : "rel.grad", "predicted", "seconds", "x best"));
  for (const ComparedRun& run : runs) {
    if (!run.ran()) {
      console.line(fmt::format("{:<18} cannot: {}", run.row->name, run.cannot));
      continue;
    }
    const Summary& s = run.summary;
    const std::string ratio = s.converged() ? fmt::format("{:.1f}", s.seconds / fastest) : "–";
    const std::string predicted = std::isfinite(run.predicted()) ? fmt::format("{:.3f}", run.predicted()) : "–";
    console.line(fmt::format("{:<18} {:<16} {:>6} {:>7} {:>17.10e} {:>9} {:>9} {:>9} {:>9.3f} {:>8}", run.row->name, to_string(s.status),
                             s.iterations, s.inner_iterations, s.objective, number(objective_gap(s.objective, best)),
                             number(network ? s.residual_ratio : s.relative_gradient), predicted, s.seconds, ratio));
  }
  console.line("gap: (f − f*)/max(1, |f*|), f* the least objective found; x best: seconds over those of the quickest that converged;");
  console.line("predicted: seconds by the cost model at this machine's rates for as many steps");
}

void print_remarks(Console& console, const std::vector<ComparedRun>& runs) {
  for (const ComparedRun& run : runs) {
    if (!run.ran()) continue;
    const Summary& s = run.summary;
    if (!s.converged()) console.line(fmt::format("{}: {}", run.row->name, s.message));
    if (!s.solver_used.empty() && s.solver_used != s.solver_asked)
      console.line(fmt::format("{}: used {}{}{}", run.row->name, s.solver_used, s.solver_reason.empty() ? "" : ", ", s.solver_reason));
  }
}

void draw(Console& console, OutputFile& plot, const Problem& problem, const std::vector<ComparedRun>& runs,
          const CompareArguments& arguments) {
  const std::string title = fmt::format("{}, {}: n = {}, d = {}", arguments.data.substr(arguments.data.find_last_of('/') + 1),
                                        arguments.model.loss, problem.rows(), problem.data.features.cols());
  console.stage("drawing");
  draw_picture(console, plot, plot_script(problem, runs, best_objective(runs), title, plot.path(), plot.temporary()));
}

}  // namespace

int run_compare(const CompareArguments& arguments) {
  const std::vector<const SolverRow*> rows = chosen_rows(arguments);
  check_plot_path(arguments.plot);
  require_distinct({{"--data", arguments.data}, {"--json", arguments.json}, {"--plot", arguments.plot}});
  OutputFile json("--json", arguments.json), plot("--plot", arguments.plot);
  const ThreadScope threads(arguments.options.threads);
  Console console(arguments.quiet);

  const Problem problem = load_problem(arguments, console);
  print_problem(console, problem, arguments);
  print_run(console, arguments.options);
  const std::atomic<bool>* cancel = catch_interrupts();
  std::vector<ComparedRun> runs;
  for (const SolverRow* row : rows) {
    if (cancel->load()) break;
    runs.push_back(run_one(problem, *row, arguments, cancel, console));
  }
  console.stage("");

  print_table(console, problem, runs);
  print_remarks(console, runs);
  json.write(compare_json(problem, runs, best_objective(runs)));
  json.commit();
  if (json.wanted()) console.line("wrote     " + json.path());
  const bool any_ran = std::ranges::any_of(runs, &ComparedRun::ran);
  if (plot.wanted() && any_ran) draw(console, plot, problem, runs, arguments);
  if (cancel->load()) return 1;
  if (!any_ran) throw InputError(fmt::format("no solver could run: {}", runs.front().cannot));
  return std::ranges::any_of(runs, [](const ComparedRun& run) { return run.ran() && run.summary.converged(); }) ? 0 : 1;
}

}  // namespace raphson::cli
