#include <raphson/core/step_system.hpp>

namespace raphson {

StepSystem::StepSystem(const Linearization& at, double damping) : form_(at.step_form()), penalized_(at.penalized_step(damping)) {
  system.A = at.matrix();
  if (penalized_) {
    system.b = &penalized_->b;
    system.shift = penalized_->shift;
    accuracy = penalized_->accuracy;
    return;
  }
  system.b = &at.right_hand_side();
  system.shift = damping;
  system.penalty = at.penalty();
  if (damping == 0) system.c = at.least_squares_target();
}

Vec StepSystem::step(Vec z) const {
  if (form_ == StepForm::direct) return z;
  Vec p;
  system.A->apply(z, p);
  if (penalized_) p += penalized_->offset;
  return p;
}

}  // namespace raphson
