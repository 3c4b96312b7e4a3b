#include <raphson/core/interrupt.hpp>

namespace raphson {

Interrupt::Interrupt(double seconds, const std::atomic<bool>* cancel) : cancel_(cancel) {
  // A deadline beyond a century is none: adding it could overflow the clock.
  if (seconds < 3e9) deadline_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace raphson
