#pragma once
/// What a user typed, checked as far as possible without data.

#include "cli/names.hpp"

#include <raphson/core/minimize.hpp>
#include <raphson/problems/readers.hpp>

#include <optional>
#include <string>
#include <vector>

namespace raphson::cli {

/// Objective: the loss and what belongs to it.
struct ModelArguments {
  std::string loss;
  double l2 = 0;
  bool intercept = true;
  LossSettings of_loss;
  // relu:
  std::vector<Index> widths;  ///< of the hidden layers; none: recommended_width
  std::string activation = "relu";
  double sharpness = 1;
  bool standardize_columns = true, constant_feature = true, unit_rows = true, standardize_target = true;
  bool continuation = true;
  bool train_output = false;

  bool is_network() const { return loss == "relu"; }
};

/// What fit and compare have in common.
struct ProblemArguments {
  std::string data;
  ReadOptions read;
  ModelArguments model;
  SolverSettings solver;
  Options options;                        ///< callback, cancel and max_iterations are filled in by the command
  std::optional<Index> max_iterations;    ///< unset: 200, first-order methods 2000
  std::vector<std::string> sketch_flags;  ///< of --sketch, --sketch-size, --precision: those given
  std::optional<double> validation;       ///< fit relu, path: share of the rows kept back
  std::string validation_data;            ///< fit relu: or a file of them
  bool quiet = false, verbose = false;
  std::string json;
};

/// What was given on the command line, in words: options by name.
using TypedOptions = std::vector<std::pair<std::string, std::string>>;

struct FitArguments : ProblemArguments {
  std::string solver_name = "auto";
  std::string save;
  // relu:
  std::optional<Index> patience;  ///< measurements without a new best on held-out rows
  std::optional<Index> batch;     ///< rows of a mini-batch
  double batch_damping = 0;
  std::string checkpoint, resume;         ///< files
  std::optional<Index> checkpoint_every;  ///< steps
  std::string plot;
  TypedOptions typed;  ///< those that decide the course of training
};

struct CompareArguments : ProblemArguments {
  std::vector<std::string> solvers;
  std::string plot;
};

struct PathArguments : ProblemArguments {  // model.l2 is l2_max
  std::string solver_name = "auto";
  double l2_max = 0, l2_min = 0;
  Index points = 30;
  std::string plot, save;
};

struct PredictArguments {
  std::string model, data, output;
  ReadOptions read;
  std::string type = "mean";  ///< mean, margin, label
  int threads = 0;
  bool quiet = false;
};

/// Which subcommand to run, with its arguments.
struct Command {
  enum class Kind { fit, path, predict, compare, solvers, done } kind = Kind::done;
  int exit_status = 0;  ///< of done: 0 after --help and --version, 2 after a parse error (already reported)
  FitArguments fit;
  PathArguments path;
  PredictArguments predict;
  CompareArguments compare;
};

/// Throws InputError for values that no data could make right.
Command parse_command_line(int argc, char** argv);

}  // namespace raphson::cli
