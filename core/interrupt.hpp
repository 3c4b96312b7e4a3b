#pragma once
/// Why and when long work stops early.

#include <atomic>
#include <chrono>

namespace raphson {

/// A deadline and a flag that someone else may set (Ctrl-C, another thread). Solvers ask once per inner iteration.
class Interrupt {
 public:
  using Clock = std::chrono::steady_clock;

  Interrupt() = default;
  /// Stops `seconds` from now (infinity: never) or as soon as *cancel is true (null: never).
  Interrupt(double seconds, const std::atomic<bool>* cancel);

  bool cancelled() const { return cancel_ && cancel_->load(std::memory_order_relaxed); }
  bool timed_out() const { return Clock::now() >= deadline_; }
  bool operator()() const { return cancelled() || timed_out(); }

 private:
  Clock::time_point deadline_ = Clock::time_point::max();
  const std::atomic<bool>* cancel_ = nullptr;
};

/// Seconds since construction.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Interrupt::Clock::now() - start_).count(); }

 private:
  Interrupt::Clock::time_point start_ = Interrupt::Clock::now();
};

}  // namespace raphson
