#pragma once
/// Least squares of a network at one point and along a line. Internal to the network models.

#include <raphson/core/model.hpp>

#include <functional>
#include <limits>
#include <optional>
#include <utility>

namespace raphson {

/// ½‖r‖² with r = f − y, from r, ∇ = Jᵀr and A: Jᵀ for adjoint steps, J for direct ones.
class NetworkLinearization final : public Linearization {
 public:
  NetworkLinearization(Vec residual, Vec gradient, double target_norm, StepForm form, std::shared_ptr<const Operator> A)
      : residual_(std::move(residual)),
        gradient_(std::move(gradient)),
        minus_residual_(-residual_),
        minus_gradient_(-gradient_),
        target_norm_(target_norm),
        form_(form),
        A_(std::move(A)) {}

  double value() const override { return 0.5 * arma::dot(residual_, residual_); }
  /// The outputs, of the size of the targets, are what is rounded; ½‖r‖² may be smaller by any factor.
  double value_resolution() const override {
    const double norm = residual_norm();
    return 8 * std::numeric_limits<double>::epsilon() * norm * (norm + target_norm_);
  }
  const Vec& gradient() const override { return gradient_; }
  std::shared_ptr<const Operator> matrix() const override { return A_; }
  StepForm step_form() const override { return form_; }
  const Vec& right_hand_side() const override { return form_ == StepForm::adjoint ? minus_residual_ : minus_gradient_; }
  const Vec* least_squares_target() const override { return form_ == StepForm::direct ? &minus_residual_ : nullptr; }
  double residual_norm() const override { return arma::norm(residual_); }

 private:
  Vec residual_, gradient_, minus_residual_, minus_gradient_;
  double target_norm_;
  StepForm form_;
  std::shared_ptr<const Operator> A_;
};

/// Keeps the Point that the last value(t) computed, so that the accepted one costs no second forward pass. A Point has a `value`.
template <class Point>
class PointLine final : public Line {
 public:
  using Evaluate = std::function<Point(const Vec& theta)>;
  using Linearize = std::function<std::unique_ptr<Linearization>(Point)>;
  PointLine(Vec theta, Vec p, Evaluate evaluate, Linearize linearize)
      : theta_(std::move(theta)), p_(std::move(p)), evaluate_(std::move(evaluate)), linearize_(std::move(linearize)) {}

  double value(double t) override { return at(t).value; }
  std::unique_ptr<Linearization> linearize(double t) override {
    at(t);
    auto linearization = linearize_(std::move(*point_));
    point_.reset();
    return linearization;
  }

 private:
  const Point& at(double t) {
    if (!point_ || t != t_) {
      point_.reset();  // before the next one takes its memory
      point_.emplace(evaluate_(theta_ + t * p_));
    }
    t_ = t;
    return *point_;
  }

  Vec theta_, p_;
  Evaluate evaluate_;
  Linearize linearize_;
  double t_ = 0;
  std::optional<Point> point_;
};

}  // namespace raphson
