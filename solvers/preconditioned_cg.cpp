#include <raphson/core/threads.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/krylov/conjugate_gradients.hpp>
#include <raphson/solvers/preconditioned_cg.hpp>
#include <raphson/solvers/preconditioned_ladder.hpp>
#include <raphson/solvers/preconditioners/sketched.hpp>
#include <raphson/solvers/solve_support.hpp>

#include <algorithm>
#include <cmath>

namespace raphson {

namespace {

/// What products in this precision gain before the residual is to be measured in double again.
double round_digits(Precision products) { return products == Precision::f16 ? 3 : products == Precision::f32 ? 4 : 16; }

Kernel cg_kernel(const GramSystem& system, const Preconditioner& M, LinearReport&) { return conjugate_gradient_kernel(system, &M); }

Kernel single_cg_kernel(const GramSystem& system, const Preconditioner& M, LinearReport&) {
  if (!M.single()) return conjugate_gradient_kernel(system, &M);
  return rounded_conjugate_gradient_kernel(system, &M, system.A->single(), std::pow(10.0, -round_digits(Precision::f32)));
}

Kernel half_cg_kernel(const GramSystem& system, const Preconditioner& M, LinearReport&) {
  // Where M is AᵀA itself, one or two products do, which a copy would not pay for.
  if (!M.half() || M.sketch_size() == 0) return conjugate_gradient_kernel(system, &M);
  return rounded_conjugate_gradient_kernel(system, &M, system.A->half(), std::pow(10.0, -round_digits(Precision::f16)));
}

}  // namespace

struct PreconditionedCg::State {
  std::shared_ptr<const PreconditionerKind> kind;
  Reuse reuse = Reuse::never;
  Precision precision = Precision::f64;  ///< of the products
  Precision factor = Precision::f64;     ///< of the preconditioner, as far as it is known

  // Kept between the systems of one outer iteration, under Reuse::while_contracting.
  std::unique_ptr<Preconditioner> kept;
  Shape shape;               ///< of the system it was built for
  double rate_when_new = 0;  ///< iterations a digit
  double excess = 0;         ///< iterations beyond that rate so far
  bool is_new = false;       ///< what is kept was built for the system before
  SecantPairs shown;         ///< by steps since it was built
  Vec last_b;                ///< of the system before, where steps are of use

  /// Whether the iterations lost to a preconditioner that has aged have cost as much as a new one (nominal speeds: the decision must not
  /// depend on how busy the machine is).
  bool renewal_pays(const GramSystem& system) const {
    const double build = kind->estimate_build(system, Machine::nominal()).seconds;
    return excess * product_seconds(*system.A, Machine::nominal(), precision) > build;
  }
  /// Whether M⁻¹b will do as a step, its check being the contraction of the outer residual: a chord step of Newton's method (Kelley 1995,
  /// section 5.4) costs no product with A, where CG takes one for each digit that it gains over it.
  bool may_step(const GramSystem& system) const {
    return reuse == Reuse::while_contracting && system.tolerance >= 1e-4 && !system.continues && !system.A->cost().varies &&
           !(is_new && system.contraction > 0.5);
  }
  /// The contraction of the outer residual up to which what is kept serves for another step: where a new one would not save its price on
  /// the six digits or so that are to go. What steps show makes up for half of what it would contract more.
  double step_below(const GramSystem& system) const {
    const double price = kind->estimate_build(system, Machine::nominal()).seconds / product_seconds(*system.A, Machine::nominal());
    return std::min(0.5, std::pow(10.0, -1 / price));
  }
  void learn(const GramSystem& system) {
    if (system.moved && last_b.n_elem == system.size() && kept) shown.add(*system.moved, last_b - *system.b);
    if (reuse == Reuse::while_contracting && !system.A->cost().varies) last_b = *system.b;
  }
  void drop() {
    kept.reset();
    shown.clear();
  }
  KernelMaker kernel() const {
    return precision == Precision::f32 ? single_cg_kernel : precision == Precision::f16 ? half_cg_kernel : cg_kernel;
  }
  bool fits(const GramSystem& system) const { return kept && shape == Shape(system); }
};

PreconditionedCg::PreconditionedCg(SketchOptions sketch, Reuse reuse) : PreconditionedCg(sketched_preconditioner(sketch), reuse) {
  state_->precision = sketch.precision == Precision::f64 ? Precision::f64 : sketch.products;
  state_->factor = sketch.precision;
}

PreconditionedCg::PreconditionedCg(std::shared_ptr<const PreconditionerKind> kind, Reuse reuse) : state_(std::make_unique<State>()) {
  state_->kind = std::move(kind);
  state_->reuse = reuse;
}

PreconditionedCg::~PreconditionedCg() = default;

void PreconditionedCg::reset() {
  state_->drop();
  state_->last_b.reset();
}

Estimate PreconditionedCg::estimate(const GramSystem& system, const Machine& machine) const {
  const Index k = system.size(), s = state_->kind->sketch_size(system);
  const double condition = state_->kind->condition();
  KeptPreconditioner kept{.build = state_->kind->estimate_build(system, machine)};
  kept.triangular = kept.build.bytes >= 4.0 * static_cast<double>(k) * static_cast<double>(k);
  kept.whole = kept.triangular && s == 0 && std::isnan(condition);
  kept.reused = state_->reuse == Reuse::while_contracting || !std::isnan(condition);
  kept.factor = std::isnan(condition) ? state_->factor : Precision::f32;
  kept.products = state_->precision;
  kept.iterations = s > 0             ? sketched_cg_iterations(system.tolerance, s, k)
                    : kept.triangular ? kernel_cg_iterations(system.tolerance, sampled_condition(condition, system))
                                      : plain_cg_iterations(system.tolerance, k, true);
  if (!may_trust(system)) kept.checks = std::ceil(-std::log10(system.tolerance) / round_digits(kept.products));
  if (kept.whole && state_->factor == Precision::i8) kept.iterations += 1;
  return preconditioned_cg_estimate(system, machine, kept);
}

LinearReport PreconditionedCg::solve(const GramSystem& system, Vec& z) {
  const SingleThreadedBlas blas;
  LinearReport report;
  report.used = name();
  if (settled_at_once(system, z, report)) return report;

  if (begins_anew(system) || !state_->fits(system)) reset();
  state_->learn(system);
  const bool step = state_->may_step(system);
  if (state_->kept && step && is_close(*state_->kept)) {
    if (system.contraction <= state_->step_below(system) && step_by(*state_->kept, system, z, report, state_->shown)) {
      state_->is_new = false;
      return report;
    }
    state_->drop();
  }
  if (state_->kept) {
    state_->is_new = false;
    const Stopwatch watch;
    const double digits = std::max(1.0, -std::log10(system.tolerance));
    const Index most = 10 + static_cast<Index>(3 * state_->rate_when_new * digits);
    const Preconditioner& M = *state_->kept;
    const IterationLimits limits{system.tolerance, most, 40, !may_trust(system)};
    const IterationResult result = solve_verified(system, &M, state_->kernel()(system, M, report), limits, z);
    report.iterations = result.iterations;
    report.sketch_size = M.sketch_size();
    report.extra_shift = M.extra_shift();
    report.solve_seconds = watch.seconds();
    if (result.stop == Stop::tolerance || result.stop == Stop::interrupted) {
      conclude(system, result, "", z, report);
      state_->excess +=
          std::max(0.0, static_cast<double>(result.iterations) - 1 - state_->rate_when_new * std::max(1.0, -std::log10(result.residual)));
      if (state_->renewal_pays(system)) state_->drop();
      return report;
    }
    report.fallbacks.push_back("the kept preconditioner no longer fits: built afresh");
    state_->drop();
  }

  const Index before = report.iterations;
  const Index k = system.size();
  const bool sketched =
      state_->kind->estimate_build(system, Machine::nominal()).bytes >= 4.0 * static_cast<double>(k) * static_cast<double>(k);
  const Ladder ladder{state_->kind.get(),      state_->kernel(),   sketched ? 200 : 10 * k + 100,
                      sketched ? 40 : k + 100, !may_trust(system), step};
  auto M = solve_by_ladder(system, ladder, z, report);
  const bool delivered = report.status == LinearStatus::converged || report.status == LinearStatus::unverified;
  if (state_->reuse == Reuse::while_contracting && M && delivered) {
    state_->kept = std::move(M);
    state_->shape = Shape(system);
    const bool measured = !std::isnan(report.relative_residual);
    state_->rate_when_new = measured ? iterations_per_digit(static_cast<double>(report.iterations - before), report.relative_residual) : 1;
    state_->excess = 0;
    state_->is_new = true;
  }
  return report;
}

}  // namespace raphson
