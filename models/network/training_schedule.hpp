#pragma once
/// The plan of train_network: which stages there are, which follows which, and when one has come to nothing. Internal to train_network.

#include <raphson/models/two_layer_relu.hpp>

#include <string>
#include <vector>

namespace raphson {

/// One call of minimize within a training.
struct TrainingStage {
  enum class Start {
    here,  ///< where the stage before ended
    best,  ///< the best point of the model itself so far
    lazy   ///< lazy_start(net, scale)
  } start = Start::here;
  double scale = 0;      ///< of a lazy start
  double sharpness = 0;  ///< β of softplus(βz)/β in place of the model's own activation; 0: its own
  Globalization globalization = Globalization::automatic;
  double damping = 0;         ///< of its first damped step, or of all its unit steps; 0: what the stage before ended with, or none
  double goal = 0;            ///< residual ratio at which the stage is done
  Index max_iterations = 0;   ///< of this stage alone
  double time_share = 1;      ///< of the time that is left when there is a limit; below 1 training goes on when it is used up
  bool give_up_early = true;  ///< whether steps that disappoint end it; false for those that the user chose
  bool impatient = false;     ///< damped steps are given up sooner: other stages follow
  bool swift = false;         ///< steps are given up at the first that brings little: an interpolating lazy start takes few
  Index when_missed = 0;      ///< index of the stage that follows when the goal was not reached; when it was, the next one follows

  bool smoothed() const { return sharpness > 0; }
  std::string activation_text() const;  ///< "softplus(4z)/4" of a smoothed stage
  /// "start 10 times as large, unit steps"
  std::string text() const;
};

/// The stages for a net, in order. Training ends when a stage on the model's own activation reaches its goal, or after the last. `goal` is
/// the residual ratio wanted of the model itself (its floor taken out).
std::vector<TrainingStage> training_stages(const TwoLayerRelu& net, const TrainOptions& options, double goal);

/// Why the stage should be given up, from the residual ratios of its iterations so far and the damping of the last; empty: go on.
std::string disappointment(const TrainingStage& stage, const std::vector<double>& ratios, double damping);

}  // namespace raphson
