#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/inference.hpp"
#include "cli/model_file.hpp"
#include "cli/output_file.hpp"
#include "cli/report.hpp"
#include "cli/result_json.hpp"

#include <raphson/core/threads.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace raphson::cli {
namespace {

void note_unused_sketch(Console& console, const FitArguments& arguments, const SolverRow& row) {
  if (!row.sketches && !arguments.sketch_flags.empty())
    console.line(fmt::format("note      {} has no sketch: {} not used", row.name, fmt::join(arguments.sketch_flags, ", ")));
}

}  // namespace

int run_fit(const FitArguments& arguments) {
  const SolverRow& row = find_solver(arguments.solver_name);
  require_distinct({{"--data", arguments.data}, {"--json", arguments.json}, {"--save", arguments.save}});
  OutputFile json("--json", arguments.json), save("--save", arguments.save);
  const std::unique_ptr<LinearSolver> solver = row.first_order() ? nullptr : row.make(arguments.solver);
  const ThreadScope threads(arguments.options.threads);
  Console console(arguments.quiet);

  const Problem problem = load_problem(arguments, console);
  print_problem(console, problem, arguments);
  Options options = options_for(arguments, row);
  options.cancel = catch_interrupts();
  const std::string announced = print_solver(console, problem, row, solver.get(), options);
  note_unused_sketch(console, arguments, row);
  print_run(console, options);

  IterationTable table(console, problem.is_network(), arguments.verbose);
  options.callback = [&](const Iteration& iteration) {
    table.row(iteration);
    console.stage(fmt::format("iteration {}", iteration.iteration + 1));
    return Action::proceed;
  };
  console.stage("starting");
  Vec theta = problem.start;
  const Summary summary = run_solver(problem, row, solver.get(), arguments, options, theta);
  console.stage("");
  table.finish();

  print_verdict(console, summary, announced, problem.read_seconds);
  print_coefficients(console, problem, summary, theta, arguments.verbose);
  if (json.wanted()) json.write(fit_json(problem, summary, row.name, theta));
  if (save.wanted()) save.write(model_text(saved_model(problem, arguments, summary, theta), save.path()));
  json.commit();
  save.commit();
  for (const OutputFile* file : {&json, &save})
    if (file->wanted()) console.line("wrote     " + file->path());
  return summary.converged() ? 0 : 1;
}

}  // namespace raphson::cli
