#include <raphson/core/byte_archive.hpp>
#include <raphson/core/early_stopping.hpp>

#include <fmt/format.h>
#include <algorithm>

namespace raphson {
namespace {

constexpr const char* kind = "raphson early stopping 1";

}  // namespace

template <class Archive>
void fields(Archive& a, EarlyStopping::State& s) {
  a(s.errors, s.best_error, s.best_iteration, s.since_best, s.best);
}

std::string to_bytes(const EarlyStopping::State& state) {
  ByteWriter writer;
  writer(state);
  return writer.sealed(kind);
}

EarlyStopping::State early_stopping_state(std::string_view bytes) {
  ByteReader reader(bytes, kind);
  EarlyStopping::State state;
  reader(state);
  reader.finish();
  return state;
}

EarlyStopping::EarlyStopping(Error error, Index patience) : error_(std::move(error)), patience_(patience) {
  if (!error_) throw InputError("early stopping without an error to measure: give a function of the parameters.");
}

EarlyStopping::Callback EarlyStopping::callback(Callback next) {
  return [this, next = std::move(next)](const Iteration& row) {
    const Action mine = measure(row);
    if (!next) return mine;
    Iteration measured = row;
    measured.held_out = state_.errors.back().second;
    return next(measured) == Action::stop ? Action::stop : mine;
  };
}

Action EarlyStopping::measure(const Iteration& row) {
  if (!row.theta) throw InputError("early stopping needs Iteration::theta, which this run does not show.");
  const double error = error_(*row.theta);
  state_.errors.emplace_back(row.iteration, error);
  if (error < state_.best_error) {
    state_.best_error = error;
    state_.best_iteration = row.iteration;
    state_.since_best = 0;
    if (patience_ > 0) state_.best = *row.theta;
  } else if (row.step != 0) {  // a rejected step reaches no point that could have been better
    ++state_.since_best;
  }
  stopped_ = patience_ > 0 && state_.since_best >= patience_;
  return stopped_ ? Action::stop : Action::proceed;
}

void EarlyStopping::finish(const Model& model, Vec& theta, Summary& summary) const {
  auto measured = state_.errors.begin();
  for (Iteration& row : summary.history) {
    while (measured != state_.errors.end() && measured->first < row.iteration) ++measured;
    if (measured != state_.errors.end() && measured->first == row.iteration) row.held_out = measured->second;
  }
  if (stopped_ && state_.best.is_empty()) summary.message += "; the held-out error was never a number";
  if (patience_ > 0 && !state_.best.is_empty()) move_to_best(model, theta, summary);
}

void EarlyStopping::move_to_best(const Model& model, Vec& theta, Summary& summary) const {
  const bool elsewhere = arma::any(theta != state_.best);
  if (elsewhere) {
    const auto end = model.linearize(theta), best = model.linearize(state_.best);
    const auto scaled = [](double end_figure, double end_norm, double norm) {
      return end_norm > 0 ? end_figure * (norm / end_norm) : norm;
    };
    summary.objective = best->value();
    summary.gradient_norm = arma::norm(best->gradient());
    summary.relative_gradient = scaled(summary.relative_gradient, arma::norm(end->gradient()), summary.gradient_norm);
    summary.residual_ratio = scaled(summary.residual_ratio, end->residual_norm(), best->residual_norm());
    theta = state_.best;
  }
  const std::string point = fmt::format("the point returned is that of iteration {}, with the least held-out error {:.6g}",
                                        state_.best_iteration, state_.best_error);
  if (stopped_ && summary.status == Status::stopped) {
    summary.status = Status::early_stopped;
    summary.message = fmt::format("no better held-out error in {} measurement{}; {}", patience_, patience_ == 1 ? "" : "s", point);
  } else if (elsewhere) {
    if (summary.status == Status::converged || summary.status == Status::unattainable) summary.status = Status::early_stopped;
    summary.message += "; " + point;
  }
}

}  // namespace raphson
