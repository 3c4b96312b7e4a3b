#pragma once
/// Why and when long work stops early.

#include <atomic>
#include <chrono>
#include <exception>

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

/// What a parallel loop throws under an InterruptScope that says stop. Results are then unfinished, and dropped on the way out.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "stopped early (time limit or cancellation)"; }
};

/// While alive, parallel loops started from this thread ask `interrupt` before each of their tasks and throw Interrupted when it says
/// stop, so that a Gram matrix or a factorization of minutes ends within one of its tiles. Null: they ask nobody. Scopes nest; the
/// innermost counts. minimize holds one while it computes steps, catches what is thrown, and resets the solver.
class InterruptScope {
 public:
  explicit InterruptScope(const Interrupt* interrupt);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  /// Of this thread; null: none.
  static const Interrupt* current();

 private:
  const Interrupt* previous_;
};

/// Throws Interrupted where a scope of this thread says stop: for long loops of one's own.
void stop_if_interrupted();

/// Seconds since construction.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Interrupt::Clock::now() - start_).count(); }

 private:
  Interrupt::Clock::time_point start_ = Interrupt::Clock::now();
};

}  // namespace raphson
