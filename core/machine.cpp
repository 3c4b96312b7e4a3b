#include <raphson/core/dense.hpp>
#include <raphson/core/interrupt.hpp>
#include <raphson/core/kernels/narrow_rows.hpp>
#include <raphson/core/kernels/outer_product.hpp>
#include <raphson/core/kernels/row_passes.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/core/machine.hpp>
#include <raphson/core/row_gram.hpp>
#include <raphson/core/threads.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <span>
#include <vector>

namespace raphson {
namespace {

constexpr double wide = 512;          ///< columns at which rates are stated
constexpr double rounded_half = 700;  ///< half width where rounding to eight bits is most of the work on narrow rows
constexpr double mebi = 1 << 20;

/// Work per second of the fastest run: two at least, for they also warm caches, clocks and threads, and as many as four milliseconds hold.
template <class Run>
double rate(double work, Run run) {
  double best = 0;
  const Stopwatch all;
  for (int repeat = 0; repeat < 2 || (repeat < 20 && all.seconds() < 4e-3); ++repeat) {
    const Stopwatch watch;
    run();
    best = std::max(best, work / std::max(watch.seconds(), 1e-7));
  }
  return best;
}

/// r(k) = top·k/(k + half) through two measured points, as near as a half width between `least` and `most` allows: what noise makes of it
/// stays plausible.
struct Curve {
  double top = 0, half = 0;
  Curve(double narrow, double at_narrow, double broad, double at_broad, double least, double most) {
    const double slope = at_broad / at_narrow;
    half = slope * narrow < broad ? std::clamp((slope - 1) * narrow * broad / (broad - slope * narrow), least, most) : most;
    top = std::sqrt(at_narrow * (1 + half / narrow) * at_broad * (1 + half / broad));
  }
  double at(double k) const { return top * k / (k + half); }
};

double rate_at(double k, double at_wide, double half) { return at_wide * (1 + half / wide) * k / (k + half); }

/// Independent multiplications of 192 × 192 matrices, two a thread.
template <class Real>
double gemm_rate() {
  constexpr Index n = 192;
  const Mat<Real> A(n, n, arma::fill::value(Real(0.5)));
  const Index tasks = 2 * static_cast<Index>(thread_count());
  arma::Cube<Real> C(n, n, tasks, arma::fill::zeros);
  return rate(2.0 * n * n * n * static_cast<double>(tasks), [&] {
    parallel_for(tasks, [&](Index task) {
      gemm<Real>(false, false, n, n, n, Real(1), A.memptr(), n, A.memptr(), n, Real(0), C.slice_memptr(task), n);
    });
  });
}

/// Gram matrices of narrow and of broad rows, read in double as passes over data and sketches do.
template <class Real>
Curve gram_curve(std::span<const double> data) {
  Mat<Real> G;
  const auto of = [&](Index k, Index rows) {
    return rate(static_cast<double>(k * k * rows), [&] { row_gram<Real, double>({data.data(), rows, k, k}, G); });
  };
  constexpr Index narrow = 96, broad = 480;  // whole groups of columns of the kernels
  // Whole blocks of rows, so many for each thread as long matrices have.
  const Index rows = 2048 * std::clamp<Index>(static_cast<Index>(thread_count()), 4, 8);
  return {double(narrow), of(narrow, rows), double(broad), of(broad, rows), 60, 300};
}

/// The same of rows rounded to eight bits.
double rounded_gram_rate(std::span<const double> data) {
  if (!has_rounded_gram()) return 0;
  constexpr Index k = 480, rows = 16384;
  Mat<float> G;
  const double here = rate(static_cast<double>(k * k * rows), [&] { rounded_row_gram<double>({data.data(), rows, k, k}, G); });
  return here / rate_at(k, 1, rounded_half);
}

template <class Real>
Curve factor_curve() {
  const auto of = [](Index k) {
    Mat<Real> G;
    return rate(static_cast<double>(k * k * k) / 3, [&] {
      G.eye(k, k);
      G *= Real(2);
      G += Real(1) / Real(k);
      if (!cholesky(G)) G.zeros();  // cannot happen: G = 2I + 11ᵀ/k
    });
  };
  constexpr Index narrow = 192, broad = 640;
  return {double(narrow), of(narrow), double(broad), of(broad), 200, 1000};
}

/// Bytes a second of passes y = AᵀDAx over the first `bytes` of data, as rows of `width` numbers.
double pass_rate(std::span<const double> data, double bytes, Index width) {
  const Index rows = static_cast<Index>(bytes) / (8 * width);
  const Vec x(width, arma::fill::ones), weight(rows, arma::fill::ones);
  Vec product(rows, arma::fill::none), y(width, arma::fill::none);
  const Blocks blocks = cut(rows, 512, 32);
  return rate(8.0 * static_cast<double>(rows * width), [&] {
    parallel_sum<double>(
        blocks, width,
        [&](Index block, double* sum) {
          constexpr Index step = 512;
          for (Index first = blocks.begin(block); first < blocks.end(block); first += step) {
            const Index count = std::min(step, blocks.end(block) - first);
            kernels::normal_rows<double>({data.data() + first * width, width, count, width}, x.memptr(), 0.0, weight.memptr() + first,
                                         product.memptr() + first, sum);
          }
        },
        y.memptr());
  });
}

/// Seconds that a row costs beside its bytes, from rows of 50 numbers, not whole vectors, against rows of 512 in the same cache.
double row_seconds(std::span<const double> data, double bytes, double rate_of_wide_rows) {
  constexpr Index width = 50;
  const double rows = bytes / (8 * width);
  return std::max(0.0, bytes / pass_rate(data, bytes, width) - bytes / rate_of_wide_rows) / rows;
}

double dispatch_seconds() {
  Vec y(64, arma::fill::none);
  return 1 / rate(1, [&] {
           parallel_sum<double>(
               {32, 1}, y.n_elem, [](Index, double* sum) { sum[0] = 1; }, y.memptr());
         });
}

/// Products of a sparse matrix with a vector of 4096 elements: one gather and one multiply-add a nonzero.
double sparse_rate(std::span<const double> values) {
  constexpr Index width = 4096;
  const Vec x(width, arma::fill::ones);
  const Blocks blocks{std::min<Index>(values.size(), 1u << 19), 8192};
  std::vector<arma::uword> column(blocks.total);
  for (Index i = 0; i < blocks.total; ++i) column[i] = (i * 2654435761u >> 7) % width;
  std::vector<double> sum(blocks.count());
  return rate(2.0 * static_cast<double>(blocks.total), [&] {
    parallel_for(blocks.count(), [&](Index block) {
      double partial = 0;
      for (Index i = blocks.begin(block); i < blocks.end(block); ++i) partial += values[i] * x[column[i]];
      sum[block] = partial;
    });
  });
}

void set_gram(Machine& machine, std::span<const double> data) {
  const Curve before = gram_curve<double>(data), f32 = gram_curve<float>(data), after = gram_curve<double>(data);
  const Curve& f64 = after.at(wide) > before.at(wide) ? after : before;
  machine.gram = f64.at(wide);
  machine.gram_half = f64.half;
  machine.gram_single = f32.at(wide);
  machine.gram_single_half = f32.half;
  machine.gram_rounded = rounded_gram_rate(data);
}

void set_factor(Machine& machine) {
  const Curve f64 = factor_curve<double>(), f32 = factor_curve<float>();
  machine.factor = f64.at(wide);
  machine.factor_half = f64.half;
  machine.factor_single = f32.at(wide);
  machine.factor_single_half = f32.half;
}

/// Memory of so many MiB, written to for the first time.
arma::mat touched(Index mebibytes) {
  auto memory = raw_matrix<double>(Index{1} << 17, mebibytes);
  parallel_for(mebibytes, [&](Index block) { memory.col(block).fill(1.0); });
  return memory;
}

/// Within reason: where the system has to make room first, or to ask for memory itself, that says little of the next time.
double touch_rate() {
  std::array<double, 3> rate;
  for (double& r : rate) {
    const Stopwatch watch;
    const arma::mat memory = touched(40);  // malloc gives that much back to the system
    r = 40 * mebi / std::max(watch.seconds(), 1e-7);
  }
  std::sort(rate.begin(), rate.end());
  return std::max(rate[1], 0.3 * Machine::nominal().touch);
}

/// Raises the rates of passes to what they are now.
void measure_passes(std::span<const double> data, Machine& machine) {
  machine.bandwidth = std::max(machine.bandwidth, pass_rate(data, 128 * mebi, 512));
  double size = 4 * mebi;
  for (double& cached : machine.cached) {
    cached = std::max({cached, machine.bandwidth, pass_rate(data, size, 512)});
    size *= 2;
  }
}

Machine measure() {
  const SingleThreadedBlas blas;
  Machine machine;
  const arma::mat memory = touched(128);  // MiB: of less, caches of today hold too much from one pass to the next
  const std::span<const double> data(memory.memptr(), memory.n_elem);
  // Gram matrices in the middle: by then threads, clocks and caches are at work, of which they show most. Passes before and after, lest a
  // short disturbance decides.
  machine.bandwidth = 0;
  machine.cached = {};
  measure_passes(data, machine);
  machine.row = row_seconds(data, 4 * mebi, machine.cached[0]);
  machine.dispatch = dispatch_seconds();
  machine.touch = touch_rate();
  machine.sparse = sparse_rate(data);
  machine.gemm = gemm_rate<double>();
  machine.gemm_single = gemm_rate<float>();
  set_factor(machine);
  set_gram(machine, data);
  measure_passes(data, machine);
  return machine;
}

}  // namespace

double Machine::gram_rate(Index k, bool single) const {
  if (k <= kernels::widest_narrow) return gram * static_cast<double>(k) / 20;  // in scalars
  // The kernels work on whole groups of columns: what fills up the last one is work too.
  const Index group = single ? kernels::outer_group<float>() : kernels::outer_group<double>(), padded = (k + group - 1) / group * group;
  const double width = std::min(static_cast<double>(padded), wide), used = static_cast<double>(k) / static_cast<double>(padded);
  return used * used * (single ? rate_at(width, gram_single, gram_single_half) : rate_at(width, gram, gram_half));
}

double Machine::gram_rounded_rate(Index k) const { return rate_at(static_cast<double>(k), gram_rounded, rounded_half); }

double Machine::factor_rate(Index k, bool single) const {
  const double width = static_cast<double>(k);
  return single ? rate_at(width, factor_single, factor_single_half) : rate_at(width, factor, factor_half);
}

double Machine::reading(double bytes) const {
  // Between the sizes measured the logarithm of the size is interpolated; 128 MiB and more come from memory.
  const double place = std::log2(std::max(bytes / (4 * mebi), 1.0));
  constexpr double last = std::tuple_size_v<decltype(cached)> - 1;  // 32 MiB; the next are 128
  if (place >= last) return cached.back() + std::min(1.0, (place - last) / 2) * (bandwidth - cached.back());
  const auto below = static_cast<Index>(place);
  return cached[below] + (place - static_cast<double>(below)) * (cached[below + 1] - cached[below]);
}

const Machine& Machine::nominal() {
  static const Machine machine = [] {
    Machine m;
    // A group of rows in the kernels is three vectors of doubles: 12 numbers with AVX2, 24 with AVX-512.
    const double lanes = static_cast<double>(kernels::outer_group<double>()) / 3;
    m.gram = 20e9 * lanes;
    m.gram_single = 2 * m.gram;
    m.gram_rounded = has_rounded_gram() ? 2.5 * m.gram_single : 0;
    m.factor = std::max(m.factor, 11e9 * lanes);
    m.factor_single = 2 * m.factor;
    m.sparse = 3e9;
    m.bandwidth = 35e9;
    m.touch = 10e9;
    m.cached = {100e9, 90e9, 60e9, 45e9};
    return m;
  }();
  return machine;
}

const Machine& Machine::measured() {
  static std::mutex mutex;
  static std::map<int, Machine> known;  // nodes stay where they are
  const int threads = thread_count();
  {
    const std::lock_guard lock(mutex);
    if (const auto found = known.find(threads); found != known.end()) return found->second;
  }
  // Outside the lock: a thread that waits in a parallel loop may run someone else's task, which may ask for the same.
  const Machine machine = measure();
  const std::lock_guard lock(mutex);
  return known.try_emplace(threads, machine).first->second;
}

}  // namespace raphson
