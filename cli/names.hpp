#pragma once
/// The command line's tables of names: the one place where strategies, sketches and settings are listed.

#include <raphson/models/losses.hpp>
#include <raphson/solvers/first_order.hpp>
#include <raphson/solvers/solvers.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace raphson::cli {

/// What a solver of the table may be made with.
struct SolverSettings {
  SketchOptions sketch;
  std::string network_sketch;  ///< name of one that needs the number of features to become sketch.kind; "" for none
  Exact::Method method = Exact::Method::cholesky;
  Reuse reuse = Reuse::never;
  PreconditionedGd::Iteration gd_steps = PreconditionedGd::Iteration::richardson;
  double memory_limit = std::numeric_limits<double>::infinity();
};

/// One row per solver. `make` gives a linear solver for minimize; first-order methods have `descend` instead.
struct SolverRow {
  std::string name;
  std::string needs, costs, suits;  ///< for `raphson solvers`
  bool sketches = false;            ///< listens to --sketch, --sketch-size, --precision
  std::function<std::unique_ptr<LinearSolver>(const SolverSettings&)> make;
  std::function<Summary(const Model&, Vec&, const Options&)> descend;

  bool first_order() const { return !make; }
};

const std::vector<SolverRow>& solver_table();

/// Each throws InputError for an unknown name: "unknown solver 'exct'. Did you mean exact? Known: auto, …".
const SolverRow& find_solver(const std::string& name);
std::shared_ptr<const SketchKind> find_sketch(const std::string& name);
/// tensor and those of neurons, which need the number of features of a network.
bool is_network_sketch(const std::string& name);
std::shared_ptr<const SketchKind> find_network_sketch(const std::string& name, Index features);
Precision find_precision(const std::string& name);
Globalization find_globalization(const std::string& name);
Forcing find_forcing(const std::string& name);
Reuse find_reuse(const std::string& name);
PreconditionedGd::Iteration find_gd_steps(const std::string& name);

/// What some losses are made with.
struct LossSettings {
  double huber_delta = 1.345;
  double quantile = 0.5, smoothing = 0.1;  ///< τ and the half-width of the kernel
};
/// Throws InputError for an unknown name and for what the loss itself refuses. Not for relu.
std::shared_ptr<const Loss> make_loss_named(const std::string& name, const LossSettings& settings);
/// Names of the losses that `fit` accepts: those of linear models, then relu.
const std::vector<std::string>& loss_names();
/// "squared, logistic, … and quantile": the losses of linear models, for texts.
std::string linear_losses_text();
/// Whether the target is one of two classes.
bool has_classes(const std::string& loss);
const std::vector<std::string>& sketch_names();

/// The one of `known` that `name` is a slip of, whatever the case of letters; "" when none is near.
std::string nearest_name(const std::string& name, const std::vector<std::string>& known);

/// Throws InputError saying that `name` is none of `known`, with the nearest of them.
[[noreturn]] void unknown_name(const std::string& what, const std::string& name, const std::vector<std::string>& known);

/// What `raphson solvers` prints.
std::string solver_overview();

}  // namespace raphson::cli
