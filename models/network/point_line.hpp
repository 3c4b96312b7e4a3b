#pragma once
/// A network along a line. Internal to the network models.

#include <raphson/core/model.hpp>

#include <functional>
#include <optional>
#include <utility>

namespace raphson {

/// Keeps the Point that the last value(t) computed, so that the accepted one costs no second forward pass. A Point has a `value`.
/// Refers to θ and p, as Model::along allows.
template <class Point>
class PointLine final : public Line {
 public:
  using Evaluate = std::function<Point(const Vec& theta)>;
  using Linearize = std::function<std::unique_ptr<Linearization>(Point)>;
  PointLine(const Vec& theta, const Vec& p, Evaluate evaluate, Linearize linearize)
      : theta_(theta), p_(p), evaluate_(std::move(evaluate)), linearize_(std::move(linearize)) {}

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

  const Vec &theta_, &p_;
  Evaluate evaluate_;
  Linearize linearize_;
  double t_ = 0;
  std::optional<Point> point_;
};

}  // namespace raphson
