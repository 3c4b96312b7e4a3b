#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/auto.hpp>
#include <raphson/solvers/cg.hpp>
#include <raphson/solvers/chord.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/exact.hpp>
#include <raphson/solvers/kernel_cg.hpp>
#include <raphson/solvers/preconditioned_cg.hpp>
#include <raphson/solvers/preconditioners/sampled_gram.hpp>
#include <raphson/solvers/solve_support.hpp>
#include <raphson/solvers/sparse_cholesky.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace raphson {
namespace {

/// What is compared is a whole outer iteration: so many systems, eight digits in all, with what is kept between them built once.
constexpr double systems_of_a_run = 6;
const double tolerance_of_a_run = std::pow(10.0, -8 / systems_of_a_run);

/// The iterations of jacobi-cg are a guess where those of the others are known: it must be this many times cheaper. More so on data like
/// grids and chains, where they grow with the length of the chain and a sparse factorization is cheap, and on neural networks, where they
/// grow with the rows and with what has been learnt.
constexpr double doubt = 2, doubt_on_networks = 5;

/// Of networks: chord steps contract less than solved ones, so that it takes this share more of them; and as a preconditioner a factor
/// serves so many systems (benchmarks/nets/training.cpp).
constexpr double chord_steps = 0.3, kept_renewals = 1.0 / 8;

/// What JJᵀ is in expectation may not factor in single precision, and weights that have learnt move away from it.
constexpr double doubt_on_kernels = 1.2;

struct Candidate {
  std::string text;  ///< "preconditioned-cg (count-sketch s = 4000, f32)"
  Estimate estimate;
  std::function<std::unique_ptr<LinearSolver>()> make;
  double doubt = 1;       ///< weighs on the predicted seconds
  double more_steps = 0;  ///< seconds of a run for steps that others do not take

  double seconds() const { return estimate.run_seconds(systems_of_a_run); }
  /// Below a millisecond nothing is worth leaving exact for.
  double price() const { return doubt * seconds() + more_steps + (text == "exact" ? 0 : 1e-3); }
};

/// The best sketch size of those worth trying, or the one asked for; N itself stands for the exact Gram matrix, in single precision, where
/// that may be `whole`: not for networks, whose J changes too much from step to step.
std::vector<Index> sizes_to_try(const SketchOptions& options, Index N, Index k, bool whole) {
  if (options.size > 0) return {sketch_size(options, N, k, 4)};
  std::vector<Index> sizes;
  for (const Index factor : {2u, 3u, 4u, 6u, 8u, 12u, 16u, 24u, 32u, 48u}) {
    if (2 * factor * k <= N) sizes.push_back(factor * k);
  }
  if (options.precision != Precision::f64 && N >= k && whole) sizes.push_back(N);
  return sizes;
}

void add_sketched(const GramSystem& system, SketchOptions options, const Machine& machine, std::vector<Candidate>& candidates) {
  Candidate best;
  const Index N = system.A->rows(), k = system.size();
  const bool varies = system.A->cost().varies;
  const Reuse reuse = varies ? Reuse::never : Reuse::while_contracting;
  const std::string kind = chosen_sketch(options, *system.A)->name();
  const char* precision = options.precision == Precision::f64 ? "f64" : options.precision == Precision::f32 ? "f32" : "i8";
  for (const Index s : sizes_to_try(options, N, k, !varies)) {
    options.size = s;
    Estimate estimate = PreconditionedCg(options, reuse).estimate(system, machine);
    if (!best.make || estimate.run_seconds(systems_of_a_run) < best.estimate.run_seconds(systems_of_a_run)) {
      best.text = s < N ? fmt::format("preconditioned-cg ({} s = {} = {:.3g} k, {})", kind, s,
                                      static_cast<double>(s) / static_cast<double>(k), precision)
                        : fmt::format("preconditioned-cg (AᵀA kept, {})", precision);
      best.estimate = std::move(estimate);
      best.make = [options, reuse] { return std::make_unique<PreconditionedCg>(options, reuse); };
    }
  }
  best.doubt = 1.25;
  if (best.make) candidates.push_back(std::move(best));
}

/// Sparse rows: a sample of them costs less to take AᵀA from than any sketch.
void add_sampled(const GramSystem& system, const SketchOptions& options, const Machine& machine, std::vector<Candidate>& candidates) {
  const Index N = system.A->rows(), k = system.size();
  if (!mostly_zero(*system.A) || !has_rows(*system.A) || system.A->cost().varies || options.kind || options.size > 0) return;
  Candidate best;
  for (const Index share : {4u, 8u, 16u}) {
    if (N / share < 6 * k) continue;
    const auto make = [share] { return std::make_unique<PreconditionedCg>(sampled_gram_preconditioner(share), Reuse::while_contracting); };
    Estimate estimate = make()->estimate(system, machine);
    if (best.make && !(estimate.run_seconds(systems_of_a_run) < best.seconds())) continue;
    best.text = fmt::format("preconditioned-cg (one row of {}, f32)", share);
    best.estimate = std::move(estimate);
    best.make = make;
  }
  best.doubt = 1.25;
  if (best.make) candidates.push_back(std::move(best));
}

/// Whether the shift dominates most directions: Σ gⱼ/(gⱼ + μⱼ) ≤ k/10 for the diagonal gⱼ of AᵀA, taken from a few rows. By concavity that
/// sum is an upper bound of the effective dimension tr(AᵀA (AᵀA + diag(μ))⁻¹).
bool shift_dominates(const GramSystem& system) {
  if ((system.shift == 0 && !system.penalty) || !has_rows(*system.A)) return false;
  const Index N = system.A->rows(), k = system.size(), sample = std::min<Index>(N, 64);
  std::vector<Index> index(sample);
  for (Index i = 0; i < sample; ++i) index[i] = i * (N / sample);
  Mat<double> rows;
  system.A->gather_rows(index, rows);
  double dimension = 0;
  for (Index j = 0; j < k; ++j) {
    const double g = arma::dot(rows.row(j), rows.row(j)) * static_cast<double>(N) / static_cast<double>(sample);
    if (g > 0) dimension += g / (g + system.mu(j));
  }
  return 10 * dimension <= static_cast<double>(k);
}

/// Sparse rows that fill AᵀA are nearly orthogonal columns as a rule; grids and chains, whose AᵀA stays sparse, are ill-conditioned.
bool well_mixed(const Operator& A) {
  const double k = static_cast<double>(A.cols());
  return mostly_zero(A) && 10 * A.cost().gram_nonzeros >= k * k;
}

/// CG scaled by the diagonal: the choice where sparse rows are well mixed or the shift dominates. What it needs in iterations is known only
/// afterwards, so it is left when it has used up a share of what the next best would cost.
Candidate jacobi(const GramSystem& system, const Machine& machine) {
  Candidate candidate{"jacobi-cg", cg_estimate(system, machine, true), [] { return std::make_unique<Cg>(Cg::Scaling::jacobi); }};
  const bool sparse = mostly_zero(*system.A), mixed = well_mixed(*system.A);
  candidate.doubt = sparse || system.A->cost().varies ? doubt_on_networks : doubt;
  if (mixed || shift_dominates(system)) {
    const double iterations = 1 + (mixed ? 2 : 5) * -std::log10(system.tolerance);
    candidate.estimate.seconds = iterations * product_seconds(*system.A, machine);
    candidate.doubt = 1;
  }
  return candidate;
}

void limit_jacobi(const GramSystem& system, const Machine& machine, std::vector<Candidate>& candidates) {
  if (candidates.size() < 2 || candidates.front().text != "jacobi-cg") return;
  const double each = product_seconds(*system.A, machine), other = candidates[1].price();
  // The columns of rows that only look well mixed show at once.
  const bool mixed = well_mixed(*system.A);
  const Index most = std::max<Index>(mixed ? 8 : 30, static_cast<Index>(std::min((mixed ? 0.1 : 0.5) * other / each, 1e6)));
  candidates.front().make = [most] { return std::make_unique<Cg>(Cg::Scaling::jacobi, most); };
}

/// Where A itself changes from step to step, a factor of AᵀA in single precision that is kept for some steps serves as preconditioner, or
/// for steps of its own; or what AᵀA is in expectation, where that is known.
void add_kept_factors(const GramSystem& system, const SketchOptions& options, const Machine& machine, std::vector<Candidate>& candidates) {
  if (!system.A->cost().varies || options.size > 0 || options.kind) return;
  const double product = product_seconds(*system.A, machine);
  Candidate chord{"chord", Chord().estimate(system, machine), [] { return std::make_unique<Chord>(); }};
  chord.more_steps =
      chord_steps * systems_of_a_run * (chord.estimate.seconds - chord.estimate.once + outer_step_seconds(*system.A, machine));
  candidates.push_back(std::move(chord));

  SketchOptions whole{.kind = {}, .size = system.A->rows(), .precision = Precision::f32};
  Estimate kept = sketched_solve_estimate(system, machine, whole, whole.size, 0);
  kept.seconds += product + kept_renewals * kept.once;
  candidates.push_back(
      {"preconditioned-cg (AᵀA kept, f32)", kept, [whole] { return std::make_unique<PreconditionedCg>(whole, Reuse::while_contracting); }});

  if (system.A->preconditioner()) {
    Candidate kernel{"kernel-cg", KernelCg().estimate(system, machine), [] { return std::make_unique<KernelCg>(); }};
    kernel.doubt = doubt_on_kernels;
    candidates.push_back(std::move(kernel));
  }
}

/// Everything that fits into memory, cheapest first.
std::vector<Candidate> rank(GramSystem system, const SketchOptions& options, double memory_limit, const Machine& machine) {
  system.tolerance = tolerance_of_a_run;
  std::vector<Candidate> candidates;
  candidates.push_back({"exact", exact_estimate(system, machine), [] { return std::make_unique<Exact>(); }});
  add_sketched(system, options, machine, candidates);
  if (options.precision == Precision::f64) {
    SketchOptions single = options;
    single.precision = Precision::f32;
    add_sketched(system, single, machine, candidates);
    single.precision = Precision::i8;
    if (machine.gram_rounded > 0 && !mostly_zero(*system.A)) add_sketched(system, single, machine, candidates);
  }
  add_sampled(system, options, machine, candidates);
  add_kept_factors(system, options, machine, candidates);
  candidates.push_back(jacobi(system, machine));
  if (system.A->has_sparse_gram() && has_sparse_cholesky()) {
    candidates.push_back(
        {"sparse-cholesky", SparseCholesky().estimate(system, machine), [] { return std::make_unique<SparseCholesky>(); }});
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
  limit_jacobi(system, machine, candidates);
  return candidates;
}

/// "preconditioned-cg (count-sketch s = 4000 = 8 k, f32): predicted 0.31 s for 6 systems, exact 0.9 s; needs 0.4 GiB"
std::string reason(const std::vector<Candidate>& candidates) {
  const Candidate& chosen = candidates.front();
  std::string text =
      fmt::format("{}: predicted {:.2g} s for {:g} systems", chosen.text, chosen.estimate.run_seconds(systems_of_a_run), systems_of_a_run);
  for (Index i = 1; i < candidates.size(); ++i) {
    // Exact is what users compare with; beside exact, the runner-up.
    if (candidates[i].text != "exact" && (i > 1 || chosen.text != "exact")) continue;
    const char* but = candidates[i].seconds() < chosen.seconds() ? ", which saves too little to be worth leaving exact for" : "";
    text += fmt::format(", {} {:.2g} s{}", candidates[i].text, candidates[i].seconds(), chosen.text == "exact" ? but : "");
  }
  return text + fmt::format("; needs {}", bytes_text(chosen.estimate.bytes));
}

}  // namespace

struct Auto::State {
  SketchOptions sketch;
  double memory_limit;
  Machine machine;  ///< whose rates decide

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
    ranking = rank(system, sketch, memory_limit, machine);
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

Auto::Auto(SketchOptions sketch, double memory_limit, const Machine& machine) : state_(std::make_unique<State>()) {
  state_->sketch = std::move(sketch);
  state_->memory_limit = memory_limit;
  state_->machine = machine;
}

Auto::~Auto() = default;

void Auto::reset() { state_->forget(); }

Estimate Auto::estimate(const GramSystem& system, const Machine& machine) const {
  std::vector<Candidate> candidates = rank(system, state_->sketch, state_->memory_limit, state_->machine);
  // The choice is made; what it and the others cost is said in the rates asked about.
  std::vector<Candidate> here = rank(system, state_->sketch, state_->memory_limit, machine);
  const auto said = std::find_if(here.begin(), here.end(), [&](const Candidate& c) { return c.text == candidates.front().text; });
  if (said != here.end()) {
    std::rotate(here.begin(), said, said + 1);
    candidates = std::move(here);
  }
  const std::unique_ptr<LinearSolver> chosen = candidates.front().make();
  Estimate estimate = chosen->estimate(system, machine);  // to the tolerance asked for
  estimate.used = chosen->name();
  estimate.reason = reason(candidates);
  return estimate;
}

LinearReport Auto::solve(const GramSystem& system, Vec& z) {
  const SingleThreadedBlas blas;
  LinearReport report;
  report.used = name();
  if (settled_at_once(system, z, report)) return report;
  // The first system of an outer iteration carries no contraction: what was learnt before belongs to another run, unless this one continues
  // it.
  const bool same_run =
      (!std::isnan(system.contraction) || system.continues) && state_->rows == system.A->rows() && state_->cols == system.size();
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
  report.iterations += iterations;
  return report;
}

}  // namespace raphson
