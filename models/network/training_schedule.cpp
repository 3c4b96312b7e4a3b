#include <raphson/models/network/training_schedule.hpp>

#include <algorithm>

#include <fmt/format.h>

namespace raphson {
namespace {

using Start = TrainingStage::Start;

/// Damped stages that are to learn features begin at weights this many times the Gaussian ones: with less, features that must be learnt
/// take long; with more, the net learns none and predicts worse where targets are smooth.
constexpr double learning_scale = 3;
constexpr Index learning_limit = 60;
/// softplus(βz)/β on the way back to ReLU, few and soon sharp: after them the activations that flip are few.
constexpr double sharpnesses[] = {4, 16};
/// A smoothed stage is done at a residual ratio of this over β, or a tenth of the goal: sharpening changes f by about 1/β.
constexpr double smoothed_goal = 0.04;
/// Where lazy starts are to follow, each smoothed stage may use this part of the time left.
constexpr double smoothed_share = 0.25;
/// Larger and larger lazy starts. The last is the largest at which f has the digits that a tolerance of 1e-8 needs.
constexpr double lazy_scales[] = {10, 1000, 1e5};
/// Of large nets, where many rows leave less room between kinks and a try costs more.
constexpr double large_lazy_scales[] = {1e3, 1e4, 1e5};
/// Observations times neurons up to which there are smoothed stages before lazy starts: beyond, a step on doubles costs too many on bits.
constexpr double cheap_smoothing = 5e6;
/// Beyond that size, damping relative to trace(JJᵀ)/n: unit steps keep it and lazy starts begin with it. It costs hardly any convergence,
/// and spares rows that nearly coincide the double precision, QR and rank of a singular system, which takes minutes there.
constexpr double harmless_damping = 1e-8;

/// Unit steps have disappointed when this many in a row bring no new best point, or the residual is this much above the best, or the best
/// has fallen by less than `progress` within `window`.
constexpr Index patience = 5;
constexpr double growth = 100;
struct Pace {
  Index window;
  double progress;
};
constexpr Pace unit_pace{40, 0.25}, lazy_pace{2, 0.2}, learning_pace{12, 0.5}, damped_pace{30, 0.9};
/// More damping than this, relative to trace(JJᵀ)/n, means steps that no longer cross a kink.
constexpr double largest_damping = 100;

double smallest(const std::vector<double>& ratios, Index count) {
  return *std::min_element(ratios.begin(), ratios.begin() + static_cast<std::ptrdiff_t>(count));
}

bool too_slow(const std::vector<double>& ratios, const Pace& pace) {
  if (ratios.size() <= pace.window) return false;
  return !(smallest(ratios, ratios.size()) <= pace.progress * smallest(ratios, ratios.size() - pace.window));
}

std::string unit_disappointment(const std::vector<double>& ratios) {
  const auto best = std::min_element(ratios.begin(), ratios.end());
  if (static_cast<Index>(ratios.end() - best) > patience) return fmt::format("no better point in {} steps", patience);
  if (!(ratios.back() <= growth * *best)) return "steps went astray";
  return too_slow(ratios, unit_pace) ? "too slow" : "";
}

/// Damped stages that learn features, the last of them unit steps on the net's own bits. Each comes to nothing when the one before does.
std::vector<TrainingStage> learning_stages(const TrainingStage& unit, bool kinks, bool lazy) {
  TrainingStage learning = unit;
  learning.globalization = Globalization::levenberg_marquardt;
  learning.damping = 0;
  learning.start = Start::lazy;
  learning.scale = learning_scale;
  learning.max_iterations = learning_limit;
  learning.impatient = true;
  if (!kinks) return {learning};
  if (lazy) learning.time_share = smoothed_share;
  std::vector<TrainingStage> stages;
  for (const double sharpness : sharpnesses) {
    learning.sharpness = sharpness;
    learning.goal = std::max(smoothed_goal / sharpness, 0.1 * unit.goal);
    stages.push_back(learning);
    learning.start = Start::here;
  }
  stages.push_back(unit);
  return stages;
}

/// Steps from larger and larger lazy starts, on bits: unit steps, or Levenberg-Marquardt where `unit` has a damping.
std::vector<TrainingStage> lazy_stages(const TrainingStage& unit) {
  std::vector<TrainingStage> stages;
  const bool large = unit.damping > 0;
  for (const double scale : large ? large_lazy_scales : lazy_scales) {
    TrainingStage stage = unit;
    stage.start = Start::lazy;
    stage.scale = scale;
    if (large) {
      stage.globalization = Globalization::levenberg_marquardt;
      stage.swift = true;
    }
    stages.push_back(stage);
  }
  return stages;
}

/// Appends stages; `together`: what one of them does not reach the later ones of them will not either.
void append(std::vector<TrainingStage> more, bool together, std::vector<TrainingStage>& stages) {
  const Index end = stages.size() + more.size();
  for (TrainingStage& stage : more) {
    stage.when_missed = together ? end : stages.size() + 1;
    stages.push_back(stage);
  }
}

}  // namespace

std::string TrainingStage::activation_text() const { return fmt::format("softplus({0:g}z)/{0:g}", sharpness); }

std::string TrainingStage::text() const {
  std::string text;
  if (start == Start::lazy) text = fmt::format("start {:g} times as large, ", scale);
  if (smoothed()) text += activation_text() + ", ";
  switch (globalization) {
    case Globalization::unit:
      return text + "unit steps";
    case Globalization::levenberg_marquardt:
      return text + "damped steps";
    default:
      return text + "steps";
  }
}

std::vector<TrainingStage> training_stages(const TwoLayerRelu& net, const TrainOptions& options, double goal) {
  const bool planned = options.globalization == Globalization::automatic;
  const bool kinks = net.activation().kind == Activation::Kind::relu, enough = net.parameters() >= net.data().rows();
  TrainingStage unit{.globalization = Globalization::unit, .goal = goal, .max_iterations = options.max_iterations};
  const bool dear = static_cast<double>(net.data().rows()) * static_cast<double>(net.width()) > cheap_smoothing;
  if (planned && enough && kinks && dear) unit.damping = harmless_damping;

  std::vector<TrainingStage> stages;
  append({unit}, false, stages);
  if (!planned) {
    stages.front().globalization = options.globalization;
    stages.front().give_up_early = false;
    if (!options.continuation || !kinks) return stages;
  }
  if (options.continuation) {
    // Fewer parameters than rows: not in the lazy regime at any scale. Several outputs: no pairs of neurons cancel in all of them.
    const bool lazy = enough && net.outputs() == 1;
    if (!lazy || !kinks || !dear) append(learning_stages(unit, kinks, lazy), true, stages);
    if (lazy) append(lazy_stages(unit), false, stages);
  }
  TrainingStage damped = unit;
  damped.globalization = Globalization::levenberg_marquardt;
  damped.damping = 0;
  damped.start = Start::best;
  append({damped}, false, stages);
  return stages;
}

std::string disappointment(const TrainingStage& stage, const std::vector<double>& ratios, double damping) {
  if (stage.globalization == Globalization::unit) return unit_disappointment(ratios);
  if (stage.globalization == Globalization::levenberg_marquardt && damping > largest_damping)
    return fmt::format("damping grew to {:.0e} of the mean diagonal", damping);
  const Pace& pace = stage.swift ? lazy_pace : stage.impatient ? learning_pace : damped_pace;
  return too_slow(ratios, pace) ? "no more progress" : "";
}

}  // namespace raphson
