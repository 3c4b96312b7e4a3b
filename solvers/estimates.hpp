#pragma once
/// Cost formulas that several solvers share. Seconds come from OperatorCost and the rates of a Machine; bytes are work space beyond A.

#include <raphson/core/linear_solver.hpp>
#include <raphson/solvers/sketch_options.hpp>

namespace raphson {

/// Whether A stores (or touches) few enough entries that its products run at sparse rates: less than a quarter of N·k.
bool mostly_zero(const Operator& A);

/// Whether a row of A costs clearly less than a product with all of A.
bool has_rows(const Operator& A);
/// x ↦ AᵀAx, AᵀA.
double product_seconds(const Operator& A, const Machine& machine, Precision precision = Precision::f64);
/// What the model does in an outer step beside the linear solve: a read of A for value and gradient; for networks a forward pass, the
/// gradient and the step.
double outer_step_seconds(const Operator& A, const Machine& machine);
double gram_seconds(const Operator& A, const Machine& machine, Precision precision = Precision::f64);
/// Cholesky of a k × k matrix.
double factor_seconds(Index k, const Machine& machine, Precision precision = Precision::f64);
/// AᵀA + diag(μ) formed and factored in single precision.
double kept_gram_seconds(const GramSystem& system, const Machine& machine);
/// z = L⁻ᵀL⁻¹r for a k × k triangular factor: reads it twice.
double substitution_seconds(Index k, const Machine& machine, Precision precision = Precision::f64);
/// SA for S of s rows; k products where rows of A cannot be had for less than a product.
double sketch_seconds(const Operator& A, const SketchKind& kind, Index s, const Machine& machine);

/// Iterations that CG needs with a sketch of s = c·k rows: in the norm of the preconditioner it contracts by √(1/c) each, κ =
/// ((√c+1)/(√c−1))²; in the 2-norm, where large columns count more, it takes up to a third less, and a fifth less
/// is assumed.
double sketched_cg_iterations(double tolerance, Index s, Index k);
/// Condition number of M⁻¹H where H = AᵀA is a sample, of N columns of Aᵀ, of what M is: that of a sample covariance matrix of k unknowns,
/// ((1+√c)/(1−√c))², c = k/N (Marchenko and Pastur 1967), times what is `expected` however large N is.
double sampled_condition(double expected, const GramSystem& system);
/// Iterations that CG needs where M⁻¹H has this condition number; 2 where it is not known: AᵀA itself.
double kernel_cg_iterations(double tolerance, double condition);
/// Iterations assumed for CG without a sketch, where nothing is known about the spectrum: 60 a digit, 25 scaled by the diagonal, and k for
/// four digits at most.
double plain_cg_iterations(double tolerance, Index k, bool jacobi);

Estimate exact_estimate(const GramSystem& system, const Machine& machine);
Estimate exact_qr_estimate(const GramSystem& system, const Machine& machine);
/// Building the sketched preconditioner alone; `s` rows, the exact Gram matrix when s ≥ N.
Estimate sketched_build_estimate(const GramSystem& system, const Machine& machine, const SketchOptions& options, Index s);
/// What preconditioned-cg does with what kind of preconditioner.
struct KeptPreconditioner {
  Estimate build;
  bool triangular = true;               ///< a k × k factor: substitutions take time
  bool whole = false;                   ///< made of AᵀA itself
  bool reused = false;                  ///< kept between the systems of an outer iteration
  Precision factor = Precision::f64;    ///< of the factor
  Precision products = Precision::f64;  ///< of the products with A
  double iterations = 0;                ///< a system
  double checks = 0;                    ///< products in double a system, of residuals that decide
};
Estimate preconditioned_cg_estimate(const GramSystem& system, const Machine& machine, const KeptPreconditioner& kept);
/// `iterations` of a preconditioned iteration with a k × k triangular factor, after building it (Estimate::once).
Estimate sketched_solve_estimate(const GramSystem& system, const Machine& machine, const SketchOptions& options, Index s,
                                 double iterations);
Estimate cg_estimate(const GramSystem& system, const Machine& machine, bool jacobi);

/// The sketch in force: the one asked for, else CountSketch for dense rows and sparse signs for sparse ones.
std::shared_ptr<const SketchKind> chosen_sketch(const SketchOptions& options, const Operator& A);

/// "Use jacobi-cg (0.1 GiB) or cg (0.1 GiB).": the solvers that need less than `bytes`; empty when there is none.
std::string smaller_solvers(const GramSystem& system, double bytes);

}  // namespace raphson
