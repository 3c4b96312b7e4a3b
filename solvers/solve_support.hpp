#pragma once
/// How every solver opens and closes a solve.

#include <raphson/core/linear_solver.hpp>
#include <raphson/solvers/krylov/iteration.hpp>

#include <cmath>

namespace raphson {

/// Size of the system that something is kept for. Default: of none.
struct Shape {
  Index rows = 0, cols = 0;
  Shape() = default;
  explicit Shape(const GramSystem& system) : rows(system.A->rows()), cols(system.size()) {}
  bool operator==(const Shape&) const = default;
};

/// Whether the system is the first of a run that does not continue the one before: what is kept then belongs to something else.
inline bool begins_anew(const GramSystem& system) { return std::isnan(system.contraction) && !system.continues; }

/// Checks the system (InputError), sets z = 0 (k), and returns true when that settles it: b = 0 (converged), non-finite b
/// (failed), interrupt already set (not_converged).
bool settled_at_once(const GramSystem& system, Vec& z, LinearReport& report);

/// Status `failed`, z = 0, with the place of the first non-finite number of A when the operator knows it.
void fail_non_finite(const GramSystem& system, Vec& z, LinearReport& report);

/// Whether `text` was filled: A has a non-finite stored number, as "A is not finite: row 17, column 4 (nan).".
bool names_non_finite(const GramSystem& system, std::string& text);

/// Turns what solve_verified found into status, residual and message. `advice` ends the message when the tolerance was missed.
void conclude(const GramSystem& system, const IterationResult& result, std::string_view advice, Vec& z, LinearReport& report);

/// Whether the recurrence of the iteration may be believed: the tolerance is loose, and the outer steps make progress, so that a wrong
/// answer would show in the next gradient, which is measured anyway. Not where what is kept was made for another problem.
bool may_trust(const GramSystem& system);

}  // namespace raphson
