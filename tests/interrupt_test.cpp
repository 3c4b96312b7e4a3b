/// Time limits and cancellation inside long work: no test here looks at a clock.

#include <raphson/core/dense.hpp>
#include <raphson/core/step_system.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/kernel_preconditioner.hpp>
#include <raphson/models/network/minibatch.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/solvers.hpp>

#include <atomic>
#include <boost/test/unit_test.hpp>

using namespace raphson;

namespace {

TwoLayerRelu network() {
  const Generated data = generate_sphere(60, 6, Seed(3));
  return TwoLayerRelu(data.C, data.y, {.width = 256, .seed = 1});
}

/// Delegates until its system `cancel_at`, whose Gram matrix is asked for after the flag is set.
class Cancelling final : public LinearSolver {
 public:
  Cancelling(Index cancel_at, std::atomic<bool>& cancel) : cancel_at_(cancel_at), cancel_(cancel) {}
  std::string name() const override { return "cancelling"; }
  Estimate estimate(const GramSystem& system, const Machine& machine) const override { return exact_.estimate(system, machine); }
  LinearReport solve(const GramSystem& system, Vec& z) override {
    if (systems++ == cancel_at_) {
      cancel_ = true;
      Mat<double> G;
      system.A->gram(G);
      finished = true;
    }
    return exact_.solve(system, z);
  }
  void reset() override { ++resets; }

  Index systems = 0, resets = 0;
  bool finished = false;

 private:
  Index cancel_at_;
  std::atomic<bool>& cancel_;
  Exact exact_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(loops_stop_between_tasks) {
  for (const int threads : {1, 4}) {
    const ThreadScope scope(threads);
    std::atomic<bool> cancel = false;
    const Interrupt interrupt(arma::datum::inf, &cancel);
    std::atomic<int> tasks = 0;
    const auto loop = [&] {
      parallel_for(1000, [&](Index) {
        ++tasks;
        cancel = true;
      });
    };
    {
      const InterruptScope asked(&interrupt);
      BOOST_CHECK_THROW(loop(), Interrupted);
      BOOST_TEST(tasks >= 1);
      BOOST_TEST(tasks <= threads);
      const InterruptScope nobody(nullptr);
      tasks = 0;
      loop();
      BOOST_TEST(tasks == 1000);
    }
    tasks = 0;
    loop();
    BOOST_TEST(tasks == 1000);
  }
}

BOOST_AUTO_TEST_CASE(what_takes_long_asks) {
  const TwoLayerRelu model = network();
  const auto at = model.linearize(model.initial_weights());
  StepSystem step(*at);
  const auto kind = relu_kernel_preconditioner(model.data());
  const std::atomic<bool> cancel = true;
  const Interrupt interrupt(arma::datum::inf, &cancel);
  std::string why;
  Mat<double> G;
  Mat<float> single;
  Mat<double> positive(500, 500, arma::fill::eye);
  {
    const InterruptScope scope(&interrupt);
    BOOST_CHECK_THROW(step.system.A->gram(G), Interrupted);
    BOOST_CHECK_THROW(step.system.A->gram_single(single), Interrupted);
    BOOST_CHECK_THROW(kind->build(step.system, 0, why), Interrupted);
    BOOST_CHECK_THROW(relu_kernel(model.data()), Interrupted);
    BOOST_CHECK_THROW((void)cholesky(positive), Interrupted);
    std::vector<Index> order;
    positive.eye();
    BOOST_CHECK_THROW(pivoted_cholesky(positive, order, 1e-12), Interrupted);
  }
  // What was cut short is not kept.
  BOOST_TEST(kind->build(step.system, 0, why) != nullptr);
}

BOOST_AUTO_TEST_CASE(a_step_cut_short_is_no_step) {
  const TwoLayerRelu model = network();
  for (const Globalization globalization : {Globalization::unit, Globalization::levenberg_marquardt, Globalization::nonmonotone}) {
    for (const Index cancel_at : {0u, 2u}) {
      std::atomic<bool> cancel = false;
      Cancelling solver(cancel_at, cancel);
      Options options;
      options.globalization = globalization;
      options.cancel = &cancel;
      Vec W = model.initial_weights();
      const Summary summary = minimize(model, solver, W, options);
      BOOST_TEST(to_string(summary.status) == "interrupted");
      BOOST_TEST(!solver.finished);
      BOOST_TEST(solver.systems == cancel_at + 1);
      BOOST_TEST(solver.resets == 1u);
      BOOST_TEST(summary.objective == model.value(W), boost::test_tools::tolerance(1e-12));
    }
  }
}

BOOST_AUTO_TEST_CASE(training_and_mini_batches_end_with_the_best_so_far) {
  const TwoLayerRelu model = network();
  const double start = model.value(model.initial_weights());
  std::atomic<bool> cancel = false;
  TrainOptions options;
  options.cancel = &cancel;
  Cancelling solver(2, cancel);
  Vec W = model.initial_weights();
  const Summary trained = train_network(model, solver, W, options);
  BOOST_TEST(to_string(trained.status) == "interrupted");
  BOOST_TEST(!solver.finished);
  BOOST_TEST(model.value(W) < start);
  BOOST_TEST(trained.objective == model.value(W), boost::test_tools::tolerance(1e-12));

  cancel = false;
  Cancelling other(2, cancel);
  W = model.initial_weights();
  const Summary batches = minibatch_gauss_newton(model, other, W, 20, 1e-3, options);
  BOOST_TEST(to_string(batches.status) == "interrupted");
  BOOST_TEST(!other.finished);
  BOOST_TEST(batches.objective == model.value(W), boost::test_tools::tolerance(1e-12));
}
