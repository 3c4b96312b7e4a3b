#include "cli/arguments.hpp"

#include <raphson/core/error.hpp>
#include <raphson/core/large_memory.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <map>

namespace raphson::cli {
namespace {

/// Texts that options arrive as before the tables of names turn them into values.
struct Texts {
  std::string format = "auto", delimiter;
  std::string sketch, precision = "f64", factor, reuse = "never", gd_steps = "richardson";
  std::string globalization = "auto", forcing = "auto";
  std::uint64_t memory = 0;
};

/// For options that count: CLI11 would read "-1" and "99999999999999999999" as 2^64 - 1, and "010" as 8.
std::string whole_number(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) return fmt::format("{} is too large, 2^64 - 1 at most", text);
  const bool plain = error == std::errc() && end == text.data() + text.size() && (text.size() == 1 || text[0] != '0');
  return plain ? std::string() : fmt::format("{} must be a whole number >= 0 in decimal digits", text);
}

/// Of --width; none for auto.
std::vector<Index> widths_of(const std::vector<std::string>& words) {
  std::vector<Index> widths;
  if (words == std::vector<std::string>{"auto"}) return widths;
  for (const std::string& word : words) {
    if (const std::string complaint = whole_number(word); !complaint.empty())
      throw CLI::ValidationError("--width", word == "auto" ? "auto stands alone" : complaint);
    widths.push_back(std::stoull(word));
  }
  return widths;
}

/// "exact, cg" in one argument is two names.
std::string without_blanks(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' '), last = text.find_last_not_of(' ');
  return first == std::string::npos ? std::string() : text.substr(first, last - first + 1);
}

/// " Did you mean --l2?" for the first option in `text` that `command` does not have: a slip of the pen, or what other programs call it.
std::string option_meant(const CLI::App& command, const std::string& text) {
  const std::size_t begin = text.find("--"), end = text.find_first_of(" =", begin);
  if (begin == std::string::npos) return {};
  const std::string name = text.substr(begin, end == std::string::npos ? end : end - begin);
  static const std::map<std::string, std::string> elsewhere = {{"--lambda", "--l2"},
                                                               {"--alpha", "--l2"},
                                                               {"--mu", "--l2"},
                                                               {"--ridge", "--l2"},
                                                               {"--penalty", "--l2"},
                                                               {"--reg", "--l2"},
                                                               {"--eps", "--tolerance"},
                                                               {"--jobs", "--threads"},
                                                               {"--label", "--target"},
                                                               {"--input", "--data"},
                                                               {"--tol", "--tolerance"},
                                                               {"--maxiter", "--max-iterations"},
                                                               {"--max-iter", "--max-iterations"},
                                                               {"--hidden", "--width"}};
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& long_name : option->get_lnames()) known.push_back("--" + long_name);
  const auto other = elsewhere.find(name);
  const bool has = other != elsewhere.end() && std::ranges::find(known, other->second) != known.end();
  const std::string meant = has ? other->second : nearest_name(name, known);
  return meant.empty() || meant == name ? "" : fmt::format(" Did you mean {}?", meant);
}

/// The sentence for a line that cannot be parsed, with the help of the command that it was for.
std::string usage_error(const CLI::App* app, const CLI::Error& error) {
  std::string text = error.what();
  while (text.ends_with('.')) text.pop_back();
  const std::vector<const CLI::App*> commands = app->get_subcommands([](const CLI::App* command) { return command->parsed(); });
  const std::string help = commands.empty() ? "raphson --help" : fmt::format("raphson {} --help", commands.front()->get_name());
  const bool unknown = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  const std::string meant = unknown && !commands.empty() ? option_meant(*commands.front(), text) : "";
  return fmt::format("raphson: {}.{} `{}` lists the options.\n", text, meant, help);
}

const char* const linear_only = "Linear losses";
const char* const network_only = "relu";

/// `--no-X`: switches something off that is on.
void add_switch_off(CLI::App& app, const std::string& name, bool& value, const std::string& text, const std::string& group) {
  app.add_flag_callback(
         name, [&value] { value = false; }, text)
      ->group(group);
}

void add_data_options(CLI::App& app, std::string& data, ReadOptions& read, Texts& texts) {
  app.add_option("--data", data, "File to read: CSV or blank-separated text, LIBSVM, Matrix Market; plain, .gz or .bz2")
      ->required()
      ->group("Data");
  app.add_option("--target", read.target,
                 "Target column, by name or number from 0 (-1: the last); relu: several for several outputs, comma-separated. "
                 "Default: LIBSVM's label, else the last column")
      ->group("Data");
  app.add_option("--ignore", read.ignore, "Columns to leave out, comma-separated")->delimiter(',')->group("Data");
  app.add_option("--offset", read.offset, "Column added to every margin (log exposure)")->group("Data");
  app.add_option("--format", texts.format, "auto, delimited (csv), libsvm, matrix-market")->group("Data")->capture_default_str();
  app.add_option("--delimiter", texts.delimiter, "One character, or comma, semicolon, tab, space, bar. Default: detected")->group("Data");
  app.add_flag("--header")->description("The first line names the columns. Default: detected")->group("Data");
  app.add_flag("--no-header")->description("The first line is data")->group("Data");
}

void add_model_options(CLI::App& app, ProblemArguments& a) {
  ModelArguments& m = a.model;
  app.add_option("LOSS", m.loss, fmt::format("{}", fmt::join(loss_names(), ", ")))->required();
  app.add_option("--l2", m.l2,
                 "mu of the penalty 1/2 mu |x|^2, of relu 1/2 mu |W - W_0|^2 over all that is trained, added to a sum (not a mean) over "
                 "observations")
      ->group("Penalty")
      ->capture_default_str();
  add_switch_off(app, "--no-intercept", m.intercept, "Leave out the constant, which is never penalized", linear_only);
  app.add_option("--weights", a.read.weights, "Column of observation weights")->group(linear_only);
  app.add_option("--huber-delta", m.of_loss.huber_delta, "Where huber turns linear")->group(linear_only)->capture_default_str();
  app.add_option("--quantile", m.of_loss.quantile, "tau of quantile, between 0 and 1")->group(linear_only)->capture_default_str();
  app.add_option("--smoothing", m.of_loss.smoothing, "Distance from the target within which quantile is smoothed, in its units")
      ->group(linear_only)
      ->capture_default_str();
  app.add_option_function<std::vector<std::string>>(
         "--width", [&m](const std::vector<std::string>& words) { m.widths = widths_of(words); },
         "Hidden neurons; 512,256 for two hidden layers, and so on; auto: one layer, by the size of the data")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group(network_only)
      ->default_str("auto");
  app.add_option("--activation", m.activation, "relu, softplus")->group(network_only)->capture_default_str();
  app.add_option("--sharpness", m.sharpness, "beta of softplus(beta z)/beta")->group(network_only)->capture_default_str();
  app.add_flag("--train-output", m.train_output, "Train the weights of the output too, not those of the hidden layer alone; one target")
      ->group(network_only);
  add_switch_off(app, "--no-standardize-columns", m.standardize_columns, "Leave columns as they are", network_only);
  add_switch_off(app, "--no-constant-feature", m.constant_feature, "Do not append a constant feature", network_only);
  add_switch_off(app, "--no-unit-rows", m.unit_rows, "Do not scale rows to unit norm", network_only);
  add_switch_off(app, "--no-standardize-target", m.standardize_target, "Leave the target as it is", network_only);
  add_switch_off(app, "--no-continuation", m.continuation, "Do not go through smoothed activations when steps disappoint", network_only);
}

void add_solver_options(CLI::App& app, ProblemArguments& a, Texts& texts) {
  app.add_option("--sketch", texts.sketch,
                 "gaussian, srht, fourier, count-sketch, sparse-sign, uniform-rows, norm-rows, leverage-rows; relu: tensor, "
                 "uniform-neurons, leverage-neurons")
      ->group("Solver");
  app.add_option("--sketch-size", a.solver.sketch.size, "Rows of the sketch, k to N. Default: 4k (sketch-and-solve 8k)")
      ->check(whole_number)
      ->group("Solver");
  app.add_option("--precision", texts.precision, "f64, f32, i8 (eight-bit integers): of sketch and factor only")
      ->group("Solver")
      ->capture_default_str();
  app.add_option("--factor", texts.factor, "qr, cholesky. Default: Cholesky, QR when that breaks down")->group("Solver");
  app.add_option("--reuse", texts.reuse, "never, while-contracting: keep the preconditioner between steps")
      ->group("Solver")
      ->capture_default_str();
  app.add_option("--gd-steps", texts.gd_steps, "richardson, chebyshev, printed, literal: of preconditioned-gd")
      ->group("Solver")
      ->capture_default_str();
  app.add_option("--memory-limit", texts.memory, "Work space a solver may take, as in 4G. Default: 90 % of this machine's memory")
      ->transform(CLI::AsSizeValue(false))
      ->group("Solver");
}

void add_run_options(CLI::App& app, ProblemArguments& a, Texts& texts) {
  Options& o = a.options;
  app.add_option("--tolerance", o.tolerance,
                 "Linear losses: |gradient| <= tolerance * |gradient at 0|; relu: |f-y| <= tolerance * |f0-y|, with --l2 the gradient, "
                 "relative to that at W_0")
      ->group("Run")
      ->capture_default_str();
  app.add_option("--max-iterations", a.max_iterations, "Default: 200; networks 1000; first-order methods 2000")
      ->check(whole_number)
      ->group("Run");
  app.add_option("--time-limit", o.time_limit, "Seconds (compare: for each solver). Default: none")->group("Run");
  app.add_option("--globalization", texts.globalization, "auto, unit, armijo, nonmonotone, levenberg-marquardt")
      ->group("Run")
      ->capture_default_str();
  app.add_option("--forcing", texts.forcing, "auto, constant, eisenstat-walker: how exactly to solve each linear system")
      ->group("Run")
      ->capture_default_str();
  app.add_option("--inner-tolerance", o.inner_tolerance, "Relative residual of the linear systems; implies --forcing constant")
      ->group("Run");
  app.add_option("--initial-damping", o.initial_damping, "Of levenberg-marquardt, relative to the mean diagonal of the system")
      ->group("Run")
      ->capture_default_str();
  app.add_option("--seed", o.seed, "Of every random number")->check(whole_number)->group("Run")->capture_default_str();
  app.add_option("--threads", o.threads, "0: all cores. Results do not depend on it")->group("Run")->capture_default_str();
  app.add_option("--json", a.json, "Write the result to this file")->group("Output");
  app.add_flag("--quiet", a.quiet, "Print errors only")->group("Output");
  app.add_flag("--verbose", a.verbose, "Print every iteration and every coefficient")->group("Output");
}

char delimiter_of(const std::string& text) {
  if (text.empty()) return 0;
  if (text.size() == 1) return text[0];
  const std::pair<const char*, char> names[] = {{"comma", ','}, {"semicolon", ';'}, {"tab", '\t'},
                                                {"\\t", '\t'},  {"space", ' '},     {"bar", '|'}};
  for (const auto& [name, character] : names)
    if (text == name) return character;
  throw InputError(fmt::format("--delimiter '{}' is not one character, nor comma, semicolon, tab, space or bar.", text));
}

Format format_of(const std::string& text) {
  if (text == "auto") return Format::automatic;
  if (text == "delimited" || text == "csv" || text == "text") return Format::delimited;
  if (text == "libsvm" || text == "svmlight") return Format::libsvm;
  if (text == "matrix-market" || text == "mtx") return Format::matrix_market;
  unknown_name("format", text, {"auto", "delimited", "csv", "libsvm", "matrix-market"});
}

bool given(const CLI::App& app, const std::string& option) { return app.get_option(option)->count() > 0; }

void finish_read(const CLI::App& app, ReadOptions& read, const Texts& texts) {
  read.format = format_of(texts.format);
  read.delimiter = delimiter_of(texts.delimiter);
  if (given(app, "--header") && given(app, "--no-header")) throw InputError("--header and --no-header contradict each other.");
  if (given(app, "--header") || given(app, "--no-header")) read.header = given(app, "--header");
}

/// Options of the other family of losses would be ignored: refuse them.
void refuse_foreign(const CLI::App& app, const ModelArguments& model) {
  const std::string foreign = model.is_network() ? linear_only : network_only;
  for (const CLI::Option* option : app.get_options())
    if (option->get_group() == foreign && option->count() > 0)
      throw InputError(model.is_network() ? fmt::format("{} is for {}, not for relu.", option->get_name(), linear_losses_text())
                                          : fmt::format("{} is for relu, not for {}.", option->get_name(), model.loss));
  if (model.is_network() && given(app, "--offset"))
    throw InputError(fmt::format("--offset is for {}, not for relu.", linear_losses_text()));
  const std::pair<const char*, const char*> of_one_loss[] = {
      {"--huber-delta", "huber"}, {"--quantile", "quantile"}, {"--smoothing", "quantile"}};
  for (const auto& [option, loss] : of_one_loss)
    if (model.loss != loss && given(app, option)) throw InputError(fmt::format("{} is for {}, not for {}.", option, loss, model.loss));
}

void require_positive(const char* option, double value) {
  if (!(value > 0 && std::isfinite(value))) throw InputError(fmt::format("{} {} must be a finite number > 0.", option, value));
}

void require_fraction(const char* option, double value) {
  if (!(value > 0 && value < 1)) throw InputError(fmt::format("{} {} must lie between 0 and 1.", option, value));
}

void check_widths(const std::vector<Index>& widths) {
  const auto zero = std::ranges::find(widths, Index{0});
  if (zero == widths.end()) return;
  const std::string text = fmt::format("--width {}: ", fmt::join(widths, ","));
  throw InputError(widths.size() == 1 ? text + "a network needs at least one hidden neuron."
                                      : text + fmt::format("hidden layer {} needs at least one neuron.", zero - widths.begin() + 1));
}

void finish_model(const CLI::App& app, const ModelArguments& model) {
  if (std::ranges::find(loss_names(), model.loss) == loss_names().end()) unknown_name("loss", model.loss, loss_names());
  refuse_foreign(app, model);
  if (!(model.l2 >= 0 && std::isfinite(model.l2))) throw InputError(fmt::format("--l2 {} must be a finite number >= 0.", model.l2));
  require_positive("--huber-delta", model.of_loss.huber_delta);
  require_positive("--smoothing", model.of_loss.smoothing);
  require_fraction("--quantile", model.of_loss.quantile);
  check_widths(model.widths);
  if (model.is_network() && model.widths.size() > 1 && given(app, "--l2"))
    throw InputError(fmt::format("--l2 is for networks of one hidden layer, not for --width {}.", fmt::join(model.widths, ",")));
  if (model.activation != "relu" && model.activation != "softplus") unknown_name("activation", model.activation, {"relu", "softplus"});
  require_positive("--sharpness", model.sharpness);
}

void finish_solver(const CLI::App& app, ProblemArguments& a, const Texts& texts) {
  SolverSettings& s = a.solver;
  if (is_network_sketch(texts.sketch)) {
    if (!a.model.is_network()) throw InputError(fmt::format("--sketch {} is for relu, not for {}.", texts.sketch, a.model.loss));
    s.network_sketch = texts.sketch;
  } else if (!texts.sketch.empty()) {
    s.sketch.kind = find_sketch(texts.sketch);
  }
  if (given(app, "--sketch-size") && s.sketch.size == 0) throw InputError("--sketch-size 0: a sketch needs at least k rows.");
  s.sketch.precision = find_precision(texts.precision);
  s.reuse = find_reuse(texts.reuse);
  s.gd_steps = find_gd_steps(texts.gd_steps);
  if (texts.factor == "qr") {
    s.sketch.factor = SketchFactor::qr;
    s.method = Exact::Method::qr;
  } else if (texts.factor == "cholesky") {
    s.sketch.factor = SketchFactor::cholesky;
  } else if (!texts.factor.empty()) {
    unknown_name("factor", texts.factor, {"qr", "cholesky"});
  }
  for (const char* flag : {"--sketch", "--sketch-size", "--precision"})
    if (given(app, flag)) a.sketch_flags.emplace_back(flag);
  a.options.memory_limit = given(app, "--memory-limit") ? static_cast<double>(texts.memory) : 0.9 * available_memory();
  s.memory_limit = a.options.memory_limit;
}

void finish_run(const CLI::App& app, ProblemArguments& a, const Texts& texts) {
  a.options.globalization = find_globalization(texts.globalization);
  a.options.forcing = find_forcing(texts.forcing);
  if (given(app, "--inner-tolerance")) {
    if (given(app, "--forcing") && a.options.forcing != Forcing::constant)
      throw InputError("--inner-tolerance sets a constant tolerance: it cannot go with --forcing " + texts.forcing + ".");
    a.options.forcing = Forcing::constant;
  }
  if (a.options.threads < 0) throw InputError(fmt::format("--threads {} must be >= 0 (0: all cores).", a.options.threads));
  if (a.options.threads > 4096) throw InputError(fmt::format("--threads {}: more than 4096 threads are not sensible.", a.options.threads));
  if (!(a.options.time_limit > 0)) throw InputError(fmt::format("--time-limit {} must be > 0 seconds.", a.options.time_limit));
  check(a.options);
}

void finish(const CLI::App& app, ProblemArguments& a, const Texts& texts) {
  finish_read(app, a.read, texts);
  finish_model(app, a.model);
  finish_solver(app, a, texts);
  finish_run(app, a, texts);
}

void finish_path(const CLI::App& app, PathArguments& a, const Texts& texts) {
  if (a.model.is_network()) throw InputError(fmt::format("path is for {}, not for relu.", linear_losses_text()));
  require_positive("--l2-max", a.l2_max);
  require_positive("--l2-min", a.l2_min);
  if (!(a.l2_min <= a.l2_max)) throw InputError(fmt::format("--l2-min {} is larger than --l2-max {}.", a.l2_min, a.l2_max));
  if (a.points == 0) throw InputError("--points 0: a path needs at least one point.");
  if (a.points > 100000) throw InputError(fmt::format("--points {}: more than 100000 points are not sensible.", a.points));
  if (a.validation) require_fraction("--validation", *a.validation);
  a.model.l2 = a.l2_max;
  finish(app, a, texts);
  if (find_solver(a.solver_name).first_order())
    throw InputError(
        fmt::format("--solver {} is first-order: path needs one that solves linear systems; see `raphson solvers`.", a.solver_name));
}

void add_problem_options(CLI::App& app, ProblemArguments& a, Texts& texts) {
  add_model_options(app, a);
  add_data_options(app, a.data, a.read, texts);
  add_solver_options(app, a, texts);
  add_run_options(app, a, texts);
}

bool held_out_given(const FitArguments& a) { return a.validation || !a.validation_data.empty(); }

/// Options for which it does not matter to a training that is taken up again how they were given before.
const char* const free_options[] = {"--help", "--data",         "--validation-data", "--max-iterations", "--time-limit", "--threads",
                                    "--json", "--quiet",        "--verbose",         "--save",           "--checkpoint", "--resume",
                                    "--plot", "--memory-limit", "--checkpoint-every"};

TypedOptions typed_options(const CLI::App& app) {
  TypedOptions typed;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    if (option->count() == 0 || std::ranges::find(free_options, name) != std::end(free_options)) continue;
    typed.emplace_back(name, fmt::format("{}", fmt::join(option->results(), " ")));
  }
  return typed;
}

void finish_held_out(const FitArguments& a) {
  if (a.validation) require_fraction("--validation", *a.validation);
  if (a.validation && !a.validation_data.empty())
    throw InputError("--validation and --validation-data exclude each other: rows are kept back, or they come from a file.");
  if (!a.patience) return;
  if (!held_out_given(a)) throw InputError("--patience needs rows to judge by: give --validation or --validation-data as well.");
  if (*a.patience == 0) throw InputError("--patience 0: give the number of steps without a new best that end the training, at least 1.");
}

void finish_batch(const CLI::App& app, const FitArguments& a) {
  if (!a.batch) {
    if (given(app, "--batch-damping")) throw InputError("--batch-damping needs --batch.");
    return;
  }
  if (*a.batch == 0) throw InputError("--batch 0: a mini-batch needs at least one row.");
  if (!(a.batch_damping >= 0 && std::isfinite(a.batch_damping)))
    throw InputError(fmt::format("--batch-damping {} must be a finite number >= 0.", a.batch_damping));
  if (find_solver(a.solver_name).first_order())
    throw InputError(fmt::format("--batch takes Gauss-Newton steps; {} is first-order. See `raphson solvers`.", a.solver_name));
  for (const char* option :
       {"--globalization", "--forcing", "--inner-tolerance", "--initial-damping", "--no-continuation", "--checkpoint", "--resume", "--l2"})
    if (given(app, option)) throw InputError(fmt::format("{} does not go with --batch.", option));
}

void finish_checkpoint(const FitArguments& a) {
  if (a.checkpoint_every && *a.checkpoint_every == 0) throw InputError("--checkpoint-every 0: give the steps between two checkpoints.");
  if (a.checkpoint.empty() && a.resume.empty()) {
    if (a.checkpoint_every) throw InputError("--checkpoint-every needs --checkpoint FILE.");
  } else if (find_solver(a.solver_name).first_order()) {
    throw InputError(fmt::format("{} is for solvers of linear systems, not for {}; see `raphson solvers`.",
                                 a.checkpoint.empty() ? "--resume" : "--checkpoint", a.solver_name));
  }
}

void finish_fit(const CLI::App& app, FitArguments& a, const Texts& texts) {
  finish(app, a, texts);
  find_solver(a.solver_name);
  finish_held_out(a);
  finish_batch(app, a);
  finish_checkpoint(a);
  a.typed = typed_options(app);
}

void add_training_options(CLI::App& app, FitArguments& a) {
  app.add_option("--validation", a.validation, "Share of the rows to keep back, drawn by --seed: RMSE on them is reported every step")
      ->group(network_only);
  app.add_option("--validation-data", a.validation_data, "File with the rows to validate on, instead")->group(network_only);
  app.add_option("--patience", a.patience,
                 "Stop after so many steps (with --batch: epochs) without a new best on those rows, and return it")
      ->check(whole_number)
      ->group(network_only);
  app.add_option("--batch", a.batch, "Train by mini-batches of so many rows; --max-iterations counts batches")
      ->check(whole_number)
      ->group(network_only);
  app.add_option("--batch-damping", a.batch_damping, "Damping of a batch's system, relative to its mean diagonal")
      ->group(network_only)
      ->capture_default_str();
  app.add_option("--checkpoint", a.checkpoint, "File to write the training to as it goes, for --resume")->group(network_only);
  app.add_option("--checkpoint-every", a.checkpoint_every, "Steps between two checkpoints. Default: 20")
      ->check(whole_number)
      ->group(network_only);
  app.add_option("--resume", a.resume, "Go on from this checkpoint, with the command line that it was made with")->group(network_only);
  app.add_option("--plot", a.plot, "Draw learning curves by gnuplot: .svg, .png or .pdf")->group(network_only);
}

CLI::App* add_fit(CLI::App& app, FitArguments& a, Texts& texts) {
  CLI::App* fit = app.add_subcommand("fit", "Minimize sum_i w_i loss_i + 1/2 mu |x|^2, or train a two-layer network");
  add_problem_options(*fit, a, texts);
  fit->add_option("--solver", a.solver_name, "Linear-system strategy; see `raphson solvers`")->group("Solver")->capture_default_str();
  fit->add_option("--save", a.save, "Write the model to this file (JSON; .gz compresses) for `raphson predict`")->group("Output");
  add_training_options(*fit, a);
  fit->footer(
      "Exit status: 0 converged, or ended by --patience; 1 not converged (the result is still written); 2 bad input;\n"
      "3 out of memory or disk.");
  return fit;
}

CLI::App* add_compare(CLI::App& app, CompareArguments& a, Texts& texts) {
  CLI::App* compare = app.add_subcommand("compare", "Run several solvers from the same start with the same seed, side by side");
  add_problem_options(*compare, a, texts);
  compare->add_option("--solvers", a.solvers, "Comma-separated names, or all. Default: exact,preconditioned-cg,cg,lbfgs")
      ->delimiter(',')
      ->transform(without_blanks)
      ->group("Solver");
  compare->add_option("--plot", a.plot, "Draw convergence by gnuplot: .svg, .png or .pdf")->group("Output");
  compare->footer(
      "A solver that cannot run on this problem is listed with its reason and does not stop the others.\n"
      "Exit status: 0 when at least one solver converged; 1 when none did or on Ctrl-C; 2 bad input, also when no solver\n"
      "could run; 3 out of memory or disk.");
  return compare;
}

CLI::App* add_path(CLI::App& app, PathArguments& a, Texts& texts) {
  CLI::App* path = app.add_subcommand("path", "Fit a linear loss along a grid of penalties, each fit from the last");
  texts.reuse = "while-contracting";
  add_problem_options(*path, a, texts);
  path->remove_option(path->get_option("--l2"));
  path->add_option("--l2-max", a.l2_max, "Largest mu of the penalty 1/2 mu |x|^2, where the path begins")->required()->group("Path");
  path->add_option("--l2-min", a.l2_min, "Smallest mu, where it ends")->required()->group("Path");
  path->add_option("--points", a.points, "Penalties, geometric from largest to smallest")
      ->check(whole_number)
      ->group("Path")
      ->capture_default_str();
  path->add_option("--validation", a.validation, "Share of the rows to keep back, drawn by --seed: the loss on them marks the best mu")
      ->group("Path");
  path->add_option("--solver", a.solver_name, "Linear-system strategy; see `raphson solvers`")->group("Solver")->capture_default_str();
  path->add_option("--plot", a.plot, "Draw the loss a row against mu by gnuplot: .svg, .png or .pdf")->group("Output");
  path->add_option("--save", a.save, "Write the best model by validation, else the last, for `raphson predict`")->group("Output");
  path->get_option("--time-limit")->description("Seconds for the whole path. Default: none");
  path->footer("Exit status: 0 every point converged; 1 not (the results are still written); 2 bad input; 3 out of memory or disk.");
  return path;
}

CLI::App* add_predict(CLI::App& app, PredictArguments& a, Texts& texts) {
  CLI::App* predict = app.add_subcommand("predict", "Predictions of a saved model, one a line");
  predict->add_option("--model", a.model, "File written by fit --save")->required();
  add_data_options(*predict, a.data, a.read, texts);
  predict->get_option("--target")
      ->description("Column that holds the target: error figures are reported. Default: none (LIBSVM: the label)");
  predict->add_option("--output", a.output, "File for the predictions. Default: standard output");
  predict->add_option("--type", a.type, "mean (probability, rate, value), margin, label (logistic, squared-hinge)")->capture_default_str();
  predict->add_option("--threads", a.threads, "0: all cores")->capture_default_str();
  predict->add_flag("--quiet", a.quiet, "Print predictions and errors only");
  predict->footer(
      "Columns are found by name when the model and the file have names, else by position.\nExit status: 0, or 2 on bad input.");
  return predict;
}

}  // namespace

Command parse_command_line(int argc, char** argv) {
  CLI::App app("Second-order optimization with pluggable linear solvers.", "raphson");
  app.set_version_flag("--version", "raphson " RAPHSON_VERSION);
  app.require_subcommand(1);
  app.footer("`raphson fit --help` lists the options. Example:\n  raphson fit logistic --data train.csv --target label --l2 1");
  app.failure_message(usage_error);
  Command command;
  Texts fit_texts, path_texts, compare_texts, predict_texts;
  CLI::App* fit = add_fit(app, command.fit, fit_texts);
  CLI::App* path = add_path(app, command.path, path_texts);
  CLI::App* predict = add_predict(app, command.predict, predict_texts);
  CLI::App* compare = add_compare(app, command.compare, compare_texts);
  CLI::App* solvers = app.add_subcommand("solvers", "What each solver needs, costs and suits");
  const std::vector<std::string> commands = {"fit", "path", "predict", "compare", "solvers"};
  if (argc > 1 && argv[1][0] != '-' && std::ranges::find(commands, argv[1]) == commands.end()) unknown_name("command", argv[1], commands);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    command.exit_status = app.exit(error) == 0 ? 0 : 2;
    return command;
  }
  if (fit->parsed()) {
    command.kind = Command::Kind::fit;
    finish_fit(*fit, command.fit, fit_texts);
  } else if (path->parsed()) {
    command.kind = Command::Kind::path;
    finish_path(*path, command.path, path_texts);
  } else if (compare->parsed()) {
    command.kind = Command::Kind::compare;
    finish(*compare, command.compare, compare_texts);
  } else if (predict->parsed()) {
    command.kind = Command::Kind::predict;
    finish_read(*predict, command.predict.read, predict_texts);
  } else if (solvers->parsed()) {
    command.kind = Command::Kind::solvers;
  }
  return command;
}

}  // namespace raphson::cli
