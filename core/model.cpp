#include <raphson/core/error.hpp>
#include <raphson/core/model.hpp>

namespace raphson {
namespace {

/// θ + tp formed anew for every question.
class PlainLine final : public Line {
 public:
  PlainLine(const Model& model, const Vec& theta, const Vec& p) : model_(model), theta_(theta), p_(p) {}
  double value(double t) override { return model_.value(theta_ + t * p_); }
  std::unique_ptr<Linearization> linearize(double t) override { return model_.linearize(theta_ + t * p_); }

 private:
  const Model& model_;
  Vec theta_, p_;
};

}  // namespace

std::unique_ptr<Line> Linearization::along(const Vec&) const { return nullptr; }

std::unique_ptr<Line> Model::along(const Vec& theta, const Vec& p) const {
  require_size(theta.n_elem, parameters(), "theta", "parameters of the model");
  require_size(p.n_elem, parameters(), "p", "parameters of the model");
  return std::make_unique<PlainLine>(*this, theta, p);
}

}  // namespace raphson
