#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/auto.hpp>
#include <raphson/solvers/cg.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/exact.hpp>
#include <raphson/solvers/preconditioned_cg.hpp>
#include <raphson/solvers/solve_support.hpp>
#include <raphson/solvers/sparse_cholesky.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace raphson {
namespace {

/// Systems are compared at this tolerance or their own, whichever is tighter: forcing terms start loose and end tight, and the
/// choice is kept in between.
constexpr double comparison_tolerance = 1e-4;

/// The iterations of jacobi-cg are a guess where those of the others are known: it must be this many times cheaper to be chosen.
constexpr double doubt = 2;

/// Jacobi-CG is given up for a shape when it takes this many times the iterations that were assumed.
constexpr double surprise = 3;

struct Candidate {
  std::string text;  ///< "preconditioned-cg (count-sketch s = 4000, f32)"
  Estimate estimate;
  std::function<std::unique_ptr<LinearSolver>()> make;
  bool needs_single = false;
  double doubt = 1;  ///< weighs on the predicted seconds

  double price() const { return doubt * estimate.seconds; }
};

/// The best sketch size of those worth trying, or the one asked for.
std::vector<Index> sizes_to_try(const SketchOptions& options, Index N, Index k) {
  if (options.size > 0) return {sketch_size(options, N, k, 4)};
  std::vector<Index> sizes;
  for (const Index factor : {4u, 6u, 8u, 12u, 16u, 24u}) {
    if (2 * factor * k <= N) sizes.push_back(factor * k);
  }
  return sizes;
}

void add_sketched(const GramSystem& system, SketchOptions options, std::vector<Candidate>& candidates) {
  Candidate best;
  const std::string kind = chosen_sketch(options, *system.A)->name();
  const char* precision = options.precision == Precision::f32 ? "f32" : "f64";
  for (const Index s : sizes_to_try(options, system.A->rows(), system.size())) {
    options.size = s;
    Estimate estimate = sketched_solve_estimate(system, Machine{}, options, s, sketched_cg_iterations(system.tolerance, s, system.size()));
    if (!best.make || estimate.seconds < best.estimate.seconds) {
      best.text = fmt::format("preconditioned-cg ({} s = {}, {})", kind, s, precision);
      best.estimate = std::move(estimate);
      best.make = [options] { return std::make_unique<PreconditionedCg>(options, Reuse::while_contracting); };
    }
  }
  best.needs_single = options.precision == Precision::f32;
  if (best.make) candidates.push_back(std::move(best));
}

/// Everything that fits into memory, cheapest first. The nominal Machine decides, not a measured one: the choice, and with it
/// every bit of the result, must not depend on how busy the machine is.
std::vector<Candidate> rank(GramSystem system, const SketchOptions& options, double memory_limit) {
  system.tolerance = std::min(system.tolerance, comparison_tolerance);
  std::vector<Candidate> candidates;
  candidates.push_back({"exact", exact_estimate(system, Machine{}), [] { return std::make_unique<Exact>(); }});
  add_sketched(system, options, candidates);
  if (options.precision == Precision::f64) {
    SketchOptions single = options;
    single.precision = Precision::f32;
    add_sketched(system, single, candidates);
  }
  candidates.push_back(
      {"jacobi-cg", cg_estimate(system, Machine{}, true), [] { return std::make_unique<Cg>(Cg::Scaling::jacobi); }, false, doubt});
  if (system.A->has_sparse_gram() && has_sparse_cholesky()) {
    candidates.push_back(
        {"sparse-cholesky", SparseCholesky().estimate(system, Machine{}), [] { return std::make_unique<SparseCholesky>(); }});
  }
  std::erase_if(candidates, [](const Candidate& c) { return !(c.estimate.seconds >= 0); });
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.price() < b.price(); });
  const auto too_large = [&](const Candidate& c) { return !(c.estimate.bytes <= memory_limit); };
  if (std::all_of(candidates.begin(), candidates.end(), too_large)) {
    const auto smallest = std::min_element(candidates.begin(), candidates.end(),
                                           [](const Candidate& a, const Candidate& b) { return a.estimate.bytes < b.estimate.bytes; });
    return {*smallest};
  }
  std::erase_if(candidates, too_large);
  // Whether there is a form in single precision is asked last: the answer may cost a copy of the data.
  while (candidates.size() > 1 && candidates.front().needs_single && !system.A->single()) candidates.erase(candidates.begin());
  return candidates;
}

/// "preconditioned-cg (count-sketch s = 4000, f32): predicted 0.31 s a solve, exact 0.9 s; needs 0.4 GiB"
std::string reason(const std::vector<Candidate>& candidates) {
  const Candidate& chosen = candidates.front();
  std::string text = fmt::format("{}: predicted {:.2g} s a solve", chosen.text, chosen.estimate.seconds);
  for (Index i = 1; i < candidates.size(); ++i) {
    // Exact is what users compare with; beside exact, the runner-up.
    if (candidates[i].text == "exact" || (i == 1 && chosen.text == "exact"))
      text += fmt::format(", {} {:.2g} s", candidates[i].text, candidates[i].estimate.seconds);
  }
  return text + fmt::format("; needs {}", bytes_text(chosen.estimate.bytes));
}

}  // namespace

struct Auto::State {
  SketchOptions sketch;
  double memory_limit;

  Index rows = 0, cols = 0;  ///< shape that the ranking is for
  std::vector<Candidate> ranking;
  std::unique_ptr<LinearSolver> solver;  ///< of ranking.front()
  std::string why;

  void forget() {
    ranking.clear();
    solver.reset();
  }

  void choose(const GramSystem& system) {
    rows = system.A->rows();
    cols = system.size();
    ranking = rank(system, sketch, memory_limit);
    why = reason(ranking);
    solver = ranking.front().make();
  }

  /// Drops the first candidate; false when it was the last, or exact, beyond which nothing is sturdier.
  bool next() {
    if (ranking.size() < 2 || ranking.front().text == "exact") return false;
    const std::string left = ranking.front().text;
    ranking.erase(ranking.begin());
    why = fmt::format("{} (after {} did not deliver)", reason(ranking), left);
    solver = ranking.front().make();
    return true;
  }
};

Auto::Auto(SketchOptions sketch, double memory_limit) : state_(std::make_unique<State>()) {
  state_->sketch = std::move(sketch);
  state_->memory_limit = memory_limit;
}

Auto::~Auto() = default;

void Auto::reset() { state_->forget(); }

Estimate Auto::estimate(const GramSystem& system, const Machine& machine) const {
  const std::vector<Candidate> candidates = rank(system, state_->sketch, state_->memory_limit);
  const auto solver = candidates.front().make();
  Estimate estimate = solver->estimate(system, machine);
  estimate.used = solver->name();
  estimate.reason = reason(candidates);
  return estimate;
}

LinearReport Auto::solve(const GramSystem& system, Vec& z) {
  const SingleThreadedBlas blas;
  LinearReport report;
  report.used = name();
  if (settled_at_once(system, z, report)) return report;
  // The first system of an outer iteration carries no contraction: what was learnt before belongs to another run.
  const bool same_run = !std::isnan(system.contraction) && state_->rows == system.A->rows() && state_->cols == system.size();
  if (!same_run || state_->ranking.empty()) state_->choose(system);

  std::vector<std::string> fallbacks;
  Index iterations = 0;
  while (true) {
    report = state_->solver->solve(system, z);
    report.used = state_->solver->name();
    report.reason = state_->why;
    const bool delivered = report.status == LinearStatus::converged || report.status == LinearStatus::unverified;
    std::string place;
    if (delivered || system.interrupted() || names_non_finite(system, place)) break;
    const std::string complaint = fmt::format("{}: {}", report.used, report.message);
    if (!state_->next()) break;
    fallbacks.push_back(complaint);
    iterations += report.iterations;
  }
  fallbacks.insert(fallbacks.end(), report.fallbacks.begin(), report.fallbacks.end());
  report.fallbacks = std::move(fallbacks);
  const double assumed = plain_cg_iterations(system.tolerance, system.size(), true);
  if (report.used == "jacobi-cg" && static_cast<double>(report.iterations) > surprise * assumed) state_->next();
  report.iterations += iterations;
  return report;
}

}  // namespace raphson
