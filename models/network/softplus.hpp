#pragma once
/// softplus(βz)/β for a run of neurons. Internal to the network models.

#include <raphson/core/kernels/vector_math.hpp>

#include <array>

namespace raphson {

inline constexpr Index softplus_run = 256;

/// value[r] = log(1 + exp(βzᵣ)), β times the activation; z is replaced by the derivative of the activation, 1/(1 + exp(−βz)).
/// count ≤ softplus_run.
inline void softplus_here(Index count, double beta, double* z, double* value) {
  // log(1+exp(t)) and its derivative are the logistic loss of label −1 and its slope.
  static constexpr auto label = [] {
    std::array<double, softplus_run> minus_one{};
    minus_one.fill(-1);
    return minus_one;
  }();
  std::array<double, softplus_run> t{};
  for (Index r = 0; r < count; ++r) t[r] = beta * z[r];
  vector_math::logistic(t.data(), label.data(), count, value, z, nullptr);
}

}  // namespace raphson
