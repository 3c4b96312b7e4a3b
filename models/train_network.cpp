#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/equal_rows.hpp>
#include <raphson/models/network/lazy_start.hpp>
#include <raphson/models/network/stage_summary.hpp>
#include <raphson/models/network/train_journal.hpp>
#include <raphson/models/network/train_penalized.hpp>
#include <raphson/models/network/training_schedule.hpp>
#include <raphson/models/two_layer_relu.hpp>

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

namespace raphson {
namespace {

/// Where data with conflicts set a floor, training ends when what lies above it is this part of it: ‖f − y‖ ≤ √(1 + 0.1²) floor.
constexpr double floor_share = 0.1;
/// Damping is handed from stage to stage within these bounds.
constexpr double smallest_damping = 1e-8, largest_damping = 1e-2;

/// Whether a net with merged rows would be another, and there is something left of it.
bool has_coinciding_rows(const TwoLayerRelu& model) {
  if (model.activation().kind != Activation::Kind::relu) return false;
  Index zeros = 0;
  for (Index i = 0; i < model.data().rows(); ++i) zeros += is_zero_row(model.data(), i) ? 1 : 0;
  return zeros < model.data().rows() && (zeros > 0 || model.conflicts().equal_groups > 0);
}

/// Of the model itself at some weights.
struct Figures {
  double objective = 0, gradient_norm = 0, residual_ratio = 0;
  double residual_norm() const { return std::sqrt(2 * objective); }
};

/// One call of train_network: the state that its stages share.
class Training {
 public:
  Training(const TwoLayerRelu& model, LinearSolver& solver, Vec& W, const TrainOptions& options, TrainJournal& journal)
      : model_(model), solver_(solver), W_(W), options_(options), journal_(journal), point_(W), damping_(options.initial_damping) {}

  Summary operator()();

 private:
  enum class End { by_itself, user_stopped, disappointed };

  void all_stages();
  bool run(const TrainingStage& stage);
  TwoLayerRelu what_to_minimize(const TrainingStage& stage);
  Options stage_options(const TrainingStage& stage);
  Iteration translated(Iteration local, const TrainingStage& stage) const;
  Action watch(const Iteration& local, const TrainingStage& stage);
  void collect(const Summary& part, const TwoLayerRelu& minimized, const TrainingStage& stage);
  void measure_start();
  void keep_if_best(const std::optional<Figures>& figures = {});
  bool decided(const TrainingStage& stage);
  std::string advice() const;
  void finish();

  double ratio(double norm) const { return norm == 0 ? 0.0 : norm / reference_; }
  double floor_ratio() const { return ratio(model_.conflicts().floor); }
  bool unattainable() const { return floor_ratio() > options_.tolerance; }
  double goal() const;
  Index iterations_left() const { return options_.max_iterations - std::min(options_.max_iterations, done_); }

  const TwoLayerRelu& model_;
  LinearSolver& solver_;
  Vec& W_;  ///< the caller's: always the best point of the model itself
  const TrainOptions& options_;
  TrainJournal& journal_;
  Summary summary_;
  Vec point_;                       ///< where the next stage starts
  double reference_ = 0;            ///< ‖f₀ − y‖ of the model itself; 0: the first stage will measure it
  double best_ = 0;                 ///< ‖f − y‖ of the model itself at W_
  std::optional<Figures> at_best_;  ///< all figures at W_, where a stage has measured them
  double gradient_reference_ = 0;   ///< ‖∇f‖ at the start
  double damping_;                  ///< handed from stage to stage
  Index done_ = 0;                  ///< iterations of finished stages
  double begun_ = 0;                ///< seconds at which the stage in progress began
  std::vector<double> ratios_;      ///< residual ratio of every iteration of the stage in progress
  double floor_ = 0;                ///< of the model that the stage in progress minimizes, taken out of its targets
  bool direct_ = false;             ///< the stage in progress minimizes the model itself: its figures are those of the model
  bool coinciding_ = false;         ///< equal rows or rows of zeros that a merged net does without
  End end_ = End::by_itself;
  std::string why_;  ///< a stage in progress is given up
};

Summary Training::operator()() {
  const ThreadScope threads(options_.threads);
  coinciding_ = has_coinciding_rows(model_);
  // Where the first stage minimizes the model itself, it measures the start.
  if (options_.residual_reference > 0 || coinciding_ || model_.conflicts().floor > 0) measure_start();
  all_stages();
  finish();
  return std::move(summary_);
}

void Training::all_stages() {
  const std::vector<TrainingStage> stages = training_stages(model_, options_, goal());
  for (Index next = 0; next < stages.size();) {
    const TrainingStage& stage = stages[next];
    if (stage.start == TrainingStage::Start::lazy) point_ = lazy_start(model_, stage.scale);
    if (stage.start == TrainingStage::Start::best) point_ = W_;
    if (run(stage)) return;
    next = summary_.status == Status::converged ? next + 1 : stage.when_missed;
  }
}

/// What training aims at above the floor. A little less than allowed, as norms of merged rows are rounded otherwise.
double Training::goal() const {
  if (unattainable()) return std::max(options_.tolerance, floor_share * floor_ratio());
  const double share = floor_ratio() / options_.tolerance;
  return options_.tolerance * (share > 0 || coinciding_ ? (1 - 1e-9) * std::sqrt(1 - share * share) : 1.0);
}

/// One call of minimize from point_. True when training is over.
///
/// Conflicting targets are replaced by what can be attained: that takes ½·floor² out of the objective, changes no minimizer and no step,
/// and leaves a residual that can vanish, which is what tolerances of linear solvers and of stages are about.
bool Training::run(const TrainingStage& stage) {
  begun_ = journal_.seconds();
  ratios_.clear();
  end_ = End::by_itself;
  why_.clear();
  if (!(journal_.seconds_here() < options_.time_limit)) {
    if (reference_ == 0) measure_start();
    summary_.status = Status::time_limit;
    return true;
  }
  const TwoLayerRelu minimized = what_to_minimize(stage);
  try {
    const Summary part = journal_.minimize(minimized, solver_, point_, stage_options(stage));
    if (reference_ == 0) {
      const Iteration& start = part.history.front();
      at_best_ = Figures{start.objective, start.gradient_norm, start.residual_ratio};
      reference_ = best_ = at_best_->residual_norm();
    }
    keep_if_best(direct_ ? std::optional(Figures{part.objective, part.gradient_norm, part.residual_ratio}) : std::nullopt);
    collect(part, minimized, stage);
  } catch (...) {
    if (reference_ == 0) measure_start();
    keep_if_best();
    throw;
  }
  return decided(stage);
}

/// Where rows coincide or are zero JJᵀ is singular, unless they are merged. A solver that sketches or preconditions may have been made for
/// all rows, and copes.
TwoLayerRelu Training::what_to_minimize(const TrainingStage& stage) {
  floor_ = 0;
  TwoLayerRelu model = stage.smoothed() ? model_.with_activation(Activation::softplus(stage.sharpness)) : model_;
  const bool merge = coinciding_ && !stage.smoothed() && !solver_.needs().sketch;
  direct_ = !merge && !unattainable() && !stage.smoothed();
  if (direct_) return model;
  floor_ = model.conflicts().floor;
  return merge ? model.with_equal_rows_merged() : model.with_attainable_targets();
}

Options Training::stage_options(const TrainingStage& stage) {
  Options options = options_;
  options.criterion = Criterion::residual_ratio;
  options.residual_reference = reference_;
  options.globalization = stage.globalization;
  options.tolerance = stage.goal;
  options.max_iterations = std::min(stage.max_iterations, iterations_left());
  options.time_limit = stage.time_share * (options_.time_limit - journal_.seconds_here());
  options.initial_damping = stage.damping > 0 ? stage.damping : damping_;
  if (stage.globalization == Globalization::unit) options.unit_damping = stage.damping;
  options.callback = [this, stage](const Iteration& local) { return watch(local, stage); };
  return options;
}

/// A stage's own figures as those of the whole training.
Iteration Training::translated(Iteration local, const TrainingStage& stage) const {
  local.iteration += done_;
  local.seconds += begun_;
  local.objective += 0.5 * floor_ * floor_;
  local.residual_ratio = std::hypot(local.residual_ratio, ratio(floor_));
  if (gradient_reference_ > 0) local.relative_gradient = local.gradient_norm / gradient_reference_;
  if (stage.smoothed()) local.fallback = stage.activation_text() + (local.fallback.empty() ? "" : "; " + local.fallback);
  return local;
}

Action Training::watch(const Iteration& local, const TrainingStage& stage) {
  const bool repeats = local.iteration == 0 && !summary_.history.empty();  // the start of a later stage is no new iteration
  if (options_.callback && !repeats && options_.callback(translated(local, stage)) == Action::stop) {
    end_ = End::user_stopped;
    return Action::stop;
  }
  ratios_.push_back(local.residual_ratio);
  if (!stage.give_up_early) return Action::proceed;
  why_ = disappointment(stage, ratios_, local.damping);
  if (why_.empty()) return Action::proceed;
  end_ = End::disappointed;
  return Action::stop;
}

/// Appends what a stage did to the summary.
void Training::collect(const Summary& part, const TwoLayerRelu& minimized, const TrainingStage& stage) {
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
  const bool share_used = part.status == Status::time_limit && stage.time_share < 1;
  const std::string end = end_ == End::disappointed ? why_ : share_used ? "its share of the time used up" : to_string(part.status);
  summary_.notes.push_back(fmt::format("iterations {} to {}: {}, residual ratio {:.1e} to {:.1e}, {}", done_, done_ + part.iterations,
                                       stage.text(), translated(part.history.front(), stage).residual_ratio, smallest, end));
  done_ += part.history.back().iteration;
  take_over(part, summary_);
}

void Training::measure_start() {
  best_ = std::sqrt(2 * model_.value(W_));
  reference_ = options_.residual_reference > 0 ? options_.residual_reference : best_;
}

/// point_ becomes the answer when the model itself, not its smoothed version, fits better there than anywhere before. `figures`: of the
/// model itself at point_, where known.
void Training::keep_if_best(const std::optional<Figures>& figures) {
  const double norm = figures ? figures->residual_norm() : std::sqrt(2 * model_.value(point_));
  if (!(norm < best_)) return;
  best_ = norm;
  at_best_ = figures;
  W_ = point_;
}

/// Whether the stage that ended decides the whole training.
bool Training::decided(const TrainingStage& stage) {
  switch (summary_.status) {
    case Status::converged:
      return !stage.smoothed();
    case Status::stopped:
      return end_ != End::disappointed;
    case Status::iteration_limit:
      return iterations_left() == 0;
    case Status::time_limit:
      return stage.time_share == 1 || !(journal_.seconds_here() < options_.time_limit);
    case Status::interrupted:
      return true;
    default:
      return !std::isfinite(best_);
  }
}

/// What may help where nothing worked.
std::string Training::advice() const {
  const Index parameters = model_.parameters(), rows = model_.data().rows();
  if (parameters >= rows) return "a wider net or another seed may do better, unless rows that nearly coincide have different targets";
  return fmt::format("{} parameters cannot fit {} rows in general: use a wider net", parameters, rows);
}

/// The figures at the answer, and a verdict about the model itself.
void Training::finish() {
  if (!at_best_) {
    const auto at = model_.linearize(W_);
    at_best_ = Figures{at->value(), arma::norm(at->gradient()), ratio(at->residual_norm())};
  }
  summary_.objective = at_best_->objective;
  summary_.gradient_norm = at_best_->gradient_norm;
  summary_.relative_gradient = summary_.gradient_norm == 0 ? 0.0 : summary_.gradient_norm / gradient_reference_;
  summary_.residual_ratio = at_best_->residual_ratio;
  summary_.iterations = done_;
  summary_.seconds = journal_.seconds();
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
      summary_.message = fmt::format("training ended at {} ({}); {}", reached,
                                     end_ == End::disappointed ? "the last steps: " + why_ : summary_.message, advice());
  }
}

TrainState::Facts facts_of(const TwoLayerRelu& model) {
  return network_facts(model.data(), model.target(), model.output_signs(),
                       fmt::format("{}, width {}, penalty {}", model.name(), model.width(), model.l2()));
}

}  // namespace

Summary train_network(const TwoLayerRelu& model, LinearSolver& solver, Vec& W, const TrainOptions& options) {
  check(options);
  require_size(W.n_elem, model.parameters(), "the start", "width x columns of X");
  require_finite(W, "the start");
  const Criterion criterion = options.criterion == Criterion::automatic ? model.criterion() : options.criterion;
  const bool kinks = model.l2() > 0 && model.activation().kind == Activation::Kind::relu;
  const bool smoothing = kinks && options.continuation && options.globalization == Globalization::automatic;
  TrainJournal journal(facts_of(model), solver, W, options);
  const TrainOptions told = journal.without_repeats(options);
  if (smoothing && (criterion == Criterion::residual_ratio || criterion == Criterion::relative_gradient))
    return train_penalized(model, solver, W, told, journal);
  if (criterion != Criterion::residual_ratio || model.l2() > 0) return journal.minimize(model, solver, W, told);
  return Training(model, solver, W, told, journal)();
}

}  // namespace raphson
