#include <raphson/core/early_stopping.hpp>
#include <raphson/core/error.hpp>
#include <raphson/models/network/minibatch.hpp>
#include <raphson/models/network/train_state.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/first_order.hpp>
#include <raphson/solvers/solvers.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace raphson;

namespace {

/// Noisy targets: fitting them to zero residual is worst for new rows.
struct Noisy {
  Generated all = generate_sphere(90, 4, Seed(3));
  Vec y = [this] {
    Vec noise(90);
    Seed(7).normal(0, std::span<double>(noise.memptr(), 90));
    return Vec(all.y + 0.5 * arma::stddev(all.y) * noise);
  }();
  TwoLayerRelu model{rows(0, 60), y.head(60), {.width = 400, .seed = 1}};
  DataMatrix held = rows(60, 90);

  DataMatrix rows(Index from, Index to) const { return DataMatrix::from_rows(arma::mat(all.C.dense().cols(from, to - 1))); }
  double error(const Vec& W) const { return arma::norm(model.predict(held, W) - y.tail(30)) / std::sqrt(30.0); }
};

/// What must hold when a run with patience has ended.
void check_best(const Noisy& noisy, const EarlyStopping& watch, const Vec& W, const Summary& summary) {
  double least = std::numeric_limits<double>::infinity();
  for (const Iteration& row : summary.history) {
    if (!std::isnan(row.held_out)) least = std::min(least, row.held_out);
    BOOST_TEST(row.theta == nullptr);
  }
  BOOST_TEST(watch.state().best_error == least);
  BOOST_TEST(noisy.error(W) == least);
  BOOST_TEST(summary.objective == noisy.model.value(W), boost::test_tools::tolerance(1e-10));
  const double start = std::sqrt(2 * noisy.model.value(noisy.model.initial_weights()));
  BOOST_TEST(summary.residual_ratio == std::sqrt(2 * noisy.model.value(W)) / start, boost::test_tools::tolerance(1e-8));
}

}  // namespace

BOOST_AUTO_TEST_CASE(stops_and_returns_the_best_point_of_every_method) {
  const Noisy noisy;
  Exact solver;
  const std::vector<std::pair<std::string, std::function<Summary(Vec&, const Options&)>>> methods = {
      {"train_network",
       [&](Vec& W, const Options& options) {
         TrainOptions training;
         static_cast<Options&>(training) = options;
         return train_network(noisy.model, solver, W, training);
       }},
      {"minimize", [&](Vec& W, const Options& options) { return minimize(noisy.model, solver, W, options); }},
      {"minibatch", [&](Vec& W, const Options& options) { return minibatch_gauss_newton(noisy.model, solver, W, 20, 1e-2, options); }},
      {"lbfgs", [&](Vec& W, const Options& options) { return lbfgs(noisy.model, W, options); }},
  };
  for (const auto& [name, run] : methods) {
    BOOST_TEST_CONTEXT(name) {
      EarlyStopping watch([&](const Vec& W) { return noisy.error(W); }, 3);
      Options options;
      options.max_iterations = 3000;
      std::vector<double> told;
      options.callback = watch.callback([&](const Iteration& row) {
        told.push_back(row.held_out);
        return Action::proceed;
      });
      Vec W = noisy.model.initial_weights();
      Summary summary = run(W, options);
      watch.finish(noisy.model, W, summary);
      check_best(noisy, watch, W, summary);
      BOOST_TEST(to_string(summary.status) == "early_stopped", summary.message);
      BOOST_TEST(summary.message.find("no better held-out error in 3 measurements") == 0u, summary.message);
      BOOST_TEST(!summary.converged());
      BOOST_TEST(watch.state().since_best == 3u);
      BOOST_REQUIRE(told.size() == watch.state().errors.size());
      for (Index i = 0; i < told.size(); ++i) BOOST_TEST(told[i] == watch.state().errors[i].second);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_run_that_ends_otherwise_says_which_point_is_returned) {
  const Noisy noisy;
  Exact solver;
  const auto train = [&](Index patience, Index limit, EarlyStopping*& out, Vec& W) {
    static std::unique_ptr<EarlyStopping> watch;
    watch = std::make_unique<EarlyStopping>([&](const Vec& theta) { return noisy.error(theta); }, patience);
    out = watch.get();
    TrainOptions options;
    options.max_iterations = limit;
    options.callback = watch->callback();
    W = noisy.model.initial_weights();
    Summary summary = train_network(noisy.model, solver, W, options);
    watch->finish(noisy.model, W, summary);
    return summary;
  };
  EarlyStopping* watch = nullptr;
  Vec W, trained;
  const Summary measured = train(0, 1000, watch, trained);
  BOOST_TEST(measured.converged(), measured.message);
  BOOST_TEST(noisy.error(trained) > 1.02 * watch->state().best_error);  // else this test shows nothing
  BOOST_TEST(watch->state().best.is_empty());
  for (const Iteration& row : measured.history) BOOST_TEST(!std::isnan(row.held_out));

  const Summary patient = train(100000, 1000, watch, W);
  check_best(noisy, *watch, W, patient);
  BOOST_TEST(to_string(patient.status) == "early_stopped");
  BOOST_TEST(patient.message.find("residual ratio ") == 0u, patient.message);
  BOOST_TEST(patient.message.find("the point returned is that of iteration ") != std::string::npos, patient.message);

  const Summary cut = train(100000, measured.iterations - 1, watch, W);
  check_best(noisy, *watch, W, cut);
  BOOST_TEST(to_string(cut.status) == "iteration_limit");
}

BOOST_AUTO_TEST_CASE(resumes_with_its_count) {
  const Noisy noisy;
  Exact solver;
  TrainOptions options;
  options.checkpoint_every = 1;
  std::vector<std::pair<std::string, std::string>> saved;
  EarlyStopping watch([&](const Vec& W) { return noisy.error(W); }, 4);
  options.callback = watch.callback();
  options.checkpoint = [&](const TrainState& state) { saved.emplace_back(to_bytes(state), to_bytes(watch.state())); };
  Vec W = noisy.model.initial_weights();
  Summary whole = train_network(noisy.model, solver, W, options);
  watch.finish(noisy.model, W, whole);
  BOOST_TEST(to_string(whole.status) == "early_stopped");
  BOOST_REQUIRE(saved.size() >= 4u);
  for (const auto& [state, counted] : saved) {
    EarlyStopping again([&](const Vec& theta) { return noisy.error(theta); }, 4);
    again.restore(early_stopping_state(counted));
    TrainOptions rest;
    rest.resume = std::make_shared<const TrainState>(train_state(state));
    rest.callback = again.callback();
    Vec V = noisy.model.initial_weights();
    Summary summary = train_network(noisy.model, solver, V, rest);
    again.finish(noisy.model, V, summary);
    BOOST_TEST(summary.message == whole.message);
    BOOST_TEST(arma::all(V == W));
    for (Index i = 0; i < whole.history.size(); ++i) BOOST_TEST(summary.history[i].held_out == whole.history[i].held_out);
  }
  BOOST_CHECK_THROW(early_stopping_state(saved[0].first), InputError);
}

BOOST_AUTO_TEST_CASE(what_is_no_number_is_never_best) {
  const Noisy noisy;
  Exact solver;
  EarlyStopping watch([](const Vec&) { return std::numeric_limits<double>::quiet_NaN(); }, 2);
  TrainOptions options;
  options.callback = watch.callback();
  Vec W = noisy.model.initial_weights();
  Summary summary = train_network(noisy.model, solver, W, options);
  watch.finish(noisy.model, W, summary);
  BOOST_TEST(summary.iterations == 2u);
  BOOST_TEST(to_string(summary.status) == "stopped");
  BOOST_TEST(summary.message.find("never a number") != std::string::npos, summary.message);
  BOOST_CHECK_THROW(EarlyStopping(nullptr), InputError);
}
