/// Training left at a checkpoint and taken up again ends in the bits of a run that nobody interrupted.

#include <raphson/core/error.hpp>
#include <raphson/models/deep_relu.hpp>
#include <raphson/models/network/kernel_preconditioner.hpp>
#include <raphson/models/network/train_state.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/solvers.hpp>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <functional>

using namespace raphson;

namespace {

/// Random targets on few dimensions: unit steps disappoint, stages with smoothed activations follow.
TwoLayerRelu rough(std::uint64_t targets = 5, Index width = 300) {
  const Index n = 20;
  arma::mat rows(3, n);
  Vec y(n);
  Seed(8).normal(0, std::span<double>(rows.memptr(), rows.n_elem));
  Seed(targets).normal(0, std::span<double>(y.memptr(), n));
  return TwoLayerRelu(DataMatrix::from_rows(arma::normalise(rows)), y, {.width = width, .seed = 1});
}

bool same_bits(const Vec& a, const Vec& b) {
  return a.n_elem == b.n_elem && std::memcmp(a.memptr(), b.memptr(), a.n_elem * sizeof(double)) == 0;
}

struct Strategy {
  std::string name;
  std::function<std::unique_ptr<LinearSolver>(const TwoLayerRelu&)> make;
};

std::vector<Strategy> strategies() {
  return {
      {"exact", [](const TwoLayerRelu&) { return std::make_unique<Exact>(); }},
      {"chord", [](const TwoLayerRelu&) { return std::make_unique<Chord>(0.9); }},
      {"preconditioned-cg, kept",
       [](const TwoLayerRelu&) { return std::make_unique<PreconditionedCg>(SketchOptions{}, Reuse::while_contracting); }},
      {"preconditioned-cg, kernel",
       [](const TwoLayerRelu& model) { return std::make_unique<PreconditionedCg>(relu_kernel_preconditioner(model.data())); }},
      {"jacobi-cg", [](const TwoLayerRelu&) { return std::make_unique<Cg>(Cg::Scaling::jacobi); }},
      {"auto", [](const TwoLayerRelu&) { return std::make_unique<Auto>(); }},
  };
}

struct Result {
  Vec W;
  Summary summary;
  std::vector<std::string> states;  ///< as bytes, one a checkpoint
  std::vector<Index> told;          ///< iterations that the callback saw
};

Result train(const TwoLayerRelu& model, const Strategy& strategy, TrainOptions options) {
  Result result;
  if (!options.checkpoint) options.checkpoint = [&](const TrainState& state) { result.states.push_back(to_bytes(state)); };
  if (!options.callback) {
    options.callback = [&](const Iteration& row) {
      result.told.push_back(row.iteration);
      return Action::proceed;
    };
  }
  const auto solver = strategy.make(model);
  result.W = model.initial_weights();
  result.summary = train_network(model, *solver, result.W, options);
  return result;
}

TrainOptions resumed(const std::string& bytes, TrainOptions options = {}) {
  options.resume = std::make_shared<const TrainState>(train_state(bytes));
  return options;
}

/// The same history but for the clock.
void check_same(const Summary& a, const Summary& b) {
  BOOST_TEST(to_string(a.status) == to_string(b.status));
  BOOST_TEST(a.message == b.message);
  BOOST_TEST(a.iterations == b.iterations);
  BOOST_TEST(a.inner_iterations == b.inner_iterations);
  BOOST_TEST(a.objective == b.objective);
  BOOST_TEST(a.residual_ratio == b.residual_ratio);
  BOOST_TEST(a.notes == b.notes, boost::test_tools::per_element());
  BOOST_REQUIRE(a.history.size() == b.history.size());
  for (Index i = 0; i < a.history.size(); ++i) {
    BOOST_TEST(a.history[i].iteration == b.history[i].iteration);
    BOOST_TEST(a.history[i].objective == b.history[i].objective);
    BOOST_TEST(a.history[i].residual_ratio == b.history[i].residual_ratio);
    BOOST_TEST(a.history[i].damping == b.history[i].damping);
    BOOST_TEST(a.history[i].fallback == b.history[i].fallback);
    if (i > 0) BOOST_TEST(b.history[i].seconds >= b.history[i - 1].seconds);
  }
}

/// What a call with these options is refused with.
std::string refusal(const TwoLayerRelu& model, LinearSolver& solver, const TrainOptions& options, Vec W) {
  try {
    train_network(model, solver, W, options);
  } catch (const InputError& error) {
    return error.what();
  }
  return "not refused";
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_checkpoint_leads_to_the_same_bits_whatever_the_solver) {
  const TwoLayerRelu model = rough();
  for (const Strategy& strategy : strategies()) {
    BOOST_TEST_CONTEXT(strategy.name) {
      TrainOptions options;
      options.checkpoint_every = 3;
      options.max_iterations = 60;
      const Result whole = train(model, strategy, options);
      BOOST_REQUIRE(whole.states.size() >= 5u);
      bool smoothed = false;
      for (Index i = 0; i < whole.states.size(); i += strategy.name == "exact" ? 1 : 4) {
        BOOST_TEST_CONTEXT("checkpoint " << i) {
          const TrainState state = train_state(whole.states[i]);
          smoothed = smoothed || state.asked.text.find("softplus") != std::string::npos;
          const Result rest = train(model, strategy, resumed(whole.states[i], options));
          BOOST_TEST(same_bits(rest.W, whole.W));
          check_same(whole.summary, rest.summary);
          BOOST_REQUIRE(!rest.told.empty());
          BOOST_TEST(rest.told.front() == state.iterations + 1);  // what was told before is not told again
          BOOST_TEST(rest.states.size() == whole.states.size() - i - 1);
        }
      }
      BOOST_TEST(smoothed);
    }
  }
}

/// From every checkpoint of a net that is trained otherwise.
template <class Net>
void check_resumes(const Net& net, std::size_t checkpoints) {
  std::vector<std::string> states;
  TrainOptions options;
  options.checkpoint_every = 2;
  options.max_iterations = 40;
  options.checkpoint = [&](const TrainState& state) { states.push_back(to_bytes(state)); };
  Exact solver;
  Vec whole = net.initial_weights();
  const Summary summary = train_network(net, solver, whole, options);
  BOOST_REQUIRE(states.size() >= checkpoints);
  for (const std::string& bytes : std::vector<std::string>(states)) {
    Exact fresh;
    Vec theta = net.initial_weights();
    const Summary rest = train_network(net, fresh, theta, resumed(bytes, options));
    BOOST_TEST(same_bits(theta, whole));
    BOOST_TEST(rest.message == summary.message);
    BOOST_TEST(rest.notes == summary.notes, boost::test_tools::per_element());
    BOOST_REQUIRE(rest.history.size() == summary.history.size());
    for (Index i = 0; i < rest.history.size(); ++i) {
      BOOST_TEST(rest.history[i].objective == summary.history[i].objective);
      BOOST_TEST(rest.history[i].fallback == summary.history[i].fallback);
    }
  }
}

BOOST_AUTO_TEST_CASE(penalized_and_deeper_nets_resume_to_the_same_bits) {
  const TwoLayerRelu plain = rough();
  check_resumes(TwoLayerRelu(plain.data(), plain.target(), {.width = 100, .seed = 1, .l2 = 0.2}), 12);
  check_resumes(TwoLayerRelu(plain.data(), plain.target(), {.width = 100, .seed = 1, .train_output = true}), 2);
  const DeepRelu deep(plain.data(), plain.target(), {.widths = {20, 10}, .seed = 1});
  check_resumes(deep, 5);

  TrainOptions options;
  options.checkpoint_every = 2;
  options.max_iterations = 5;
  std::string bytes;
  options.checkpoint = [&](const TrainState& state) { bytes = to_bytes(state); };
  Exact solver;
  Vec theta = deep.initial_weights();
  train_network(deep, solver, theta, options);
  theta = deep.initial_weights();
  const DeepRelu other(plain.data(), plain.target(), {.widths = {10, 20}, .seed = 1});
  theta = other.initial_weights();
  BOOST_CHECK_EXCEPTION(train_network(other, solver, theta, resumed(bytes, options)), InputError, [](const InputError& e) {
    return std::string(e.what()).find("made with network deep-relu, sharpness 1, widths 20, 10") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(a_checkpoint_after_every_step_resumes_everywhere) {
  for (const Globalization globalization : {Globalization::automatic, Globalization::nonmonotone, Globalization::levenberg_marquardt}) {
    const TwoLayerRelu model = rough();
    const Strategy chord = strategies()[1];
    TrainOptions options;
    options.checkpoint_every = 1;
    options.max_iterations = 25;
    options.globalization = globalization;
    const Result whole = train(model, chord, options);
    BOOST_REQUIRE(whole.states.size() >= 10u);
    for (const std::string& state : whole.states) BOOST_TEST(same_bits(train(model, chord, resumed(state, options)).W, whole.W));
  }
}

BOOST_AUTO_TEST_CASE(resuming_twice_on_other_threads_with_a_longer_limit_is_no_different) {
  const TwoLayerRelu model = rough();
  const Strategy exact = strategies()[0];
  TrainOptions options;
  options.checkpoint_every = 4;
  const Result whole = train(model, exact, options);
  BOOST_TEST(whole.summary.converged(), whole.summary.message);
  TrainOptions cut = options;
  cut.max_iterations = 9;
  const Result first = train(model, exact, cut);
  BOOST_TEST(to_string(first.summary.status) == "iteration_limit");
  cut.max_iterations = 30;
  cut.threads = 1;
  const Result second = train(model, exact, resumed(first.states.back(), cut));
  TrainOptions rest;  // the interval is that of the state
  rest.threads = 3;
  const Result third = train(model, exact, resumed(second.states.back(), rest));
  BOOST_TEST(same_bits(third.W, whole.W));
  check_same(whole.summary, third.summary);
  BOOST_TEST(third.summary.seconds >= train_state(second.states.back()).seconds);
}

// What the solver keeps is dropped at a checkpoint even if nobody takes it.
BOOST_AUTO_TEST_CASE(the_interval_alone_decides_the_bits) {
  const TwoLayerRelu model = rough();
  const Strategy chord = strategies()[1];
  TrainOptions options;
  options.checkpoint_every = 2;
  options.max_iterations = 20;
  const Result taken = train(model, chord, options);
  Vec W = model.initial_weights();
  Chord solver(0.9);
  train_network(model, solver, W, options);
  BOOST_TEST(same_bits(W, taken.W));
}

BOOST_AUTO_TEST_CASE(an_exception_while_saving_leaves_the_best_point) {
  const TwoLayerRelu model = rough();
  TrainOptions options;
  options.checkpoint_every = 5;
  options.checkpoint = [](const TrainState&) { throw std::runtime_error("disk full"); };
  Exact solver;
  Vec W = model.initial_weights();
  const double before = model.value(W);
  BOOST_CHECK_THROW(train_network(model, solver, W, options), std::runtime_error);
  BOOST_TEST(model.value(W) < before);
}

BOOST_AUTO_TEST_CASE(the_time_limit_is_that_of_the_call) {
  const TwoLayerRelu model = rough();
  const Strategy exact = strategies()[0];
  TrainOptions options;
  options.checkpoint_every = 5;
  const Result whole = train(model, exact, options);
  TrainState late = train_state(whole.states[0]);
  late.seconds = late.begun = 1e6;  // a run that has taken days
  options.resume = std::make_shared<const TrainState>(late);
  options.time_limit = 100;
  const Result rest = train(model, exact, options);
  BOOST_TEST(rest.summary.converged(), rest.summary.message);
  BOOST_TEST(rest.summary.seconds >= 1e6);
  options.time_limit = 1e-9;
  BOOST_TEST(to_string(train(model, exact, options).summary.status) == "time_limit");
}

BOOST_AUTO_TEST_CASE(other_data_and_options_are_refused) {
  const TwoLayerRelu model = rough();
  const Strategy exact = strategies()[0];
  TrainOptions options;
  options.checkpoint_every = 5;
  const Result whole = train(model, exact, options);
  const TrainOptions again = resumed(whole.states[0], options);
  Exact solver;
  Cg other_solver;
  Vec W = model.initial_weights();
  const auto expect = [](const std::string& text, const std::string& part) {
    BOOST_TEST(text.find(part) != std::string::npos, "expected \"" << part << "\", got \"" << text << '"');
  };
  expect(refusal(rough(6), solver, again, W), "the state belongs to other data");
  expect(refusal(rough(5, 299), solver, again, rough(5, 299).initial_weights()),
         "the state was made with network two_layer_relu, width 300");
  expect(refusal(model.with_activation(Activation::softplus()), solver, again, W), "with network two_layer_relu, width 300");
  Vec other_start = W;
  other_start[0] += 1;
  expect(refusal(model, solver, again, other_start), "the state belongs to other initial weights");
  expect(refusal(model, other_solver, again, W), "the state was made with solver exact, this run has cg.");
  TrainOptions changed = again;
  changed.tolerance = 1e-6;
  expect(refusal(model, solver, changed, W), "the state was made with tolerance 1e-08, this run has 1e-06.");
  changed = again;
  changed.seed = 9;
  expect(refusal(model, solver, changed, W), "with seed 0, this run has 9");
  changed = again;
  changed.checkpoint_every = 6;
  expect(refusal(model, solver, changed, W), "with checkpoint_every = 5, this run has 6");
  changed = {};
  changed.checkpoint = [](const TrainState&) {};
  expect(refusal(model, solver, changed, W), "checkpoint_every = 0 with a checkpoint function");
  // A policy that would have gone another way: nothing is silently mixed.
  TrainState foreign = train_state(whole.states.back());
  foreign.asked.text += "?";
  changed = again;
  changed.resume = std::make_shared<const TrainState>(foreign);
  expect(refusal(model, solver, changed, W), "the state is of another version of this library");
}

BOOST_AUTO_TEST_CASE(damaged_states_are_refused) {
  TrainOptions options;
  options.checkpoint_every = 5;
  options.max_iterations = 12;
  const std::string bytes = train(rough(5, 30), strategies()[0], options).states.back();
  BOOST_TEST(to_bytes(train_state(bytes)) == bytes);
  const auto text_of = [](const std::string& damaged) -> std::string {
    try {
      train_state(damaged);
    } catch (const InputError& error) {
      return error.what();
    }
    return "read";
  };
  for (Index length = 0; length < bytes.size(); length += 1 + length / 40)
    BOOST_TEST(text_of(bytes.substr(0, length)) != "read", "first " << length << " of " << bytes.size() << " bytes");
  for (Index at = 0; at < bytes.size(); at += 1 + at / 40) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    BOOST_TEST(text_of(flipped) != "read", "byte " << at);
  }
  BOOST_TEST(text_of("{\"format\": \"raphson model\"}") == "is not a raphson training state: it does not begin as one");
  BOOST_TEST(text_of(bytes + "x").find("is damaged") == 0u);
}
