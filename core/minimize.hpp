#pragma once
/// The outer iteration: takes steps that a linear solver proposes, decides how far to go and when to stop.

#include <raphson/core/linear_solver.hpp>
#include <raphson/core/model.hpp>

#include <atomic>
#include <functional>
#include <string>
#include <vector>

namespace raphson {

/// How far to go along a step.
enum class Globalization {
  automatic,            ///< armijo for models judged by their gradient, nonmonotone for zero-residual models
  unit,                 ///< θ + p always (both papers)
  armijo,               ///< largest t ∈ {1, ½, ¼, …} with f(θ + tp) ≤ f(θ) + 10⁻⁴ t ∇fᵀp, up to the rounding error of f
  nonmonotone,          ///< armijo against the largest of the last 5 objectives; when that fails or stalls, back to the best point and
                        ///< levenberg_marquardt
  levenberg_marquardt,  ///< full steps of the damped system, damping by the ratio of actual to predicted reduction
};

/// How exactly to solve each linear system: ‖b − Hz‖ ≤ η‖b‖.
enum class Forcing {
  automatic,  ///< eisenstat_walker
  constant,   ///< η = inner_tolerance
  eisenstat_walker,  ///< choice 2: η = 0.9 (‖gₜ‖/‖gₜ₋₁‖)², safeguarded; 0.1 at first, ≤ 0.5; never below what the outer tolerance can use
};

/// The first paper's constants: ε₀ = min(√(λ/n), 1)/6 for Gram-Gauss-Newton (Theorem 4.1), 1/(4κ) for convex f (Theorem D.4).
double gram_gauss_newton_tolerance(double lambda, Index n);
double fast_newton_tolerance(double kappa);

/// One row of the iteration table, describing the point reached (iteration 0: the start). NaN: not known.
struct Iteration {
  Index iteration = 0;
  double objective = 0;
  double gradient_norm = 0;                                          ///< ‖∇f‖₂
  double relative_gradient = 0;                                      ///< ‖∇f‖₂ / g₀, see Criterion
  double residual_ratio = std::numeric_limits<double>::quiet_NaN();  ///< ‖r‖/‖r₀‖ for zero-residual models
  double decrement = std::numeric_limits<double>::quiet_NaN();       ///< √(−∇fᵀp) of the step that led here
  double step = 0;                                                   ///< t of θ + t p; 0 for a rejected step
  double damping = 0;                                                ///< λ added to the diagonal, relative to trace(AᵀA)/k
  Index inner_iterations = 0;
  double inner_residual = std::numeric_limits<double>::quiet_NaN();  ///< relative residual that the solver reports
  double inner_tolerance = std::numeric_limits<double>::quiet_NaN();
  double condition = std::numeric_limits<double>::quiet_NaN();
  std::string fallback;                                        ///< what had to be tried beyond the first way; empty: nothing
  double seconds = 0;                                          ///< since the start of minimize
  double held_out = std::numeric_limits<double>::quiet_NaN();  ///< error on held-out data, where it is measured (EarlyStopping)
  const Vec* theta = nullptr;                                  ///< the point itself, for the length of a callback; else null
};

enum class Action { proceed, stop };

/// Everything that can be set. The defaults suit convex models.
struct Options {
  double tolerance = 1e-8;  ///< of the criterion in force
  Criterion criterion = Criterion::automatic;
  Index max_iterations = 200;
  double time_limit = std::numeric_limits<double>::infinity();  ///< seconds, > 0; holds inside inner iterations too
  Globalization globalization = Globalization::automatic;
  Forcing forcing = Forcing::automatic;
  double inner_tolerance = 0.1;  ///< for Forcing::constant
  double residual_reference =
      0;  ///< ‖r₀‖ of residual_ratio; 0: that of the start (set it to judge a warm start on the first start's scale)
  bool coarse_start = true;  ///< from θ = 0, minimize the model's coarse version first, roughly (Model::coarse)
  bool continues = false;    ///< this run continues the previous one with this solver object (the same data, a nearby problem): what the
                             ///< solver keeps is used again, and θ is taken as it is
  double initial_damping = 1e-3;  ///< levenberg_marquardt: λ relative to trace(AᵀA)/k
  double unit_damping = 0;        ///< unit: λ of every step, relative to trace(AᵀA)/k rounded to a power of two; ≥ 0
  std::uint64_t seed = 0;
  int threads = 0;                                                ///< 0: as the enclosing ThreadScope, or all cores
  double memory_limit = std::numeric_limits<double>::infinity();  ///< bytes of solver work space
  std::function<Action(const Iteration&)> callback = {};          ///< after every iteration, 0 included
  const std::atomic<bool>* cancel = nullptr;                      ///< set it from a signal handler or another thread to stop
};

enum class Status {
  converged,
  iteration_limit,
  time_limit,
  stopped,        ///< by the callback
  interrupted,    ///< by Options::cancel
  step_failed,    ///< no acceptable step after every fallback
  separated,      ///< no finite minimizer exists
  non_finite,     ///< the objective at the start is not finite, or unit steps left the domain
  diverged,       ///< unit steps increased the objective beyond recovery
  early_stopped,  ///< the point is the best on held-out data; the criterion is not met there (EarlyStopping)
  unattainable,   ///< the data forbid the tolerance, and the best that they allow has been reached (train_network)
};
std::string to_string(Status);

struct Summary {
  Status status = Status::step_failed;
  std::string message;    ///< one sentence: the criterion with its numbers, or advice
  std::string criterion;  ///< "relative gradient", "decrement", "residual ratio"
  double objective = 0;
  double gradient_norm = 0;
  double relative_gradient = 0;
  double residual_ratio = std::numeric_limits<double>::quiet_NaN();
  Index iterations = 0;
  Index inner_iterations = 0;
  double seconds = 0;
  struct Phases {
    double linear_setup = 0, linear_solve = 0, objective = 0, other = 0;  ///< seconds
  } phases;
  std::string solver_asked, solver_used, solver_reason;
  std::uint64_t seed = 0;
  int threads = 1;
  std::vector<std::string> notes;  ///< of the model, and fallbacks worth knowing
  std::vector<Iteration> history;
  bool converged() const { return status == Status::converged; }
};

/// Minimizes model over θ from the given start, with every linear system solved by `solver`.
///
/// θ (P) is replaced by the best accepted point, also when not converged and when a callback or the model throws. Throws
/// InputError for a caller's mistake before iteration 0: sizes, non-finite θ, options out of range, a solver that needs what the
/// model cannot give or more than memory_limit. Numerical trouble ends in a status. The same seed gives the same bits, whatever
/// the thread count (a time limit aside).
Summary minimize(const Model& model, LinearSolver& solver, Vec& theta, const Options& options = {});

/// Throws InputError when an option is out of range. Called by minimize and by the first-order methods.
void check(const Options& options);

}  // namespace raphson
