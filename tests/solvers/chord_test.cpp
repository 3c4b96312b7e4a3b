/// What a kept factor does, and when it is given up.

#include <raphson/core/error.hpp>
#include <raphson/models/network/kernel_preconditioner.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/solvers.hpp>
#include <support/gram_cases.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace raphson;
using namespace raphson::test;

namespace {

LinearReport solve(LinearSolver& solver, const GramCase& g, double contraction, double tolerance = 0.1) {
  GramSystem system = g.system(tolerance);
  system.contraction = contraction;
  Vec z;
  return solver.solve(system, z);
}

TwoLayerRelu sphere_net(Index n, Index d, Index width, std::uint64_t seed = 0) {
  Generated data = generate_sphere(n, d, Seed(3));
  TwoLayerReluOptions options;
  options.width = width;
  options.seed = seed;
  return TwoLayerRelu(std::move(data.C), std::move(data.y), options);
}

Options unit_steps() {
  Options options;
  options.globalization = Globalization::unit;
  options.tolerance = 1e-10;
  options.max_iterations = 40;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_factor_is_kept_while_steps_contract) {
  Chord chord;
  const GramCase g = tall();
  const LinearReport first = solve(chord, g, std::nan(""));
  BOOST_TEST((first.status == LinearStatus::converged));
  const LinearReport kept = solve(chord, g, 0.19);
  BOOST_TEST((kept.status == LinearStatus::unverified));
  BOOST_TEST(kept.message.find("kept") != std::string::npos);
  BOOST_TEST(std::isnan(kept.relative_residual));
  const LinearReport fresh = solve(chord, g, 0.21);
  BOOST_TEST(fresh.message.find("kept") == std::string::npos);
  BOOST_TEST((fresh.status == LinearStatus::unverified));
}

BOOST_AUTO_TEST_CASE(a_new_factor_that_did_not_contract_is_checked) {
  Chord chord;
  solve(chord, tall(), std::nan(""));
  BOOST_TEST((solve(chord, tall(), 0.9).status == LinearStatus::converged));
  BOOST_TEST((solve(chord, tall(), 0.4).status == LinearStatus::unverified));
}

BOOST_AUTO_TEST_CASE(another_shape_or_shift_is_factored_anew) {
  Chord chord;
  GramCase g = tall();
  solve(chord, g, std::nan(""));
  g.shift = 2;
  BOOST_TEST(solve(chord, g, 0.1).message.find("kept") == std::string::npos);
  BOOST_TEST(solve(chord, tall(900, 20), 0.1).message.find("kept") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(double_follows_where_single_precision_breaks_down) {
  arma::mat A = gaussian(300, 10, 4);
  A.col(9) = A.col(8) + 1e-5 * A.col(9);
  Chord chord;
  const GramCase g = dense_case("nearly dependent", A);
  const LinearReport report = solve(chord, g, std::nan(""), 1e-4);
  BOOST_TEST((report.status == LinearStatus::converged), report.message);
  BOOST_REQUIRE(!report.fallbacks.empty());
  BOOST_TEST(report.fallbacks[0].find("single") != std::string::npos);
  BOOST_TEST(solve(chord, g, 0.9, 1e-4).fallbacks.empty());  // the run goes on in double
}

BOOST_AUTO_TEST_CASE(a_run_that_continues_takes_up_the_factor_and_checks_it) {
  Chord chord;
  const GramCase g = tall();
  solve(chord, g, std::nan(""));
  GramSystem next = g.system(1e-6);
  next.continues = true;
  Vec z;
  const LinearReport taken = chord.solve(next, z);
  BOOST_TEST((taken.status == LinearStatus::converged), taken.message);
  BOOST_TEST(next.relative_residual(z) <= 1e-6);
  BOOST_TEST(taken.setup_seconds == 0);  // nothing was factored
  // A factor of something else than it claims: refinement fails, and a new one is made.
  const GramCase other = tall(g.A->rows(), g.size());
  GramCase scaled = dense_case("other columns", arma::mat(other.dense * arma::diagmat(arma::logspace(0, 4, g.size()))));
  next = scaled.system(1e-6);
  next.continues = true;
  const LinearReport renewed = chord.solve(next, z);
  BOOST_TEST(renewed.setup_seconds > 0);
  BOOST_TEST(next.relative_residual(z) <= 1e-6);
}

BOOST_AUTO_TEST_CASE(thresholds_out_of_range_are_refused) {
  BOOST_CHECK_THROW(Chord(-0.1), InputError);
  BOOST_CHECK_THROW(Chord(1.0), InputError);
  BOOST_CHECK_THROW(Chord(std::nan("")), InputError);
}

BOOST_AUTO_TEST_CASE(a_network_trains_with_few_factorizations) {
  const TwoLayerRelu net = sphere_net(80, 6, 1024);
  Chord chord;
  Exact exact;
  Vec W = net.initial_weights(), V = W;
  const Summary lazy = minimize(net, chord, W, unit_steps()), full = minimize(net, exact, V, unit_steps());
  BOOST_TEST(lazy.converged(), lazy.message);
  BOOST_TEST(lazy.iterations <= full.iterations + 4);
  Vec again = net.initial_weights();
  minimize(net, chord, again, unit_steps());
  BOOST_TEST(std::equal(W.begin(), W.end(), again.begin()));
}

BOOST_AUTO_TEST_CASE(the_kernel_preconditions_networks_of_any_width_and_seed) {
  const auto kind = relu_kernel_preconditioner(sphere_net(80, 6, 64).data());
  for (const Index width : {Index{512}, Index{2048}}) {
    const TwoLayerRelu net = sphere_net(80, 6, width, width);
    PreconditionedCg solver(kind);
    Options options = unit_steps();
    options.forcing = Forcing::constant;
    options.inner_tolerance = 1e-6;
    Vec W = net.initial_weights();
    const Summary summary = minimize(net, solver, W, options);
    BOOST_TEST(summary.converged(), summary.message);
    for (const Iteration& it : summary.history) BOOST_TEST(it.fallback.empty(), it.fallback);
    // κ is near 1, and nearer for the wider net: 6 digits in at most a dozen products.
    BOOST_TEST(summary.inner_iterations <= (width == 512 ? 20u : 12u) * summary.iterations);
  }
}

BOOST_AUTO_TEST_CASE(kernel_cg_takes_the_kernel_that_networks_offer_and_shares_it) {
  const TwoLayerRelu net = sphere_net(80, 6, 1024);
  KernelCg first, second;
  Vec W = net.initial_weights();
  const Summary summary = minimize(net, first, W, unit_steps());
  BOOST_TEST(summary.converged(), summary.message);
  BOOST_TEST(summary.solver_used == "kernel-cg");
  for (const Iteration& it : summary.history) BOOST_TEST(it.fallback.empty(), it.fallback);
  const auto at = net.linearize(W);
  GramSystem system;
  system.A = at->matrix();
  system.b = &at->right_hand_side();
  BOOST_TEST(second.estimate(system, Machine::nominal()).once == 0);  // the model keeps the factor
  const auto elsewhere = sphere_net(80, 6, 1024).linearize(W);
  system.A = elsewhere->matrix();
  BOOST_TEST(second.estimate(system, Machine::nominal()).once > 0);
}

BOOST_AUTO_TEST_CASE(the_factor_of_the_kernel_outlives_small_changes_of_damping) {
  const TwoLayerRelu net = sphere_net(80, 6, 1024);
  const auto at = net.linearize(net.initial_weights());
  GramSystem system;
  system.A = at->matrix();
  system.b = &at->right_hand_side();
  system.shift = 1.0e-3;
  KernelCg solver;
  Vec z;
  BOOST_TEST((solver.solve(system, z).status == LinearStatus::converged));
  const auto price = [&](double shift) {
    system.shift = shift;
    return solver.estimate(system, Machine::nominal()).once;
  };
  BOOST_TEST(price(0.8e-3) == 0);
  BOOST_TEST(price(1.2e-3) == 0);
  BOOST_TEST(price(1e-2) > 0);
  BOOST_TEST(price(0) > 0);
  // All that is small is one to it.
  system.shift = 1e-7;
  BOOST_TEST((solver.solve(system, z).status == LinearStatus::converged));
  BOOST_TEST(price(1e-9) == 0);
  BOOST_TEST(price(1e-5) > 0);
}

// M⁻¹JJᵀ is a sample covariance matrix: its condition number goes with n/(md).
BOOST_AUTO_TEST_CASE(the_condition_of_kernel_cg_goes_with_weights_a_row) {
  for (const Index width : {40u, 160u, 2000u}) {
    const TwoLayerRelu net = sphere_net(200, 10, width);
    const auto at = net.linearize(net.initial_weights());
    GramSystem system;
    system.A = at->matrix();
    system.b = &at->right_hand_side();
    system.tolerance = 1e-10;
    Vec z;
    const double condition = KernelCg().solve(system, z).condition, expected = sampled_condition(1, system);
    BOOST_TEST_CONTEXT(width << ": " << condition << ", expected " << expected) {
      BOOST_TEST(condition > 0.5 * expected);
      BOOST_TEST(condition < 2 * expected);
    }
  }
}

// Rows that coincide in single precision, and a shift below its rounding: one factor in single precision all the same.
BOOST_AUTO_TEST_CASE(a_larger_shift_keeps_to_single_precision_where_there_is_one) {
  Generated data = generate_sphere(200, 6, Seed(3));
  arma::mat X = data.C.dense();
  for (Index i = 0; i < 20; i += 2) X.col(i + 1) = X.col(i);
  const TwoLayerRelu net(DataMatrix::from_rows(X), data.y, {.width = 512});
  const auto at = net.linearize(net.initial_weights());
  GramSystem system;
  system.A = at->matrix();
  system.b = &at->right_hand_side();
  system.tolerance = 1e-3;
  system.shift = 1e-8;
  Vec z;
  const LinearReport report = Chord().solve(system, z);
  BOOST_TEST((report.status == LinearStatus::converged), report.message);
  BOOST_TEST(report.fallbacks.empty());
  BOOST_TEST(report.extra_shift > 1e-6);
  BOOST_TEST(system.relative_residual(z) <= 1e-3);
}

BOOST_AUTO_TEST_CASE(kernel_cg_is_refused_where_no_kernel_is_known) {
  const GramCase g = tall();
  BOOST_CHECK_EXCEPTION(check_can_solve(KernelCg(), g.system(), 1e12), InputError,
                        [](const InputError& e) { return std::string(e.what()).find("kernel-cg needs") == 0; });
  // More rows than weights: the system is in J, whose Gram matrix is another.
  const TwoLayerRelu narrow = sphere_net(80, 6, 8);
  Vec W = narrow.initial_weights();
  KernelCg solver;
  BOOST_CHECK_THROW(minimize(narrow, solver, W), InputError);
}

BOOST_AUTO_TEST_CASE(the_kernel_in_single_precision_is_the_kernel) {
  // With M = K + I, M⁻¹(K + I)x = x to single precision; parallel, opposite and zero rows included.
  Generated data = generate_sphere(150, 5, Seed(3));
  arma::mat rows = data.C.dense();
  rows.col(1) = 2 * rows.col(0);
  rows.col(70) = -rows.col(149);
  rows.col(2).zeros();
  TwoLayerReluOptions options;
  options.width = 512;
  const TwoLayerRelu net(DataMatrix(arma::mat(rows.t())), data.y, options);
  const auto at = net.linearize(net.initial_weights());
  GramSystem system;
  system.A = at->matrix();
  system.b = &at->right_hand_side();
  system.shift = 1;
  std::string why;
  const auto M = system.A->preconditioner()->build(system, 0, why);
  BOOST_REQUIRE(M);
  BOOST_TEST(M->name() == "relu-kernel, f32");
  const Vec x = gaussian(150, 1, 9);
  Vec y = relu_kernel(net.data()) * x + x, z;
  M->solve(y, z);
  BOOST_TEST(arma::norm(z - x) <= 1e-5 * arma::norm(x));
}

BOOST_AUTO_TEST_CASE(the_kernel_takes_a_shift_and_near_duplicates_and_refuses_other_systems) {
  Generated data = generate_sphere(60, 5, Seed(3));
  arma::mat rows = data.C.dense();
  rows.col(1) = rows.col(0);
  rows(0, 1) += 1e-9;
  TwoLayerReluOptions options;
  options.width = 512;
  const TwoLayerRelu net(DataMatrix(arma::mat(rows.t())), data.y, options);
  const auto at = net.linearize(net.initial_weights());
  GramSystem system;
  system.A = at->matrix();
  system.b = &at->right_hand_side();
  system.shift = 1e-3;
  system.tolerance = 1e-8;
  PreconditionedCg solver(relu_kernel_preconditioner(net.data()));
  Vec z;
  const LinearReport report = solver.solve(system, z);
  BOOST_TEST((report.status == LinearStatus::converged), report.message);
  BOOST_TEST(report.fallbacks.empty());
  BOOST_TEST(system.relative_residual(z) <= 1e-8);

  system.shift = 0;
  std::string why;
  const auto M = relu_kernel_preconditioner(net.data())->build(system, 0, why);
  BOOST_REQUIRE(M);
  BOOST_TEST(M->name().find("f64") != std::string::npos, M->name());

  const GramCase other = tall(400, 20);
  BOOST_TEST(!relu_kernel_preconditioner(net.data())->build(other.system(), 0, why));
  BOOST_TEST(why.find("60 rows") != std::string::npos);
}
