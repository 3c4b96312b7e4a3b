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
  if (work.own_kernels) return std::max(work.flops / machine.gram, work.bytes / machine.reading(work.bytes));
  return std::max(work.flops / (sparse ? machine.sparse : machine.gemm), work.bytes / machine.reading(work.bytes));
}

constexpr double widened = 3e-11;      ///< seconds that a number of sixteen bits takes at least in a product
constexpr double drawing = 1.5e-8;     ///< seconds to draw and sort an entry of a sketch and to find its row in memory
constexpr double started = 400;        ///< rows more that the Gram matrix of few rows takes the time of
constexpr double out_of_order = 1.25;  ///< reads that one read by a sketch takes
constexpr double substitution = 3e-8;  ///< seconds that an unknown costs in a triangular solve beside the bytes of its row and column
constexpr double adding_up = 4e-8;     ///< seconds that the partial sums of a product cost for each column
constexpr double reused = 32 << 20;    ///< bytes up to which an allocation is given out again without touching new pages

/// Whether a row of A costs clearly less than a product with all of A.
bool has_rows(const OperatorCost& cost) { return 4 * cost.row.flops <= cost.apply.flops; }

double digits(double tolerance) { return std::max(0.5, -std::log10(std::min(tolerance, 1.0))); }

bool is_single(Precision precision) { return precision != Precision::f64; }

double gram_rate(const Machine& machine, Precision precision, Index k) {
  if (precision == Precision::i8 && machine.gram_rounded > 0) return machine.gram_rounded_rate(k);
  return machine.gram_rate(k, is_single(precision));
}

/// Pages of work space that are new to the process.
double touch_seconds(double bytes, const Machine& machine) { return bytes > reused ? bytes / machine.touch : 0; }

double size_of(Precision precision) { return is_single(precision) ? 4.0 : 8.0; }

/// SA where A is known by its columns, or by their factors: seconds are those of networks (bench-nets_training --sketches).
double column_sketch_seconds(const Operator& A, const SketchKind& kind, Index s, const Machine& machine) {
  constexpr double scattered = 1.9e-9, streamed = 1.2e-10, transposed = 2e-9;  // seconds a flop, a flop, a number
  const double k = real(A.cols()), flops = kind.flops(s, A.rows(), A.cols()), numbers = real(s) * k;
  const double result = numbers * transposed + touch_seconds(8 * numbers, machine);
  const double formed = kind.uses_factors() ? 0 : k * work_seconds(A.cost().column, false, machine);
  return formed + flops * (kind.scatters() ? scattered : streamed) + result;
}

}  // namespace

bool has_rows(const Operator& A) { return has_rows(A.cost()); }

bool mostly_zero(const Operator& A) { return 4 * A.cost().nonzeros < real(A.rows()) * real(A.cols()); }

double product_seconds(const Operator& A, const Machine& machine, Precision precision) {
  const OperatorCost cost = A.cost();
  const bool sparse = mostly_zero(A);
  const double around = 2 * machine.dispatch + adding_up * real(A.cols());
  if (sparse || !has_rows(cost) || cost.normal.own_kernels) return work_seconds(cost.normal, sparse, machine) + around;
  const bool half = precision == Precision::f16 && cost.half;
  const double bytes = precision == Precision::f32 ? cost.normal.bytes / 2 : half ? cost.normal.bytes / 4 : cost.normal.bytes;
  // Numbers of sixteen bits keep the processor busier and memory less so.
  const double at_least = half ? cost.nonzeros * widened : 0, share = half ? 0.75 : 1;
  return std::max(bytes / (share * machine.reading(bytes)), at_least) + machine.row * real(A.rows()) + around;
}

double outer_step_seconds(const Operator& A, const Machine& machine) { return (A.cost().varies ? 2.3 : 1) * product_seconds(A, machine); }

double gram_seconds(const Operator& A, const Machine& machine, Precision precision) {
  const Work work = A.cost().gram;
  if (mostly_zero(A) || work.own_kernels) return work_seconds(work, true, machine);
  const Precision used = precision == Precision::i8 && !A.cost().rounded_gram ? Precision::f32 : precision;
  return work.flops / gram_rate(machine, used, A.cols()) + work.bytes / machine.reading(work.bytes);
}

double substitution_seconds(Index k, const Machine& machine, Precision precision) {
  const double bytes = size_of(precision) * real(k) * real(k);
  return real(k) * substitution + bytes / machine.reading(bytes);
}

double factor_seconds(Index k, const Machine& machine, Precision precision) {
  return real(k) * real(k) * real(k) / 3 / machine.factor_rate(k, is_single(precision));
}

double kept_gram_seconds(const GramSystem& system, const Machine& machine) {
  return gram_seconds(*system.A, machine, Precision::f32) + factor_seconds(system.size(), machine, Precision::f32);
}

double sketch_seconds(const Operator& A, const SketchKind& kind, Index s, const Machine& machine) {
  const OperatorCost cost = A.cost();
  if (cost.column.flops + cost.column.bytes > 0) return column_sketch_seconds(A, kind, s, machine);
  const double k = real(A.cols()), entries = real(A.rows()) * k, filled = std::min(1.0, cost.nonzeros / entries);
  const Work work{filled * kind.flops(s, A.rows(), A.cols()), filled * kind.bytes(s, A.rows(), A.cols())};
  const double products = has_rows(cost) ? 0 : k * work_seconds(cost.apply, mostly_zero(A), machine);
  // Rows are taken out of order, and once, so that nothing is in cache before.
  const double reading = mostly_zero(A) ? 0 : out_of_order * work.bytes / machine.bandwidth;
  return std::max(work_seconds(work, mostly_zero(A), machine), reading) + products + drawing * kind.flops(s, A.rows(), A.cols()) / (2 * k);
}

double sketched_cg_iterations(double tolerance, Index s, Index k) {
  return 1 + 1.6 * digits(tolerance) / std::log10(std::max(1.5, real(s) / real(k)));
}

double kernel_cg_iterations(double tolerance, double condition) {
  if (std::isnan(condition)) return 2;
  const double root = std::sqrt(condition);
  return 1 + digits(tolerance) / std::log10((root + 1) / (root - 1));
}

double sampled_condition(double expected, const GramSystem& system) {
  const double root = std::min(0.9, std::sqrt(real(system.size()) / real(system.A->rows())));
  return expected * std::pow((1 + root) / (1 - root), 2);
}

double plain_cg_iterations(double tolerance, Index k, bool jacobi) {
  return digits(tolerance) * std::min(0.25 * real(k), jacobi ? 25.0 : 60.0);
}

Estimate exact_estimate(const GramSystem& system, const Machine& machine) {
  const double k = real(system.size()), bytes = 8 * k * k;
  const double seconds = gram_seconds(*system.A, machine) + factor_seconds(system.size(), machine) + touch_seconds(bytes, machine) +
                         substitution_seconds(system.size(), machine) + product_seconds(*system.A, machine);
  return {.seconds = seconds, .bytes = bytes, .advice = smaller_solvers(system, bytes)};
}

Estimate exact_qr_estimate(const GramSystem& system, const Machine& machine) {
  const double N = real(system.A->rows()), k = real(system.size());
  const double blocks = std::ceil(N / real(stacked_qr_block(system.size())));
  const double bytes = 8 * k * (2 * real(stacked_qr_block(system.size())) + 2 * k);
  const OperatorCost cost = system.A->cost();
  const double gather = work_seconds({N * cost.row.flops, N * cost.row.bytes}, mostly_zero(*system.A), machine);
  const double seconds =
      gather + 2 * (N + blocks * k) * k * k / (0.75 * machine.factor_rate(system.size(), false)) + product_seconds(*system.A, machine);
  return {.seconds = seconds, .bytes = bytes, .advice = smaller_solvers(system, bytes)};
}

Estimate sketched_build_estimate(const GramSystem& system, const Machine& machine, const SketchOptions& options, Index s) {
  const Operator& A = *system.A;
  const double k = real(system.size());
  const bool single = is_single(options.precision), whole = s >= A.rows();
  double seconds = factor_seconds(system.size(), machine, options.precision), bytes = size_of(options.precision) * k * k;
  if (whole) {
    seconds += gram_seconds(A, machine, options.precision);
  } else {
    const bool qr = options.factor == SketchFactor::qr;
    const auto kind = chosen_sketch(options, A);
    const bool both = single && !(kind->rounds_rows() && has_rows(A.cost()));  // SA in double precision, then rounded
    const double sketch_bytes = (size_of(options.precision) * (qr ? 2.0 : 1.0) + (both ? 8.0 : 0.0)) * k * real(s);
    seconds += sketch_seconds(A, *kind, s, machine) + touch_seconds(sketch_bytes, machine);
    seconds += qr ? 2 * (real(s) + k) * k * k / (0.75 * machine.factor_rate(system.size(), single))
                  : (real(s) + started) * k * k / gram_rate(machine, options.precision, system.size());
    bytes += sketch_bytes;
  }
  // The copy for the products: A is read, the copy written, its pages touched for the first time.
  const bool copied = options.products == Precision::f32 ? has_rows(A.cost()) : options.products == Precision::f16 && A.cost().half;
  if (single && copied && !whole) {
    const double copy = (options.products == Precision::f32 ? 4 : 2) * A.cost().nonzeros;
    bytes += copy;
    seconds += (8 * A.cost().nonzeros + 2 * copy) / machine.bandwidth + copy / machine.touch;
  }
  return {.seconds = seconds, .bytes = bytes, .advice = smaller_solvers(system, bytes)};
}

Estimate preconditioned_cg_estimate(const GramSystem& system, const Machine& machine, const KeptPreconditioner& kept) {
  const Operator& A = *system.A;
  Estimate estimate = kept.build;
  const double substitution = kept.triangular ? substitution_seconds(system.size(), machine, kept.factor) : 0;
  const double each = product_seconds(A, machine, kept.products) + substitution;
  if (kept.reused) estimate.once = estimate.seconds;
  if (kept.reused && kept.whole && !A.cost().varies && is_single(kept.factor) && kept.checks == 0) {
    // Steps without a product, of which there are some more; now and then a renewal, more often on sparse data, and where the rounding
    // errors of many columns meet.
    estimate.once *= mostly_zero(A) ? 2 : kept.factor == Precision::i8 ? 1.2 + real(system.size()) / 2500 : 1.2;
    estimate.seconds = estimate.once + 0.3 * each;
  } else {
    estimate.seconds += kept.iterations * each + kept.checks * product_seconds(A, machine);
  }
  return estimate;
}

Estimate sketched_solve_estimate(const GramSystem& system, const Machine& machine, const SketchOptions& options, Index s,
                                 double iterations) {
  Estimate estimate = sketched_build_estimate(system, machine, options, s);
  const Precision products = options.precision == Precision::f64 ? Precision::f64 : options.products;
  const double each = product_seconds(*system.A, machine, products) + substitution_seconds(system.size(), machine, options.precision);
  const bool whole = s >= system.A->rows();
  estimate.once = estimate.seconds;
  estimate.seconds += (whole ? 2 + digits(system.tolerance) / 8 : iterations) * each;
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
