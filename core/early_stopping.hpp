#pragma once
/// Error on data kept back from a fit: measured along a run, and a reason to stop.

#include <raphson/core/minimize.hpp>

#include <string_view>
#include <utility>

namespace raphson {

/// Watches an error on held-out data, and stops a run that no longer improves it.
///
///     EarlyStopping watch([&](const Vec& W) { return rmse(net.predict(held_X, W), held_y); }, 20);
///     options.callback = watch.callback();
///     Summary summary = train_network(net, solver, W, options);
///     watch.finish(net, W, summary);     // W: the best on held-out data
///
/// The error (smaller is better, NaN never is) is measured at every point that is reached, rejected steps apart; after `patience`
/// measurements in a row that are no new best the run is stopped. For mini-batches a measurement is an epoch. Patience 0: only measured.
class EarlyStopping {
 public:
  using Error = std::function<double(const Vec& theta)>;
  using Callback = std::function<Action(const Iteration&)>;

  /// What a run that is taken up again needs.
  struct State {
    std::vector<std::pair<Index, double>> errors;  ///< by iteration
    double best_error = std::numeric_limits<double>::infinity();
    Index best_iteration = 0;
    Index since_best = 0;  ///< measurements after it
    Vec best;              ///< the point with that error; kept when there is patience
  };

  explicit EarlyStopping(Error error, Index patience = 0);

  /// For Options; this object must outlive the run. `next` is told after it, with Iteration::held_out filled in.
  Callback callback(Callback next = {});

  const State& state() const { return state_; }
  void restore(State state) { state_ = std::move(state); }

  /// Once the run is over: held_out of the history is filled in. With patience, theta becomes the best point by held-out error, the figures
  /// of the summary those of that point, and status and message say so: `early_stopped` when patience ended the run or the criterion was
  /// met elsewhere only; other ends keep their status.
  void finish(const Model& model, Vec& theta, Summary& summary) const;

 private:
  Action measure(const Iteration& row);
  void move_to_best(const Model& model, Vec& theta, Summary& summary) const;

  Error error_;
  Index patience_;
  State state_;
  bool stopped_ = false;
};

/// For files, as those of TrainState.
std::string to_bytes(const EarlyStopping::State& state);
EarlyStopping::State early_stopping_state(std::string_view bytes);

}  // namespace raphson
