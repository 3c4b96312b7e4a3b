#include <raphson/core/interrupt.hpp>

namespace raphson {
namespace {

thread_local const Interrupt* current_interrupt = nullptr;

}  // namespace

Interrupt::Interrupt(double seconds, const std::atomic<bool>* cancel) : cancel_(cancel) {
  // A deadline beyond a century is none: adding it could overflow the clock.
  if (seconds < 3e9) deadline_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

InterruptScope::InterruptScope(const Interrupt* interrupt) : previous_(current_interrupt) { current_interrupt = interrupt; }
InterruptScope::~InterruptScope() { current_interrupt = previous_; }
const Interrupt* InterruptScope::current() { return current_interrupt; }

void stop_if_interrupted() {
  if (current_interrupt && (*current_interrupt)()) throw Interrupted();
}

}  // namespace raphson
