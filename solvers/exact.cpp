#include <raphson/core/dense.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/exact.hpp>
#include <raphson/solvers/factorizations/equilibration.hpp>
#include <raphson/solvers/factorizations/minimum_norm.hpp>
#include <raphson/solvers/factorizations/stacked_qr.hpp>
#include <raphson/solvers/krylov/conjugate_gradients.hpp>
#include <raphson/solvers/preconditioners/triangular.hpp>
#include <raphson/solvers/solve_support.hpp>

#include <fmt/format.h>
#include <cmath>

namespace raphson {
namespace {

using Factor = TriangularPreconditioner<double>;

/// One solve: factorizations tried in turn until one meets the tolerance on the true residual.
class ExactSolve {
 public:
  ExactSolve(const GramSystem& system, Vec& z, LinearReport& report)
      : system_(system), z_(z), report_(report), mu_(system.shift_diagonal()) {}

  void by_cholesky() {
    const Stopwatch watch;
    Mat<double> G;
    system_.A->gram(G);
    if (!all_finite(G)) return fail_non_finite(system_, z_, report_);
    if (stopped()) return;
    ScaledFactor<double> factor;
    const bool factored = cholesky_factor(G, mu_, 0, factor);
    report_.setup_seconds += watch.seconds();
    if (factored) {
      const Factor L(std::move(factor), "Cholesky");
      IterationResult result = refined(L, {});
      if (system_.c && result.stop == Stop::tolerance) correct_against_data(L, result);
      return finish(result, "Rounding limits it: loosen the tolerance, or use exact-qr.");
    }
    report_.fallbacks.push_back("Cholesky factorization broke down: AᵀA + diag(μ) is numerically singular");
    if (stopped()) return;
    if (qr_is_affordable()) return by_qr();
    system_.A->gram(G);
    singular(G);
  }

  void by_qr() {
    const Stopwatch watch;
    StackedQr qr;
    const bool factored = stacked_qr(system_, qr);
    report_.setup_seconds += watch.seconds();
    if (!factored) {
      if (!stopped()) fail_non_finite(system_, z_, report_);
      return;
    }
    const bool regular = qr.L.diag().min() > pivot_floor<double>(system_.size());
    if (!report_.fallbacks.empty() && regular) report_.fallbacks.push_back("QR factorization of A used instead");
    if (!regular) {
      report_.fallbacks.push_back("QR factorization found A numerically rank deficient");
      Mat<double> G;
      system_.A->gram(G);
      return singular(G);
    }
    Vec start;
    if (system_.c) {
      start = qr.projected;
      solve_lower_transposed(qr.L, start);
      start %= qr.t;
    }
    const Factor factor({std::move(qr.L), std::move(qr.t), 0.0}, "QR");
    finish(refined(factor, std::move(start)), "Rounding limits it: loosen the tolerance.");
  }

 private:
  /// QR tells columns at a distance of 1e-10 from dependent ones, which have no digit left in AᵀA; unless rows are sparse or
  /// expensive it costs about five times the Cholesky way.
  bool qr_is_affordable() const {
    return exact_qr_estimate(system_, Machine::nominal()).seconds <= 10 * exact_estimate(system_, Machine::nominal()).seconds;
  }

  /// The direct solution (or the start that is given), then conjugate gradients with the factor while the residual is too large.
  IterationResult refined(const Preconditioner& factor, Vec start, Index most = 30) {
    const Stopwatch watch;
    if (start.is_empty()) factor.solve(*system_.b, start);
    z_ = std::move(start);
    if (!z_.is_finite()) z_.zeros();
    const IterationResult result =
        solve_verified(system_, &factor, conjugate_gradient_kernel(system_, &factor), {system_.tolerance, most, 8}, z_);
    report_.iterations += result.iterations;
    report_.solve_seconds += watch.seconds();
    return result;
  }

  /// Where b = Aᵀc: one step z += H⁻¹(Aᵀ(c − Az) − μz), whose residual is formed before Aᵀ is applied and so keeps digits that b − Hz has
  /// lost. Taken when the residual stays within the tolerance.
  void correct_against_data(const Factor& factor, IterationResult& result) {
    const Stopwatch watch;
    Mat<double> r, g;
    system_.A->apply(z_, r);
    r = *system_.c - r;
    system_.A->apply_adjoint(r, g);
    Vec d;
    factor.solve(g - mu_ % z_, d);
    const Vec corrected = z_ + d;
    const double residual = system_.relative_residual(corrected);
    if (residual <= system_.tolerance) {
      z_ = corrected;
      result.residual = residual;
    }
    report_.solve_seconds += watch.seconds();
  }

  /// Minimum-norm step for the Gram matrix G of a singular system; a shift and refinement when that misses the tolerance.
  void singular(Mat<double>& G) {
    const Stopwatch watch;
    Vec diagonal = Vec(G.diag()) + mu_;
    const Vec t = equilibrating_scale(diagonal);
    G.diag() = diagonal;
    scale_symmetric(G, t);
    const auto factor = MinimumNormFactor::make(G, t);
    report_.setup_seconds += watch.seconds();
    IterationResult result;
    if (factor) {
      result = refined(*factor, {});
      if (factor->rank() < system_.size()) {
        report_.rank = factor->rank();
        report_.fallbacks.push_back(factor->text());
      }
      if (result.stop == Stop::tolerance || result.stop == Stop::interrupted) return finish(result, "");
    }
    if (stopped()) return;
    shifted(result, factor != nullptr);
  }

  void shifted(const IterationResult& before, bool have_before) {
    const Stopwatch watch;
    Mat<double> G;
    system_.A->gram(G);
    ScaledFactor<double> factor;
    const double k = static_cast<double>(system_.size());
    const bool factored = cholesky_factor(G, mu_, 64 * k * std::numeric_limits<double>::epsilon(), factor);
    report_.setup_seconds += watch.seconds();
    IterationResult result = before;
    if (factored) {
      const double shift = factor.extra_shift;
      const Vec kept = z_;
      result = refined(Factor(std::move(factor), "shifted Cholesky"), {}, 100);
      if (have_before && !(result.residual < before.residual)) {
        z_ = kept;
        result = before;
      } else {
        report_.extra_shift = shift;
        report_.fallbacks.push_back(
            fmt::format("Cholesky factorization with a shift of {:.1e}, then {} refinements", shift, result.iterations));
      }
    }
    finish(result, "b is not in the range of AᵀA: the step returned is the least-squares one. Add a shift (l2 > 0).");
  }

  void finish(const IterationResult& result, std::string_view advice) { conclude(system_, result, advice, z_, report_); }

  bool stopped() {
    if (!system_.interrupted()) return false;
    IterationResult result;
    result.stop = Stop::interrupted;
    result.residual = system_.relative_residual(z_);
    finish(result, "");
    return true;
  }

  const GramSystem& system_;
  Vec& z_;
  LinearReport& report_;
  Vec mu_;
};

}  // namespace

Estimate Exact::estimate(const GramSystem& system, const Machine& machine) const {
  return method_ == Method::qr ? exact_qr_estimate(system, machine) : exact_estimate(system, machine);
}

LinearReport Exact::solve(const GramSystem& system, Vec& z) {
  const SingleThreadedBlas blas;
  LinearReport report;
  report.used = name();
  if (settled_at_once(system, z, report)) return report;
  ExactSolve run(system, z, report);
  if (method_ == Method::qr) {
    run.by_qr();
  } else {
    run.by_cholesky();
  }
  return report;
}

}  // namespace raphson
