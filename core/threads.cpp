#include <raphson/core/error.hpp>
#include <raphson/core/interrupt.hpp>
#include <raphson/core/threads.hpp>

#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

// Present when the BLAS in use is OpenBLAS, null otherwise.
extern "C" {
__attribute__((weak)) void openblas_set_num_threads(int);
__attribute__((weak)) int openblas_get_num_threads();
__attribute__((weak)) char* openblas_get_config();
}

// Present when the program runs under ThreadSanitizer, null otherwise.
extern "C" {
__attribute__((weak)) void __tsan_acquire(void*);
__attribute__((weak)) void __tsan_release(void*);
}

namespace raphson {
namespace {

/// TBB orders the caller's writes before every task and every task's writes before the caller goes on. ThreadSanitizer does not see that
/// inside Debian's TBB: this file is built without it, and these tell it so. They do nothing in other builds.
void order_acquire(void* at) {
  if (__tsan_acquire) __tsan_acquire(at);
}
void order_release(void* at) {
  if (__tsan_release) __tsan_release(at);
}

thread_local tbb::task_arena* current_arena = nullptr;

}  // namespace

struct ThreadScope::State {
  std::unique_ptr<tbb::global_control> raise;  ///< lets TBB start more workers than there are cores
  tbb::task_arena arena;
  tbb::task_arena* previous = nullptr;
  SingleThreadedBlas blas;
  explicit State(int count) : arena(count) {}
};

ThreadScope::ThreadScope(int count) {
  if (count < 0) throw InputError(fmt::format("threads = {}: give 0 for all cores, or a positive number.", count));
  if (count == 0) count = current_arena ? current_arena->max_concurrency() : hardware_threads();
  state_ = std::make_unique<State>(count);
  if (count > hardware_threads()) {
    state_->raise = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(count));
  }
  state_->previous = current_arena;
  current_arena = &state_->arena;
}

ThreadScope::~ThreadScope() { current_arena = state_->previous; }

int hardware_threads() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }
int thread_count() { return current_arena ? current_arena->max_concurrency() : tbb::this_task_arena::max_concurrency(); }

namespace {
std::mutex blas_mutex;
int blas_scopes = 0;
int blas_threads_before = 1;
}  // namespace

SingleThreadedBlas::SingleThreadedBlas() {
  const std::lock_guard lock(blas_mutex);
  if (blas_scopes++ > 0 || !openblas_set_num_threads || !openblas_get_num_threads) return;
  blas_threads_before = openblas_get_num_threads();
  openblas_set_num_threads(1);
}

SingleThreadedBlas::~SingleThreadedBlas() {
  const std::lock_guard lock(blas_mutex);
  if (--blas_scopes > 0 || !openblas_set_num_threads || !openblas_get_num_threads) return;
  openblas_set_num_threads(blas_threads_before);
}

std::string blas_name() {
  if (!openblas_get_config) return "reference BLAS";
  const std::string config = openblas_get_config();  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..."
  const auto second = config.find(' ', config.find(' ') + 1);
  return config.substr(0, second);
}

Blocks cut(Index total, Index least, Index most) {
  const Index size = std::max({least, (total + most - 1) / most, Index{1}});
  return {total, size};
}

void parallel_for(Index count, const std::function<void(Index)>& task) {
  if (count == 0) return;
  stop_if_interrupted();
  if (count == 1) return task(0);
  const Interrupt* interrupt = InterruptScope::current();
  char begun = 0, ended = 0;
  order_release(&begun);
  const auto run = [&] {
    tbb::parallel_for(
        tbb::blocked_range<Index>(0, count, 1),
        [&](const tbb::blocked_range<Index>& range) {
          order_acquire(&begun);
          for (Index i = range.begin(); i < range.end(); ++i) {
            if (interrupt && (*interrupt)()) throw Interrupted();
            task(i);
          }
          order_release(&ended);
        },
        tbb::simple_partitioner());
  };
  const SingleThreadedBlas blas;
  if (current_arena) {
    current_arena->execute(run);
  } else {
    run();
  }
  order_acquire(&ended);
}

template <class Real>
void parallel_sum(const Blocks& blocks, Index length, const std::function<void(Index, Real*)>& task, Real* out) {
  const Index count = blocks.count();
  if (count == 1) {
    std::fill(out, out + length, Real(0));
    return task(0, out);
  }
  std::vector<Real> partial(count * length, Real(0));
  parallel_for(count, [&](Index block) { task(block, partial.data() + block * length); });
  const Blocks pieces = cut(length, 4096);
  parallel_for(pieces.count(), [&](Index piece) {
    for (Index j = pieces.begin(piece); j < pieces.end(piece); ++j) {
      Real sum = 0;
      for (Index block = 0; block < count; ++block) sum += partial[block * length + j];
      out[j] = sum;
    }
  });
}

template void parallel_sum<double>(const Blocks&, Index, const std::function<void(Index, double*)>&, double*);
template void parallel_sum<float>(const Blocks&, Index, const std::function<void(Index, float*)>&, float*);

}  // namespace raphson
