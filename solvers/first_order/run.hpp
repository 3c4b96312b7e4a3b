#pragma once
/// What the first-order methods share: options checked, points judged as minimize judges them, rows recorded, the best point kept.

#include <raphson/core/interrupt.hpp>
#include <raphson/core/stopping.hpp>
#include <raphson/core/threads.hpp>

#include <memory>
#include <optional>
#include <string>

namespace raphson {

/// One run of a first-order method from θ. Whatever way it ends, also by an exception, θ is the best accepted point: the last one when
/// converged, else the one with the smallest objective.
class FirstOrderRun {
 public:
  /// Throws InputError as minimize does, and for Criterion::decrement, which needs Newton steps.
  FirstOrderRun(const Model& model, Vec& theta, const Options& options, std::string solver);

  /// Linearizes and judges the start; null when the run is over already.
  std::unique_ptr<Linearization> start();
  /// Judges and records an accepted point, reached with step length t. False: the run is over.
  bool accept(const Vec& theta, const Linearization& at, double t);
  /// Whether the time is up or someone cancelled; ends the run then.
  bool interrupted();
  /// Ends the run for want of a step: "`why` at relative gradient 3.1e-5 > 1e-8; `advice`".
  void fail(const std::string& why, const std::string& advice);
  bool over() const { return verdict_.has_value(); }

  /// The summary of the point left in θ.
  Summary finish();

  /// Adds the time it lives to the objective's phase.
  class Timed {
   public:
    explicit Timed(FirstOrderRun& run) : run_(run) {}
    ~Timed() { run_.summary_.phases.objective += watch_.seconds(); }
    Timed(const Timed&) = delete;
    Timed& operator=(const Timed&) = delete;

   private:
    FirstOrderRun& run_;
    Stopwatch watch_;
  };

  const Model& model() const { return model_; }

 private:
  void judge(const Vec& theta, const Linearization& at);

  const Model& model_;
  Vec& theta_;
  const Options& options_;
  ThreadScope threads_;
  Stopwatch watch_;
  Interrupt interrupt_;
  std::optional<Stopping> stopping_;  ///< from the start on
  Iteration row_;                     ///< of the point accepted last
  Index best_ = 0;                    ///< iteration whose point is in θ
  Summary summary_;
  std::optional<Verdict> verdict_;
};

}  // namespace raphson
