#pragma once
/// FFTW's planner is not thread-safe; running plans is. Internal to the sketches.

#include <fftw3.h>
#include <mutex>
#include <type_traits>

namespace raphson {

template <class Real>
using FftwPlan = std::conditional_t<std::is_same_v<Real, double>, fftw_plan, fftwf_plan>;

/// To be held while plans are made and destroyed.
inline std::mutex& fftw_planner() {
  static std::mutex mutex;
  return mutex;
}

template <class Real>
void destroy_plan(FftwPlan<Real> plan) {
  const std::lock_guard lock(fftw_planner());
  if constexpr (std::is_same_v<Real, double>)
    fftw_destroy_plan(plan);
  else
    fftwf_destroy_plan(plan);
}

}  // namespace raphson
