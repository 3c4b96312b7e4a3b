#include "cli/report.hpp"

#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace raphson::cli {
namespace {

std::string storage_text(const DataMatrix& data) {
  if (data.is_sparse()) return fmt::format("sparse f64, {} nonzeros, {}", data.nonzeros(), bytes_text(data.bytes()));
  return fmt::format("dense f64, {}", bytes_text(data.bytes()));
}

bool worth_printing(Index row) { return row <= 20 || (row <= 200 && row % 10 == 0) || row % 100 == 0; }

}  // namespace

std::string number(double value, int digits) {
  if (std::isnan(value)) return "–";
  return fmt::format("{:.{}e}", value, digits);
}

void print_problem(Console& console, const Problem& problem, const ProblemArguments& arguments, const std::string& formula) {
  const DataMatrix& data = problem.features();
  std::string shape = fmt::format("n = {}, d = {} ({})", data.rows(), data.cols(), storage_text(data));
  if (problem.is_network())
    shape += fmt::format(", width {}{}: {} parameters", fmt::join(problem.widths, ","),
                         problem.width_reason.empty() ? "" : fmt::format(" ({})", problem.width_reason), problem.model().parameters());
  if (problem.network && problem.network->outputs() > 1) shape += fmt::format(", {} outputs", problem.network->outputs());
  const char* penalty = problem.linear && problem.linear->l2() == 0 ? " (no penalty: --l2 0)" : "";
  console.line(fmt::format("problem   {}, {}; minimize {}{}", arguments.model.loss, shape,
                           formula.empty() ? problem.model().formula() : formula, penalty));

  std::vector<std::string> facts = {arguments.data};
  if (!problem.data.target_name.empty())
    facts.push_back(fmt::format("target{} '{}'", problem.data.target.n_cols > 1 ? "s" : "", problem.data.target_name));
  facts.insert(facts.end(), problem.data.notes.begin(), problem.data.notes.end());
  if (problem.is_network()) facts.push_back(problem.scaling.text());
  if (problem.validated()) facts.push_back(problem.held_text);
  console.line(fmt::format("data      {}", fmt::join(facts, "; ")));
}

std::string print_solver(Console& console, const Problem& problem, const SolverRow& row, const LinearSolver* solver,
                         const Options& options) {
  if (!solver) {
    console.line(fmt::format("solver    {}: first-order, for comparison", row.name));
    return row.name;
  }
  console.stage("looking at the first linear system");
  const FirstStep first = first_step(problem, options);
  check_can_solve(*solver, first.system, options.memory_limit);
  if (console.quiet()) return row.name;
  // A choice is shown with the figures that decide it, at nominal speeds: those of the moment might contradict it.
  Estimate estimate = solver->estimate(first.system, Machine::nominal());
  const bool chosen = !estimate.used.empty();
  if (!chosen) estimate = solver->estimate(first.system, Machine::measured());
  std::string text = fmt::format("solver    {}{}, {} x {} system", row.name, chosen ? " → " + estimate.used : "", first.system.A->rows(),
                                 first.system.A->cols());
  if (chosen) {
    text += fmt::format("; {}", estimate.reason);
  } else {
    if (std::isfinite(estimate.seconds)) text += fmt::format("; predicted {:.2g} s a step", estimate.seconds);
    text += fmt::format("; needs {}", bytes_text(estimate.bytes));
  }
  console.line(text);
  return chosen ? estimate.used : row.name;
}

void print_run(Console& console, const Options& options) {
  const int threads = thread_count();
  const std::string limit = std::isfinite(options.time_limit) ? fmt::format(", time limit {} s", options.time_limit) : "";
  console.line(fmt::format("run       {} thread{} (TBB), {}, seed {}, deterministic{}", threads, threads == 1 ? "" : "s", blas_name(),
                           options.seed, limit));
}

IterationTable::IterationTable(Console& console, bool network, bool verbose, bool validated)
    : console_(console), network_(network), verbose_(verbose), validated_(validated) {
  console_.line("");
  console_.line(fmt::format("{:>6}  {:>14}  {:>9}{}  {:>10}  {:>6}  {:>8}  {:>16}  {:>8}", "iter", "objective",
                            network_ ? "residual" : "rel.grad", validated_ ? "  held-out" : "", "decrement", "step", "damping",
                            "inner (res)", "sec"));
}

void IterationTable::row(const Iteration& iteration) {
  if (!verbose_ && !worth_printing(rows_++)) {
    skipped_ = iteration;
    return;
  }
  skipped_.reset();
  print(iteration);
}

void IterationTable::finish() {
  if (skipped_) print(*skipped_);
}

void IterationTable::print(const Iteration& i) {
  const double progress = network_ ? i.residual_ratio : i.relative_gradient;
  const std::string inner = std::isnan(i.inner_residual) ? (i.inner_iterations ? fmt::format("{}", i.inner_iterations) : "–")
                                                         : fmt::format("{} ({:.0e})", i.inner_iterations, i.inner_residual);
  const std::string held = validated_ ? fmt::format("  {:>8.4g}", i.held_out) : "";
  console_.line(fmt::format("{:>6}  {:>14.7e}  {:>9}{}  {:>10}  {:>6}  {:>8}  {:>16}  {:>8.2f}", i.iteration, i.objective, number(progress),
                            held, number(i.decrement), i.iteration == 0 ? "–" : fmt::format("{:.3g}", i.step),
                            i.damping == 0 ? "0" : fmt::format("{:.1e}", i.damping), inner, i.seconds));
  if (!i.fallback.empty()) console_.line(fmt::format("{:>6}  {}", "", i.fallback));
}

void print_verdict(Console& console, const Summary& s, const std::string& announced, double read_seconds) {
  console.line("");
  const std::string status = to_string(s.status);
  const bool said = s.message.starts_with(status);
  console.line(
      fmt::format("{}{}; {} iteration{}, {} inner, {:.2f} s (setup {:.2f}, solve {:.2f}, objective {:.2f}, other {:.2f}; read {:.2f})",
                  said ? "" : status + ": ", s.message, s.iterations, s.iterations == 1 ? "" : "s", s.inner_iterations, s.seconds,
                  s.phases.linear_setup, s.phases.linear_solve, s.phases.objective, s.phases.other, read_seconds));
  if (s.solver_used != announced && s.solver_used != s.solver_asked && !s.solver_used.empty())
    console.line(fmt::format("solver    {} → {}{}{}", s.solver_asked, s.solver_used, s.solver_reason.empty() ? "" : ": ", s.solver_reason));
  for (const std::string& note : s.notes) console.line("note      " + note);
}

}  // namespace raphson::cli
