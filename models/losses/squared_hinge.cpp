#include <raphson/core/kernels/vector_math.hpp>
#include <raphson/models/losses.hpp>
#include <raphson/models/losses/labels.hpp>

namespace raphson {
namespace {

/// max(0, 1 − yz)²: quadratic up to the margin, nothing beyond. Piecewise quadratic, so that Newton steps end after finitely many.
class SquaredHinge final : public Loss {
 public:
  std::string name() const override { return "squared-hinge"; }
  std::string formula() const override { return "max(0, 1−yᵢzᵢ)²"; }

  void evaluate(std::span<const double> z, std::span<const double> y, double* value, double* first, double* second) const override {
    vector_math::squared_hinge(z.data(), y.data(), z.size(), value, first, second);
  }

  std::string prepare(Vec& y) const override {
    Loss::prepare(y);
    return two_classes(y, name());
  }
};

}  // namespace

std::shared_ptr<const Loss> squared_hinge_loss() { return std::make_shared<const SquaredHinge>(); }

}  // namespace raphson
