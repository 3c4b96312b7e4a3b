#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/factorizations/least_squares_factor.hpp>
#include <raphson/solvers/least_squares.hpp>
#include <raphson/solvers/preconditioned_cg.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solve_support.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

namespace raphson {
namespace {

constexpr double rounding_unit = 0x1p-53;
constexpr double qr_level = 10 * rounding_unit;  ///< backward error that Householder QR keeps below

/// Two entries a column: rows of leverage 1 meet in both with probability 1/s², and a second entry costs a read of A.
std::shared_ptr<const SketchKind> default_sketch() { return sparse_sign_sketch(2); }

/// Rows of the sketch that make QR of the sketch and the iterations after it cheapest together; N when A itself should be factored.
Index default_sketch_size(const Operator& A) {
  const double N = static_cast<double>(A.rows()), k = static_cast<double>(A.cols());
  if (A.rows() < 8 * A.cols()) return A.rows();
  const Machine machine;
  double best = std::numeric_limits<double>::infinity(), factor = 4;
  for (const double c : {4., 5., 6., 8., 10., 12., 16., 20., 24., 32., 40.}) {
    if (c > 4 && c * k > N / 8) break;
    const double seconds = 2 * c * k * k * k / machine.factor + 20 / std::log10(c) * product_seconds(A, machine);
    if (seconds < best) best = seconds, factor = c;
  }
  const Index s = std::max<Index>(static_cast<Index>(factor) * A.cols(), 64);
  return 2 * s > A.rows() ? A.rows() : s;
}

/// What an inner iteration came to.
enum class Inner { reached, stalled, bad_sketch, limit, interrupted, non_finite };

/// One problem being solved: the current x, its residual, the best x.
class Refinement {
 public:
  Refinement(const Operator& A, const Vec& y, const LeastSquaresOptions& options, LeastSquaresResult& result)
      : A_(A), y_(y), options_(options), result_(result), mu_(A.cols(), arma::fill::value(options.shift)) {
    if (!options.penalty.is_empty()) mu_ += options.penalty;
    goal_ = options.backward_error > 0 ? options.backward_error : rounding_unit;
  }

  void run() {
    for (Index attempt = 0;; ++attempt) {
      const Stopwatch setup;
      const bool factored = build(attempt);
      result_.setup_seconds += setup.seconds();
      if (!factored) return stopped() ? finish(LeastSquaresStatus::interrupted) : finish(LeastSquaresStatus::failed);
      const Stopwatch solve;
      const Inner outcome = correct();
      result_.solve_seconds += solve.seconds();
      if (outcome == Inner::non_finite) return finish(LeastSquaresStatus::failed);
      if (outcome == Inner::interrupted) return finish(LeastSquaresStatus::interrupted);
      if (outcome == Inner::limit) return finish(LeastSquaresStatus::iteration_limit);
      if (outcome == Inner::reached) return finish(LeastSquaresStatus::backward_error_reached);
      if (exact_ || (outcome == Inner::stalled && result_.backward_error <= qr_level)) return finish(LeastSquaresStatus::stagnated);
      if (outcome == Inner::stalled) {
        result_.fallbacks.push_back(
            fmt::format("sketch of {} rows: stagnated at backward error {:.1e}", result_.sketch_size, result_.backward_error));
        attempt = 1;
      } else {
        result_.fallbacks.push_back(fmt::format("sketch of {} rows: conjugate gradients contracted too slowly", result_.sketch_size));
      }
    }
  }

 private:
  bool stopped() const { return options_.interrupt && (*options_.interrupt)(); }

  /// First the sketch asked for, then one of twice the rows, then A itself.
  bool build(Index attempt) {
    const Index N = A_.rows(), k = A_.cols();
    const Index s = (options_.sketch_size > 0 ? options_.sketch_size : default_sketch_size(A_)) << attempt;
    const auto stop = [this] { return stopped(); };
    exact_ = attempt > 1 || s >= N;
    if (exact_) {
      if (attempt > 0) result_.fallbacks.push_back("QR factorization of A used instead");
      result_.sketch_size = 0;
      rate_ = 0.1;
      return factor_.from_rows(A_, y_, mu_, stop);
    }
    const auto kind = options_.sketch ? options_.sketch : default_sketch();
    const auto S = kind->make(s, N, options_.seed.split(Purpose::sketch, attempt));
    result_.sketch_size = s;
    rate_ = std::sqrt(static_cast<double>(k) / static_cast<double>(s));
    Mat<double> B, Sy;
    A_.sketch(*S, B);
    if (stopped()) return false;
    S->apply(y_, Sy);
    Vec w = Sy.as_col();
    return factor_.from_sketch(B, w, mu_, stop);
  }

  /// From the sketch-and-solve solution, or from zero where y is so nearly orthogonal to the columns that this is closer.
  void set_start() {
    const double noise = rate_ * factor_.sketched_residual();
    if (exact_ || arma::norm(factor_.start()) > 2 * noise) {
      factor_.to_solution(factor_.start(), x_);
      factor_.minimum_norm(x_);
    } else {
      x_.zeros(A_.cols());
    }
  }

  /// r = y − Ax, the coordinates of its gradient, and the backward error of x. False when not finite.
  bool measure() {
    Vec fitted, g;
    const RowMap<double> residual = [this](Index first, Index count, const double* z, double* t) {
      for (Index i = 0; i < count; ++i) t[i] = y_(first + i) - z[i];
    };
    A_.apply_mapped(x_, residual, fitted, g);
    r_ = y_ - fitted;
    g -= mu_ % x_;
    if (!all_finite(g)) return false;
    const double shifted = arma::norm(arma::sqrt(mu_) % x_);
    const double r_norm = std::hypot(arma::norm(r_), shifted), x_norm = factor_.scaled_norm(x_);
    factor_.to_coordinates(g, rho_);
    if (!all_finite(rho_)) return false;
    const Vec scaled = factor_.scaled_gradient_of(g);
    if (scaled.is_zero()) {
      error_ = 0;
      return true;
    }
    if (!error_norm_.set(factor_, x_norm, r_norm)) return false;
    error_ = error_norm_.of(scaled);
    return std::isfinite(error_);
  }

  void keep_best() {
    if (!(error_ < result_.backward_error) && !std::isnan(result_.backward_error)) return;
    result_.backward_error = error_;
    result_.x = x_;
    result_.residual = r_;
  }

  /// The outer loop: residual, inner solve, correction.
  Inner correct() {
    error_norm_ = {};
    if (factor_.rank() == 0) x_.zeros(A_.cols());
    if (factor_.rank() > 0) set_start();
    if (!measure()) return Inner::non_finite;
    keep_best();
    for (Index correction = 0;; ++correction) {
      if (error_ <= goal_ || factor_.rank() == 0) return Inner::reached;
      // Two corrections share the digits that are missing; a third and later ones take them all.
      const double target = correction == 0 && !exact_ ? std::sqrt(0.3 * goal_ * error_) : 0.3 * goal_;
      Vec v, step;
      const Inner inner = conjugate_gradients(target, v);
      if (inner == Inner::non_finite || inner == Inner::bad_sketch) return inner;
      factor_.to_solution(v, step);
      x_ += step;
      factor_.minimum_norm(x_);
      const double before = error_;
      if (!measure()) return Inner::non_finite;
      ++result_.corrections;
      keep_best();
      if (error_ <= goal_) return Inner::reached;
      if (inner == Inner::limit || inner == Inner::interrupted) return inner;
      if (!(error_ < 0.5 * before) && correction > 0) return Inner::stalled;
      if (correction > 10) return Inner::stalled;
    }
  }

  /// (PᵀĀᵀĀP) v = ρ until the backward error of what is left is below `target`.
  Inner conjugate_gradients(double target, Vec& v) {
    Vec rho = rho_, p = rho_, q;
    Mat<double> x, Hx;
    v.zeros(rho.n_elem);
    double square = arma::dot(rho, rho), best = square;
    const double first = std::sqrt(square);
    std::vector<double> alphas, betas;
    double bound = 10 * first;
    for (Index i = 0, since_best = 0;; ++i) {
      if (!(square > 0)) return note_spectrum(alphas, betas), Inner::reached;
      if (result_.iterations >= options_.max_iterations) return Inner::limit;
      if (stopped()) return Inner::interrupted;
      Vec direction;
      factor_.to_solution(p, direction);
      A_.apply_normal(direction, Hx);
      Hx += mu_ % direction;
      factor_.to_coordinates(Hx, q);
      ++result_.iterations;
      const double curvature = arma::dot(p, q);
      if (!std::isfinite(curvature)) return Inner::non_finite;
      if (!(curvature > 0)) return Inner::stalled;
      const double alpha = square / curvature;
      v += alpha * p;
      rho -= alpha * q;
      const double now = arma::dot(rho, rho);
      alphas.push_back(alpha);
      betas.push_back(now / square);
      p = rho + (now / square) * p;
      square = now;
      // The estimate costs 3k² flops, a product 4Nk.
      if (i % 2 == 1 || exact_ || A_.rows() >= 32 * A_.cols()) {
        if (error_norm_.of(factor_.scaled_gradient(rho)) <= target) return note_spectrum(alphas, betas), Inner::reached;
      }
      bound *= std::sqrt(rate_);
      if (!exact_ && std::sqrt(now) > bound && std::sqrt(now) > 1e-6 * first) return note_spectrum(alphas, betas), Inner::bad_sketch;
      since_best = now < 0.5 * best ? 0 : since_best + 1;
      best = std::min(best, now);
      if (since_best > 12) return note_spectrum(alphas, betas), Inner::stalled;
    }
  }

  void note_spectrum(const std::vector<double>& alpha, const std::vector<double>& beta) {
    if (alpha.empty()) return;
    Vec diagonal(alpha.size()), off(alpha.size() - 1);
    for (Index i = 0; i < alpha.size(); ++i) {
      diagonal(i) = 1 / alpha[i] + (i > 0 ? beta[i - 1] / alpha[i - 1] : 0.0);
      if (i + 1 < alpha.size()) off(i) = std::sqrt(beta[i]) / alpha[i];
    }
    double smallest = 0, largest = 0;
    if (tridiagonal_extremes(diagonal, off, smallest, largest)) result_.preconditioned_condition = largest / smallest;
  }

  void finish(LeastSquaresStatus status) {
    result_.status = status;
    if (status == LeastSquaresStatus::failed) {
      result_.x.zeros(A_.cols());
      result_.residual = y_;
      const std::string place = A_.non_finite();
      result_.message = place.empty() ? "a product with A is not finite: A has non-finite numbers, or numbers that overflow in products."
                                      : fmt::format("A is not finite: {}.", place);
      return;
    }
    if (result_.x.is_empty()) {
      result_.x.zeros(A_.cols());
      result_.residual = y_;
    }
    result_.rank = factor_.rank();
    if (status == LeastSquaresStatus::backward_error_reached && factor_.rank() < factor_.size()) {
      result_.status = LeastSquaresStatus::rank_deficient;
    }
    if (factor_.size() > 0) result_.condition = factor_.condition();
    result_.message = text(status);
    if (factor_.size() > 0 && factor_.rank() < factor_.size()) {
      result_.message += fmt::format(" Rank {} of {} to working precision: x has minimum norm.", factor_.rank(), factor_.size());
    }
  }

  std::string text(LeastSquaresStatus status) const {
    const double error = result_.backward_error;
    switch (status) {
      case LeastSquaresStatus::backward_error_reached:
        return fmt::format("backward error {:.1e} ≤ {:.1e} after {} corrections.", error, goal_, result_.corrections);
      case LeastSquaresStatus::stagnated:
        return fmt::format("backward error {:.1e} > {:.1e} no longer falls after {} corrections: rounding limits it.", error, goal_,
                           result_.corrections);
      case LeastSquaresStatus::iteration_limit:
        return fmt::format("limit of {} iterations reached at backward error {:.1e}; allow more, or a larger sketch.",
                           options_.max_iterations, error);
      default:
        return fmt::format("stopped early (time limit or cancellation) at backward error {:.1e}.", error);
    }
  }

  const Operator& A_;
  const Vec& y_;
  const LeastSquaresOptions& options_;
  LeastSquaresResult& result_;
  Vec mu_;
  double goal_ = 0, error_ = 0, rate_ = 0;
  bool exact_ = false;
  LeastSquaresFactor factor_;
  BackwardError error_norm_;
  Vec x_, r_, rho_;
};

void check_options(const Operator& A, const Vec& y, const LeastSquaresOptions& options) {
  const Index N = A.rows(), k = A.cols();
  if (k == 0 || N == 0) throw InputError(fmt::format("A is {} x {}: {}.", N, k, k == 0 ? "no unknowns" : "no observations"));
  require_size(y.n_elem, N, "y", "the rows of A");
  require_finite(y, "y");
  if (!(options.shift >= 0) || !std::isfinite(options.shift)) {
    throw InputError(fmt::format("shift = {}: it must be finite and not negative.", options.shift));
  }
  if (!options.penalty.is_empty()) {
    require_size(options.penalty.n_elem, k, "penalty", "the columns of A");
    require_finite(options.penalty, "penalty");
    if (options.penalty.min() < 0) throw InputError(fmt::format("a penalty is {} < 0.", options.penalty.min()));
  }
  if (!(options.backward_error >= 0))
    throw InputError(fmt::format("backward error = {}: it must not be negative.", options.backward_error));
  if (options.sketch_size > 0) (void)sketch_size({.kind = {}, .size = options.sketch_size}, N, k, 4);
}

}  // namespace

std::string to_string(LeastSquaresStatus status) {
  switch (status) {
    case LeastSquaresStatus::backward_error_reached:
      return "backward error reached";
    case LeastSquaresStatus::rank_deficient:
      return "rank deficient";
    case LeastSquaresStatus::stagnated:
      return "stagnated";
    case LeastSquaresStatus::iteration_limit:
      return "iteration limit";
    case LeastSquaresStatus::interrupted:
      return "interrupted";
    case LeastSquaresStatus::failed:
      return "failed";
  }
  return "unknown";
}

LeastSquaresResult solve_least_squares(const Operator& A, const Vec& y, const LeastSquaresOptions& options) {
  check_options(A, y, options);
  const SingleThreadedBlas blas;
  LeastSquaresResult result;
  Refinement(A, y, options, result).run();
  return result;
}

LeastSquaresResult solve_least_squares(const DataMatrix& C, const Vec& y, const LeastSquaresOptions& options) {
  require_nonempty(C, "A");
  LeastSquaresResult result = solve_least_squares(*scaled_rows(C), y, options);
  // Sketch and products show what is not finite: a look at every number beforehand would be one more read of A.
  if (result.status == LeastSquaresStatus::failed) require_finite(C, "A");
  return result;
}

Estimate LeastSquares::estimate(const GramSystem& system, const Machine& machine) const {
  const Index N = system.A->rows(), k = system.size();
  const Index s = std::min(N, sketch_size_ > 0 ? sketch_size_ : default_sketch_size(*system.A));
  if (s >= N) return exact_qr_estimate(system, machine);
  const SketchOptions sketch{.kind = sketch_ ? sketch_ : default_sketch(), .size = s, .factor = SketchFactor::qr};
  Estimate estimate =
      sketched_solve_estimate(system, machine, sketch, s, 8 + 20 / std::log10(static_cast<double>(s) / static_cast<double>(k) + 1));
  estimate.bytes += 8 * (3.0 * static_cast<double>(N) + 2.0 * static_cast<double>(k) * static_cast<double>(k));
  return estimate;
}

LinearReport LeastSquares::solve(const GramSystem& system, Vec& z) {
  const SingleThreadedBlas blas;
  LinearReport report;
  report.used = name();
  if (settled_at_once(system, z, report)) return report;
  if (!system.c) {
    PreconditionedCg solver({.kind = sketch_ ? sketch_ : default_sketch(), .size = sketch_size_, .factor = SketchFactor::qr});
    report = solver.solve(system, z);
    report.used = solver.name();
    report.reason = "least-squares works on A where b = Aᵀc with c known; here b alone is, so the normal equations were solved";
    return report;
  }
  if (!all_finite(*system.c)) {
    report.message = "the least-squares target c is not finite.";
    return report;
  }
  LeastSquaresOptions options{.sketch = sketch_, .sketch_size = sketch_size_, .shift = system.shift, .seed = system.seed};
  if (system.penalty) options.penalty = *system.penalty;
  options.interrupt = system.interrupt;
  const LeastSquaresResult result = solve_least_squares(*system.A, *system.c, options);
  report.iterations = result.iterations;
  report.condition = result.preconditioned_condition;
  report.sketch_size = result.sketch_size;
  report.fallbacks = result.fallbacks;
  report.setup_seconds = result.setup_seconds;
  report.solve_seconds = result.solve_seconds;
  report.message = result.message;
  if (result.status == LeastSquaresStatus::failed) return report;
  z = result.x;
  if (!result.full_rank()) report.rank = result.rank;
  report.relative_residual = system.relative_residual(z);
  report.status = report.relative_residual <= system.tolerance ? LinearStatus::converged : LinearStatus::not_converged;
  if (report.status == LinearStatus::not_converged) {
    report.message +=
        fmt::format(" Relative residual of the normal equations {:.1e} > {:.1e}.", report.relative_residual, system.tolerance);
  }
  return report;
}

}  // namespace raphson
