/// The penalty ½μ‖W − W₀‖² of two-layer networks.
#include <raphson/core/error.hpp>
#include <raphson/core/step_system.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/kernel_preconditioner.hpp>
#include <raphson/models/network/minibatch.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/solvers.hpp>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <functional>

using namespace raphson;

namespace {

Vec normal(Index size, std::uint64_t seed) {
  Vec v(size);
  Seed(seed).normal(0, std::span<double>(v.memptr(), v.n_elem));
  return v;
}

/// Noisy targets on the sphere.
TwoLayerRelu noisy(Index n, Index d, Index width, Activation activation, double l2) {
  const Generated data = generate_sphere(n, d, Seed(3));
  return TwoLayerRelu(data.C, Vec(data.y + 0.3 * normal(n, 7)), {.width = width, .activation = activation, .seed = 1, .l2 = l2});
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

BOOST_AUTO_TEST_CASE(steps_are_those_of_the_damped_normal_equations) {
  for (const double l2 : {1e-5, 0.2, 30.0}) {
    for (const double damping : {0.0, 0.4}) {
      for (const double away : {0.0, 0.3}) {
        BOOST_TEST_CONTEXT("l2 " << l2 << ", damping " << damping << ", away " << away) {
          const TwoLayerRelu model = noisy(30, 4, 40, Activation::relu(), l2);
          const auto at = model.linearize(model.initial_weights() + away * normal(160, 5));
          StepSystem step(*at, damping);
          BOOST_REQUIRE((at->step_form() == StepForm::adjoint));
          Exact solver;
          step.system.tolerance = 1e-12;
          Vec z;
          solver.solve(step.system, z);
          const Vec p = step.step(z);
          arma::mat Jt, H;
          step.system.A->apply(arma::mat(30, 30, arma::fill::eye), Jt);
          H = Jt * Jt.t();
          H.diag() += l2 + damping;
          const Vec expected = arma::solve(H, -at->gradient());
          BOOST_TEST(arma::norm(p - expected) <= 1e-8 * arma::norm(expected));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_right_hand_side_vanishes_with_the_gradient) {
  const TwoLayerRelu model = noisy(60, 5, 300, Activation::softplus(4), 1);
  Exact solver;
  Vec W = model.initial_weights();
  const double start = arma::norm(model.linearize(W)->right_hand_side());
  Options options;
  options.tolerance = 1e-10;
  BOOST_TEST(minimize(model, solver, W, options).converged());
  BOOST_TEST(arma::norm(model.linearize(W)->right_hand_side()) < 1e-7 * start);
}

BOOST_AUTO_TEST_CASE(smooth_nets_converge_by_every_strategy) {
  const TwoLayerRelu model = noisy(80, 6, 512, Activation::softplus(4), 0.5);
  double objective = 0;
  const std::pair<const char*, std::function<std::unique_ptr<LinearSolver>()>> strategies[] = {
      {"exact", [] { return std::make_unique<Exact>(); }},
      {"auto", [] { return std::make_unique<Auto>(); }},
      {"cg", [] { return std::make_unique<Cg>(); }},
      {"chord", [] { return std::make_unique<Chord>(); }},
      {"preconditioned-cg", [] { return std::make_unique<PreconditionedCg>(); }},
      {"preconditioned-cg, kernel", [&] { return std::make_unique<PreconditionedCg>(relu_kernel_preconditioner(model.data())); }},
  };
  for (const auto& [name, make] : strategies) {
    BOOST_TEST_CONTEXT(name) {
      const auto solver = make();
      Vec W = model.initial_weights();
      const Summary summary = train_network(model, *solver, W);
      BOOST_TEST(summary.converged(), summary.message);
      BOOST_TEST(summary.criterion == "relative gradient");
      BOOST_TEST(summary.iterations <= 25u);
      if (objective == 0) objective = summary.objective;
      BOOST_TEST(summary.objective == objective, boost::test_tools::tolerance(1e-9));
    }
  }
}

BOOST_AUTO_TEST_CASE(damped_steps_and_narrow_nets_reach_the_same_minimum) {
  for (const Index width : {300u, 12u}) {
    const TwoLayerRelu model = noisy(80, 5, width, Activation::softplus(2), 0.5);
    BOOST_TEST((model.linearize(model.initial_weights())->step_form() == StepForm::adjoint) == (width == 300));
    double objective[2];
    for (const int damped : {0, 1}) {
      Exact solver;
      Vec W = model.initial_weights();
      Options options;
      options.globalization = damped ? Globalization::levenberg_marquardt : Globalization::automatic;
      const Summary summary = minimize(model, solver, W, options);
      BOOST_TEST(summary.converged(), summary.message);
      objective[damped] = summary.objective;
    }
    BOOST_TEST(objective[0] == objective[1], boost::test_tools::tolerance(1e-9));
  }
}

BOOST_AUTO_TEST_CASE(a_large_penalty_holds_the_weights_and_a_small_one_lets_go) {
  double before = 1e300, fit = 0;
  for (const double l2 : {0.01, 1.0, 100.0}) {
    const TwoLayerRelu model = noisy(60, 5, 512, Activation::softplus(4), l2);
    Exact solver;
    Vec W = model.initial_weights();
    Options options;
    options.tolerance = 1e-4;
    minimize(model, solver, W, options);
    const double moved = arma::norm(W - model.initial_weights());
    const double residual = arma::norm(model.predict(model.data(), W) - model.target());
    BOOST_TEST(moved < before);
    BOOST_TEST(residual > fit);
    before = moved;
    fit = residual;
  }
}

BOOST_AUTO_TEST_CASE(a_warm_start_is_judged_on_the_scale_of_the_initial_weights) {
  const TwoLayerRelu model = noisy(60, 5, 300, Activation::softplus(4), 1);
  Exact solver;
  Vec W = model.initial_weights();
  BOOST_TEST(minimize(model, solver, W).converged());
  const Summary again = minimize(model, solver, W);
  BOOST_TEST(again.converged());
  BOOST_TEST(again.iterations == 0u);
}

BOOST_AUTO_TEST_CASE(penalized_relu_nets_end_on_kinks_lower_than_plain_steps) {
  for (const double l2 : {0.1, 1.0}) {
    const TwoLayerRelu model = noisy(80, 6, 512, Activation::relu(), l2);
    Exact solver;
    Vec W = model.initial_weights(), plain = W;
    const Summary summary = train_network(model, solver, W);
    BOOST_TEST((summary.status == Status::unattainable), summary.message);
    BOOST_TEST(summary.objective == model.value(W));
    BOOST_TEST(summary.relative_gradient < 0.02);
    BOOST_TEST(summary.iterations == summary.history.back().iteration);
    BOOST_TEST(minimize(model, solver, plain).objective > summary.objective);
    TrainOptions loose;
    loose.tolerance = 0.05;
    W = model.initial_weights();
    BOOST_TEST(train_network(model, solver, W, loose).converged());
  }
}

BOOST_AUTO_TEST_CASE(penalized_training_keeps_its_contract) {
  const TwoLayerRelu model = noisy(60, 5, 256, Activation::relu(), 0.5);
  Exact solver;
  const Vec W0 = model.initial_weights();
  const double start = model.value(W0);

  TrainOptions few;
  few.max_iterations = 4;
  Vec W = W0;
  Summary summary = train_network(model, solver, W, few);
  BOOST_TEST((summary.status == Status::iteration_limit), summary.message);
  BOOST_TEST(summary.iterations == 4u);
  BOOST_TEST(model.value(W) < start);

  Index seen = 0;
  TrainOptions watched;
  watched.callback = [&](const Iteration& iteration) {
    BOOST_TEST(iteration.iteration == seen);
    return ++seen == 8 ? Action::stop : Action::proceed;
  };
  W = W0;
  summary = train_network(model, solver, W, watched);
  BOOST_TEST((summary.status == Status::stopped));
  BOOST_TEST(summary.history.size() == 8u);

  watched.callback = [&](const Iteration& iteration) -> Action {
    if (iteration.iteration == 5) throw std::runtime_error("mine");
    return Action::proceed;
  };
  W = W0;
  BOOST_CHECK_THROW(train_network(model, solver, W, watched), std::runtime_error);
  BOOST_TEST(model.value(W) < start);

  TrainOptions patient;
  patient.time_limit = 1e-6;
  W = W0;
  BOOST_TEST((train_network(model, solver, W, patient).status == Status::time_limit));

  // A minimizer is not left for a worse point.
  W = W0;
  const double least = train_network(model, solver, W).objective;
  BOOST_TEST(train_network(model, solver, W).objective <= least);
}

BOOST_AUTO_TEST_CASE(same_bits_for_any_thread_count) {
  const TwoLayerRelu model = noisy(80, 6, 512, Activation::softplus(4), 0.5);
  const auto run = [&](int threads) {
    Exact solver;
    Vec W = model.initial_weights();
    Options options;
    options.threads = threads;
    minimize(model, solver, W, options);
    return W;
  };
  const Vec one = run(1), four = run(4);
  BOOST_TEST(std::memcmp(one.memptr(), four.memptr(), one.n_elem * sizeof(double)) == 0);
}

BOOST_AUTO_TEST_CASE(without_a_penalty_nothing_is_different) {
  const TwoLayerRelu model = noisy(40, 5, 300, Activation::relu(), 0);
  const auto at = model.linearize(model.initial_weights());
  BOOST_TEST(!at->penalized_step(0));
  BOOST_TEST((model.criterion() == Criterion::residual_ratio));
  BOOST_TEST(model.gradient_scale() == 0);
  BOOST_TEST(model.formula().find("W₀") == std::string::npos);
  BOOST_TEST(noisy(40, 5, 300, Activation::relu(), 0.25).formula().find("½·0.25·‖W − W₀‖²") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused) {
  BOOST_TEST(refusal([] { noisy(10, 2, 5, Activation::relu(), -1); }).starts_with("l2 = -1:"));
  BOOST_TEST(refusal([] { noisy(10, 2, 5, Activation::relu(), std::nan("")); }).starts_with("l2 = nan:"));
  const TwoLayerRelu model = noisy(20, 3, 50, Activation::relu(), 0.5);
  Exact solver;
  Vec W = model.initial_weights();
  BOOST_TEST(refusal([&] { minibatch_gauss_newton(model, solver, W, 5); }).starts_with("minibatch_gauss_newton: a net with a penalty"));
}
