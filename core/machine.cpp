#include <raphson/core/dense.hpp>
#include <raphson/core/interrupt.hpp>
#include <raphson/core/kernels/outer_product.hpp>
#include <raphson/core/kernels/row_passes.hpp>
#include <raphson/core/machine.hpp>
#include <raphson/core/row_gram.hpp>
#include <raphson/core/threads.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

namespace raphson {
namespace {

/// Work per second of the faster of two runs; the first also warms caches, clocks and threads.
template <class Run>
double rate(double work, Run run) {
  double best = 0;
  for (int repeat = 0; repeat < 2; ++repeat) {
    const Stopwatch watch;
    run();
    best = std::max(best, work / std::max(watch.seconds(), 1e-7));
  }
  return best;
}

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

/// The Gram matrix of 8192 rows of 480 numbers: as many as it takes until each block of rows has a sum of its own.
template <class Real>
double gram_rate() {
  constexpr Index k = 480;
  constexpr Index rows = 8192;
  const Mat<Real> A(k, rows, arma::fill::value(Real(0.5)));
  Mat<Real> G;
  return rate(static_cast<double>(k * k * rows), [&] { row_gram<Real, Real>({A.memptr(), rows, k, k}, G); });
}

/// The same of rows rounded to eight bits.
double rounded_gram_rate() {
  constexpr Index k = 480;
  constexpr Index rows = 16384;
  if (!has_rounded_gram()) return 0;
  const Mat<float> A(k, rows, arma::fill::value(0.5f));
  Mat<float> G;
  return rate(static_cast<double>(k * k * rows), [&] { rounded_row_gram<float>({A.memptr(), rows, k, k}, G); });
}

template <class Real>
double factor_rate() {
  constexpr Index k = 640;
  Mat<Real> G;
  return rate(static_cast<double>(k * k * k) / 3, [&] {
    G.eye(k, k);
    G *= Real(2);
    G += Real(1) / Real(k);
    if (!cholesky(G)) G.zeros();  // cannot happen: G = 2I + 11ᵀ/k
  });
}

/// Products of rows of 1024 numbers with a vector, as passes over data read them.
double bandwidth(const std::vector<double>& data) {
  constexpr Index width = 1024, rows = 64;
  const Vec x(width, arma::fill::ones);
  const Blocks blocks{data.size() / width, rows};
  std::vector<double> products(blocks.total);
  return rate(8.0 * static_cast<double>(data.size()), [&] {
    parallel_for(blocks.count(), [&](Index block) {
      const Index first = blocks.begin(block);
      kernels::multiply_rows<double>({data.data() + first * width, width, blocks.length(block), width}, x.memptr(), 0.0,
                                     products.data() + first);
    });
  });
}

/// Products of a sparse matrix with a vector of 4096 elements: one gather and one multiply-add a nonzero.
double sparse_rate(const std::vector<double>& values) {
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

Machine measure() {
  const SingleThreadedBlas blas;
  const std::vector<double> data(Index{1} << 23, 1.0);  // 64 MiB: more would cost more to touch than to read
  Machine machine;
  machine.gemm = gemm_rate<double>();
  machine.gemm_single = gemm_rate<float>();
  machine.gram = gram_rate<double>();
  machine.gram_single = gram_rate<float>();
  machine.gram_rounded = rounded_gram_rate();
  machine.factor = factor_rate<double>();
  machine.factor_single = factor_rate<float>();
  machine.bandwidth = bandwidth(data);
  machine.sparse = sparse_rate(data);
  return machine;
}

}  // namespace

const Machine& Machine::nominal() {
  static const Machine machine = [] {
    Machine m;
    // A group of rows in the kernels is three vectors of doubles: 12 numbers with AVX2, 24 with AVX-512.
    const double lanes = static_cast<double>(kernels::outer_group<double>()) / 3;
    m.gram = 20e9 * lanes;
    m.gram_single = 2 * m.gram;
    m.gram_rounded = has_rounded_gram() ? 3 * m.gram_single : 0;
    m.factor = std::max(m.factor, 11e9 * lanes);
    m.factor_single = 2 * m.factor;
    m.sparse = 3e9;
    m.bandwidth = 40e9;
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
