#pragma once
/// The lines of a run, in the order a user reads them.

#include "cli/console.hpp"
#include "cli/problem.hpp"

#include <optional>
#include <string>

namespace raphson::cli {

/// "3.1e-10", "1e-8", "–" for NaN.
std::string number(double value, int digits = 1);

/// problem, data. `formula`: the model's own unless given.
void print_problem(Console& console, const Problem& problem, const ProblemArguments& arguments, const std::string& formula = {});
/// solver, and why; the memory it needs. Returns the solver that is going to be used. Throws InputError when it cannot feed on this
/// problem.
std::string print_solver(Console& console, const Problem& problem, const SolverRow& row, const LinearSolver* solver,
                         const Options& options);
/// Threads, BLAS, seed, time limit.
void print_run(Console& console, const Options& options);

/// One line an iteration as it happens; long histories are thinned (all up to 20, every 10th up to 200, every 100th) unless verbose.
class IterationTable {
 public:
  /// `validated`: with a column for Iteration::held_out.
  IterationTable(Console& console, bool network, bool verbose, bool validated = false);
  void row(const Iteration& iteration);
  /// The last row, where it was thinned out.
  void finish();

 private:
  void print(const Iteration& iteration);

  Console& console_;
  bool network_, verbose_, validated_;
  Index rows_ = 0;
  std::optional<Iteration> skipped_;
};

/// One sentence with the criterion met and where the time went; then notes. `announced` is what print_solver returned.
void print_verdict(Console& console, const Summary& summary, const std::string& announced, double read_seconds);

}  // namespace raphson::cli
