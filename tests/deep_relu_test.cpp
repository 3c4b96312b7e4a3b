#include <raphson/core/threads.hpp>
#include <raphson/models/deep_relu.hpp>
#include <raphson/models/network/kernel_preconditioner.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solvers.hpp>
#include <support/network.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace raphson;
using namespace raphson::test;
namespace bdata = boost::unit_test::data;

namespace {

/// f and J by the definition, one observation at a time.
struct Reference {
  Vec f;
  arma::mat J;  ///< n × P

  Reference(const arma::mat& X, const DeepRelu& model, const Vec& theta) : f(X.n_rows), J(X.n_rows, theta.n_elem) {
    for (Index i = 0; i < X.n_rows; ++i) add(i, X.row(i).t(), model, theta);
  }

 private:
  void add(Index i, const Vec& x, const DeepRelu& model, const Vec& theta) {
    std::vector<Vec> h{x}, z;
    std::vector<arma::mat> W;
    Index at = 0;
    for (Index l = 0; l < model.widths().size(); ++l) {
      const Index m = model.widths()[l];
      W.push_back(arma::reshape(theta.subvec(at, at + m * h.back().n_elem - 1), h.back().n_elem, m).t());
      at += W.back().n_elem;
      z.push_back(W.back() * h.back());
      Vec out = z.back();
      out.transform([&](double value) { return phi(value, model.activation()); });
      h.push_back(std::sqrt((l + 1 == model.widths().size() ? 1.0 : 2.0) / double(m)) * out);
    }
    f[i] = arma::dot(model.output_signs(), h.back());
    Vec back = model.output_signs();
    for (Index l = model.widths().size(); l-- > 0;) {
      Vec slope = z[l];
      slope.transform([&](double value) { return phi_prime(value, model.activation()); });
      const Vec delta = std::sqrt((l + 1 == model.widths().size() ? 1.0 : 2.0) / double(z[l].n_elem)) * slope % back;
      at -= W[l].n_elem;
      J(i, arma::span(at, at + W[l].n_elem - 1)) = arma::kron(delta, h[l]).t();
      back = W[l].t() * delta;
    }
  }
};

struct Case {
  const char* name;
  Index n, d;
  std::vector<Index> widths;
  bool sparse;
  Activation activation;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

const Case cases[] = {
    {"wide", 70, 3, {40, 30}, false, Activation::relu()},
    {"wide, four layers of weights", 150, 5, {20, 30, 25}, false, Activation::relu()},
    {"wide softplus", 130, 4, {20, 30}, false, Activation::softplus(3)},
    {"wide sparse", 90, 40, {17, 12, 8}, true, Activation::relu()},
    {"wide sparse softplus", 90, 40, {12, 9}, true, Activation::softplus(0.5)},
    {"one hidden layer", 60, 4, {50}, false, Activation::relu()},
    {"P = n", 35, 3, {5, 4}, false, Activation::relu()},
    {"narrow", 700, 2, {5, 4}, false, Activation::relu()},
    {"narrow softplus, many rows", 4500, 3, {4, 3}, false, Activation::softplus(2)},
    {"narrow sparse", 300, 20, {3, 4, 2}, true, Activation::relu()},
    {"more than a tile", 300, 6, {300, 280}, false, Activation::relu()},
    {"one of each", 1, 1, {1, 1}, false, Activation::relu()},
};

struct Fixture {
  arma::mat X;
  DeepRelu model;
  Vec theta;

  explicit Fixture(const Case& c)
      : X(c.sparse ? arma::mat(banded_matrix(c.n, c.d, 3)) : random_matrix(c.n, c.d, 3)),
        model(c.sparse ? DataMatrix(arma::sp_mat(X)) : DataMatrix(X), random_vector(c.n, 4),
              {.widths = c.widths, .activation = c.activation, .seed = 5}),
        theta(model.initial_weights()) {}
};

DeepRelu sphere_net(Index n, Index d, std::vector<Index> widths, Activation activation = {}) {
  const Generated data = generate_sphere(n, d, Seed(3));
  return {data.C, data.y, {.widths = std::move(widths), .activation = activation, .seed = 1}};
}

}  // namespace

BOOST_DATA_TEST_CASE(agrees_with_the_definition, bdata::make(cases), c) {
  const Fixture fixture(c);
  const Reference reference(fixture.X, fixture.model, fixture.theta);
  const Vec r = reference.f - fixture.model.target();
  BOOST_TEST(distance(fixture.model.predict(fixture.model.data(), fixture.theta), reference.f) < 1e-12);
  const auto at = fixture.model.linearize(fixture.theta);
  BOOST_TEST(at->value() == fixture.model.value(fixture.theta));
  BOOST_TEST(at->residual_norm() == arma::norm(r), boost::test_tools::tolerance(1e-12));
  BOOST_TEST(distance(at->gradient(), reference.J.t() * r) < 1e-12);
  const bool wide = fixture.model.parameters() >= c.n;
  BOOST_TEST((at->step_form() == StepForm::adjoint) == wide);
  BOOST_TEST(distance(at->right_hand_side(), wide ? Vec(-r) : Vec(-reference.J.t() * r)) < 1e-12);
  check_operator(*at->matrix(), wide ? arma::mat(reference.J.t()) : reference.J);
}

BOOST_DATA_TEST_CASE(line_is_the_model_along_the_step, bdata::make(cases), c) {
  const Fixture fixture(c);
  const Vec p = random_vector(fixture.theta.n_elem, 6);
  const auto line = fixture.model.along(fixture.theta, p);
  for (const double t : {1.0, 0.5, 0.25}) BOOST_TEST(line->value(t) == fixture.model.value(fixture.theta + t * p));
  const auto at = line->linearize(0.25), expected = fixture.model.linearize(fixture.theta + 0.25 * p);
  BOOST_TEST(same_bits(at->gradient(), expected->gradient()));
  BOOST_TEST(line->linearize(1)->value() == fixture.model.value(fixture.theta + p));
}

BOOST_DATA_TEST_CASE(same_bits_on_any_number_of_threads, bdata::make(cases), c) {
  std::vector<arma::mat> expected;
  for (const int threads : {1, 2, 4}) {
    const ThreadScope scope(threads);
    const Fixture fixture(c);
    const auto at = fixture.model.linearize(fixture.theta);
    arma::mat along, back, gram;
    at->matrix()->apply(at->right_hand_side(), along);
    at->matrix()->apply_adjoint(along, back);
    at->matrix()->gram(gram);
    const std::vector<arma::mat> found{fixture.theta, at->gradient(), along, back, gram, arma::mat(1, 1).fill(at->value())};
    if (expected.empty()) expected = found;
    for (Index i = 0; i < found.size(); ++i) BOOST_TEST(same_bits(found[i], expected[i]));
  }
}

BOOST_AUTO_TEST_CASE(one_hidden_layer_is_the_two_layer_network) {
  for (const Activation& activation : {Activation::relu(), Activation::softplus(2)}) {
    for (const Index width : {Index{100}, Index{5}}) {
      const DataMatrix X(random_matrix(40, 4, 1));
      const Vec y = random_vector(40, 2);
      const DeepRelu deep(X, y, {.widths = {width}, .activation = activation, .seed = 9});
      const TwoLayerRelu shallow(X, y, {.width = width, .activation = activation, .seed = 9});
      const Vec W = shallow.initial_weights();
      BOOST_TEST(same_bits(deep.initial_weights(), W));
      BOOST_TEST(same_bits(deep.output_signs(), shallow.output_signs()));
      BOOST_TEST(distance(deep.predict(X, W), shallow.predict(X, W)) < 1e-13);
      const auto a = deep.linearize(W), b = shallow.linearize(W);
      BOOST_TEST(distance(a->gradient(), b->gradient()) < 1e-13);
      arma::mat G, H;
      a->matrix()->gram(G);
      b->matrix()->gram(H);
      BOOST_TEST(distance(G, H) < 1e-13);
    }
  }
}

BOOST_AUTO_TEST_CASE(not_a_number_in_the_weights_is_seen) {
  for (const Activation& activation : {Activation::relu(), Activation::softplus(2)}) {
    const DeepRelu model(DataMatrix(random_matrix(9, 3, 1)), random_vector(9, 2), {.widths = {8, 6}, .activation = activation});
    Vec theta = model.initial_weights();
    theta[13] = std::numeric_limits<double>::quiet_NaN();  // neuron 4 of the first layer
    BOOST_TEST(std::isnan(model.value(theta)));
    const auto at = model.linearize(theta);
    BOOST_TEST(std::isnan(at->residual_norm()));
    BOOST_TEST(at->matrix()->non_finite() == "neuron 4 of hidden layer 1 at observation 0 (nan)");
  }
}

BOOST_AUTO_TEST_CASE(kernel_of_any_depth_has_its_known_values) {
  const arma::mat X{{3, 0, 0}, {0, 2, 0}, {0, 0, 0}, {-1, 0, 0}, {5, 0, 1e-9}};
  for (const Index layers : {Index{1}, Index{2}, Index{3}, Index{5}}) {
    const arma::mat K = relu_kernel(DataMatrix(X), layers);
    BOOST_TEST(distance(relu_kernel(DataMatrix(arma::sp_mat(X)), layers), K) < 1e-14);
    BOOST_TEST(K(0, 0) == 4.5 * double(layers), boost::test_tools::tolerance(1e-14));  // each layer adds ‖x‖²/2
    BOOST_TEST(arma::norm(K.col(2)) == 0);
    BOOST_TEST(K(0, 4) / 15 == 0.5 * double(layers), boost::test_tools::tolerance(1e-8));
  }
  const double pi = std::acos(-1.0);
  const arma::mat K = relu_kernel(DataMatrix(X), 2);
  // Orthogonal rows: nothing from the first layer; cos of the next angle is 1/π, and Σ̇ = (π − arccos(1/π))/π.
  BOOST_TEST(K(0, 1) == 0.5 * 6 / pi * (pi - std::acos(1 / pi)) / pi, boost::test_tools::tolerance(1e-13));
  // Opposite rows: Σ̇ = 0 and cos = 0 after the first layer.
  BOOST_TEST(std::abs(K(0, 3)) < 1e-15);
  refused([&] { relu_kernel(DataMatrix(X), 0); }, "no hidden layers");
  refused([&] { relu_kernel_preconditioner(DataMatrix(X), 0); }, "no hidden layers");
}

BOOST_AUTO_TEST_CASE(kernel_is_the_expectation_over_wide_layers) {
  const arma::mat X = random_matrix(10, 4, 21);
  for (const std::vector<Index>& widths : {std::vector<Index>{1500, 1500}, {800, 800, 800}}) {
    arma::mat mean(10, 10, arma::fill::zeros), G;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      const DeepRelu model(DataMatrix(X), random_vector(10, 2), {.widths = widths, .seed = seed});
      model.linearize(model.initial_weights())->matrix()->gram(G);
      mean += G / 10;
    }
    // A mean of 10 matrices whose scale varies by some √(10 H/m) each; another depth is off by a third.
    BOOST_TEST(distance(mean, relu_kernel(DataMatrix(X), widths.size())) < 0.1);
    BOOST_TEST(distance(mean, relu_kernel(DataMatrix(X), widths.size() + 1)) > 0.2);
  }
}

BOOST_AUTO_TEST_CASE(rows_that_disagree_are_noted_and_bound_the_residual) {
  arma::mat X = random_matrix(10, 3, 1);
  Vec y = random_vector(10, 2);
  X.row(4) = X.row(1);
  y[1] = 1, y[4] = 3;  // deviations −1, 1
  X.row(5).zeros();    // f = 0 there
  y[5] = 2;
  const DeepRelu model(DataMatrix(X), y, {.widths = {30, 30}});
  BOOST_REQUIRE_EQUAL(model.notes().size(), 1u);
  BOOST_TEST(model.notes()[0].find("below 2.45") != std::string::npos, model.notes()[0]);  // √(1 + 1 + 4)
  const auto at = model.linearize(model.initial_weights());
  arma::mat G;
  at->matrix()->gram(G);
  const Vec left = at->right_hand_side() - G * arma::pinv(G) * at->right_hand_side();
  BOOST_TEST(arma::norm(left) == std::sqrt(6.0), boost::test_tools::tolerance(1e-9));
  BOOST_TEST(DeepRelu(DataMatrix(random_matrix(10, 3, 1)), y, {.widths = {30, 30}}).notes().empty());
}

BOOST_AUTO_TEST_CASE(mistakes_are_refused_with_numbers) {
  const arma::mat X = random_matrix(5, 3, 1);
  const Vec y = random_vector(5, 2);
  refused([&] { DeepRelu(DataMatrix(X), y, {.widths = {}}); }, "no hidden layers");
  refused([&] { DeepRelu(DataMatrix(X), y, {.widths = {4, 0, 3}}); }, "width of hidden layer 2 is 0");
  refused([&] { DeepRelu(DataMatrix(X), random_vector(4, 2)); }, "y has 4 elements, expected 5");
  refused([&] { DeepRelu(DataMatrix(X), y, {.activation = Activation::softplus(0)}); }, "sharpness is 0");
  refused([&] { DeepRelu(DataMatrix(X), y, {.widths = {4, Index{1} << 40}}); }, "widths 4,1099511627776 on 5 x 3 data does not fit");
  refused([&] { DeepRelu(DataMatrix(arma::mat(0, 3)), Vec()); }, "no observations");
  arma::mat bad = X;
  bad(3, 1) = std::numeric_limits<double>::infinity();
  refused([&] { DeepRelu(DataMatrix(bad), y); }, "row 3, column 1");
  const DeepRelu model(DataMatrix(X), y, {.widths = {4, 2}});
  refused([&] { model.value(Vec(11)); }, "theta has 11 elements, expected 20");
  refused([&] { model.predict(DataMatrix(arma::mat(3, 5)), model.initial_weights()); }, "points_as_columns");
}

BOOST_AUTO_TEST_CASE(every_strategy_trains_it) {
  const std::vector<std::pair<std::string, std::shared_ptr<LinearSolver>>> solvers{
      {"exact", std::make_shared<Exact>()},
      {"chord", std::make_shared<Chord>()},
      {"kernel of its own making", std::make_shared<PreconditionedCg>(relu_kernel_preconditioner(sphere_net(100, 6, {8}).data(), 2))},
      {"kernel-cg", std::make_shared<KernelCg>()},
      {"count-sketch", std::make_shared<PreconditionedCg>(SketchOptions{.kind = count_sketch()})},
      {"auto", std::make_shared<Auto>()},
  };
  for (const auto& [name, solver] : solvers) {
    for (const Activation& activation : {Activation::relu(), Activation::softplus(4)}) {
      BOOST_TEST_CONTEXT(name) {
        const DeepRelu net = sphere_net(100, 6, {128, 96}, activation);
        Vec theta = net.initial_weights();
        const Summary summary = minimize(net, *solver, theta);
        BOOST_TEST(summary.converged(), summary.message);
        BOOST_TEST(summary.residual_ratio <= 1e-8);
        BOOST_TEST(summary.iterations <= 25u);
        const Vec r = net.predict(net.data(), theta) - net.target(), start = net.predict(net.data(), net.initial_weights()) - net.target();
        BOOST_TEST(arma::norm(r) <= 1.0001e-8 * arma::norm(start));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_kernel_of_its_depth_preconditions_better_than_another) {
  const DeepRelu net = sphere_net(100, 6, {256, 256});
  const auto at = net.linearize(net.initial_weights());
  GramSystem system;
  system.A = at->matrix();
  system.b = &at->right_hand_side();
  const auto iterations = [&](Index layers) {
    PreconditionedCg solver(relu_kernel_preconditioner(net.data(), layers));
    Vec z;
    const LinearReport report = solver.solve(system, z);
    BOOST_TEST((report.status == LinearStatus::converged), report.message);
    return report.iterations;
  };
  const Index right = iterations(2);
  BOOST_TEST(right < iterations(1));
  BOOST_TEST(right <= 30u);
}
