#include <raphson/core/byte_archive.hpp>
#include <raphson/models/network/train_state.hpp>

namespace raphson {
namespace {

constexpr const char* kind = "raphson training state 1";

}  // namespace

template <class Archive>
void fields(Archive& a, Iteration& i) {
  a(i.iteration, i.objective, i.gradient_norm, i.relative_gradient, i.residual_ratio, i.decrement, i.step, i.damping, i.inner_iterations,
    i.inner_residual, i.inner_tolerance, i.condition, i.fallback, i.seconds, i.held_out);
}

template <class Archive>
void fields(Archive& a, Summary::Phases& p) {
  a(p.linear_setup, p.linear_solve, p.objective, p.other);
}

template <class Archive>
void fields(Archive& a, Summary& s) {
  a(s.status, s.message, s.criterion, s.objective, s.gradient_norm, s.relative_gradient, s.residual_ratio, s.iterations, s.inner_iterations,
    s.seconds, s.phases, s.solver_asked, s.solver_used, s.solver_reason, s.seed, s.threads, s.notes, s.history);
}

template <class Archive>
void fields(Archive& a, RunState& r) {
  a(r.x, r.best, r.best_value, r.best_iteration, r.smallest_measure, r.smallest_measure_iteration, r.globalization, r.damping,
    r.damping_growth, r.forcing.measure, r.forcing.eta, r.recent, r.systems, r.references.gradient, r.references.residual, r.summary,
    r.seconds);
}

template <class Archive>
void fields(Archive& a, TrainState::Asked& asked) {
  a(asked.text, asked.start);
}

template <class Archive>
void fields(Archive& a, TrainState::Finished& f) {
  a(f.asked, f.end, f.summary, f.begun);
}

template <class Archive>
void fields(Archive& a, TrainState& t) {
  a(t.every, t.iterations, t.seconds, t.facts, t.finished, t.asked, t.begun, t.current);
}

std::string to_bytes(const TrainState& state) {
  ByteWriter writer;
  writer(state);
  return writer.sealed(kind);
}

TrainState train_state(std::string_view bytes) {
  ByteReader reader(bytes, kind);
  TrainState state;
  reader(state);
  reader.finish();
  if (state.current.summary.history.empty()) throw InputError("is damaged: it has no history");
  return state;
}

}  // namespace raphson
