#include <raphson/core/threads.hpp>
#include <raphson/models/network/stage_summary.hpp>
#include <raphson/models/network/train_penalized.hpp>

#include <fmt/format.h>
#include <algorithm>

namespace raphson {
namespace {

constexpr double sharpnesses[] = {4, 16, 64, 256, 1024, 4096};
/// Relative gradient at which a smoothed stage is done, and how many steps it may take.
constexpr double smooth_goal = 1e-3;
constexpr Index smooth_limit = 50;
/// The net itself is done when so many iterations bring less than this share of the objective.
constexpr Index patience = 5;
constexpr double least_progress = 1e-6;

class PenalizedTraining {
 public:
  PenalizedTraining(const TwoLayerRelu& model, LinearSolver& solver, Vec& W, const TrainOptions& options, TrainJournal& journal)
      : model_(model), solver_(solver), W_(W), options_(options), journal_(journal), point_(W) {}

  Summary operator()() {
    const ThreadScope threads(options_.threads);
    best_ = model_.value(W_);
    try {
      all_stages();
    } catch (...) {
      keep_if_best();
      throw;
    }
    keep_if_best();
    finish();
    return std::move(summary_);
  }

 private:
  void all_stages() {
    for (const double sharpness : sharpnesses) {
      if (smoothed_stage(sharpness)) return;
    }
    last_stage();
  }
  void keep_if_best() {
    if (model_.value(point_) < best_) W_ = point_;
  }
  bool smoothed_stage(double sharpness);
  void last_stage();
  Options stage_options(Index most);
  Action watch(const Iteration& local, const std::string& text, bool patient);
  void collect(const Summary& part, const std::string& text);
  Iteration translated(Iteration local, const std::string& text) const;
  void finish();
  Index iterations_left() const { return options_.max_iterations - std::min(options_.max_iterations, done_); }

  const TwoLayerRelu& model_;
  LinearSolver& solver_;
  Vec& W_;  ///< the caller's
  const TrainOptions& options_;
  TrainJournal& journal_;
  Summary summary_;
  Vec point_;         ///< where the next stage starts
  Index done_ = 0;    ///< iterations of finished stages
  double best_ = 0;   ///< objective of the net itself at W_
  double begun_ = 0;  ///< seconds at which the stage in progress began
  bool stalled_ = false;
  std::vector<double> objectives_;  ///< of the last stage
};

Options PenalizedTraining::stage_options(Index most) {
  begun_ = journal_.seconds();
  Options options = options_;
  options.criterion = Criterion::relative_gradient;
  options.max_iterations = std::min(most, iterations_left());
  options.time_limit = std::max(1e-9, options_.time_limit - journal_.seconds_here());
  return options;
}

/// True when training is over: by the caller's wish, or for want of time or iterations.
bool PenalizedTraining::smoothed_stage(double sharpness) {
  const std::string text = fmt::format("softplus({0:g}z)/{0:g}", sharpness);
  Options options = stage_options(smooth_limit);
  options.tolerance = std::max(smooth_goal, options_.tolerance);
  options.callback = [&](const Iteration& local) { return watch(local, text, true); };
  collect(journal_.minimize(model_.with_activation(Activation::softplus(sharpness)), solver_, point_, options), text);
  const Status status = summary_.status;
  return status == Status::stopped || status == Status::interrupted || status == Status::time_limit || iterations_left() == 0;
}

void PenalizedTraining::last_stage() {
  Options options = stage_options(options_.max_iterations);
  options.globalization = Globalization::levenberg_marquardt;
  options.callback = [&](const Iteration& local) { return watch(local, "", false); };
  collect(journal_.minimize(model_, solver_, point_, options), "");
}

Iteration PenalizedTraining::translated(Iteration local, const std::string& text) const {
  local.iteration += done_;
  local.seconds += begun_;
  if (!text.empty()) local.fallback = text + (local.fallback.empty() ? "" : "; " + local.fallback);
  return local;
}

Action PenalizedTraining::watch(const Iteration& local, const std::string& text, bool patient) {
  const bool repeats = local.iteration == 0 && done_ > 0;
  if (options_.callback && !repeats && options_.callback(translated(local, text)) == Action::stop) return Action::stop;
  if (patient) return Action::proceed;
  objectives_.push_back(local.objective);
  if (objectives_.size() <= patience) return Action::proceed;
  stalled_ = !(local.objective < (1 - least_progress) * objectives_[objectives_.size() - 1 - patience]);
  return stalled_ ? Action::stop : Action::proceed;
}

void PenalizedTraining::collect(const Summary& part, const std::string& text) {
  if (summary_.history.empty()) summary_.notes = model_.notes();
  for (const Iteration& local : part.history) {
    if (local.iteration > 0 || summary_.history.empty()) summary_.history.push_back(translated(local, text));
  }
  summary_.notes.push_back(fmt::format("iterations {} to {}: {}, objective {:.6e} to {:.6e}, {}", done_, done_ + part.iterations,
                                       text.empty() ? "the net itself, damped steps" : text, part.history.front().objective, part.objective,
                                       stalled_ ? "no more progress" : to_string(part.status)));
  done_ += part.history.back().iteration;
  take_over(part, summary_);
}

/// The figures at the answer, which are those of the net itself.
void PenalizedTraining::finish() {
  const auto at = model_.linearize(W_);
  const double scale = model_.gradient_scale();
  summary_.objective = at->value();
  summary_.gradient_norm = arma::norm(at->gradient());
  summary_.relative_gradient = summary_.gradient_norm == 0 ? 0.0 : summary_.gradient_norm / scale;
  summary_.iterations = done_;
  summary_.seconds = journal_.seconds();
  summary_.phases.other = summary_.seconds - summary_.phases.linear_setup - summary_.phases.linear_solve - summary_.phases.objective;
  const bool met = summary_.relative_gradient <= options_.tolerance;
  const std::string reached =
      fmt::format("relative gradient {:.1e} {} {:.1e}", summary_.relative_gradient, met ? "≤" : ">", options_.tolerance);
  const bool ended = stalled_ || summary_.status == Status::step_failed || summary_.status == Status::converged;
  if (met && ended) {
    summary_.status = Status::converged;
    summary_.message = reached;
  } else if (ended) {
    summary_.status = Status::unattainable;
    summary_.message = fmt::format(
        "the objective, {:.6g}, no longer falls at {}: minimizers of a penalized ReLU net lie on kinks, where the gradient does not "
        "vanish; "
        "for a smaller one use softplus",
        summary_.objective, reached);
  } else if (summary_.status == Status::iteration_limit) {
    summary_.message = fmt::format("iteration limit of {} reached at {}; allow more iterations", options_.max_iterations, reached);
  } else if (summary_.status == Status::time_limit) {
    summary_.message = fmt::format("time limit of {} s reached at {}", options_.time_limit, reached);
  }
}

}  // namespace

Summary train_penalized(const TwoLayerRelu& model, LinearSolver& solver, Vec& W, const TrainOptions& options, TrainJournal& journal) {
  return PenalizedTraining(model, solver, W, options, journal)();
}

}  // namespace raphson
