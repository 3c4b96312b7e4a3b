/// Sketches that use the Kronecker structure of a network's Jacobian stand for the same matrix as their plain form.

#include <raphson/core/error.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solvers.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>

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
  for (const Index d : {Index{1}, Index{7}, Index{40}, Index{200}}) {  // at 200 the convolution is by FFT
    const TwoLayerRelu net = sphere_net(30, d, 300);
    const auto at = net.linearize(net.initial_weights());
    const auto A = at->matrix();
    arma::mat columns;
    A->apply(arma::mat(30, 30, arma::fill::eye), columns);
    for (const auto& kind : {tensor_sketch(d), uniform_neurons_sketch(d), leverage_neurons_sketch(d)}) {
      BOOST_TEST_CONTEXT(kind->name() << ", d = " << d) {
        const auto S = kind->make_for(*A, 230, Seed(2));
        arma::mat B, plain;
        A->sketch(*S, B);
        S->apply(columns, plain);
        BOOST_REQUIRE_EQUAL(B.n_rows, 30u);
        BOOST_REQUIRE_EQUAL(B.n_cols, 230u);
        BOOST_TEST(arma::abs(B - plain.t()).max() <= 1e-13);
      }
    }
  }
}

/// (SA)ᵀSA against AᵀA = I on the range of Jᵀ, by factors: within what Gaussian S of as many rows keeps (Davidson, Szarek 2001) in all
/// but the share of seeds that this allows, at ten and eighty features (FFT).
BOOST_AUTO_TEST_CASE(the_range_of_the_jacobian_is_kept) {
  constexpr Index n = 10, seeds = 40;
  constexpr double delta = 0.05;
  for (const Index d : {Index{10}, Index{80}}) {
    const TwoLayerRelu net = sphere_net(n, d, 600);
    const auto A = net.linearize(net.initial_weights())->matrix();
    arma::mat G;
    A->gram(G);
    const arma::mat L = arma::chol(G, "lower");
    for (const auto& kind : {tensor_sketch(d), uniform_neurons_sketch(d), leverage_neurons_sketch(d)}) {
      for (const Index s : {Index{320}, Index{1280}}) {
        // A neuron's d rows move together: what counts is how many neurons there are.
        const double units = static_cast<double>(kind->name() == "tensor" ? s : s / d);
        const double bound = std::sqrt(n / units) + std::sqrt(2 * std::log(2 / delta) / units);
        if (!(bound < 1)) continue;
        Index beyond = 0;
        for (Index seed = 0; seed < seeds; ++seed) {
          arma::mat B;
          A->sketch(*kind->make_for(*A, s, Seed(seed)), B);
          const arma::mat R = arma::solve(arma::trimatl(L), B);
          const arma::vec sigma = arma::svd(R);
          beyond += sigma.min() >= 1 - bound && sigma.max() <= 1 + bound ? 0 : 1;
        }
        BOOST_TEST(beyond <= 9u, kind->name() << ", d = " << d << ", s = " << s << ": " << beyond);  // P[Binomial(40, δ) > 9] < 1e-4
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
  BOOST_CHECK_THROW(leverage_neurons_sketch(12)->make_for(*net.linearize(net.initial_weights())->matrix(), 9, Seed(1)), InputError);
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

/// Weights of which all but a few neurons see every point alike: those few alone tell two halves of the points apart.
BOOST_AUTO_TEST_CASE(leverage_finds_the_neurons_that_matter) {
  constexpr Index n = 24, m = 600, d = 2, few = 6;
  arma::mat X(d, n);
  Vec W(d * m);
  for (Index i = 0; i < n; ++i) {
    const double angle = 0.02 * static_cast<double>(i) / n;
    X(0, i) = std::cos(angle);
    X(1, i) = std::sin(angle);
  }
  for (Index r = 0; r < m; ++r) {  // kinks between the points only for the first `few`
    const double angle = r < few ? 1.5707963 + 0.02 * (static_cast<double>(r) + 0.5) / few : 3 * Seed(3).uniform(r) - 1.5;
    W[d * r] = std::cos(angle);
    W[d * r + 1] = std::sin(angle);
  }
  const auto at = TwoLayerRelu(DataMatrix::from_rows(arma::mat(X)), Vec(n, arma::fill::ones), {.width = m}).linearize(W);
  const auto A = at->matrix();
  const auto rank = [&](const SketchKind& kind, std::uint64_t seed) {
    arma::mat B;
    A->sketch(*kind.make_for(*A, 180, Seed(seed)), B);
    return arma::rank(B, 1e-9 * arma::norm(B, "fro"));
  };
  arma::mat G;
  A->gram(G);
  const Index all = arma::rank(G, 1e-12 * arma::trace(G));
  int found = 0, uniform_found = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    found += rank(*leverage_neurons_sketch(d), seed) == all ? 1 : 0;
    uniform_found += rank(*uniform_neurons_sketch(d), seed) == all ? 1 : 0;
  }
  BOOST_TEST(found >= 36, found << " of 40 seeds keep rank " << all << ", uniformly " << uniform_found);
  BOOST_TEST(uniform_found <= 4, uniform_found);
}
