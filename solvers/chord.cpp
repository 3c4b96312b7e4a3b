#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/chord.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/exact.hpp>
#include <raphson/solvers/krylov/conjugate_gradients.hpp>
#include <raphson/solvers/preconditioners/triangular.hpp>
#include <raphson/solvers/solve_support.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

namespace raphson {
namespace {

/// What a factorization is tried in, from cheap to sturdy.
enum class Rung { single, full, exact };

/// A contraction that a step with a new factor must reach to be trusted without a check.
constexpr double trusted_contraction = 0.5;

void gram_into(const GramSystem& system, Mat<double>& G) { system.A->gram(G); }

void gram_into(const GramSystem& system, Mat<float>& G) { system.A->gram_single(G); }

/// Null when the factorization broke down; `finite` says whether AᵀA was finite.
template <class Real>
std::unique_ptr<Preconditioner> factored(const GramSystem& system, const Vec& mu, double shift, bool& finite) {
  Mat<Real> G;
  gram_into(system, G);
  finite = all_finite(G);
  ScaledFactor<Real> factor;
  if (!finite || !cholesky_factor(G, mu, shift, factor)) return nullptr;
  return std::make_unique<TriangularPreconditioner<Real>>(std::move(factor), sizeof(Real) == 4 ? "Cholesky, f32" : "Cholesky, f64");
}

/// In single precision; where that breaks down, shifted, which CG makes up for when the system has a shift of its own.
std::unique_ptr<Preconditioner> factored_single(const GramSystem& system, const Vec& mu, bool& finite, bool& shifted) {
  auto factor = factored<float>(system, mu, 0, finite);
  shifted = !factor && finite && mu.min() > 0;
  return shifted ? factored<float>(system, mu, rescue_shift<float>(system.size()), finite) : std::move(factor);
}

}  // namespace

struct Chord::State {
  double keep_below;
  Rung rung = Rung::single;  ///< where this run begins
  std::unique_ptr<Preconditioner> factor;
  Shape shape;
  Vec mu;
  bool is_new = false;  ///< the system before was the first with this factor

  void forget() {
    rung = Rung::single;
    factor.reset();
    is_new = false;
  }
  bool fits(const GramSystem& system, const Vec& now) const {
    return factor && shape == Shape(system) && std::equal(mu.begin(), mu.end(), now.begin());
  }
  bool climb(const GramSystem& system, bool verify, Vec& z, LinearReport& report);
  bool try_rung(const GramSystem& system, bool verify, Vec& z, LinearReport& report);
  bool refine(const GramSystem& system, Vec& z, LinearReport& report);
  bool take_up(const GramSystem& system, Vec& z, LinearReport& report);
};

/// CG with the factor from z, verified. False: it did not deliver.
bool Chord::State::refine(const GramSystem& system, Vec& z, LinearReport& report) {
  const Stopwatch watch;
  const IterationResult result =
      solve_verified(system, factor.get(), conjugate_gradient_kernel(system, factor.get()), {system.tolerance, 30, 8}, z);
  report.iterations += result.iterations;
  report.solve_seconds += watch.seconds();
  if (result.stop == Stop::tolerance || result.stop == Stop::interrupted) {
    conclude(system, result, "", z, report);
    return true;
  }
  report.fallbacks.push_back(
      fmt::format("{}: relative residual {:.1e} after {} refinements", factor->name(), result.residual, result.iterations));
  return false;
}

/// With the factor of the run before. False: it did not deliver.
bool Chord::State::take_up(const GramSystem& system, Vec& z, LinearReport& report) {
  factor->solve(*system.b, z);
  if (!z.is_finite()) z.zeros();
  is_new = false;
  return refine(system, z, report);
}

/// Solves with a new factor of the present rung. False: it broke down or did not deliver, and the next rung is due.
bool Chord::State::try_rung(const GramSystem& system, bool verify, Vec& z, LinearReport& report) {
  const Stopwatch setup;
  const char* precision = rung == Rung::single ? "single" : "double";
  bool finite = true, shifted = false;
  factor = rung == Rung::single ? factored_single(system, mu, finite, shifted) : factored<double>(system, mu, 0, finite);
  report.setup_seconds += setup.seconds();
  if (!finite && rung == Rung::full) {
    fail_non_finite(system, z, report);
    return true;
  }
  if (!factor) {
    report.fallbacks.push_back(fmt::format("Cholesky factorization in {} precision broke down", precision));
    return false;
  }
  const Stopwatch watch;
  factor->solve(*system.b, z);
  if (!z.is_finite()) z.zeros();
  report.extra_shift = factor->extra_shift();
  if (!verify && !shifted) {
    report.status = LinearStatus::unverified;
    report.message = fmt::format("{}: one solve, residual not measured.", factor->name());
    report.solve_seconds += watch.seconds();
    return true;
  }
  report.solve_seconds += watch.seconds();
  return refine(system, z, report);
}

/// Up the rungs; false when only Exact is left.
bool Chord::State::climb(const GramSystem& system, bool verify, Vec& z, LinearReport& report) {
  for (; rung != Rung::exact; rung = rung == Rung::single ? Rung::full : Rung::exact) {
    if (try_rung(system, verify, z, report)) return true;
    factor.reset();
    if (system.interrupted()) return false;
  }
  return false;
}

Chord::Chord(double keep_below) : state_(std::make_unique<State>()) {
  if (!(keep_below >= 0 && keep_below < 1)) {
    throw InputError(fmt::format("chord: a factor is kept below a contraction of {}. Give a number in [0, 1), such as 0.2.", keep_below));
  }
  state_->keep_below = keep_below;
}

Chord::~Chord() = default;

void Chord::reset() { state_->forget(); }

Estimate Chord::estimate(const GramSystem& system, const Machine& machine) const {
  const double k = static_cast<double>(system.size());
  const double factor = kept_gram_seconds(system, machine), solve = substitution_seconds(system.size(), machine, Precision::f32);
  // The first system is verified; of the others as many find a new factor as not, as a rule.
  const double once = 0.5 * factor + product_seconds(*system.A, machine);
  Estimate estimate = exact_estimate(system, machine);
  return {.seconds = once + 0.5 * factor + solve,
          .bytes = (system.A->single() ? 8 : 12) * k * k + 40 * k,
          .advice = estimate.advice,
          .once = once};
}

LinearReport Chord::solve(const GramSystem& system, Vec& z) {
  const SingleThreadedBlas blas;
  LinearReport report;
  report.used = name();
  if (settled_at_once(system, z, report)) return report;
  State& state = *state_;
  const bool first = std::isnan(system.contraction);
  if (begins_anew(system)) state.forget();

  const Vec mu = system.shift_diagonal();
  if (state.fits(system, mu) && system.contraction <= state.keep_below) {
    const Stopwatch watch;
    state.factor->solve(*system.b, z);
    state.is_new = false;
    report.solve_seconds = watch.seconds();
    if (z.is_finite()) {
      report.status = LinearStatus::unverified;
      report.message =
          fmt::format("{}, kept: the last step contracted by {:.2g}; residual not measured.", state.factor->name(), system.contraction);
      return report;
    }
    z.zeros(system.size());
  }

  if (first && state.fits(system, mu) && state.take_up(system, z, report)) return report;

  const bool verify = first || !state.factor || (state.is_new && !(system.contraction <= trusted_contraction));
  state.shape = Shape(system);
  state.mu = mu;
  if (!state.climb(system, verify, z, report)) {
    state.factor.reset();
    LinearReport exact = Exact().solve(system, z);
    exact.fallbacks.insert(exact.fallbacks.begin(), report.fallbacks.begin(), report.fallbacks.end());
    exact.setup_seconds += report.setup_seconds;
    exact.solve_seconds += report.solve_seconds;
    exact.iterations += report.iterations;
    exact.used = name();
    return exact;
  }
  state.is_new = true;
  return report;
}

}  // namespace raphson
