/// Two-layer networks with several outputs.
#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/diagnostics.hpp>
#include <raphson/models/network/kernel_preconditioner.hpp>
#include <raphson/models/network/minibatch.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solvers.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <functional>

using namespace raphson;
namespace bdata = boost::unit_test::data;

namespace {

arma::mat normal(Index rows, Index cols, std::uint64_t seed) {
  arma::mat A(rows, cols);
  Seed(seed).normal(0, std::span<double>(A.memptr(), A.n_elem));
  return A;
}

double distance(const arma::mat& A, const arma::mat& B) {
  BOOST_REQUIRE_EQUAL(A.n_rows, B.n_rows);
  BOOST_REQUIRE_EQUAL(A.n_cols, B.n_cols);
  return arma::norm(A - B, "fro") / arma::norm(B, "fro");
}

bool same_bits(const arma::mat& A, const arma::mat& B) {
  return A.n_elem == B.n_elem && std::memcmp(A.memptr(), B.memptr(), A.n_elem * sizeof(double)) == 0;
}

struct Case {
  std::string name;
  Index n, d, m, C;
  bool sparse;
  Activation activation;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

const std::vector<Case> cases{
    {"two outputs", 70, 3, 200, 2, false, Activation::relu()},
    {"four outputs, tiles and padding", 150, 5, 321, 4, false, Activation::relu()},
    {"softplus", 130, 4, 300, 3, false, Activation::softplus(3)},
    {"sparse", 90, 40, 67, 3, true, Activation::relu()},
    {"sparse softplus", 90, 40, 67, 3, true, Activation::softplus(0.5)},
    {"more rows than neurons of a line", 700, 2, 1100, 2, false, Activation::relu()},
    {"narrow", 100, 3, 21, 3, false, Activation::relu()},
    {"narrow softplus", 100, 3, 7, 3, false, Activation::softplus(2)},
    {"narrow sparse", 60, 20, 3, 2, true, Activation::relu()},
    {"one row", 1, 1, 2, 2, false, Activation::relu()},
};

/// A net with its outputs and Jacobian written out from the definition.
struct Fixture {
  arma::mat X, f, J;
  TwoLayerRelu model;
  Vec W;

  explicit Fixture(const Case& c) : X(features(c)), model(data(c, X), normal(c.n, c.C, 4), options(c)), W(model.initial_weights()) {
    const arma::mat Z = X * arma::mat(W.memptr(), c.d, c.m), &A = model.output_signs();
    const double beta = c.activation.sharpness, scale = 1 / std::sqrt(double(c.m));
    const bool relu = c.activation.kind == Activation::Kind::relu;
    const auto phi = [&](double z) { return relu ? std::max(z, 0.0) : std::log1p(std::exp(beta * z)) / beta; };
    const auto slope = [&](double z) { return relu ? (z >= 0 ? 1.0 : 0.0) : 1 / (1 + std::exp(-beta * z)); };
    f.zeros(c.n, c.C);
    J.zeros(c.n * c.C, c.m * c.d);
    for (Index o = 0; o < c.C; ++o) {
      for (Index i = 0; i < c.n; ++i) {
        for (Index r = 0; r < c.m; ++r) {
          f(i, o) += scale * A(r, o) * phi(Z(i, r));
          for (Index k = 0; k < c.d; ++k) J(o * c.n + i, r * c.d + k) = scale * A(r, o) * slope(Z(i, r)) * X(i, k);
        }
      }
    }
  }

  static TwoLayerReluOptions options(const Case& c) { return {.width = c.m, .activation = c.activation, .seed = 5}; }
  static arma::mat features(const Case& c) {
    arma::mat X = normal(c.n, c.d, 3);
    if (c.sparse) X.transform([](double x) { return std::abs(x) > 1.8 ? x : 0.0; });
    return X;
  }
  static DataMatrix data(const Case& c, const arma::mat& X) { return c.sparse ? DataMatrix(arma::sp_mat(X)) : DataMatrix(X); }
};

/// Three smooth targets on the sphere.
TwoLayerRelu easy(Index n, Index d, Index width, Activation activation = {}) {
  const Generated data = generate_sphere(n, d, Seed(3));
  const arma::mat X = data.C.dense().t();
  const arma::mat Y = arma::join_rows(data.y, arma::sin(2 * X.col(0)), arma::square(X.col(1)) - X.col(2));
  return TwoLayerRelu(data.C, Y, {.width = width, .activation = activation, .seed = 1});
}

}  // namespace

BOOST_DATA_TEST_CASE(agrees_with_the_definition, bdata::make(cases), c) {
  const Fixture net(c);
  BOOST_TEST(net.model.outputs() == c.C);
  BOOST_TEST(distance(net.model.predict(net.model.data(), net.W), net.f) < 1e-13);
  const Vec r = arma::vectorise(net.f - net.model.target());
  const auto at = net.model.linearize(net.W);
  BOOST_TEST(at->value() == 0.5 * arma::dot(r, r), boost::test_tools::tolerance(1e-13));
  BOOST_TEST(at->value() == net.model.value(net.W));
  BOOST_TEST(distance(at->gradient(), net.J.t() * r) < 1e-12);
  BOOST_TEST((at->step_form() == StepForm::adjoint) == (c.m * c.d >= c.n * c.C));
}

BOOST_DATA_TEST_CASE(products_are_those_of_the_jacobian, bdata::make(cases), c) {
  const Fixture net(c);
  const auto at = net.model.linearize(net.W);
  const arma::mat A = at->step_form() == StepForm::adjoint ? arma::mat(net.J.t()) : net.J;
  const Operator& op = *at->matrix();
  BOOST_REQUIRE(op.rows() == A.n_rows);
  BOOST_REQUIRE(op.cols() == A.n_cols);
  const arma::mat U = normal(A.n_cols, 2, 7), V = normal(A.n_rows, 2, 8), G = A.t() * A;
  arma::mat Y;
  op.apply(U, Y);
  BOOST_TEST(distance(Y, A * U) < 1e-12);
  op.apply_adjoint(V, Y);
  BOOST_TEST(distance(Y, A.t() * V) < 1e-12);
  op.apply_normal(U, Y);
  BOOST_TEST(distance(Y, G * U) < 1e-12);
  op.gram(Y);
  BOOST_TEST(distance(Y, G) < 1e-12);
  BOOST_TEST(same_bits(Y, Y.t()));
  arma::fmat single;
  op.single()->gram(single);
  BOOST_TEST(distance(arma::conv_to<arma::mat>::from(single), G) < 1e-6);
  Vec g;
  op.gram_diagonal(g);
  BOOST_TEST(distance(g, arma::mat(G.diag())) < 1e-12);
  const std::vector<Index> index{A.n_rows - 1, 0};
  op.gather_rows(index, Y);
  BOOST_TEST(distance(Y, arma::mat(A.rows(arma::uvec{index[0], index[1]}).t())) < 1e-12);
  BOOST_TEST(!op.has_sparse_gram());
}

BOOST_AUTO_TEST_CASE(sketches_are_those_of_the_jacobian) {
  const Fixture net(cases[0]);
  const auto at = net.model.linearize(net.W);
  for (const auto& kind : {tensor_sketch(cases[0].d), uniform_neurons_sketch(cases[0].d), count_sketch()}) {
    const auto S = kind->make(90, net.J.n_cols, Seed(2));
    arma::mat found, expected;
    at->matrix()->sketch(*S, found);
    S->apply(arma::mat(net.J.t()), expected);
    BOOST_TEST(distance(found, expected.t()) < 1e-12);
  }
}

BOOST_DATA_TEST_CASE(same_bits_for_any_thread_count, bdata::make(cases), c) {
  const Fixture net(c);
  const auto run = [&](int threads) {
    const ThreadScope scope(threads);
    const auto at = net.model.linearize(net.W);
    std::vector<arma::mat> results{at->gradient(), net.model.predict(net.model.data(), net.W), {}, {}, {}};
    at->matrix()->apply(normal(at->matrix()->cols(), 1, 7), results[2]);
    at->matrix()->apply_adjoint(normal(at->matrix()->rows(), 1, 8), results[3]);
    at->matrix()->gram(results[4]);
    return results;
  };
  const auto one = run(1);
  for (const int threads : {2, 4}) {
    const auto other = run(threads);
    for (Index i = 0; i < one.size(); ++i) BOOST_TEST(same_bits(one[i], other[i]));
  }
}

BOOST_AUTO_TEST_CASE(the_first_output_is_the_net_of_one_output) {
  const TwoLayerRelu three = easy(60, 5, 300);
  const TwoLayerRelu one(three.data(), three.target().col(0), {.width = 300, .seed = 1});
  BOOST_TEST(same_bits(three.output_signs().col(0), one.output_signs()));
  BOOST_TEST(!same_bits(three.output_signs().col(1), one.output_signs()));
  BOOST_TEST(!same_bits(three.output_signs().col(1), three.output_signs().col(2)));
  const Vec W = one.initial_weights();
  BOOST_TEST(same_bits(three.initial_weights(), W));
  BOOST_TEST(same_bits(three.predict(three.data(), W).col(0), one.predict(one.data(), W)));
  BOOST_TEST(one.outputs() == 1);
}

BOOST_AUTO_TEST_CASE(trains_to_zero_residual_by_every_strategy) {
  const TwoLayerRelu model = easy(60, 5, 1024);
  const std::pair<const char*, std::function<std::unique_ptr<LinearSolver>()>> strategies[] = {
      {"exact", [] { return std::make_unique<Exact>(); }},
      {"auto", [] { return std::make_unique<Auto>(); }},
      {"chord", [] { return std::make_unique<Chord>(); }},
      {"preconditioned-cg", [] { return std::make_unique<PreconditionedCg>(); }},
      {"preconditioned-cg, tensor sketch", [] { return std::make_unique<PreconditionedCg>(SketchOptions{.kind = tensor_sketch(5)}); }},
      {"preconditioned-cg, kernel", [&] { return std::make_unique<PreconditionedCg>(relu_kernel_preconditioner(model.data())); }},
  };
  for (const auto& [name, make] : strategies) {
    BOOST_TEST_CONTEXT(name) {
      const auto solver = make();
      Vec W = model.initial_weights();
      TrainOptions options;
      options.tolerance = 1e-9;
      const Summary summary = train_network(model, *solver, W, options);
      BOOST_TEST(summary.converged(), summary.message);
      BOOST_TEST(summary.iterations <= 12u);
      const arma::mat f = model.predict(model.data(), W);
      BOOST_TEST(arma::norm(f - model.target(), "fro") <=
                 1.001e-9 * arma::norm(model.predict(model.data(), model.initial_weights()) - model.target(), "fro"));
    }
  }
}

BOOST_AUTO_TEST_CASE(the_kernel_is_the_expectation_for_every_output) {
  const TwoLayerRelu model = easy(60, 5, 4096);
  const auto iterations = [&](const DataMatrix& X) {
    PreconditionedCg solver(relu_kernel_preconditioner(X));
    const auto at = model.linearize(model.initial_weights());
    GramSystem system;
    system.A = at->matrix();
    system.b = &at->right_hand_side();
    Vec z;
    const LinearReport report = solver.solve(system, z);
    BOOST_TEST((report.status == LinearStatus::converged));
    BOOST_TEST(report.fallbacks.empty());
    return report.iterations;
  };
  std::vector<Index> reversed(60);
  for (Index i = 0; i < 60; ++i) reversed[i] = 59 - i;
  BOOST_TEST(2 * iterations(model.data()) < iterations(model.on_rows(reversed).data()));
}

BOOST_AUTO_TEST_CASE(narrow_nets_take_direct_steps) {
  const TwoLayerRelu model = easy(100, 5, 12, Activation::softplus(2));
  Exact solver;
  Vec W = model.initial_weights();
  const double start = model.value(W);
  Options options;
  options.max_iterations = 20;
  const Summary summary = minimize(model, solver, W, options);
  BOOST_TEST(summary.objective < 0.2 * start);
}

BOOST_AUTO_TEST_CASE(smoothing_helps_where_unit_steps_wander) {
  const arma::mat rows = arma::normalise(normal(3, 20, 8));
  const TwoLayerRelu model(DataMatrix::from_rows(rows), normal(20, 2, 5), {.width = 300, .seed = 1});
  Exact solver;
  Vec W = model.initial_weights();
  TrainOptions options;
  options.tolerance = 1e-6;
  BOOST_TEST(train_network(model, solver, W, options).converged());
}

BOOST_AUTO_TEST_CASE(rows_and_minibatches) {
  const TwoLayerRelu model = easy(60, 5, 2048);
  const TwoLayerRelu part = model.on_rows({7, 3, 50});
  BOOST_TEST(same_bits(part.target(), model.target().rows(arma::uvec{7, 3, 50})));
  const Vec W0 = model.initial_weights();
  BOOST_TEST(distance(part.predict(part.data(), W0), model.predict(model.data(), W0).rows(arma::uvec{7, 3, 50})) < 1e-14);

  Exact solver;
  Vec W = W0;
  Options options;
  options.tolerance = 1e-6;
  options.max_iterations = 2000;
  const Summary summary = minibatch_gauss_newton(model, solver, W, 30, 0, options);
  BOOST_TEST(summary.converged(), summary.message);
}

BOOST_AUTO_TEST_CASE(conflicts_of_any_output_count) {
  arma::mat X = normal(20, 4, 3), Y = normal(20, 2, 4);
  X.row(5) = X.row(2);
  Y(5, 0) = Y(2, 0);
  Y(2, 1) = 1, Y(5, 1) = 4;  // only the second output differs
  X.row(9).zeros();
  Y.row(9) = arma::rowvec{3, 0};  // ReLU gives 0
  X.row(11) = X.row(12);
  Y.row(11) = Y.row(12);
  const TwoLayerRelu model(DataMatrix(X), Y, {.width = 200, .seed = 1});
  BOOST_TEST(model.conflicts().groups == 1u);
  BOOST_TEST(model.conflicts().equal_groups == 2u);
  BOOST_TEST(model.conflicts().zero_rows == 1u);
  BOOST_TEST(model.conflicts().floor == std::sqrt(9 + 4.5), boost::test_tools::tolerance(1e-14));
  Exact solver;
  Vec W = model.initial_weights();
  const Summary summary = train_network(model, solver, W);
  BOOST_TEST((summary.status == Status::unattainable), summary.message);
  BOOST_TEST(std::sqrt(2 * model.value(W)) <= 1.01 * std::sqrt(13.5));
}

BOOST_AUTO_TEST_CASE(diagnostics_see_all_outputs) {
  const TwoLayerRelu model = easy(40, 5, 4096);
  const NetworkHealth health = NetworkDiagnostics(model, model.initial_weights()).at(model.initial_weights());
  BOOST_TEST(health.flipped == 0);
  BOOST_TEST(health.lambda_min_gram > 0.3 * health.lambda_min_kernel);
  BOOST_TEST(health.lambda_min_gram < 1.5 * health.lambda_min_kernel);
}

BOOST_AUTO_TEST_CASE(a_target_of_the_wrong_shape_is_refused) {
  const auto text = [](const arma::mat& Y) {
    try {
      TwoLayerRelu(DataMatrix(normal(5, 2, 1)), Y);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  BOOST_TEST(text(normal(4, 2, 1)).starts_with("Y is 4 x 2, X has 5 rows"));
  BOOST_TEST(text(normal(2, 5, 1)).starts_with("Y is 2 x 5, X has 5 rows"));
  BOOST_TEST(text(normal(4, 1, 1)).starts_with("y has 4 elements, expected 5"));
  BOOST_TEST(text(arma::mat()).starts_with("y has 0 elements, expected 5"));
  arma::mat Y = normal(5, 2, 1);
  Y(3, 1) = std::nan("");
  BOOST_TEST(text(Y) == "Y has 1 non-finite value; first at row 3, column 1 (nan). Remove or impute those rows.");
}
