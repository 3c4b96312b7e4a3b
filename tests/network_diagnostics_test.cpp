/// Diagnostics agree with what can be computed by hand.

#include <raphson/core/error.hpp>
#include <raphson/models/network/diagnostics.hpp>
#include <raphson/models/network/minibatch.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/exact.hpp>

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

BOOST_AUTO_TEST_CASE(smallest_eigenvalues_are_those_of_a_decomposition) {
  const TwoLayerRelu net = sphere_net(120, 4, 900);
  arma::mat G;
  net.linearize(net.initial_weights())->matrix()->gram(G);
  const double reference = arma::eig_sym(G).min();
  BOOST_TEST(smallest_eigenvalue(G) == reference, boost::test_tools::tolerance(1e-5));
  arma::mat singular(5, 5, arma::fill::ones), indefinite = arma::diagmat(arma::vec{1, -2, 3});
  BOOST_TEST(std::abs(smallest_eigenvalue(singular)) <= 1e-14);
  BOOST_TEST(smallest_eigenvalue(indefinite) == -2, boost::test_tools::tolerance(1e-12));
  arma::mat bad(2, 2, arma::fill::value(std::nan("")));
  BOOST_TEST(std::isnan(smallest_eigenvalue(bad)));
}

BOOST_AUTO_TEST_CASE(a_recorder_sees_every_point_of_a_training) {
  const TwoLayerRelu net = sphere_net(40, 5, 700);
  const WatchedNetwork watched(net);
  std::vector<NetworkHealth> rows;
  Options options;
  options.globalization = Globalization::unit;
  options.callback = watched.recorder(net.initial_weights(), rows);
  Vec W = net.initial_weights();
  Exact solver;
  const Summary summary = minimize(watched, solver, W, options);
  BOOST_TEST(summary.converged(), summary.message);
  BOOST_REQUIRE_EQUAL(rows.size(), summary.history.size());
  BOOST_TEST(rows[0].largest_move == 0);
  BOOST_TEST(rows[0].flipped == 0);
  BOOST_TEST(std::isnan(rows[0].contraction));
  for (Index t = 1; t < rows.size(); ++t) {
    BOOST_TEST(rows[t].contraction == summary.history[t].residual_ratio / summary.history[t - 1].residual_ratio,
               boost::test_tools::tolerance(1e-6));
  }

  const NetworkHealth& last = rows.back();
  const Index m = net.width(), d = net.data().cols(), n = net.data().rows();
  const arma::mat moved = arma::reshape(W - net.initial_weights(), d, m);
  BOOST_TEST(last.largest_move == arma::sqrt(arma::sum(arma::square(moved))).max(), boost::test_tools::tolerance(1e-12));
  const arma::mat X = net.data().dense();
  const arma::mat z0 = arma::reshape(net.initial_weights(), d, m).t() * X, z1 = arma::reshape(W, d, m).t() * X;
  const double flips = static_cast<double>(arma::accu((z0 >= 0) != (z1 >= 0)));
  BOOST_TEST(flips > 0);
  BOOST_TEST(last.flipped == flips / static_cast<double>(n * m), boost::test_tools::tolerance(1e-12));
  arma::mat K = relu_kernel(net.data());
  const double lambda = arma::eig_sym(K).min();
  BOOST_TEST(last.lambda_min_kernel == lambda, boost::test_tools::tolerance(1e-5));
  BOOST_TEST(last.allowed_move == static_cast<double>(n) / lambda / std::sqrt(static_cast<double>(m)), boost::test_tools::tolerance(1e-5));
  BOOST_TEST(last.width_asked >= std::pow(static_cast<double>(n) / lambda, 4) * 0.999);
}

BOOST_AUTO_TEST_CASE(mini_batches_train_and_a_full_batch_is_gram_gauss_newton) {
  const TwoLayerRelu net = sphere_net(60, 8, 2000);
  Exact solver;
  Options options;
  options.globalization = Globalization::unit;
  Vec whole = net.initial_weights(), all = whole, parts = whole;
  const Summary reference = minimize(net, solver, whole, options), full = minibatch_gauss_newton(net, solver, all, 60, 0, options);
  BOOST_TEST(full.converged(), full.message);
  BOOST_TEST(full.iterations == reference.iterations);
  options.max_iterations = 2000;
  options.tolerance = 1e-6;
  const Summary batches = minibatch_gauss_newton(net, solver, parts, 15, 0, options);
  BOOST_TEST(batches.converged(), batches.message);
  BOOST_TEST(batches.iterations % 4 == 0u);
  BOOST_TEST(arma::norm(net.predict(net.data(), parts) - net.target()) <=
             1.01e-6 * arma::norm(net.predict(net.data(), net.initial_weights()) - net.target()));
  BOOST_CHECK_THROW(minibatch_gauss_newton(net, solver, parts, 0), InputError);
  BOOST_CHECK_THROW(net.on_rows({0, 60}), InputError);
  BOOST_CHECK_THROW(net.on_rows({}), InputError);
}
