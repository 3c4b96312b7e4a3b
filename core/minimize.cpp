#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/run_state.hpp>
#include <raphson/core/step_system.hpp>
#include <raphson/core/threads.hpp>

#include <fmt/format.h>
#include <cmath>

namespace raphson {
namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon();

/// A proposed step and what the solver said of it.
struct Proposal {
  Vec p;
  double slope = 0;  ///< ∇fᵀp, negative for a usable step
  LinearReport report;
  double tolerance = 0;
  double damping = 0;      ///< relative
  double damping_abs = 0;  ///< λ itself
  bool usable() const { return slope < 0 && std::isfinite(slope); }
};

/// One call of minimize: the state that its steps share.
class Run {
 public:
  /// `clock` runs since the call; `at` is the linearization at θ where it is known.
  Run(const Model& model, LinearSolver& solver, Vec& theta, const Options& options, const Resumption& resumption, Stopwatch clock,
      std::unique_ptr<Linearization> at)
      : model_(model),
        solver_(solver),
        best_(theta),
        options_(options),
        resumption_(resumption),
        clock_(clock),
        interrupt_(options.time_limit - clock.seconds(), options.cancel),
        x_(theta),
        at_(at ? std::move(at) : model.linearize(theta)),
        stopping_(model, options, *at_),
        forcing_(options),
        mode_(mode(options, stopping_)),
        damping_(mode_ == Globalization::levenberg_marquardt ? options.initial_damping
                 : mode_ == Globalization::unit              ? options.unit_damping
                                                             : 0),
        recent_(mode_ == Globalization::nonmonotone ? 5 : 1) {
    if (resumption.from) restore(*resumption.from);
  }

  Summary operator()();

 private:
  static Globalization mode(const Options& options, const Stopping& stopping);
  RunState state() const;
  void restore(const RunState& state);
  void leave_if_due();
  double seconds() const { return earlier_seconds_ + clock_.seconds(); }
  Action tell_callback();

  double outer_measure() const;
  std::optional<Verdict> record_and_judge();
  Proposal propose();
  std::optional<Verdict> advance_unless_interrupted();
  std::optional<Verdict> advance();
  std::optional<Verdict> line_search_step();
  std::optional<Verdict> damped_step();
  std::optional<Verdict> unit_step();
  std::unique_ptr<Line> along(const Vec& p) const;
  std::optional<Verdict> step_below_resolution(const Proposal& proposal, Line& line);
  void accept(const Proposal& proposal, std::unique_ptr<Linearization> next, double t);
  void note_fallback(const std::string& text) { fallback_ += (fallback_.empty() ? "" : "; ") + text; }
  void note_solve(const Proposal& proposal);
  void note_rejection(const Proposal& proposal);
  bool switch_to_damping();
  void keep_as_best();
  Verdict failed(const std::string& why) const;

  const Model& model_;
  LinearSolver& solver_;
  Vec& best_;  ///< the caller's θ: always the best accepted point
  const Options& options_;
  const Resumption& resumption_;
  Stopwatch clock_;
  double earlier_seconds_ = 0;  ///< before the run was left
  Interrupt interrupt_;
  Vec x_;  ///< current point
  std::unique_ptr<Linearization> at_;
  Stopping stopping_;
  ForcingTerm forcing_;
  Globalization mode_;
  Damping damping_;
  RecentObjectives recent_;
  double best_value_ = std::numeric_limits<double>::infinity();
  Index best_iteration_ = 0;
  double smallest_measure_ = std::numeric_limits<double>::infinity();
  Index smallest_measure_iteration_ = 0;
  double inner_tolerance_ = 0.1;
  Index systems_ = 0;  ///< solved so far: numbers the seeds
  double contraction_ = std::numeric_limits<double>::quiet_NaN();
  Vec moved_;  ///< by the step before, if it was taken
  Iteration record_;
  std::string fallback_;
  Summary summary_;
};

Globalization Run::mode(const Options& options, const Stopping& stopping) {
  if (options.globalization != Globalization::automatic) return options.globalization;
  return stopping.criterion() == Criterion::residual_ratio ? Globalization::nonmonotone : Globalization::armijo;
}

/// The norm that outer steps reduce: residual where that is the criterion, else gradient.
double Run::outer_measure() const {
  return stopping_.criterion() == Criterion::residual_ratio ? at_->residual_norm() : checked_norm(at_->gradient());
}

Summary Run::operator()() {
  summary_.solver_asked = solver_.name();
  summary_.seed = options_.seed;
  summary_.threads = thread_count();
  if (!resumption_.from) summary_.notes = model_.notes();
  check_can_solve(solver_, StepSystem(*at_).system, options_.memory_limit);
  std::optional<Verdict> verdict = resumption_.from ? stopping_.verdict(record_, *at_, interrupt_) : record_and_judge();
  while (!verdict) {
    leave_if_due();
    if (!(verdict = advance_unless_interrupted())) verdict = record_and_judge();
  }
  if (verdict->status == Status::converged) keep_as_best();
  stopping_.finish(summary_, *verdict);
  // Where steps may go uphill, the answer is the best point and the figures are those of that point.
  if (summary_.history[best_iteration_].objective < summary_.objective) {
    const Iteration& best = summary_.history[best_iteration_];
    summary_.objective = best.objective;
    summary_.gradient_norm = best.gradient_norm;
    summary_.relative_gradient = best.relative_gradient;
    summary_.residual_ratio = best.residual_ratio;
    summary_.message += fmt::format("; the point returned is that of iteration {}", best_iteration_);
  }
  summary_.seconds = seconds();
  summary_.phases.other = summary_.seconds - summary_.phases.linear_setup - summary_.phases.linear_solve - summary_.phases.objective;
  return std::move(summary_);
}

/// Everything that the iterations to come depend on; members not here are set anew in each.
RunState Run::state() const {
  const std::deque<double>& recent = recent_.values();
  return {.x = x_,
          .best = best_,
          .best_value = best_value_,
          .best_iteration = best_iteration_,
          .smallest_measure = smallest_measure_,
          .smallest_measure_iteration = smallest_measure_iteration_,
          .globalization = mode_,
          .damping = damping_.value(),
          .damping_growth = damping_.growth(),
          .forcing = forcing_.memory(),
          .recent = {recent.begin(), recent.end()},
          .systems = systems_,
          .references = stopping_.references(),
          .summary = summary_,
          .seconds = seconds()};
}

void Run::restore(const RunState& state) {
  best_ = state.best;
  best_value_ = state.best_value;
  best_iteration_ = state.best_iteration;
  smallest_measure_ = state.smallest_measure;
  smallest_measure_iteration_ = state.smallest_measure_iteration;
  mode_ = state.globalization;
  damping_.start(state.damping, state.damping_growth);
  forcing_.remember(state.forcing);
  recent_ = RecentObjectives(mode_ == Globalization::nonmonotone ? 5 : 1);
  for (const double value : state.recent) recent_.add(value);
  systems_ = state.systems;
  stopping_.refer_to(state.references);
  summary_ = state.summary;
  earlier_seconds_ = state.seconds;
  record_ = summary_.history.back();
}

/// What is not part of a state is dropped here, in a run that goes on as in one that ends.
void Run::leave_if_due() {
  if (!resumption_.due || !resumption_.due(record_.iteration)) return;
  solver_.reset();
  contraction_ = std::numeric_limits<double>::quiet_NaN();
  moved_.reset();
  at_ = model_.linearize(x_);
  if (resumption_.take) resumption_.take(state());
}

Action Run::tell_callback() {
  if (!options_.callback) return Action::proceed;
  Iteration row = record_;
  row.theta = &x_;
  const InterruptScope none(nullptr);
  return options_.callback(row);
}

/// Records the point reached, tells the callback, and asks whether to stop.
std::optional<Verdict> Run::record_and_judge() {
  stopping_.measure(*at_, record_);
  record_.seconds = seconds();
  const double measure = outer_measure();
  if (measure < smallest_measure_) {
    smallest_measure_ = measure;
    smallest_measure_iteration_ = record_.iteration;
  }
  // Below the resolution of f the gradient says which point is better.
  const double noise = at_->value_resolution();
  if (record_.objective < best_value_ - noise ||
      (record_.objective <= best_value_ + noise && smallest_measure_iteration_ == record_.iteration) || record_.iteration == 0) {
    keep_as_best();
  }
  recent_.add(record_.objective);
  summary_.history.push_back(record_);
  if (tell_callback() == Action::stop) {
    return Verdict{Status::stopped, fmt::format("stopped by the callback at {}", stopping_.shortfall(record_))};
  }
  return stopping_.verdict(record_, *at_, interrupt_);
}

void Run::keep_as_best() {
  best_value_ = std::min(best_value_, record_.objective);
  best_iteration_ = record_.iteration;
  best_ = x_;
}

/// Solves the Gram system at the current point and damping.
Proposal Run::propose() {
  Proposal proposal;
  proposal.damping = damping_.value();
  if (proposal.damping > 0) {
    Vec diagonal;
    at_->matrix()->gram_diagonal(diagonal);
    const double mean = arma::mean(diagonal);
    // Unit steps keep to one shift while the mean hardly changes, so that what solvers keep serves on.
    proposal.damping_abs = proposal.damping * (mode_ == Globalization::unit ? std::exp2(std::round(std::log2(mean))) : mean);
  }
  StepSystem step(*at_, proposal.damping_abs);
  GramSystem& system = step.system;
  system.tolerance = proposal.tolerance = inner_tolerance_ * step.accuracy;
  system.continues = options_.continues && systems_ == 0;
  system.seed = Seed(options_.seed).split(Purpose::sketch, systems_++);
  system.contraction = contraction_;
  system.moved = step.is_direct() && !moved_.is_empty() ? &moved_ : nullptr;
  system.interrupt = &interrupt_;
  Vec z;
  proposal.report = solver_.solve(system, z);
  moved_.reset();
  summary_.phases.linear_setup += proposal.report.setup_seconds;
  summary_.phases.linear_solve += proposal.report.solve_seconds;
  if (!proposal.report.used.empty()) summary_.solver_used = proposal.report.used;
  if (!proposal.report.reason.empty()) summary_.solver_reason = proposal.report.reason;
  for (const std::string& text : proposal.report.fallbacks) note_fallback(text);
  if (proposal.report.status == LinearStatus::failed) return proposal;
  proposal.p = step.step(std::move(z));
  proposal.slope = arma::dot(at_->gradient(), proposal.p);
  return proposal;
}

std::unique_ptr<Line> Run::along(const Vec& p) const {
  auto line = at_->along(p);
  return line ? std::move(line) : model_.along(x_, p);
}

/// A step that is cut short leaves the point where it was, and the solver with nothing half made.
std::optional<Verdict> Run::advance_unless_interrupted() {
  try {
    const InterruptScope scope(&interrupt_);
    return advance();
  } catch (const Interrupted&) {
    solver_.reset();
    auto verdict = stopping_.verdict(record_, *at_, interrupt_);
    return verdict ? verdict : Verdict{Status::interrupted, "interrupted at " + stopping_.shortfall(record_)};
  }
}

std::optional<Verdict> Run::advance() {
  fallback_.clear();
  const double useful = stopping_.useful_inner_tolerance(record_);
  inner_tolerance_ = forcing_.next(outer_measure(), useful);
  // A quadratic objective: this one system is the whole problem.
  if (options_.forcing == Forcing::automatic && at_->least_squares_target())
    inner_tolerance_ = std::min(inner_tolerance_, std::max(useful, 1e-12));
  switch (mode_) {
    case Globalization::unit:
      return unit_step();
    case Globalization::levenberg_marquardt:
      return damped_step();
    default:
      return line_search_step();
  }
}

std::optional<Verdict> Run::unit_step() {
  const Proposal proposal = propose();
  if (interrupt_()) return stopping_.verdict(record_, *at_, interrupt_);
  if (proposal.report.status == LinearStatus::failed || !arma::is_finite(proposal.p)) return failed(proposal.report.message);
  const Stopwatch watch;
  auto next = along(proposal.p)->linearize(1);
  summary_.phases.objective += watch.seconds();
  if (!(std::abs(next->value()) <= 1e8 * (std::abs(summary_.history.front().objective) + epsilon))) {
    return Verdict{Status::diverged, fmt::format("unit steps raised the objective from {:.3e} to {:.3e}; use a line search or damping",
                                                 summary_.history.front().objective, next->value())};
  }
  accept(proposal, std::move(next), 1);
  return std::nullopt;
}

/// Backtracking along the step; a step that fails is solved for again with damping; when that fails too, it is over.
std::optional<Verdict> Run::line_search_step() {
  if (mode_ == Globalization::nonmonotone && record_.iteration > best_iteration_ + 8) {
    if (switch_to_damping()) return std::nullopt;
  }
  for (damping_.clear(); !damping_.exhausted(); damping_.raise()) {
    const Proposal proposal = propose();
    if (interrupt_()) return stopping_.verdict(record_, *at_, interrupt_);
    if (!proposal.usable()) {
      note_fallback("damped after an unusable step");
      continue;
    }
    if (proposal.report.rank > 0 && proposal.report.status == LinearStatus::not_converged) {
      note_fallback("damped: the system is singular and the gradient not in its range");
      continue;
    }
    const Stopwatch watch;
    const auto line = along(proposal.p);
    const double noise = at_->value_resolution();
    if (-proposal.slope <= 100 * noise && mode_ == Globalization::armijo) return step_below_resolution(proposal, *line);
    const Index halvings = mode_ == Globalization::nonmonotone ? 3 : 40;
    const double t = backtrack(*line, recent_.largest(), proposal.slope, noise, halvings);
    if (t > 0) {
      auto next = line->linearize(t);
      summary_.phases.objective += watch.seconds();
      accept(proposal, std::move(next), t);
      return std::nullopt;
    }
    summary_.phases.objective += watch.seconds();
    if (mode_ == Globalization::nonmonotone && switch_to_damping()) return std::nullopt;
    note_fallback("damped after a failed line search");
  }
  return failed("no step reduces the objective, with or without damping");
}

/// The predicted decrease drowns in the rounding error of f: the largest t ∈ {1, ½, …, 2⁻⁶} that does not raise the gradient is taken.
std::optional<Verdict> Run::step_below_resolution(const Proposal& proposal, Line& line) {
  const Stopwatch watch;
  const double before = checked_norm(at_->gradient());
  std::unique_ptr<Linearization> next;
  double t = 1;
  for (int halvings = 0; halvings <= 6; ++halvings, t /= 2) {
    next = line.linearize(t);
    if (checked_norm(next->gradient()) <= before) break;
    next.reset();
  }
  summary_.phases.objective += watch.seconds();
  if (!next || record_.iteration > smallest_measure_iteration_ + 10) {
    return failed("the objective cannot be resolved further in double precision");
  }
  accept(proposal, std::move(next), t);
  return std::nullopt;
}

/// Levenberg-Marquardt: (AᵀA + diag(μ) + λI) with λ steered by actual over predicted reduction.
std::optional<Verdict> Run::damped_step() {
  // Where damping is needed the system is ill-conditioned, and a rough solution has little of the directions that matter.
  if (options_.forcing == Forcing::automatic) inner_tolerance_ = std::min(inner_tolerance_, 0.03);
  while (true) {
    const Proposal proposal = propose();
    if (interrupt_()) return stopping_.verdict(record_, *at_, interrupt_);
    double rho = -1;
    if (proposal.usable()) {
      const Stopwatch watch;
      const auto line = along(proposal.p);
      // f − model(p) = −∇fᵀp − ½pᵀHp, and (H + λ)p = −∇f gives pᵀHp = −∇fᵀp − λ‖p‖².
      const double predicted = 0.5 * (-proposal.slope + proposal.damping_abs * arma::dot(proposal.p, proposal.p));
      if (predicted <= 100 * at_->value_resolution()) return step_below_resolution(proposal, *line);
      rho = (at_->value() - line->value(1)) / predicted;
      if (rho > 1e-4) {
        auto next = line->linearize(1);
        summary_.phases.objective += watch.seconds();
        accept(proposal, std::move(next), 1);
        damping_.accepted(rho);
        return std::nullopt;
      }
      summary_.phases.objective += watch.seconds();
      if (predicted <= 8 * epsilon * std::abs(at_->value()))
        return failed("the predicted decrease is below the rounding error of the objective");
    }
    damping_.rejected();
    if (damping_.exhausted()) return failed(fmt::format("damping reached {:.0e} of trace(AᵀA)/k without a decrease", damping_.value()));
    note_rejection(proposal);
    if (record_.iteration >= options_.max_iterations) return stopping_.verdict(record_, *at_, interrupt_);
    if (tell_callback() == Action::stop) {
      return Verdict{Status::stopped, fmt::format("stopped by the callback at {}", stopping_.shortfall(record_))};
    }
  }
}

/// Non-monotone steps have stalled: back to the best point, and on with damping. False when damping is in force already.
bool Run::switch_to_damping() {
  if (mode_ == Globalization::levenberg_marquardt) return false;
  mode_ = Globalization::levenberg_marquardt;
  damping_.start(options_.initial_damping);
  recent_ = RecentObjectives(1);
  if (best_iteration_ != record_.iteration) {
    x_ = best_;
    moved_.reset();
    at_ = model_.linearize(x_);
  }
  Iteration next;
  next.iteration = record_.iteration + 1;
  next.fallback = "non-monotone steps stalled: back to the best point, damping from here";
  summary_.notes.push_back(fmt::format("iteration {}: {}", next.iteration, next.fallback));
  record_ = next;
  return true;
}

void Run::accept(const Proposal& proposal, std::unique_ptr<Linearization> next, double t) {
  const double before = outer_measure();
  moved_ = t * proposal.p;
  x_ += moved_;
  at_ = std::move(next);
  contraction_ = outer_measure() / before;
  const Index iteration = record_.iteration + 1;
  record_ = Iteration{};
  record_.iteration = iteration;
  record_.decrement = std::sqrt(std::max(0.0, -proposal.slope));
  record_.step = t;
  note_solve(proposal);
}

/// What the linear solver did goes on record.
void Run::note_solve(const Proposal& proposal) {
  record_.damping = proposal.damping;
  record_.inner_iterations = proposal.report.iterations;
  record_.inner_residual = proposal.report.relative_residual;
  record_.inner_tolerance = proposal.tolerance;
  record_.condition = proposal.report.condition;
  record_.fallback = fallback_;
}

/// A rejected step is an iteration too: the point stays, the work and the damping are on record.
void Run::note_rejection(const Proposal& proposal) {
  record_.iteration += 1;
  record_.step = 0;
  note_solve(proposal);
  record_.seconds = seconds();
  summary_.history.push_back(record_);
  fallback_.clear();
}

Verdict Run::failed(const std::string& why) const {
  return {Status::step_failed,
          fmt::format("{} at {}{}", why, stopping_.shortfall(record_),
                      stopping_.criterion() == Criterion::relative_gradient ? "; if that is accurate enough, ask for a looser tolerance"
                                                                            : "; try another solver, start or damping")};
}

template <class T>
void require_option(bool valid, std::string_view name, T value, std::string_view expected) {
  if (!valid) throw InputError(fmt::format("{} = {}: {}.", name, value, expected));
}

}  // namespace

void check(const Options& options) {
  require_option(options.tolerance > 0 && std::isfinite(options.tolerance), "tolerance", options.tolerance,
                 "give a positive number such as 1e-8");
  require_option(options.time_limit > 0, "time limit", options.time_limit, "give a positive number of seconds");
  require_option(options.memory_limit > 0, "memory limit", options.memory_limit, "give a positive number of bytes");
  require_option(options.inner_tolerance > 0 && options.inner_tolerance < 1, "inner tolerance", options.inner_tolerance,
                 "give a number between 0 and 1");
  require_option(options.initial_damping > 0 && std::isfinite(options.initial_damping), "initial damping", options.initial_damping,
                 "give a positive number such as 1e-3");
  require_option(options.unit_damping >= 0 && std::isfinite(options.unit_damping), "unit damping", options.unit_damping,
                 "give a number ≥ 0 such as 1e-8");
  require_option(options.residual_reference >= 0 && std::isfinite(options.residual_reference), "residual reference",
                 options.residual_reference, "give a norm, or 0 for that of the start");
  require_option(options.threads >= 0, "threads", options.threads, "give 0 for all cores, or a positive number");
}

namespace {

/// Moves θ = 0 to the rough minimizer of the model's coarse version, where that is closer by the gradient. Returns the linearization there,
/// or null when θ is as it was; `note` says what was done.
std::unique_ptr<Linearization> start_coarsely(const Model& model, LinearSolver& solver, Vec& theta, const Options& options,
                                              std::string& note) {
  if (!options.coarse_start || options.continues || !theta.is_zero()) return nullptr;
  const auto coarse = model.coarse();
  if (!coarse) return nullptr;
  Options rough = options;
  rough.tolerance = 1e-2;
  rough.criterion = Criterion::relative_gradient;
  rough.max_iterations = std::min<Index>(8, options.max_iterations);
  rough.seed = Seed(options.seed).split(Purpose::probe).key();
  rough.callback = {};
  Vec start = theta;
  Summary summary;
  try {
    summary = minimize(*coarse, solver, start, rough);
  } catch (const InputError&) {  // settings for the full size, such as a sketch of more rows than the sample has
    return nullptr;
  }
  // A sample may have no minimizer where all rows together have one.
  if (summary.status == Status::separated || start.is_zero() || !start.is_finite()) return nullptr;
  auto at = model.linearize(start);
  if (!std::isfinite(at->value()) || !(checked_norm(at->gradient()) < model.gradient_scale())) return nullptr;
  theta = std::move(start);
  note = fmt::format("start: {} step{} of {}", summary.iterations, summary.iterations == 1 ? "" : "s", coarse->name());
  return at;
}

}  // namespace

Summary minimize(const Model& model, LinearSolver& solver, Vec& theta, const Options& options, const Resumption& resumption) {
  check(options);
  if (resumption.from) theta = resumption.from->x;
  require_size(theta.n_elem, model.parameters(), "the start", "one per parameter of the model");
  require_finite(theta, "the start");
  const ThreadScope threads(options.threads);
  const Stopwatch clock;
  std::string note;
  auto at = resumption.from ? nullptr : start_coarsely(model, solver, theta, options, note);
  Summary summary = Run(model, solver, theta, options, resumption, clock, std::move(at))();
  if (!note.empty()) summary.notes.push_back(std::move(note));
  return summary;
}

Summary minimize(const Model& model, LinearSolver& solver, Vec& theta, const Options& options) {
  return minimize(model, solver, theta, options, Resumption{});
}

std::string to_string(Status status) {
  switch (status) {
    case Status::converged:
      return "converged";
    case Status::iteration_limit:
      return "iteration_limit";
    case Status::time_limit:
      return "time_limit";
    case Status::stopped:
      return "stopped";
    case Status::interrupted:
      return "interrupted";
    case Status::step_failed:
      return "step_failed";
    case Status::separated:
      return "separated";
    case Status::non_finite:
      return "non_finite";
    case Status::diverged:
      return "diverged";
    case Status::early_stopped:
      return "early_stopped";
    case Status::unattainable:
      return "unattainable";
  }
  return "unknown";
}

}  // namespace raphson
