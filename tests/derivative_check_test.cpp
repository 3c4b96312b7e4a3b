/// The checker must catch what it is for: a model with one thing wrong at a time.

#include <raphson/core/derivative_check.hpp>
#include <raphson/core/function_operator.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/models/two_layer_relu.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace raphson;

namespace {

enum class Fault { none, value, gradient, curvature, penalty, line, adjoint, gram, right_hand_side, target, not_a_number };

/// What the linearization of a right model says, with one thing changed.
class Faulty final : public Linearization {
 public:
  Faulty(std::unique_ptr<Linearization> right, Fault fault) : right_(std::move(right)), fault_(fault), A_(right_->matrix()) {
    gradient_ = right_->gradient();
    b_ = right_->right_hand_side();
    if (fault == Fault::gradient) gradient_(0) += 0.01 * arma::norm(gradient_), b_ = -gradient_;
    if (fault == Fault::not_a_number) gradient_(1) = std::nan(""), b_ = -gradient_;
    if (fault == Fault::right_hand_side) b_(0) *= 1.01;
    if (const Vec* penalty = right_->penalty()) penalty_ = (fault == Fault::penalty ? 1.1 : 1.0) * *penalty;
    if (const Vec* target = right_->least_squares_target()) target_ = (fault == Fault::target ? 1.01 : 1.0) * *target;
    if (fault == Fault::curvature || fault == Fault::adjoint || fault == Fault::gram) A_ = std::make_shared<Wrong>(A_, fault);
  }
  double value() const override { return right_->value() * (fault_ == Fault::value ? 1.01 : 1.0); }
  const Vec& gradient() const override { return gradient_; }
  std::shared_ptr<const Operator> matrix() const override { return A_; }
  const Vec& right_hand_side() const override { return b_; }
  const Vec* penalty() const override { return penalty_.is_empty() ? nullptr : &penalty_; }
  const Vec* least_squares_target() const override { return target_.is_empty() ? nullptr : &target_; }

 private:
  class Wrong final : public Operator {
   public:
    Wrong(std::shared_ptr<const Operator> A, Fault fault) : A_(std::move(A)), fault_(fault) {}
    Index rows() const override { return A_->rows(); }
    Index cols() const override { return A_->cols(); }
    void apply(const arma::mat& X, arma::mat& Y) const override {
      A_->apply(X, Y);
      if (fault_ == Fault::curvature) Y *= 1.01;
    }
    void apply_adjoint(const arma::mat& X, arma::mat& Y) const override {
      A_->apply_adjoint(X, Y);
      if (fault_ == Fault::curvature) Y *= 1.01;
      if (fault_ == Fault::adjoint) Y *= 1.01;
    }
    void gram(arma::mat& G) const override {
      A_->gram(G);
      if (fault_ == Fault::gram) G(0, 0) *= 1.1;
    }

   private:
    std::shared_ptr<const Operator> A_;
    Fault fault_;
  };

  std::unique_ptr<Linearization> right_;
  Fault fault_;
  std::shared_ptr<const Operator> A_;
  Vec gradient_, b_, penalty_, target_;
};

class FaultyModel final : public Model {
 public:
  FaultyModel(std::shared_ptr<const Model> right, Fault fault) : right_(std::move(right)), fault_(fault) {}
  std::string name() const override { return "faulty"; }
  std::string formula() const override { return right_->formula(); }
  Index parameters() const override { return right_->parameters(); }
  double value(const Vec& theta) const override { return right_->value(theta); }
  std::unique_ptr<Linearization> linearize(const Vec& theta) const override {
    return std::make_unique<Faulty>(right_->linearize(theta), fault_);
  }
  std::unique_ptr<Line> along(const Vec& theta, const Vec& p) const override {
    return fault_ == Fault::line ? right_->along(theta, 1.01 * p) : Model::along(theta, p);
  }

 private:
  std::shared_ptr<const Model> right_;
  Fault fault_;
};

DerivativeReport report(Fault fault, double l2 = 0.5) {
  Vec numbers(40 * 4), theta(4), y(40);
  Seed(1).normal(0, std::span<double>(numbers.memptr(), numbers.n_elem));
  Seed(2).normal(0, std::span<double>(theta.memptr(), theta.n_elem));
  Seed(3).normal(0, std::span<double>(y.memptr(), y.n_elem));
  const auto right = std::make_shared<LinearModel>(DataMatrix(arma::mat(numbers.memptr(), 40, 4)), y, squared_loss(),
                                                   LinearModelOptions{.l2 = l2, .intercept = false});
  return check_derivatives(FaultyModel(right, fault), theta);
}

/// A net whose penalized steps have one part wrong.
class FaultyNet final : public Model {
 public:
  enum class Part { none, shift, b, damped_b, offset };

  FaultyNet(TwoLayerRelu right, Part part) : right_(std::move(right)), part_(part) {}
  std::string name() const override { return "faulty"; }
  std::string formula() const override { return right_.formula(); }
  Index parameters() const override { return right_.parameters(); }
  double value(const Vec& W) const override { return right_.value(W); }
  std::unique_ptr<Linearization> linearize(const Vec& W) const override { return std::make_unique<Point>(right_.linearize(W), part_); }

 private:
  class Point final : public Linearization {
   public:
    Point(std::unique_ptr<Linearization> right, Part part) : right_(std::move(right)), part_(part) {}
    double value() const override { return right_->value(); }
    const Vec& gradient() const override { return right_->gradient(); }
    std::shared_ptr<const Operator> matrix() const override { return right_->matrix(); }
    StepForm step_form() const override { return right_->step_form(); }
    const Vec& right_hand_side() const override { return right_->right_hand_side(); }
    std::optional<PenalizedStep> penalized_step(double damping) const override {
      auto step = *right_->penalized_step(damping);
      if (part_ == Part::shift) step.shift *= 1.1;
      if (part_ == Part::b || (part_ == Part::damped_b && damping > 0)) step.b *= 1.01;
      if (part_ == Part::offset) step.offset *= 1.01;
      return step;
    }

   private:
    std::unique_ptr<Linearization> right_;
    Part part_;
  };

  TwoLayerRelu right_;
  Part part_;
};

DerivativeReport report(FaultyNet::Part part) {
  Vec numbers(30 * 4), y(30);
  Seed(1).normal(0, std::span<double>(numbers.memptr(), numbers.n_elem));
  Seed(3).normal(0, std::span<double>(y.memptr(), y.n_elem));
  TwoLayerRelu net(DataMatrix(arma::mat(numbers.memptr(), 30, 4)), y, {.width = 20, .activation = Activation::softplus(2), .l2 = 0.5});
  const Vec W = net.initial_weights() + 0.1;
  return check_derivatives(FaultyNet(std::move(net), part), W);
}

}  // namespace

BOOST_AUTO_TEST_CASE(faults_of_penalized_steps_are_found) {
  BOOST_TEST(report(FaultyNet::Part::none).passed);
  for (const FaultyNet::Part part : {FaultyNet::Part::shift, FaultyNet::Part::b, FaultyNet::Part::damped_b, FaultyNet::Part::offset})
    BOOST_TEST(report(part).right_hand_side > 1e-4);
}

BOOST_AUTO_TEST_CASE(a_right_model_passes) {
  const DerivativeReport right = report(Fault::none);
  BOOST_TEST(right.passed, right.text);
  BOOST_TEST(right.text.find("WRONG") == std::string::npos);
  BOOST_TEST(report(Fault::none, 0).passed);
}

BOOST_AUTO_TEST_CASE(every_fault_is_found_where_it_is) {
  BOOST_TEST(report(Fault::value).gradient > 1e-3);
  BOOST_TEST(report(Fault::gradient).gradient > 1e-3);
  BOOST_TEST(report(Fault::curvature).curvature > 1e-3);
  BOOST_TEST(report(Fault::penalty).curvature > 1e-4);
  BOOST_TEST(report(Fault::line).line > 1e-4);
  BOOST_TEST(report(Fault::adjoint).adjoint > 1e-4);
  BOOST_TEST(report(Fault::gram).gram > 1e-3);
  BOOST_TEST(report(Fault::right_hand_side).right_hand_side > 1e-4);
  BOOST_TEST(report(Fault::target, 0).right_hand_side > 1e-3);
  for (const Fault fault : {Fault::value, Fault::gradient, Fault::curvature, Fault::penalty, Fault::line, Fault::adjoint, Fault::gram,
                            Fault::right_hand_side, Fault::not_a_number}) {
    const DerivativeReport faulty = report(fault);
    BOOST_TEST(!faulty.passed, faulty.text);
    BOOST_TEST(faulty.text.find("WRONG") != std::string::npos);
  }
}
