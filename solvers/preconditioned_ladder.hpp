#pragma once
/// What preconditioned-cg and preconditioned-gd share: build, iterate, and what to try when that does not deliver.

#include <raphson/core/preconditioner.hpp>
#include <raphson/solvers/krylov/iteration.hpp>
#include <raphson/solvers/secant_pairs.hpp>

namespace raphson {

/// The inner iteration for one preconditioner; an empty function when it cannot be set up (report.iterations counts its products).
using KernelMaker = std::function<Kernel(const GramSystem& system, const Preconditioner& M, LinearReport& report)>;

struct Ladder {
  const PreconditionerKind* kind = nullptr;
  KernelMaker kernel;
  Index iterations = 200;  ///< per preconditioner
  Index patience = 40;
  bool verify = true;  ///< see IterationLimits; of the first attempt
  bool step = false;   ///< a preconditioner close to the matrix itself is believed: z = M⁻¹b, not verified
};

/// Solves into z, which holds the start, in this order until the tolerance is met: preconditioners built afresh with attempts 0, 1, 2
/// (each starts where the last one stopped), then the exact factorization where it needs no more memory than those did. Every step after
/// the first is named in report.fallbacks. A sketch is not blamed, hence not retried, for stagnation at a small condition estimate:
/// that is rounding. Returns the preconditioner used last; null when none could be built or exact was used.
std::unique_ptr<Preconditioner> solve_by_ladder(const GramSystem& system, const Ladder& ladder, Vec& z, LinearReport& report);

/// Whether M is close enough to the matrix (Preconditioner::error) for M⁻¹b to do as a step.
bool is_close(const Preconditioner& M);
/// z = M⁻¹b, corrected by what steps have shown, reported as unverified, where M is close; false, with z = 0, where it is not.
bool step_by(const Preconditioner& M, const GramSystem& system, Vec& z, LinearReport& report, const SecantPairs& shown = {});

/// Iterations for each decimal digit that the residual fell from 1.
double iterations_per_digit(double iterations, double relative_residual);

}  // namespace raphson
