#include "cli/names.hpp"

#include <raphson/core/error.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <numeric>

namespace raphson::cli {
namespace {

template <class Value>
struct Named {
  std::string name;
  Value value;
};

template <class Table>
std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& row : table) names.push_back(row.name);
  return names;
}

template <class Value>
Value find(const std::string& what, const std::string& name, const std::vector<Named<Value>>& table) {
  for (const auto& row : table)
    if (row.name == name) return row.value;
  unknown_name(what, name, names_of(table));
}

/// Insertions, deletions and replacements that lead from a to b.
Index edit_distance(const std::string& a, const std::string& b) {
  std::vector<Index> row(b.size() + 1);
  std::iota(row.begin(), row.end(), Index{0});
  for (Index i = 0; i < a.size(); ++i) {
    Index diagonal = row[0];
    row[0] = i + 1;
    for (Index j = 0; j < b.size(); ++j) {
      const Index replace = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replace, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string in_lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

template <class Solver>
std::unique_ptr<LinearSolver> make_sketching(const SolverSettings& settings) {
  return std::make_unique<Solver>(settings.sketch);
}

const std::vector<Named<std::function<std::shared_ptr<const SketchKind>()>>>& sketch_table() {
  static const std::vector<Named<std::function<std::shared_ptr<const SketchKind>()>>> table = {
      {"gaussian", [] { return gaussian_sketch(); }},       {"srht", [] { return srht_sketch(); }},
      {"fourier", [] { return fourier_sketch(); }},         {"count-sketch", [] { return count_sketch(); }},
      {"sparse-sign", [] { return sparse_sign_sketch(); }}, {"uniform-rows", [] { return uniform_rows_sketch(); }},
      {"norm-rows", [] { return norm_rows_sketch(); }},     {"leverage-rows", [] { return leverage_rows_sketch(); }},
  };
  return table;
}

/// Those of columns u ⊗ v, for networks of so many features.
const std::vector<Named<std::function<std::shared_ptr<const SketchKind>(Index)>>>& network_sketch_table() {
  static const std::vector<Named<std::function<std::shared_ptr<const SketchKind>(Index)>>> table = {
      {"tensor", tensor_sketch},
      {"uniform-neurons", uniform_neurons_sketch},
      {"leverage-neurons", leverage_neurons_sketch},
  };
  return table;
}

const std::vector<Named<std::function<std::shared_ptr<const Loss>(const LossSettings&)>>>& linear_losses() {
  static const std::vector<Named<std::function<std::shared_ptr<const Loss>(const LossSettings&)>>> table = {
      {"squared", [](const LossSettings&) { return squared_loss(); }},
      {"logistic", [](const LossSettings&) { return logistic_loss(); }},
      {"poisson", [](const LossSettings&) { return poisson_loss(); }},
      {"gamma", [](const LossSettings&) { return gamma_loss(); }},
      {"huber", [](const LossSettings& s) { return huber_loss(s.huber_delta); }},
      {"squared-hinge", [](const LossSettings&) { return squared_hinge_loss(); }},
      {"quantile", [](const LossSettings& s) { return quantile_loss(s.quantile, s.smoothing); }},
  };
  return table;
}

}  // namespace

const std::vector<SolverRow>& solver_table() {
  static const std::vector<SolverRow> table = {
      {.name = "auto",
       .needs = "what its choice needs",
       .costs = "the least that it predicts for this machine",
       .suits = "when in doubt; the choice and its reason are printed",
       .sketches = true,
       .make = [](const SolverSettings& s) { return std::make_unique<Auto>(s.sketch, s.memory_limit); },
       .descend = {}},
      {.name = "exact",
       .needs = "a k x k matrix",
       .costs = "N k² + k³/3 flops a step, 8 k² bytes",
       .suits = "k up to a few thousand; the reference",
       .sketches = false,
       .make = [](const SolverSettings& s) { return std::make_unique<Exact>(s.method); },
       .descend = {}},
      {.name = "chord",
       .needs = "a k x k matrix",
       .costs = "as exact in single precision, or k² flops while steps contract",
       .suits = "wide networks: relu",
       .sketches = false,
       .make = [](const SolverSettings&) { return std::make_unique<Chord>(); },
       .descend = {}},
      {.name = "kernel-cg",
       .needs = "relu with width·d ≥ n",
       .costs = "k³/3 flops once a data set, then a few reads of A",
       .suits = "wide networks on many observations",
       .sketches = false,
       .make = [](const SolverSettings&) { return std::make_unique<KernelCg>(); },
       .descend = {}},
      {.name = "sketch-and-solve",
       .needs = "N well above k",
       .costs = "one sketch + s k² + k³/3 a step",
       .suits = "a rough answer early; steps are approximate",
       .sketches = true,
       .make = make_sketching<SketchAndSolve>,
       .descend = {}},
      {.name = "preconditioned-cg",
       .needs = "N above k",
       .costs = "one sketch + s k² + k³/3, then a few reads of A",
       .suits = "tall dense data, badly conditioned too, to full accuracy",
       .sketches = true,
       .make = [](const SolverSettings& s) { return std::make_unique<PreconditionedCg>(s.sketch, s.reuse); },
       .descend = {}},
      {.name = "least-squares",
       .needs = "N above k; squared loss without penalty",
       .costs = "one sketch + 2s k², then some tens of reads of A",
       .suits = "linear regression to the digits of QR, κ up to 1e12",
       .sketches = true,
       .make = [](const SolverSettings& s) { return std::make_unique<LeastSquares>(s.sketch.kind, s.sketch.size); },
       .descend = {}},
      {.name = "preconditioned-gd",
       .needs = "N above k",
       .costs = "as preconditioned-cg with more reads of A",
       .suits = "studying Algorithm 2 of Brand et al. (2021)",
       .sketches = true,
       .make = [](const SolverSettings& s) { return std::make_unique<PreconditionedGd>(s.sketch, s.gd_steps); },
       .descend = {}},
      {.name = "cg",
       .needs = "products with A only",
       .costs = "about √κ reads of A a step, 32 k bytes",
       .suits = "huge k, sparse or matrix-free A, well conditioned",
       .sketches = false,
       .make = [](const SolverSettings&) { return std::make_unique<Cg>(); },
       .descend = {}},
      {.name = "jacobi-cg",
       .needs = "diag(AᵀA)",
       .costs = "as cg",
       .suits = "as cg, with columns of very different scale",
       .sketches = false,
       .make = [](const SolverSettings&) { return std::make_unique<Cg>(Cg::Scaling::jacobi); },
       .descend = {}},
      {.name = "sparse-cholesky",
       .needs = "sparse data with a sparse AᵀA; CHOLMOD",
       .costs = "about N τ² flops for width τ, once analysed",
       .suits = "grids, pose graphs, chains: data of small treewidth",
       .sketches = false,
       .make = [](const SolverSettings&) { return std::make_unique<SparseCholesky>(); },
       .descend = {}},
      {.name = "gradient-descent",
       .needs = "gradients",
       .costs = "one or two reads of A an iteration, very many of them",
       .suits = "comparison",
       .sketches = false,
       .make = {},
       .descend = gradient_descent},
      {.name = "adaptive-gradient",
       .needs = "gradients",
       .costs = "one read of A an iteration, very many of them",
       .suits = "comparison",
       .sketches = false,
       .make = {},
       .descend = [](const Model& model, Vec& theta, const Options& options) { return adaptive_gradient(model, theta, options); }},
      {.name = "lbfgs",
       .needs = "gradients",
       .costs = "one or two reads of A an iteration, many of them",
       .suits = "low accuracy, huge k; the usual tool to compare with",
       .sketches = false,
       .make = {},
       .descend = lbfgs},
  };
  return table;
}

const SolverRow& find_solver(const std::string& name) {
  for (const SolverRow& row : solver_table())
    if (row.name == name) return row;
  unknown_name("solver", name, names_of(solver_table()));
}

std::shared_ptr<const SketchKind> find_sketch(const std::string& name) {
  for (const auto& row : sketch_table())
    if (row.name == name) return row.value();
  unknown_name("sketch", name, sketch_names());
}

bool is_network_sketch(const std::string& name) {
  return std::ranges::any_of(network_sketch_table(), [&](const auto& row) { return row.name == name; });
}

std::shared_ptr<const SketchKind> find_network_sketch(const std::string& name, Index features) {
  return find("sketch", name, network_sketch_table())(features);
}

Precision find_precision(const std::string& name) {
  return find<Precision>("precision", name, {{"f64", Precision::f64}, {"f32", Precision::f32}, {"i8", Precision::i8}});
}

Globalization find_globalization(const std::string& name) {
  using G = Globalization;
  return find<G>("globalization", name,
                 {{"auto", G::automatic},
                  {"unit", G::unit},
                  {"armijo", G::armijo},
                  {"nonmonotone", G::nonmonotone},
                  {"levenberg-marquardt", G::levenberg_marquardt}});
}

Forcing find_forcing(const std::string& name) {
  return find<Forcing>("forcing", name,
                       {{"auto", Forcing::automatic}, {"constant", Forcing::constant}, {"eisenstat-walker", Forcing::eisenstat_walker}});
}

Reuse find_reuse(const std::string& name) {
  return find<Reuse>("reuse", name, {{"never", Reuse::never}, {"while-contracting", Reuse::while_contracting}});
}

PreconditionedGd::Iteration find_gd_steps(const std::string& name) {
  using I = PreconditionedGd::Iteration;
  return find<I>("gd-steps", name,
                 {{"richardson", I::richardson}, {"chebyshev", I::chebyshev}, {"printed", I::printed}, {"literal", I::literal}});
}

std::shared_ptr<const Loss> make_loss_named(const std::string& name, const LossSettings& settings) {
  return find("loss", name, linear_losses())(settings);
}

const std::vector<std::string>& loss_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = names_of(linear_losses());
    all.push_back("relu");
    return all;
  }();
  return names;
}

std::string linear_losses_text() {
  const std::vector<std::string> names = names_of(linear_losses());
  return fmt::format("{} and {}", fmt::join(names.begin(), names.end() - 1, ", "), names.back());
}

bool has_classes(const std::string& loss) { return loss == "logistic" || loss == "squared-hinge"; }

const std::vector<std::string>& sketch_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = names_of(sketch_table());
    for (const auto& row : network_sketch_table()) all.push_back(row.name);
    return all;
  }();
  return names;
}

std::string nearest_name(const std::string& name, const std::vector<std::string>& known) {
  const auto distance = [&](const std::string& other) { return edit_distance(in_lower_case(name), in_lower_case(other)); };
  if (known.empty()) return {};
  const std::string& nearest = *std::ranges::min_element(known, {}, distance);
  return distance(nearest) <= 1 + nearest.size() / 4 ? nearest : "";
}

void unknown_name(const std::string& what, const std::string& name, const std::vector<std::string>& known) {
  const std::string nearest = nearest_name(name, known);
  throw InputError(fmt::format("unknown {} '{}'.{} Known: {}.", what, name,
                               nearest.empty() ? "" : fmt::format(" Did you mean {}?", nearest), fmt::join(known, ", ")));
}

std::string solver_overview() {
  std::string text =
      "Every step solves (AᵀA + diag(μ)) z = b with A of N rows and k columns, N ≥ k.\n"
      "Linear losses: N observations, k = d (+ intercept). relu: N = width·d weights, k = n observations, where there are more "
      "weights.\n\n";
  text += fmt::format("{:<18} {:<44} {:<56} {}\n", "name", "needs", "costs", "suits");
  for (const SolverRow& row : solver_table()) text += fmt::format("{:<18} {:<44} {:<56} {}\n", row.name, row.needs, row.costs, row.suits);
  text += fmt::format("\nSketches (--sketch): {}. Size (--sketch-size): k to N; default 4k.\n{} are for relu.\n",
                      fmt::join(sketch_names(), ", "), fmt::join(names_of(network_sketch_table()), ", "));
  if (!has_sparse_cholesky()) text += "sparse-cholesky is not in this build (RAPHSON_WITH_CHOLMOD=OFF).\n";
  return text;
}

}  // namespace raphson::cli
