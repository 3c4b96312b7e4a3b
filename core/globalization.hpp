#pragma once
/// The settings of an outer iteration as small state machines: forcing terms, damping, line search.

#include <raphson/core/minimize.hpp>

#include <deque>

namespace raphson {

/// How exactly to solve the next linear system (Eisenstat, Walker 1996, choice 2 with its safeguard).
class ForcingTerm {
 public:
  explicit ForcingTerm(const Options& options) : options_(options) {}
  /// η for the next system: `measure` is the norm that outer steps reduce (gradient or residual), `useful` the least η of any use.
  double next(double measure, double useful);

  /// What it knows of the systems before.
  struct Memory {
    double measure = std::numeric_limits<double>::quiet_NaN();
    double eta = 0.1;
  };
  const Memory& memory() const { return previous_; }
  void remember(const Memory& previous) { previous_ = previous; }

 private:
  Options options_;
  Memory previous_;
};

/// Damping λ relative to trace(AᵀA)/k, steered by the ratio ρ of actual to predicted reduction (Nielsen 1999).
class Damping {
 public:
  explicit Damping(double initial) : value_(initial) {}
  double value() const { return value_; }
  void accepted(double rho);
  void rejected();
  /// From none to a little, then a hundredfold: for steps that failed without damping.
  void raise();
  void clear() { value_ = 0, growth_ = 2; }
  void start(double value, double growth = 2) { value_ = value, growth_ = growth; }
  double growth() const { return growth_; }
  bool exhausted() const { return !(value_ < 1e8); }

 private:
  double value_;
  double growth_ = 2;
};

/// Objectives of the last points; their largest is what a non-monotone step must stay below.
class RecentObjectives {
 public:
  explicit RecentObjectives(Index length) : length_(length) {}
  void add(double value);
  double largest() const;
  const std::deque<double>& values() const { return values_; }

 private:
  Index length_;
  std::deque<double> values_;
};

/// Largest t ∈ {1, ½, ¼, …, 2^−halvings} with f(θ + tp) ≤ reference + 10⁻⁴ t slope + noise; 0 when there is none. NaN and +∞ fail.
double backtrack(Line& line, double reference, double slope, double noise, Index halvings);

}  // namespace raphson
