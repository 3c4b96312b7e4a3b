#include "cli/commands.hpp"
#include "cli/console.hpp"
#include "cli/inference.hpp"
#include "cli/model_file.hpp"
#include "cli/network_run.hpp"
#include "cli/output_file.hpp"
#include "cli/report.hpp"
#include "cli/result_json.hpp"

#include <raphson/core/threads.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

namespace raphson::cli {
namespace {

void note_unused_sketch(Console& console, const FitArguments& arguments, const SolverRow& row) {
  if (!row.sketches && !arguments.sketch_flags.empty())
    console.line(fmt::format("note      {} has no sketch: {} not used", row.name, fmt::join(arguments.sketch_flags, ", ")));
}

/// For a terminal, while the next step is being made.
std::string progress_text(const Iteration& last) {
  if (std::isnan(last.residual_ratio)) return fmt::format("iteration {}", last.iteration + 1);
  return fmt::format("iteration {}, residual {:.1e}", last.iteration + 1, last.residual_ratio);
}

}  // namespace

int run_fit(const FitArguments& arguments) {
  const SolverRow& row = find_solver(arguments.solver_name);
  require_distinct({{"--data", arguments.data},
                    {"--validation-data", arguments.validation_data},
                    {"--json", arguments.json},
                    {"--save", arguments.save},
                    {"--plot", arguments.plot},
                    {"--checkpoint", arguments.checkpoint}});
  require_distinct({{"--data", arguments.data}, {"--json", arguments.json}, {"--save", arguments.save}, {"--resume", arguments.resume}});
  OutputFile json("--json", arguments.json), save("--save", arguments.save);
  NetworkRun network(arguments);
  const ThreadScope threads(arguments.options.threads);
  Console console(arguments.quiet);

  const Problem problem = load_problem(arguments, console);
  print_problem(console, problem, arguments);
  const Problem first = network.first_problem(problem);
  const std::unique_ptr<LinearSolver> solver = row.first_order() ? nullptr : row.make(solver_settings(first, arguments));
  Options options = options_for(arguments, row);
  options.cancel = catch_interrupts();
  const std::string announced = print_solver(console, first, row, solver.get(), options);
  note_unused_sketch(console, arguments, row);
  print_run(console, options);
  network.announce(console, problem);

  IterationTable table(console, problem.zero_residual(), arguments.verbose, problem.validated());
  options.callback = [&](const Iteration& iteration) {
    table.row(iteration);
    console.stage(progress_text(iteration));
    return Action::proceed;
  };
  console.stage("starting");
  Vec theta = problem.start;
  const Summary summary = network.run(problem, row, solver.get(), options, theta);
  console.stage("");
  table.finish();

  print_verdict(console, summary, announced, problem.read_seconds);
  network.print_errors(console, problem, summary, theta);
  print_coefficients(console, problem, summary, theta, arguments.verbose);
  if (json.wanted()) json.write(fit_json(problem, summary, row.name, theta));
  if (save.wanted()) save.write(model_text(saved_model(problem, arguments, summary, theta), save.path()));
  json.commit();
  save.commit();
  for (const OutputFile* file : {&json, &save})
    if (file->wanted()) console.line("wrote     " + file->path());
  network.draw(console, problem, summary);
  return summary.converged() || summary.status == Status::early_stopped ? 0 : 1;
}

}  // namespace raphson::cli
