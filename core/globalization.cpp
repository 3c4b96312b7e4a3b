#include <raphson/core/globalization.hpp>

#include <algorithm>
#include <cmath>

namespace raphson {

double gram_gauss_newton_tolerance(double lambda, Index n) { return std::min(std::sqrt(lambda / static_cast<double>(n)), 1.0) / 6; }
double fast_newton_tolerance(double kappa) { return 1 / (4 * kappa); }

double ForcingTerm::next(double measure, double useful) {
  if (options_.forcing == Forcing::constant) return options_.inner_tolerance;
  double eta = 0.1;
  if (previous_.measure > 0) {
    const double contraction = measure / previous_.measure;
    eta = 0.9 * contraction * contraction;
    const double memory = 0.9 * previous_.eta * previous_.eta;
    if (memory > 0.1) eta = std::max(eta, memory);
  }
  // Four digits a step at most: the next step costs little more than a restart, and its residual is measured at a new point, in double.
  eta = std::clamp(std::isfinite(eta) ? eta : 0.1, 1e-4, 0.5);
  previous_ = {measure, eta};
  return std::clamp(eta, std::min(useful, 0.5), 0.5);
}

void Damping::accepted(double rho) {
  const double factor = 1 - std::pow(2 * std::min(rho, 1.0) - 1, 3);
  value_ *= std::clamp(factor, 0.1, 2.0);
  growth_ = 2;
}

void Damping::rejected() {
  value_ = std::max(value_, 1e-12) * growth_;
  growth_ *= 2;
}

void Damping::raise() { value_ = std::max(1e-8, 100 * value_); }

void RecentObjectives::add(double value) {
  values_.push_back(value);
  if (values_.size() > length_) values_.pop_front();
}

double RecentObjectives::largest() const { return *std::max_element(values_.begin(), values_.end()); }

double backtrack(Line& line, double reference, double slope, double noise, Index halvings) {
  double t = 1;
  for (Index i = 0; i <= halvings; ++i, t /= 2) {
    if (line.value(t) <= reference + 1e-4 * t * slope + noise) return t;
  }
  return 0;
}

}  // namespace raphson
