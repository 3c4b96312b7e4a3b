#pragma once
/// One knob for threads, and the only three ways in which the library runs in parallel. All are deterministic: how work is cut
/// depends on sizes alone, so every result has the same bits whatever the number of threads.

#include <raphson/core/types.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

namespace raphson {

/// While alive, parallel loops started from this thread use `count` threads (0: all cores), and BLAS uses one: parallelism is
/// ours, because multi-threaded BLAS does not give the same bits for every thread count. Scopes nest; the innermost counts.
class ThreadScope {
 public:
  explicit ThreadScope(int count = 0);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Threads that a parallel loop started here would use; hardware threads.
int thread_count();
int hardware_threads();

/// While alive, BLAS uses one thread (process-wide; counted, so that scopes may nest and overlap between threads).
/// Every library function that calls BLAS holds one.
class SingleThreadedBlas {
 public:
  SingleThreadedBlas();
  ~SingleThreadedBlas();
  SingleThreadedBlas(const SingleThreadedBlas&) = delete;
  SingleThreadedBlas& operator=(const SingleThreadedBlas&) = delete;
};

/// Text such as "OpenBLAS 0.3.21", for reports.
std::string blas_name();

/// [0, total) cut into equal blocks; the last one may be shorter.
struct Blocks {
  Index total = 0;
  Index size = 1;
  Index count() const { return (total + size - 1) / size; }
  Index begin(Index block) const { return block * size; }
  Index end(Index block) const { return std::min(total, (block + 1) * size); }
  Index length(Index block) const { return end(block) - begin(block); }
};

/// At most `most` blocks of at least `least` items: the shape of a reduction, a function of its arguments only.
Blocks cut(Index total, Index least, Index most = 64);

/// Calls task(i) for i in [0, count), in any order and on any thread. An exception from a task is rethrown here. Under an InterruptScope
/// that says stop, throws Interrupted before the next task.
void parallel_for(Index count, const std::function<void(Index)>& task);

/// out[0..length) = Σ over blocks, added in block order, of what task(block, partial) leaves in `partial` (zeroed before).
template <class Real>
void parallel_sum(const Blocks& blocks, Index length, const std::function<void(Index block, Real* partial)>& task, Real* out);

}  // namespace raphson
