#include "cli/network_run.hpp"

#include "cli/plot.hpp"

#include <raphson/core/error.hpp>
#include <raphson/core/fingerprint.hpp>
#include <raphson/models/network/minibatch.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace raphson::cli {
namespace {

constexpr Index steps_between_checkpoints = 20;
constexpr Index default_epochs = 200;

std::uint64_t held_fingerprint(const Problem& problem) {
  return problem.validated() ? Fingerprint().add(problem.held_features).add(arma::vectorise(problem.held_target)).value() : 0;
}

/// "0.32", or of several outputs "heating 0.32, cooling 1.7".
std::string rmse_text(const Problem& problem, const arma::rowvec& rmse) {
  if (rmse.n_elem == 1) return fmt::format("{:.6g}", rmse(0));
  std::string text;
  const std::vector<std::string> names = target_names(problem.data.target_name, rmse.n_elem);
  for (Index c = 0; c < rmse.n_elem; ++c) text += fmt::format("{}{} {:.6g}", c ? ", " : "", names[c], rmse(c));
  return text;
}

Index batches(Index rows, Index batch) { return (rows + batch - 1) / batch; }

}  // namespace

NetworkRun::NetworkRun(const FitArguments& arguments)
    : arguments_(arguments),
      checkpoint_("--checkpoint", arguments.checkpoint.empty() ? arguments.resume : arguments.checkpoint),
      plot_("--plot", arguments.plot) {
  check_plot_path(arguments.plot);
  if (arguments.resume.empty()) return;
  resumed_ = load_checkpoint(arguments.resume);
  check_same_options(arguments.resume, resumed_->typed, arguments.typed);
  const Index every = resumed_->training.every;
  if (arguments.checkpoint_every.value_or(every) != every)
    throw InputError(
        fmt::format("{} was made with --checkpoint-every {}, this run has {}.", arguments.resume, every, *arguments.checkpoint_every));
}

Problem NetworkRun::first_problem(const Problem& problem) const {
  Problem first = problem;
  if (!problem.network || !arguments_.batch) return first;
  std::vector<Index> rows(std::min(*arguments_.batch, problem.rows()));
  std::iota(rows.begin(), rows.end(), Index{0});
  first.network = std::make_shared<TwoLayerRelu>(problem.network->on_rows(rows));
  return first;
}

void NetworkRun::announce(Console& console, const Problem& problem) const {
  if (problem.deep && arguments_.batch) throw InputError("--batch is for networks of one hidden layer: give --width one number.");
  if (arguments_.batch) {
    const Index batch = std::min(*arguments_.batch, problem.rows());
    console.line(fmt::format("batches   {} rows each, {} an epoch; a line of the table is an epoch, an iteration a batch", batch,
                             batches(problem.rows(), batch)));
  }
  if (!resumed_) return;
  if (resumed_->held_out != held_fingerprint(problem))
    throw InputError(fmt::format("{} belongs to other validation rows: resume with the same data.", arguments_.resume));
  console.line(fmt::format("resume    {}: iteration {}, {:.2f} s so far", arguments_.resume, resumed_->training.iterations,
                           resumed_->training.seconds));
}

TrainOptions NetworkRun::with_checkpoints(const Problem& problem, Options options) {
  TrainOptions training = training_options(arguments_, std::move(options));
  if (resumed_) {
    training.resume = std::make_shared<const TrainState>(std::move(resumed_->training));
    saved_at_ = training.resume->iterations;
  }
  if (!checkpoint_.wanted()) return training;
  training.checkpoint_every = arguments_.checkpoint_every.value_or(training.resume ? training.resume->every : steps_between_checkpoints);
  training.checkpoint = [this, held = held_fingerprint(problem)](const TrainState& state) {
    CheckpointContent content{arguments_.typed, held, state, std::nullopt};
    if (watch_) content.watch = watch_->state();
    checkpoint_.write(checkpoint_bytes(content));
    checkpoint_.commit();
    saved_at_ = state.iterations;
  };
  return training;
}

Summary NetworkRun::train(const Problem& problem, const SolverRow& row, LinearSolver* solver, Options options, Vec& theta) {
  if (problem.linear || row.first_order()) return run_solver(problem, row, solver, arguments_, std::move(options), theta);
  if (arguments_.batch) {
    const Index batch = std::min(*arguments_.batch, problem.rows());
    options.max_iterations = arguments_.max_iterations.value_or(default_epochs * batches(problem.rows(), batch));
    return minibatch_gauss_newton(*problem.network, *solver, theta, batch, arguments_.batch_damping, options);
  }
  try {
    const TrainOptions training = with_checkpoints(problem, std::move(options));
    return problem.deep ? train_network(*problem.deep, *solver, theta, training)
                        : train_network(*problem.network, *solver, theta, training);
  } catch (const InputError& error) {
    const std::string text = error.what(), begin = "resume: the state";
    throw InputError(text.starts_with(begin) ? arguments_.resume + text.substr(begin.size()) : text);
  }
}

Summary NetworkRun::run(const Problem& problem, const SolverRow& row, LinearSolver* solver, Options options, Vec& theta) {
  if (!problem.validated()) return train(problem, row, solver, std::move(options), theta);
  watch_ =
      std::make_shared<EarlyStopping>([&problem](const Vec& W) { return validation_error(problem, W); }, arguments_.patience.value_or(0));
  if (resumed_ && resumed_->watch) watch_->restore(*resumed_->watch);
  options.callback = watch_->callback(std::move(options.callback));
  Summary summary = train(problem, row, solver, std::move(options), theta);
  watch_->finish(problem.model(), theta, summary);
  return summary;
}

void NetworkRun::print_errors(Console& console, const Problem& problem, const Summary& summary, const Vec& theta) const {
  if (problem.validated()) {
    const EarlyStopping::State& seen = watch_->state();
    std::string text = fmt::format("rmse      {} on the {} fitted rows, {} on {}", rmse_text(problem, train_rmse(problem, theta)),
                                   problem.rows(), rmse_text(problem, validation_rmse(problem, theta)), problem.held_text);
    if (!arguments_.patience && std::isfinite(seen.best_error))
      text +=
          fmt::format(" (least{} {:.6g} at iteration {}: --patience returns that point)",
                      problem.held_target.n_cols > 1 ? ", all together over their deviations," : "", seen.best_error, seen.best_iteration);
    console.line(text);
  }
  const bool cut =
      summary.status == Status::interrupted || summary.status == Status::time_limit || summary.status == Status::iteration_limit;
  if (cut && checkpoint_.wanted() && saved_at_ > 0)
    console.line(fmt::format("note      --resume {} goes on from iteration {}", checkpoint_.path(), saved_at_));
}

void NetworkRun::draw(Console& console, const Problem& problem, const Summary& summary) {
  if (!plot_.wanted()) return;
  const std::string title = fmt::format("{}, relu: n = {}, width {}", arguments_.data.substr(arguments_.data.find_last_of('/') + 1),
                                        problem.rows(), fmt::join(problem.widths, ", "));
  console.stage("drawing");
  draw_picture(console, plot_, learning_script(summary, title, plot_.path(), plot_.temporary()));
}

}  // namespace raphson::cli
