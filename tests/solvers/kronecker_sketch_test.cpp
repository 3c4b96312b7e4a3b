/// Sketches that use the Kronecker structure of a network's Jacobian stand for the same matrix as their plain form.

#include <raphson/core/error.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solvers.hpp>

#include <boost/test/unit_test.hpp>

using namespace raphson;

namespace {

TwoLayerRelu sphere_net(Index n, Index d, Index width) {
  Generated data = generate_sphere(n, d, Seed(5));
  TwoLayerReluOptions options;
  options.width = width;
  return TwoLayerRelu(std::move(data.C), std::move(data.y), options);
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_structured_way_gives_the_plain_sketch_of_the_jacobian) {
  for (const Index d : {Index{1}, Index{7}, Index{40}}) {
    const TwoLayerRelu net = sphere_net(30, d, 300);
    const auto at = net.linearize(net.initial_weights());
    const auto A = at->matrix();
    arma::mat columns;
    A->apply(arma::mat(30, 30, arma::fill::eye), columns);
    for (const auto& kind : {tensor_sketch(d), uniform_neurons_sketch(d)}) {
      BOOST_TEST_CONTEXT(kind->name() << ", d = " << d) {
        const auto S = kind->make(130, A->rows(), Seed(2));
        arma::mat B, plain;
        A->sketch(*S, B);
        S->apply(columns, plain);
        BOOST_REQUIRE_EQUAL(B.n_rows, 30u);
        BOOST_REQUIRE_EQUAL(B.n_cols, 130u);
        BOOST_TEST(arma::abs(B - plain.t()).max() <= 1e-13);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(features_that_do_not_divide_the_rows_are_refused) {
  BOOST_CHECK_THROW(tensor_sketch(7)->make(10, 100, Seed(1)), InputError);
  BOOST_CHECK_THROW(uniform_neurons_sketch(0)->make(10, 100, Seed(1)), InputError);
  BOOST_CHECK_THROW(uniform_neurons_sketch(10)->make(9, 100, Seed(1)), InputError);
  const TwoLayerRelu net = sphere_net(30, 4, 300);
  arma::mat B;
  BOOST_CHECK_THROW(net.linearize(net.initial_weights())->matrix()->sketch(*tensor_sketch(6)->make(100, 1200, Seed(1)), B), InputError);
}

/// κ = ((√c + 1)/(√c − 1))², c = s/n, is where CG's own estimate should lie: within a factor of two for the hashed sketch.
BOOST_AUTO_TEST_CASE(tensor_sketches_precondition_as_their_size_promises) {
  const Index n = 100;
  const TwoLayerRelu net = sphere_net(n, 6, 1024);
  const auto at = net.linearize(net.initial_weights());
  GramSystem system;
  system.A = at->matrix();
  system.b = &at->right_hand_side();
  system.tolerance = 1e-9;
  for (const Index c : {Index{4}, Index{8}}) {
    SketchOptions options;
    options.kind = tensor_sketch(6);
    options.size = c * n;
    Vec z;
    const LinearReport report = PreconditionedCg(options).solve(system, z);
    BOOST_TEST((report.status == LinearStatus::converged), report.message);
    BOOST_TEST(report.fallbacks.empty());
    const double root = std::sqrt(static_cast<double>(c)), kappa = (root + 1) * (root + 1) / ((root - 1) * (root - 1));
    BOOST_TEST(report.condition <= 2 * kappa);
    BOOST_TEST(report.condition >= 0.4 * kappa);
  }
}
