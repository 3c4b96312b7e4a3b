#include <raphson/core/error.hpp>
#include <raphson/core/fingerprint.hpp>
#include <raphson/models/network/train_journal.hpp>

#include <fmt/format.h>

namespace raphson {
namespace {

std::string hash(const Fingerprint& fingerprint) { return fmt::format("{:016x}", fingerprint.value()); }

TrainState::Facts facts_of(TrainState::Facts network, const LinearSolver& solver, const Vec& start, const TrainOptions& o) {
  const TrainState::Facts more = {{"start", hash(Fingerprint().add(start))},
                                  {"solver", solver.name()},
                                  {"tolerance", fmt::format("{}", o.tolerance)},
                                  {"criterion", fmt::format("{}", static_cast<int>(o.criterion))},
                                  {"globalization", fmt::format("{}", static_cast<int>(o.globalization))},
                                  {"forcing", fmt::format("{}", static_cast<int>(o.forcing))},
                                  {"inner tolerance", fmt::format("{}", o.inner_tolerance)},
                                  {"residual reference", fmt::format("{}", o.residual_reference)},
                                  {"initial damping", fmt::format("{}", o.initial_damping)},
                                  {"seed", fmt::format("{}", o.seed)},
                                  {"continuation", o.continuation ? "on" : "off"}};
  network.insert(network.end(), more.begin(), more.end());
  return network;
}

/// What decides the course of one call of minimize, beside the facts above.
TrainState::Asked asked_of(const Model& model, const Vec& start, const Options& o) {
  return {fmt::format("{}, globalization {}, tolerance {}, damping {}, reference {}", model.name(), static_cast<int>(o.globalization),
                      o.tolerance, o.initial_damping, o.residual_reference),
          Fingerprint().add(start).value()};
}

void check_facts(const TrainState::Facts& recorded, const TrainState::Facts& now) {
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (i >= recorded.size() || recorded[i].first != now[i].first)
      throw InputError("resume: the state is of another version of this library. Train from the start.");
    if (recorded[i].second == now[i].second) continue;
    if (now[i].first == "data" || now[i].first == "start")
      throw InputError(fmt::format("resume: the state belongs to other {}: resume with what the training began with.",
                                   now[i].first == "data" ? "data" : "initial weights"));
    throw InputError(
        fmt::format("resume: the state was made with {} {}, this run has {}.", now[i].first, recorded[i].second, now[i].second));
  }
}

}  // namespace

TrainState::Facts network_facts(const DataMatrix& X, const Mat<double>& y, const Mat<double>& signs, const std::string& shape) {
  return {{"data", hash(Fingerprint().add(X).add(y))}, {"network", fmt::format("{}, signs {}", shape, hash(Fingerprint().add(signs)))}};
}

TrainJournal::TrainJournal(TrainState::Facts network, const LinearSolver& solver, const Vec& start, const TrainOptions& options)
    : options_(options), resume_(options.resume) {
  if (options.checkpoint && options.checkpoint_every == 0 && !resume_)
    throw InputError("checkpoint_every = 0 with a checkpoint function: give the iterations between two checkpoints.");
  state_.every = options.checkpoint_every;
  if (!resume_ && state_.every == 0) return;
  state_.facts = facts_of(std::move(network), solver, start, options);
  if (!resume_) return;
  check_facts(resume_->facts, state_.facts);
  if (state_.every != 0 && state_.every != resume_->every)
    throw InputError(fmt::format("resume: the state was made with checkpoint_every = {}, this run has {}.", resume_->every, state_.every));
  if (resume_->current.x.n_elem != start.n_elem || resume_->current.best.n_elem != start.n_elem)
    throw InputError("resume: the state has another number of parameters.");
  state_.every = resume_->every;
  left_at_ = resume_->iterations;
}

double TrainJournal::seconds() const {
  if (replays_finished()) return resume_->finished[next_].begun;
  if (replays_current()) return resume_->begun;
  return clock_.seconds() + (resume_ ? resume_->seconds : 0);
}

TrainOptions TrainJournal::without_repeats(const TrainOptions& options) const {
  TrainOptions quiet = options;
  if (options.callback)
    quiet.callback = [this, &options](const Iteration& row) { return silent_ ? Action::proceed : options.callback(row); };
  return quiet;
}

void TrainJournal::check_replay(const TrainState::Asked& recorded, const TrainState::Asked& now) const {
  if (recorded == now) return;
  throw InputError(
      fmt::format("resume: stage {} was \"{}\" when the state was made and is \"{}\" now; the state is of another version of "
                  "this library. Train from the start.",
                  next_ + 1, recorded.text, now.text));
}

/// Tells the stage, and no one else, what it was told then.
void TrainJournal::repeat(const std::vector<Iteration>& history, const Options& options) {
  silent_ = true;
  for (const Iteration& row : history)
    if (options.callback) options.callback(row);
  silent_ = false;
}

Summary TrainJournal::minimize(const Model& model, LinearSolver& solver, Vec& point, const Options& options) {
  if (state_.every == 0) return raphson::minimize(model, solver, point, options);
  state_.asked = asked_of(model, point, options);
  state_.begun = seconds();
  Summary summary;
  if (replays_finished()) {
    const TrainState::Finished& stage = resume_->finished[next_];
    check_replay(stage.asked, state_.asked);
    repeat(stage.summary.history, options);
    point = stage.end;
    summary = stage.summary;
  } else {
    summary = go_on(model, solver, point, options);
  }
  done_ += summary.history.back().iteration;
  ++next_;
  state_.finished.push_back({state_.asked, point, summary, state_.begun});
  return summary;
}

/// The stage in progress: from its start, or from where it was left.
Summary TrainJournal::go_on(const Model& model, LinearSolver& solver, Vec& point, const Options& options) {
  Resumption resumption;
  if (replays_current()) {
    check_replay(resume_->asked, state_.asked);
    resumption.from = &resume_->current;
    repeat(resume_->current.summary.history, options);
  }
  resumption.due = [this](Index iteration) {
    const Index now = done_ + iteration;
    if (now / state_.every == left_at_ / state_.every) return false;
    left_at_ = now;
    return true;
  };
  if (options_.checkpoint) {
    resumption.take = [this](RunState run) {
      state_.iterations = left_at_;
      state_.seconds = clock_.seconds() + (resume_ ? resume_->seconds : 0);
      state_.current = std::move(run);
      options_.checkpoint(state_);
    };
  }
  return raphson::minimize(model, solver, point, options, resumption);
}

}  // namespace raphson
