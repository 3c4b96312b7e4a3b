#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/train_penalized.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

namespace raphson {
namespace {

/// Smoothed activations softplus(βz)/β on the way back to ReLU: smooth enough at first that Levenberg-Marquardt meets no kinks, each
/// four times as sharp as the last.
constexpr double sharpnesses[] = {1, 4, 16, 64, 256, 1024, 4096};
/// A smoothed stage is done at a residual ratio of this over β (or a tenth of the tolerance), or after so many steps. Sharpening from β
/// to 4β changes f by about 1/β, so that more accuracy would be lost again.
constexpr double smooth_goal = 0.04;
constexpr Index smooth_stage_limit = 200;
/// Unit steps have disappointed when this many in a row bring no new best point, or the residual is this much above the best.
constexpr Index patience = 5;
constexpr double growth = 100;
/// Damped steps have disappointed when so many in a row reduce the residual by less than a tenth.
constexpr Index damped_patience = 30;
constexpr double damped_progress = 0.9;
/// Where data with conflicts set a floor, training ends when what lies above it is this part of it: ‖f − y‖ ≤ √(1 + 0.1²) floor.
constexpr double floor_share = 0.1;
/// Damping is handed from stage to stage within these bounds.
constexpr double smallest_damping = 1e-8, largest_damping = 1e-2;

/// What is special about one call of minimize within the training.
struct Stage {
  std::string activation = {};  ///< "softplus(16z)/16"; empty for the model's own
  Globalization globalization = Globalization::automatic;
  double tolerance = 0;
  Index max_iterations = 0;
  bool give_up_early = true;  ///< steps that disappoint end the stage; false for those that the user chose
  double floor = 0;           ///< of the model that is minimized, taken out of its targets

  bool smoothed() const { return !activation.empty(); }
  /// Whether what is minimized is the model itself, so that figures of one are figures of the other.
  bool direct() const { return !smoothed() && floor == 0; }
  std::string text() const {
    const std::string steps = globalization == Globalization::unit                  ? "unit steps"
                              : globalization == Globalization::levenberg_marquardt ? "damped steps"
                                                                                    : "steps";
    return smoothed() ? activation + ", " + steps : steps;
  }
};

/// Of the model itself at some weights.
struct Figures {
  double objective = 0, gradient_norm = 0;
  double residual_norm() const { return std::sqrt(2 * objective); }
};

/// One call of train_network: the state that its stages share.
class Training {
 public:
  Training(const TwoLayerRelu& model, LinearSolver& solver, Vec& W, const TrainOptions& options)
      : model_(model), solver_(solver), W_(W), options_(options), point_(W), damping_(options.initial_damping) {}

  Summary operator()();

 private:
  enum class End { by_itself, user_stopped, disappointed };

  void all_stages();
  bool smoothed_stages();
  bool run(const TwoLayerRelu& model, Stage stage);
  Options stage_options(const Stage& stage);
  Iteration translated(Iteration local, const Stage& stage) const;
  Action watch(const Iteration& local, const Stage& stage);
  bool disappointing(const Stage& stage) const;
  void collect(const Summary& part, const TwoLayerRelu& minimized, const Stage& stage);
  void measure_start(const Iteration& start);
  void keep_if_best(std::optional<Figures> figures = {});
  bool decided(const Stage& stage);
  void finish();

  double ratio(double norm) const { return norm == 0 ? 0.0 : norm / reference_; }
  double floor_ratio() const { return ratio(model_.conflicts().floor); }
  bool unattainable() const { return floor_ratio() > options_.tolerance; }
  double goal() const { return unattainable() ? std::max(options_.tolerance, floor_share * floor_ratio()) : options_.tolerance; }
  Index iterations_left() const { return options_.max_iterations - std::min(options_.max_iterations, done_); }

  const TwoLayerRelu& model_;
  LinearSolver& solver_;
  Vec& W_;  ///< the caller's: always the best point of the model itself
  const TrainOptions& options_;
  Stopwatch clock_;
  Summary summary_;
  Vec point_;                       ///< where the next stage starts
  double reference_ = 0;            ///< ‖f₀ − y‖ of the model itself; 0: the first stage measures it
  double best_ = 0;                 ///< ‖f − y‖ of the model itself at W_
  std::optional<Figures> at_best_;  ///< all figures at W_, where a stage gave them
  double gradient_reference_ = 0;   ///< ‖∇f‖ at the start
  double damping_;                  ///< handed from stage to stage
  Index done_ = 0;                  ///< iterations of finished stages
  double begun_ = 0;                ///< seconds at which the stage in progress began
  std::vector<double> ratios_;      ///< residual ratio of every iteration of the stage in progress
  End end_ = End::by_itself;
};

Summary Training::operator()() {
  const ThreadScope threads(options_.threads);
  reference_ = options_.residual_reference;
  // Stages need to know the start beforehand only where the data set a floor.
  if (reference_ > 0 || model_.conflicts().floor > 0) {
    best_ = std::sqrt(2 * model_.value(W_));
    if (reference_ == 0) reference_ = best_;
  }
  all_stages();
  finish();
  return std::move(summary_);
}

void Training::all_stages() {
  const bool plan = options_.globalization == Globalization::automatic;
  const bool relu = model_.activation().kind == Activation::Kind::relu;
  if (run(model_, {.globalization = plan ? Globalization::unit : options_.globalization,
                   .tolerance = goal(),
                   .max_iterations = iterations_left(),
                   .give_up_early = plan})) {
    return;
  }
  point_ = W_;
  if (options_.continuation && relu) {
    if (smoothed_stages()) return;
  } else if (!plan) {
    return;  // steps of the kind that the user asked for have had their say
  }
  run(model_, {.globalization = Globalization::levenberg_marquardt, .tolerance = goal(), .max_iterations = iterations_left()});
}

bool Training::smoothed_stages() {
  for (const double sharpness : sharpnesses) {
    const Stage stage{.activation = fmt::format("softplus({0:g}z)/{0:g}", sharpness),
                      .globalization = Globalization::levenberg_marquardt,
                      .tolerance = std::max(smooth_goal / sharpness, 0.1 * goal()),
                      .max_iterations = std::min(smooth_stage_limit, iterations_left())};
    if (run(model_.with_activation(Activation::softplus(sharpness)), stage)) return true;
  }
  return false;
}

/// One call of minimize from point_. True when training is over.
///
/// Conflicting targets are replaced by what can be attained: that takes ½·floor² out of the objective, changes no minimizer and no step,
/// and leaves a residual that can vanish, which is what tolerances of linear solvers and of stages are about.
bool Training::run(const TwoLayerRelu& model, Stage stage) {
  begun_ = clock_.seconds();
  ratios_.clear();
  end_ = End::by_itself;
  if (!(begun_ < options_.time_limit)) {
    summary_.status = Status::time_limit;
    return true;
  }
  const bool without_floor = unattainable() || stage.smoothed();
  const TwoLayerRelu minimized = without_floor ? model.with_attainable_targets() : model;
  if (without_floor) stage.floor = model.conflicts().floor;
  try {
    const Summary part = minimize(minimized, solver_, point_, stage_options(stage));
    if (reference_ == 0) measure_start(part.history.front());
    keep_if_best(stage.direct() ? std::optional<Figures>({part.objective, part.gradient_norm}) : std::nullopt);
    collect(part, minimized, stage);
  } catch (...) {
    if (reference_ == 0) best_ = std::sqrt(2 * model_.value(W_));
    keep_if_best();
    throw;
  }
  return decided(stage);
}

Options Training::stage_options(const Stage& stage) {
  Options options = options_;
  options.criterion = Criterion::residual_ratio;
  options.residual_reference = reference_;
  options.globalization = stage.globalization;
  options.tolerance = stage.tolerance;
  options.max_iterations = stage.max_iterations;
  options.time_limit = options_.time_limit - begun_;
  options.initial_damping = damping_;
  options.callback = [this, stage](const Iteration& local) { return watch(local, stage); };
  return options;
}

/// A stage's own figures as those of the whole training.
Iteration Training::translated(Iteration local, const Stage& stage) const {
  local.iteration += done_;
  local.seconds += begun_;
  local.objective += 0.5 * stage.floor * stage.floor;
  local.residual_ratio = std::hypot(local.residual_ratio, ratio(stage.floor));
  if (gradient_reference_ > 0) local.relative_gradient = local.gradient_norm / gradient_reference_;
  if (stage.smoothed()) local.fallback = stage.activation + (local.fallback.empty() ? "" : "; " + local.fallback);
  return local;
}

Action Training::watch(const Iteration& local, const Stage& stage) {
  const bool repeats = local.iteration == 0 && !summary_.history.empty();  // the start of a later stage is no new iteration
  if (options_.callback && !repeats && options_.callback(translated(local, stage)) == Action::stop) {
    end_ = End::user_stopped;
    return Action::stop;
  }
  ratios_.push_back(local.residual_ratio);
  if (!stage.give_up_early || !disappointing(stage)) return Action::proceed;
  end_ = End::disappointed;
  return Action::stop;
}

/// Whether the stage in progress has come to nothing lately.
bool Training::disappointing(const Stage& stage) const {
  const double now = ratios_.back();
  if (stage.globalization == Globalization::unit) {
    const auto best = std::min_element(ratios_.begin(), ratios_.end());
    return static_cast<Index>(ratios_.end() - best) > patience || !(now <= growth * *best);
  }
  return ratios_.size() > damped_patience && !(now <= damped_progress * ratios_[ratios_.size() - 1 - damped_patience]);
}

/// Appends what a stage did to the summary.
void Training::collect(const Summary& part, const TwoLayerRelu& minimized, const Stage& stage) {
  const bool first = summary_.history.empty();
  if (first) {
    gradient_reference_ = part.history.front().gradient_norm;
    summary_.notes = model_.notes();
  }
  // What minimize has to say beyond the facts about the model.
  const auto facts = std::min(part.notes.size(), minimized.notes().size());
  summary_.notes.insert(summary_.notes.end(), part.notes.begin() + static_cast<std::ptrdiff_t>(facts), part.notes.end());
  double smallest = std::numeric_limits<double>::infinity();
  for (const Iteration& local : part.history) {
    smallest = std::min(smallest, translated(local, stage).residual_ratio);
    if (local.step > 0 && stage.globalization == Globalization::levenberg_marquardt) damping_ = local.damping;
    if (first || local.iteration > 0) summary_.history.push_back(translated(local, stage));
  }
  damping_ = std::clamp(damping_, smallest_damping, largest_damping);
  const std::string end = end_ == End::disappointed ? "no more progress" : to_string(part.status);
  summary_.notes.push_back(fmt::format("iterations {} to {}: {}, residual ratio {:.1e} to {:.1e}, {}", done_, done_ + part.iterations,
                                       stage.text(), translated(part.history.front(), stage).residual_ratio, smallest, end));
  done_ += part.history.back().iteration;
  summary_.status = part.status;
  summary_.message = part.message;
  summary_.criterion = part.criterion;
  summary_.solver_asked = part.solver_asked;
  if (!part.solver_used.empty()) summary_.solver_used = part.solver_used;
  if (!part.solver_reason.empty()) summary_.solver_reason = part.solver_reason;
  summary_.inner_iterations += part.inner_iterations;
  summary_.phases.linear_setup += part.phases.linear_setup;
  summary_.phases.linear_solve += part.phases.linear_solve;
  summary_.phases.objective += part.phases.objective;
  summary_.seed = part.seed;
  summary_.threads = part.threads;
}

/// The first stage, on the model itself, has measured its start.
void Training::measure_start(const Iteration& start) {
  at_best_ = Figures{start.objective, start.gradient_norm};
  reference_ = best_ = at_best_->residual_norm();
}

/// point_ becomes the answer when the model itself, not its smoothed version, fits better there than anywhere before. `figures`: of the
/// model itself at point_, where known.
void Training::keep_if_best(std::optional<Figures> figures) {
  const double norm = figures ? figures->residual_norm() : std::sqrt(2 * model_.value(point_));
  if (!(norm < best_)) return;
  best_ = norm;
  at_best_ = figures;
  W_ = point_;
}

/// Whether the stage that ended decides the whole training.
bool Training::decided(const Stage& stage) {
  switch (summary_.status) {
    case Status::converged:
      return !stage.smoothed();
    case Status::stopped:
      return end_ != End::disappointed;
    case Status::iteration_limit:
      return iterations_left() == 0;
    case Status::time_limit:
    case Status::interrupted:
      return true;
    default:
      return !std::isfinite(best_);
  }
}

/// The figures at the answer, and a verdict about the model itself.
void Training::finish() {
  if (!at_best_) {
    const auto at = model_.linearize(W_);
    at_best_ = Figures{at->value(), arma::norm(at->gradient())};
  }
  summary_.objective = at_best_->objective;
  summary_.gradient_norm = at_best_->gradient_norm;
  summary_.relative_gradient = summary_.gradient_norm == 0 ? 0.0 : summary_.gradient_norm / gradient_reference_;
  summary_.residual_ratio = ratio(at_best_->residual_norm());
  summary_.iterations = done_;
  summary_.seconds = clock_.seconds();
  summary_.phases.other = summary_.seconds - summary_.phases.linear_setup - summary_.phases.linear_solve - summary_.phases.objective;
  const bool met = summary_.residual_ratio <= options_.tolerance;
  const std::string reached = fmt::format("residual ratio {:.1e} {} {:.1e}", summary_.residual_ratio, met ? "≤" : ">", options_.tolerance);
  Status& status = summary_.status;
  if (status == Status::stopped && end_ == End::disappointed) status = Status::step_failed;
  if (met && status != Status::stopped && status != Status::interrupted) status = Status::converged;
  if (!met && status == Status::converged) status = Status::unattainable;
  switch (status) {
    case Status::converged:
      summary_.message = reached;
      break;
    case Status::unattainable:
      summary_.message = fmt::format(
          "residual ratio {:.4g}, within 1 % of {:.4g}, the least that rows with equal features and different targets allow; the tolerance "
          "{:.1e} cannot be met",
          summary_.residual_ratio, floor_ratio(), options_.tolerance);
      break;
    case Status::iteration_limit:
      summary_.message = fmt::format("iteration limit of {} reached at {}; allow more iterations", options_.max_iterations, reached);
      break;
    case Status::time_limit:
      summary_.message = fmt::format("time limit of {} s reached at {}", options_.time_limit, reached);
      break;
    case Status::stopped:
      summary_.message = "stopped by the callback at " + reached;
      break;
    case Status::interrupted:
      summary_.message = "interrupted at " + reached;
      break;
    default:
      summary_.message = fmt::format("training ended at {} ({}); a wider net or another seed may do better", reached,
                                     end_ == End::disappointed ? "the last steps made no progress" : summary_.message);
  }
}

}  // namespace

Summary train_network(const TwoLayerRelu& model, LinearSolver& solver, Vec& W, const TrainOptions& options) {
  const Criterion criterion = options.criterion == Criterion::automatic ? model.criterion() : options.criterion;
  const bool kinks = model.l2() > 0 && model.activation().kind == Activation::Kind::relu;
  const bool smoothing = kinks && options.continuation && options.globalization == Globalization::automatic;
  if (criterion != Criterion::residual_ratio && !(smoothing && criterion == Criterion::relative_gradient))
    return minimize(model, solver, W, options);
  check(options);
  require_size(W.n_elem, model.parameters(), "the start", "width x columns of X");
  require_finite(W, "the start");
  if (model.l2() > 0) return smoothing ? train_penalized(model, solver, W, options) : minimize(model, solver, W, options);
  return Training(model, solver, W, options)();
}

}  // namespace raphson
