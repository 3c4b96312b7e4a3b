/// One row a model: every row is held against central differences and its own products.

#include <raphson/core/derivative_check.hpp>
#include <raphson/core/error.hpp>
#include <raphson/models/deep_relu.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/problems/rosenbrock.hpp>

#include <boost/test/unit_test.hpp>
#include <functional>

using namespace raphson;

namespace {

struct Case {
  std::shared_ptr<const Model> model;
  Vec theta;  ///< where it is checked: not a minimizer, no kink nearby
};

struct Row {
  std::string name;
  std::function<Case()> make;
  bool curvature = true;  ///< false: the Gram matrix is not the whole Hessian (Gauss-Newton)
  double tolerance = 1e-6;
};

Vec normal(Index size, Seed seed) {
  Vec v(size);
  seed.normal(0, std::span<double>(v.memptr(), v.n_elem));
  return v;
}

Generated data(bool sparse, Index columns = 7) {
  Generated generated;
  generated.C = DataMatrix::from_rows(arma::mat(normal(60 * columns, Seed(1)).memptr(), columns, 60));
  if (sparse) {
    arma::mat rows = generated.C.dense();
    rows.transform([](double entry) { return std::abs(entry) > 1 ? entry : 0.0; });
    generated.C = DataMatrix::from_rows(arma::sp_mat(rows));
  }
  generated.y = normal(60, Seed(2));
  return generated;
}

Case linear(std::shared_ptr<const Loss> loss, bool sparse, LinearModelOptions options) {
  const Generated generated = data(sparse);
  Vec y = generated.y;
  if (loss->name() == "gamma") y.transform([](double target) { return std::exp(target); });
  if (loss->name() == "logistic" || loss->name() == "squared-hinge") y.transform([](double target) { return target > 0 ? 1.0 : 0.0; });
  if (loss->name() == "poisson") y.transform([](double target) { return std::floor(std::exp(target)); });
  auto model = std::make_shared<LinearModel>(generated.C, y, std::move(loss), std::move(options));
  return {model, 0.4 * normal(model->parameters(), Seed(3))};
}

/// 60 rows of 7 features: width 4 has fewer parameters than rows (direct steps), width 20 more (adjoint steps).
Case network(bool sparse, Index width, Activation activation) {
  const Generated generated = data(sparse);
  auto model =
      std::make_shared<TwoLayerRelu>(generated.C, generated.y, TwoLayerReluOptions{.width = width, .activation = activation, .seed = 3});
  return {model, model->initial_weights()};
}

/// Three outputs: 180 residuals, so that width 20 has fewer parameters and width 40 more. A penalty is checked away from W₀.
Case outputs(bool sparse, Index width, Activation activation, double l2) {
  const Generated generated = data(sparse);
  const TwoLayerReluOptions options{.width = width, .activation = activation, .seed = 3, .l2 = l2};
  auto model = std::make_shared<TwoLayerRelu>(generated.C, arma::mat(normal(180, Seed(9)).memptr(), 60, 3), options);
  return {model, model->initial_weights() + (l2 > 0 ? 0.3 : 0.0) * normal(model->parameters(), Seed(10))};
}

Case penalized(bool sparse, Index width, Activation activation) {
  const Generated generated = data(sparse);
  const TwoLayerReluOptions options{.width = width, .activation = activation, .seed = 3, .l2 = 0.2};
  auto model = std::make_shared<TwoLayerRelu>(generated.C, generated.y, options);
  return {model, model->initial_weights() + 0.3 * normal(model->parameters(), Seed(10))};
}

/// The output layer trained too: width 4 has fewer parameters than rows, also so.
Case joint(bool sparse, Index width, Activation activation, double l2) {
  const Generated generated = data(sparse);
  const TwoLayerReluOptions options{.width = width, .activation = activation, .seed = 3, .l2 = l2, .train_output = true};
  auto model = std::make_shared<TwoLayerRelu>(generated.C, generated.y, options);
  return {model, model->initial_weights() + 0.3 * normal(model->parameters(), Seed(10))};
}

/// The same with several hidden layers.
Case deep_network(bool sparse, std::vector<Index> widths, Activation activation) {
  const Generated generated = data(sparse);
  auto model = std::make_shared<DeepRelu>(generated.C, generated.y,
                                          DeepReluOptions{.widths = std::move(widths), .activation = activation, .seed = 3});
  return {model, model->initial_weights()};
}

LinearModelOptions plain() { return {.l2 = 0, .intercept = false}; }
LinearModelOptions full() {
  return {.l2 = 0.3, .intercept = true, .weights = arma::abs(normal(60, Seed(4))), .offset = 0.3 * normal(60, Seed(5))};
}

struct LogCosh {
  double value(double z, double y) const { return std::log(std::cosh(z - y)); }
  double first(double z, double y) const { return std::tanh(z - y); }
  double second(double z, double y) const { return 1 - first(z, y) * first(z, y); }
};

/// Σ (θⱼ − j)⁴ + ½‖θ‖², written as a user would: the least there is to implement, Model::along left to the base class.
class Quartic final : public Model {
 public:
  std::string name() const override { return "quartic"; }
  std::string formula() const override { return "Σ (θⱼ − j)⁴ + ½‖θ‖²"; }
  Index parameters() const override { return 5; }
  double value(const Vec& theta) const override {
    require_size(theta.n_elem, 5, "theta", "parameters of the quartic");
    return arma::accu(arma::pow(theta - shift_, 4)) + 0.5 * arma::dot(theta, theta);
  }
  std::unique_ptr<Linearization> linearize(const Vec& theta) const override {
    class Point final : public Linearization {
     public:
      Point(double value, Vec gradient, std::shared_ptr<const Operator> A)
          : value_(value), gradient_(std::move(gradient)), b_(-gradient_), A_(std::move(A)), penalty_(5, arma::fill::ones) {}
      double value() const override { return value_; }
      const Vec& gradient() const override { return gradient_; }
      std::shared_ptr<const Operator> matrix() const override { return A_; }
      const Vec& right_hand_side() const override { return b_; }
      const Vec* penalty() const override { return &penalty_; }

     private:
      double value_;
      Vec gradient_, b_;
      std::shared_ptr<const Operator> A_;
      Vec penalty_;
    };
    const double f = value(theta);
    const Vec u = theta - shift_;
    return std::make_unique<Point>(f, Vec(4 * arma::pow(u, 3) + theta),
                                   scaled_rows(DataMatrix(arma::mat(5, 5, arma::fill::eye)), Vec(std::sqrt(12.0) * arma::abs(u))));
  }

 private:
  Vec shift_ = arma::regspace(0, 4);
};

const std::vector<Row> models{
    {"squared", [] { return linear(squared_loss(), false, plain()); }},
    {"squared, all options", [] { return linear(squared_loss(), false, full()); }},
    {"squared, sparse, all options", [] { return linear(squared_loss(), true, full()); }},
    {"logistic", [] { return linear(logistic_loss(), false, plain()); }},
    {"logistic, all options", [] { return linear(logistic_loss(), false, full()); }},
    {"logistic, sparse, all options", [] { return linear(logistic_loss(), true, full()); }},
    {"poisson", [] { return linear(poisson_loss(), false, plain()); }},
    {"poisson, sparse, all options", [] { return linear(poisson_loss(), true, full()); }},
    {"gamma", [] { return linear(gamma_loss(), false, plain()); }},
    {"gamma, sparse, all options", [] { return linear(gamma_loss(), true, full()); }},
    {"squared-hinge", [] { return linear(squared_hinge_loss(), false, plain()); }},
    {"quantile", [] { return linear(quantile_loss(0.3, 4), false, plain()); }},
    {"quantile, sparse, all options", [] { return linear(quantile_loss(0.7, 1.1), true, full()); }},
    {"huber", [] { return linear(huber_loss(), false, plain()); }},
    {"huber, sparse, all options", [] { return linear(huber_loss(), true, full()); }},
    {"a user's log-cosh, all options", [] { return linear(make_loss(LogCosh{}, "log-cosh"), false, full()); }},
    {"ReLU net, wide", [] { return network(false, 20, Activation::relu()); }, false},
    {"ReLU net, wide, sparse", [] { return network(true, 20, Activation::relu()); }, false},
    {"ReLU net, narrow", [] { return network(false, 4, Activation::relu()); }, false},
    {"softplus net, wide", [] { return network(false, 20, Activation::softplus(2)); }, false},
    {"softplus net, narrow, sparse", [] { return network(true, 4, Activation::softplus(2)); }, false},
    {"penalized ReLU net, wide", [] { return penalized(false, 20, Activation::relu()); }, false},
    {"penalized ReLU net, wide, sparse", [] { return penalized(true, 20, Activation::relu()); }, false},
    {"penalized ReLU net, narrow", [] { return penalized(false, 4, Activation::relu()); }, false},
    {"penalized softplus net, wide", [] { return penalized(false, 20, Activation::softplus(2)); }, false},
    {"ReLU net, three outputs, wide", [] { return outputs(false, 40, Activation::relu(), 0); }, false},
    {"ReLU net, three outputs, wide, sparse", [] { return outputs(true, 40, Activation::relu(), 0); }, false},
    {"ReLU net, three outputs, narrow", [] { return outputs(false, 20, Activation::relu(), 0); }, false},
    {"softplus net, three outputs, wide", [] { return outputs(false, 40, Activation::softplus(2), 0); }, false},
    {"softplus net, three outputs, narrow, sparse", [] { return outputs(true, 20, Activation::softplus(2), 0); }, false},
    {"penalized ReLU net, three outputs, wide", [] { return outputs(false, 40, Activation::relu(), 0.2); }, false},
    {"ReLU net, output trained, wide", [] { return joint(false, 20, Activation::relu(), 0); }, false},
    {"ReLU net, output trained, wide, sparse", [] { return joint(true, 20, Activation::relu(), 0); }, false},
    {"ReLU net, output trained, narrow", [] { return joint(false, 4, Activation::relu(), 0); }, false},
    {"softplus net, output trained, wide", [] { return joint(false, 20, Activation::softplus(2), 0); }, false},
    {"softplus net, output trained, narrow, sparse", [] { return joint(true, 4, Activation::softplus(2), 0); }, false},
    {"penalized ReLU net, output trained, wide", [] { return joint(false, 20, Activation::relu(), 0.2); }, false},
    {"deep ReLU net, wide",
     [] {
       return deep_network(false, {9, 12, 5}, Activation::relu());
     },
     false},
    {"deep ReLU net, wide, sparse",
     [] {
       return deep_network(true, {9, 12}, Activation::relu());
     },
     false},
    {"deep ReLU net, narrow",
     [] {
       return deep_network(false, {3, 4, 2}, Activation::relu());
     },
     false},
    {"deep softplus net, wide",
     [] {
       return deep_network(false, {9, 12, 5}, Activation::softplus(2));
     },
     false},
    {"deep softplus net, narrow, sparse",
     [] {
       return deep_network(true, {3, 4, 2}, Activation::softplus(2));
     },
     false},
    {"rosenbrock",
     [] {
       return Case{std::make_shared<Rosenbrock>(3), normal(6, Seed(8))};
     },
     false},
    {"a user's model",
     [] {
       return Case{std::make_shared<Quartic>(), normal(5, Seed(6))};
     }},
};

}  // namespace

BOOST_AUTO_TEST_CASE(derivatives) {
  for (const Row& row : models) {
    BOOST_TEST_CONTEXT(row.name) {
      const Case subject = row.make();
      DerivativeCheckOptions options;
      options.curvature = row.curvature;
      options.tolerance = row.tolerance;
      const DerivativeReport report = check_derivatives(*subject.model, subject.theta, Seed(7), options);
      BOOST_TEST(report.passed, report.text);
      BOOST_TEST(report.adjoint < 1e-13);
      BOOST_TEST(report.gram < 1e-12);
      BOOST_TEST(report.line < 1e-12);
      BOOST_TEST(report.right_hand_side < 1e-12);
    }
  }
}

BOOST_AUTO_TEST_CASE(sizes_fit_together) {
  for (const Row& row : models) {
    BOOST_TEST_CONTEXT(row.name) {
      const Case subject = row.make();
      const auto at = subject.model->linearize(subject.theta);
      const Index P = subject.model->parameters();
      const bool direct = at->step_form() == StepForm::direct;
      BOOST_TEST(at->gradient().n_elem == P);
      BOOST_TEST((direct ? at->matrix()->cols() : at->matrix()->rows()) == P);
      BOOST_TEST(at->right_hand_side().n_elem == at->matrix()->cols());
      if (at->penalty()) BOOST_TEST(at->penalty()->n_elem == at->matrix()->cols());
      if (at->least_squares_target()) BOOST_TEST(at->least_squares_target()->n_elem == at->matrix()->rows());
      BOOST_TEST(!subject.model->name().empty());
      BOOST_TEST(!subject.model->formula().empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_linearization_outlives_its_line_and_model) {
  for (const Row& row : models) {
    BOOST_TEST_CONTEXT(row.name) {
      Case subject = row.make();
      const Vec p = normal(subject.theta.n_elem, Seed(8));
      const Vec there = subject.theta + 0.25 * p;
      const Vec expected = subject.model->linearize(there)->gradient();
      const auto at = subject.model->along(subject.theta, p)->linearize(0.25);
      subject.model.reset();
      Vec product;
      at->matrix()->apply_adjoint(Vec(at->matrix()->rows(), arma::fill::ones), product);
      BOOST_TEST(arma::norm(at->gradient() - expected) <= 1e-12 * arma::norm(expected));
    }
  }
}

BOOST_AUTO_TEST_CASE(wrong_sizes_are_refused) {
  for (const Row& row : models) {
    BOOST_TEST_CONTEXT(row.name) {
      const Case subject = row.make();
      const Vec wrong(subject.theta.n_elem + 1, arma::fill::zeros);
      BOOST_CHECK_THROW(subject.model->value(wrong), InputError);
      BOOST_CHECK_THROW(subject.model->linearize(wrong), InputError);
      BOOST_CHECK_THROW(subject.model->along(subject.theta, wrong), InputError);
      BOOST_CHECK_THROW(check_derivatives(*subject.model, wrong), InputError);
    }
  }
}
