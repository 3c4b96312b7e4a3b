#pragma once
/// Between train_network and minimize: writes down what each stage came to, and replays it when a training is taken up again.

#include <raphson/models/network/train_state.hpp>
#include <raphson/models/two_layer_relu.hpp>

namespace raphson {

/// What must be the same of a network: its data, and `shape`, a text on all that is not its data and signs.
TrainState::Facts network_facts(const DataMatrix& X, const Mat<double>& y, const Mat<double>& signs, const std::string& shape);

/// The policy that decides on stages calls `minimize` and `seconds` here and need not know of checkpoints: as long as it depends on nothing
/// but what they return and on what the callbacks of the stages are told, taking up a training repeats its decisions.
class TrainJournal {
 public:
  /// Throws InputError when options.resume does not fit.
  TrainJournal(TrainState::Facts network, const LinearSolver& solver, const Vec& start, const TrainOptions& options);

  /// minimize from `point`, or what it came to when this training was left. The callback in `options` is told all of it.
  Summary minimize(const Model& model, LinearSolver& solver, Vec& point, const Options& options);
  /// Spent by the training so far, over all calls; while replaying, when the stage about to begin began.
  double seconds() const;
  /// Spent by this call.
  double seconds_here() const { return clock_.seconds(); }
  /// `options` with a callback that is silent about what was told before the training was left.
  TrainOptions without_repeats(const TrainOptions& options) const;

 private:
  bool replays_finished() const { return resume_ && next_ < resume_->finished.size(); }
  bool replays_current() const { return resume_ && next_ == resume_->finished.size(); }
  Summary go_on(const Model& model, LinearSolver& solver, Vec& point, const Options& options);
  void repeat(const std::vector<Iteration>& history, const Options& options);
  void check_replay(const TrainState::Asked& recorded, const TrainState::Asked& now) const;

  const TrainOptions& options_;
  std::shared_ptr<const TrainState> resume_;
  Stopwatch clock_;
  TrainState state_;
  Index next_ = 0;       ///< stage about to begin
  Index done_ = 0;       ///< iterations of finished stages
  Index left_at_ = 0;    ///< iterations at the last checkpoint
  bool silent_ = false;  ///< the callback is told what it was told before
};

}  // namespace raphson
