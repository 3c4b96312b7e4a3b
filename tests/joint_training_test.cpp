/// Two-layer networks whose output layer is trained too.

#include <raphson/core/threads.hpp>
#include <raphson/models/network/diagnostics.hpp>
#include <raphson/models/network/kernel_preconditioner.hpp>
#include <raphson/models/network/lazy_start.hpp>
#include <raphson/models/network/minibatch.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/solvers.hpp>
#include <support/network.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <functional>

using namespace raphson;
using namespace raphson::test;
namespace bdata = boost::unit_test::data;

namespace {

struct Case {
  std::string name;
  Index n, d, m;
  bool sparse;
  Activation activation;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

const std::vector<Case> cases{
    {"tiles and padding", 150, 5, 321, false, Activation::relu()},
    {"many neurons", 30, 2, 4500, false, Activation::relu()},
    {"more rows than neurons of a line", 700, 2, 1100, false, Activation::relu()},
    {"softplus", 130, 4, 300, false, Activation::softplus(3)},
    {"sparse", 90, 40, 67, true, Activation::relu()},
    {"sparse softplus", 90, 40, 67, true, Activation::softplus(0.5)},
    {"narrow", 100, 3, 21, false, Activation::relu()},
    {"narrow softplus", 100, 3, 7, false, Activation::softplus(2)},
    {"narrow sparse", 60, 20, 2, true, Activation::relu()},
    {"one row", 1, 1, 2, false, Activation::relu()},
};

/// A net with its outputs and Jacobian written out from the definition, at weights where no a is ±1.
struct Fixture {
  arma::mat X, J;
  Vec f;
  TwoLayerRelu model;
  Vec theta;

  explicit Fixture(const Case& c) : X(features(c)), model(data(c, X), random_vector(c.n, 4), options(c)), theta(model.initial_weights()) {
    theta += 0.3 * random_vector(theta.n_elem, 6);
    const arma::mat Z = X * arma::mat(theta.memptr(), c.d, c.m);
    const double* a = theta.memptr() + c.m * c.d;
    const double scale = 1 / std::sqrt(double(c.m));
    f.zeros(c.n);
    J.zeros(c.n, c.m * (c.d + 1));
    for (Index i = 0; i < c.n; ++i) {
      for (Index r = 0; r < c.m; ++r) {
        f(i) += scale * a[r] * phi(Z(i, r), c.activation);
        J(i, c.m * c.d + r) = scale * phi(Z(i, r), c.activation);
        for (Index k = 0; k < c.d; ++k) J(i, r * c.d + k) = scale * a[r] * phi_prime(Z(i, r), c.activation) * X(i, k);
      }
    }
  }

  static TwoLayerReluOptions options(const Case& c) { return {.width = c.m, .activation = c.activation, .seed = 5, .train_output = true}; }
  static arma::mat features(const Case& c) {
    arma::mat X = random_matrix(c.n, c.d, 3);
    if (c.sparse) X.transform([](double x) { return std::abs(x) > 1.2 ? x : 0.0; });
    return X;
  }
  static DataMatrix data(const Case& c, const arma::mat& X) { return c.sparse ? DataMatrix(arma::sp_mat(X)) : DataMatrix(X); }
};

TwoLayerRelu sphere(Index n, Index d, Index width, Activation activation = {}, bool train_output = true) {
  const Generated data = generate_sphere(n, d, Seed(3));
  return TwoLayerRelu(data.C, data.y, {.width = width, .activation = activation, .seed = 1, .train_output = train_output});
}

}  // namespace

BOOST_DATA_TEST_CASE(agrees_with_the_definition, bdata::make(cases), c) {
  const Fixture net(c);
  BOOST_TEST(net.model.parameters() == c.m * (c.d + 1));
  BOOST_TEST(distance(net.model.predict(net.model.data(), net.theta), net.f) < 1e-13);
  const Vec r = net.f - net.model.target();
  const auto at = net.model.linearize(net.theta);
  BOOST_TEST(at->value() == 0.5 * arma::dot(r, r), boost::test_tools::tolerance(1e-13));
  BOOST_TEST(at->value() == net.model.value(net.theta));
  BOOST_TEST(distance(at->gradient(), net.J.t() * r) < 1e-12);
  BOOST_TEST((at->step_form() == StepForm::adjoint) == (c.m * (c.d + 1) >= c.n));
}

BOOST_DATA_TEST_CASE(products_are_those_of_the_jacobian, bdata::make(cases), c) {
  const Fixture net(c);
  const auto at = net.model.linearize(net.theta);
  check_operator(*at->matrix(), at->step_form() == StepForm::adjoint ? arma::mat(net.J.t()) : net.J);
}

/// 60 rows, 20 · 2 weights of the hidden layer: only with those of the output are there as many as rows.
BOOST_AUTO_TEST_CASE(weights_of_the_output_count_as_parameters) {
  BOOST_TEST((sphere(60, 2, 20).linearize(sphere(60, 2, 20).initial_weights())->step_form() == StepForm::adjoint));
  const TwoLayerRelu fixed = sphere(60, 2, 20, {}, false);
  BOOST_TEST((fixed.linearize(fixed.initial_weights())->step_form() == StepForm::direct));
}

BOOST_AUTO_TEST_CASE(starts_where_the_net_with_fixed_outputs_does) {
  for (const Activation activation : {Activation::relu(), Activation::softplus(2)}) {
    const TwoLayerRelu joint = sphere(40, 4, 300, activation), fixed = sphere(40, 4, 300, activation, false);
    const Vec theta = joint.initial_weights(), W = fixed.initial_weights();
    BOOST_TEST(same_bits(theta.head(W.n_elem), W));
    BOOST_TEST(same_bits(theta.tail(300), fixed.output_signs()));
    BOOST_TEST(joint.value(theta) == fixed.value(W));
  }
}

BOOST_AUTO_TEST_CASE(every_strategy_trains_to_zero_residual) {
  for (const Activation activation : {Activation::relu(), Activation::softplus(8)}) {
    const TwoLayerRelu model = sphere(120, 6, 1024, activation);
    const std::pair<const char*, std::function<std::unique_ptr<LinearSolver>()>> strategies[] = {
        {"exact", [] { return std::make_unique<Exact>(); }},
        {"auto", [] { return std::make_unique<Auto>(); }},
        {"cg", [] { return std::make_unique<Cg>(); }},
        {"chord", [] { return std::make_unique<Chord>(); }},
        {"kernel-cg", [] { return std::make_unique<KernelCg>(); }},
        {"preconditioned-cg", [] { return std::make_unique<PreconditionedCg>(); }},
    };
    for (const auto& [name, make] : strategies) {
      BOOST_TEST_CONTEXT(name << ", " << model.name()) {
        const auto solver = make();
        Vec theta = model.initial_weights();
        const Vec start = theta;
        TrainOptions options;
        options.tolerance = 1e-9;
        const Summary summary = train_network(model, *solver, theta, options);
        BOOST_TEST(summary.converged(), summary.message);
        BOOST_TEST(summary.iterations <= 15u);
        BOOST_TEST(arma::norm(model.predict(model.data(), theta) - model.target()) <= 1.01e-9 * std::sqrt(2 * model.value(start)));
        BOOST_TEST(arma::norm(theta.tail(1024) - start.tail(1024)) > 1e-3);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_kernel_is_the_expectation_of_the_gram_matrix) {
  const Generated data = generate_sphere(25, 3, Seed(3));
  const arma::mat K = relu_kernel(data.C, 1, true);
  const TwoLayerRelu model(data.C, data.y, {.width = 1 << 17, .seed = 1, .train_output = true});
  arma::mat G;
  model.linearize(model.initial_weights())->matrix()->gram(G);
  BOOST_TEST(arma::abs(G - K).max() < 6 * 1.2 / std::sqrt(131072.0));  // an entry's deviation is below that of φ², √5/2 on the sphere
  BOOST_TEST(distance(relu_kernel(data.C, 1, false), K) > 0.1);

  Vec b = random_vector(25, 2), z;
  GramSystem system;
  system.A = model.linearize(model.initial_weights())->matrix();
  system.b = &b;
  std::string why;
  const auto M = relu_kernel_preconditioner(data.C, 1, true)->build(system, 0, why);
  BOOST_REQUIRE(M);
  M->solve(b, z);
  BOOST_TEST(distance(K * z, b) < 1e-3);
}

BOOST_AUTO_TEST_CASE(a_lazy_start_scales_both_layers) {
  const TwoLayerRelu model = sphere(60, 5, 512);
  const Vec one = lazy_start(model, 1), large = lazy_start(model, 100);
  BOOST_TEST(distance(large, 10 * one) < 1e-15);
  const arma::mat G = [&] {
    arma::mat gram;
    model.linearize(large)->matrix()->gram(gram);
    return gram;
  }();
  arma::mat small;
  model.linearize(one)->matrix()->gram(small);
  BOOST_TEST(distance(G, 100 * small) < 1e-12);
  BOOST_TEST(arma::norm(model.predict(model.data(), large)) < 0.01 * 100);
}

/// Rows that coincide, one of zeros, and a target that no weights reach: steps go through smoothed and merged nets.
BOOST_AUTO_TEST_CASE(training_takes_the_stages_of_other_nets) {
  arma::mat X = generate_sphere(40, 4, Seed(3)).C.dense().t();
  Vec y = random_vector(40, 7);
  X.row(7) = X.row(3);
  X.row(9).zeros();
  const double apart = y[7] - y[3];
  const TwoLayerRelu model(DataMatrix(X), y, {.width = 512, .seed = 1, .train_output = true});
  const double floor = std::sqrt(0.5 * apart * apart + y[9] * y[9]);
  BOOST_TEST(model.conflicts().floor == floor, boost::test_tools::tolerance(1e-12));
  Exact solver;
  Vec theta = model.initial_weights();
  const Summary summary = train_network(model, solver, theta);
  BOOST_TEST((summary.status == Status::unattainable), summary.message);
  BOOST_TEST(arma::norm(model.predict(model.data(), theta) - y) < 1.01 * floor);

  // For softplus log(2)/β·Σaᵣ/√m is what a row of zeros gives, and a changes it.
  const TwoLayerRelu smooth = model.with_activation(Activation::softplus(4));
  BOOST_TEST(smooth.conflicts().floor == std::sqrt(0.5) * std::abs(apart), boost::test_tools::tolerance(1e-12));
  BOOST_TEST(smooth.conflicts().zero_rows == 0u);
}

BOOST_AUTO_TEST_CASE(penalties_batches_and_diagnostics_know_the_output) {
  const Generated data = generate_sphere(60, 5, Seed(3));
  const TwoLayerRelu penalized(data.C, data.y,
                               {.width = 256, .activation = Activation::softplus(4), .seed = 1, .l2 = 0.3, .train_output = true});
  Exact solver;
  Vec theta = penalized.initial_weights();
  const Vec start = theta;
  BOOST_TEST(train_network(penalized, solver, theta).converged());
  const double residual = arma::norm(penalized.predict(data.C, theta) - data.y), moved = arma::norm(theta - start);
  BOOST_TEST(penalized.value(theta) == 0.5 * (residual * residual + 0.3 * moved * moved), boost::test_tools::tolerance(1e-12));
  BOOST_TEST(arma::norm(penalized.linearize(theta)->gradient()) <= 1e-8 * penalized.gradient_scale());

  const TwoLayerRelu model = sphere(60, 5, 512);
  theta = model.initial_weights();
  Options batches;
  batches.max_iterations = 400;
  const Summary summary = minibatch_gauss_newton(model, solver, theta, 20, 0, batches);
  BOOST_TEST(summary.converged(), summary.message);

  const NetworkHealth health = NetworkDiagnostics(model, model.initial_weights()).at(theta);
  BOOST_TEST(health.lambda_min_gram > 0.2 * health.lambda_min_kernel);
  BOOST_TEST(health.largest_move > 0);
}

BOOST_AUTO_TEST_CASE(same_bits_for_any_thread_count) {
  for (const Activation activation : {Activation::relu(), Activation::softplus(4)}) {
    const TwoLayerRelu model = sphere(150, 6, 700, activation);
    const auto run = [&](int threads) {
      Chord solver;
      Vec theta = model.initial_weights();
      TrainOptions options;
      options.threads = threads;
      train_network(model, solver, theta, options);
      return theta;
    };
    BOOST_TEST(same_bits(run(1), run(4)));
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_go_together_is_refused) {
  refused([] { return TwoLayerRelu(DataMatrix(random_matrix(9, 2, 1)), random_matrix(9, 3, 2), {.width = 8, .train_output = true}); },
          "the output layer is trained for one output, y has 3 columns");
  const TwoLayerRelu model = sphere(20, 3, 64);
  refused([&] { return model.value(Vec(3 * 64, arma::fill::zeros)); }, "256");
  BOOST_TEST(model.name() == "two_layer_relu, output trained");
  BOOST_TEST(model.formula().find("aᵣ trained from ±1") != std::string::npos);
  BOOST_TEST(sphere(20, 3, 64, {}, false).formula().find("trained") == std::string::npos);
}
