#include <raphson/core/error.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/factorizations/stacked_qr.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <vector>

namespace raphson {
namespace {

double real(Index n) { return static_cast<double>(n); }

double work_seconds(const Work& work, bool sparse, const Machine& machine) {
  if (work.own_kernels) return std::max(work.flops / machine.gram, work.bytes / machine.bandwidth);
  return std::max(work.flops / (sparse ? machine.sparse : machine.gemm), work.bytes / machine.bandwidth);
}

constexpr double dispatch = 2e-5;  ///< seconds that a parallel loop takes to begin and end, and vectors of k numbers to be updated
constexpr double drawing = 5e-9;   ///< seconds for an entry of a sketch

/// Whether a row of A costs clearly less than a product with all of A.
bool has_rows(const OperatorCost& cost) { return 4 * cost.row.flops <= cost.apply.flops; }

double digits(double tolerance) { return std::max(0.5, -std::log10(std::min(tolerance, 1.0))); }

/// Narrow matrices leave registers of the kernels empty.
double gram_rate(const Machine& machine, Precision precision, Index k) {
  const bool rounded = precision == Precision::i8 && machine.gram_rounded > 0;
  const double full = rounded ? machine.gram_rounded : precision == Precision::f64 ? machine.gram : machine.gram_single;
  return full * real(k) / (real(k) + 100);
}

double size_of(Precision precision) { return precision == Precision::f64 ? 8.0 : 4.0; }

}  // namespace

bool has_rows(const Operator& A) { return has_rows(A.cost()); }

bool mostly_zero(const Operator& A) { return 4 * A.cost().nonzeros < real(A.rows()) * real(A.cols()); }

double product_seconds(const Operator& A, const Machine& machine, Precision precision) {
  Work work = A.cost().normal;
  const bool sparse = mostly_zero(A);
  if (precision == Precision::f32 && has_rows(A.cost()) && !sparse && !work.own_kernels) work = {work.flops / 2, work.bytes / 2};
  return work_seconds(work, sparse, machine) + dispatch;
}

double gram_seconds(const Operator& A, const Machine& machine, Precision precision) {
  const Work work = A.cost().gram;
  if (mostly_zero(A) || work.own_kernels) return work_seconds(work, true, machine);
  // Rounding is a pass of its own over rows that have just been read.
  if (precision == Precision::i8 && A.cost().rounded_gram)
    return work.flops / gram_rate(machine, precision, A.cols()) + 1.2 * work.bytes / machine.bandwidth;
  if (precision == Precision::i8) return gram_seconds(A, machine, Precision::f32);
  const double half = precision == Precision::f32 ? 0.5 : 1;
  return std::max(work.flops / gram_rate(machine, precision, A.cols()), half * work.bytes / machine.bandwidth);
}

double kept_gram_seconds(const GramSystem& system, const Machine& machine) {
  const double k = real(system.size());
  return gram_seconds(*system.A, machine, Precision::f32) + k * k * k / 3 / machine.factor_single;
}

double sketch_seconds(const Operator& A, const SketchKind& kind, Index s, const Machine& machine) {
  const OperatorCost cost = A.cost();
  const double k = real(A.cols()), entries = real(A.rows()) * k, filled = std::min(1.0, cost.nonzeros / entries);
  const Work work{filled * kind.flops(s, A.rows(), A.cols()), filled * kind.bytes(s, A.rows(), A.cols())};
  const double products = has_rows(cost) ? 0 : k * work_seconds(cost.apply, mostly_zero(A), machine);
  return work_seconds(work, mostly_zero(A), machine) + products + drawing * kind.flops(s, A.rows(), A.cols()) / (2 * k);
}

double sketched_cg_iterations(double tolerance, Index s, Index k) {
  return 1 + 2 * digits(tolerance) / std::log10(std::max(1.5, real(s) / real(k)));
}

double kernel_cg_iterations(double tolerance, double condition) {
  if (std::isnan(condition)) return 2;
  const double root = std::sqrt(condition);
  return 1 + digits(tolerance) / std::log10((root + 1) / (root - 1));
}

double plain_cg_iterations(double tolerance, Index k, bool jacobi) {
  return std::min(real(k), 10.0) + std::min(real(k), (jacobi ? 25 : 60) * digits(tolerance));
}

Estimate exact_estimate(const GramSystem& system, const Machine& machine) {
  const double k = real(system.size()), bytes = 8 * k * k;
  const double seconds = gram_seconds(*system.A, machine) + k * k * k / 3 / machine.factor + product_seconds(*system.A, machine);
  return {.seconds = seconds, .bytes = bytes, .advice = smaller_solvers(system, bytes)};
}

Estimate exact_qr_estimate(const GramSystem& system, const Machine& machine) {
  const double N = real(system.A->rows()), k = real(system.size());
  const double blocks = std::ceil(N / real(stacked_qr_block(system.size())));
  const double bytes = 8 * k * (2 * real(stacked_qr_block(system.size())) + 2 * k);
  const OperatorCost cost = system.A->cost();
  const double gather = work_seconds({N * cost.row.flops, N * cost.row.bytes}, mostly_zero(*system.A), machine);
  const double seconds = gather + 2 * (N + blocks * k) * k * k / (0.75 * machine.factor) + product_seconds(*system.A, machine);
  return {.seconds = seconds, .bytes = bytes, .advice = smaller_solvers(system, bytes)};
}

Estimate sketched_build_estimate(const GramSystem& system, const Machine& machine, const SketchOptions& options, Index s) {
  const Operator& A = *system.A;
  const double k = real(system.size());
  const bool single = options.precision != Precision::f64, whole = s >= A.rows();
  const double gram = gram_rate(machine, options.precision, system.size()), factor = single ? machine.factor_single : machine.factor;
  double seconds = k * k * k / 3 / factor, bytes = size_of(options.precision) * k * k;
  if (whole) {
    seconds += gram_seconds(A, machine, options.precision);
  } else {
    seconds += sketch_seconds(A, *chosen_sketch(options, A), s, machine);
    seconds += options.factor == SketchFactor::qr ? 2 * (real(s) + k) * k * k / (0.75 * factor) : real(s) * k * k / gram;
    bytes += 8 * k * real(s) * (options.factor == SketchFactor::qr ? 2.0 : 1.0);
  }
  if (single && options.products == Precision::f32 && has_rows(A.cost())) {
    // The copy in single precision: read, written, and its pages touched for the first time at about 6 GB/s.
    bytes += 4 * A.cost().nonzeros;
    seconds += A.cost().nonzeros * (12 / machine.bandwidth + 4 / 6e9);
  }
  return {.seconds = seconds, .bytes = bytes, .advice = smaller_solvers(system, bytes)};
}

Estimate sketched_solve_estimate(const GramSystem& system, const Machine& machine, const SketchOptions& options, Index s,
                                 double iterations) {
  Estimate estimate = sketched_build_estimate(system, machine, options, s);
  const double k = real(system.size());
  const Precision products = options.precision == Precision::f64 ? Precision::f64 : options.products;
  const double each = product_seconds(*system.A, machine, products) + size_of(options.precision) * k * k / machine.bandwidth;
  estimate.once = estimate.seconds;
  const bool whole = s >= system.A->rows();
  if (whole && !system.A->cost().varies && options.precision != Precision::f64) {
    // Steps without a product, of which there are some more, and one renewal.
    estimate.once *= 2;
    estimate.seconds = estimate.once + 0.5 * each;
    return estimate;
  }
  estimate.seconds += (whole ? 2.5 : iterations) * each;
  return estimate;
}

Estimate cg_estimate(const GramSystem& system, const Machine& machine, bool jacobi) {
  const double each = product_seconds(*system.A, machine);
  const double iterations = plain_cg_iterations(system.tolerance, system.size(), jacobi) + (jacobi ? 2 : 1);
  return {.seconds = iterations * each, .bytes = 8 * (12 * real(system.size()) + real(system.A->rows())), .advice = {}};
}

std::shared_ptr<const SketchKind> chosen_sketch(const SketchOptions& options, const Operator& A) {
  if (options.kind) return options.kind;
  return mostly_zero(A) ? sparse_sign_sketch() : count_sketch();
}

std::string smaller_solvers(const GramSystem& system, double bytes) {
  const double k = real(system.size());
  const double sketched = 8 * k * (k + real(sketch_size({}, system.A->rows(), system.size(), 4)));
  const double iterative = 8 * (12 * k + real(system.A->rows()));
  std::vector<std::string> names;
  if (sketched < bytes) names.push_back(fmt::format("preconditioned-cg ({})", bytes_text(sketched)));
  if (iterative < bytes) names.push_back(fmt::format("jacobi-cg ({0}) or cg ({0})", bytes_text(iterative)));
  return names.empty() ? "" : fmt::format("Use {}.", fmt::join(names, ", "));
}

}  // namespace raphson
