#include <raphson/core/error.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <support/network.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>

using namespace raphson;
using namespace raphson::test;
namespace bdata = boost::unit_test::data;

namespace {

/// f and J by the definition, entry by entry.
struct Reference {
  Vec f;
  arma::mat J;  ///< n × md

  Reference(const arma::mat& X, const Vec& a, const Activation& activation, const Vec& theta) : f(X.n_rows), J(X.n_rows, theta.n_elem) {
    const Index d = X.n_cols, m = a.n_elem;
    for (Index i = 0; i < X.n_rows; ++i) {
      f[i] = 0;
      for (Index r = 0; r < m; ++r) {
        double z = 0;
        for (Index k = 0; k < d; ++k) z += theta[r * d + k] * X(i, k);
        f[i] += a[r] * phi(z, activation) / std::sqrt(double(m));
        for (Index k = 0; k < d; ++k) J(i, r * d + k) = a[r] * phi_prime(z, activation) * X(i, k) / std::sqrt(double(m));
      }
    }
  }
};

struct Case {
  const char* name;
  Index n, d, m;
  bool sparse;
  Activation activation;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

const Case cases[] = {
    {"wide", 70, 3, 300, false, Activation::relu()},
    {"wide, many groups of neurons", 20, 2, 1100, false, Activation::relu()},
    {"wide softplus", 130, 4, 70, false, Activation::softplus(3)},
    {"wide sparse", 90, 40, 67, true, Activation::relu()},
    {"wide sparse softplus", 90, 40, 67, true, Activation::softplus(0.5)},
    {"md = n", 10, 2, 5, false, Activation::relu()},
    {"narrow", 700, 2, 9, false, Activation::relu()},
    {"narrow softplus", 200, 3, 7, false, Activation::softplus(2)},
    {"narrow sparse", 300, 20, 3, true, Activation::relu()},
    {"one of each", 1, 1, 1, false, Activation::relu()},
};

struct Fixture {
  arma::mat X;
  TwoLayerRelu model;
  Vec W;
  Reference reference;

  explicit Fixture(const Case& c)
      : X(c.sparse ? arma::mat(banded_matrix(c.n, c.d, 3)) : random_matrix(c.n, c.d, 3)),
        model(c.sparse ? DataMatrix(arma::sp_mat(X)) : DataMatrix(X), random_vector(c.n, 4),
              {.width = c.m, .activation = c.activation, .seed = 5}),
        W(model.initial_weights()),
        reference(X, model.output_signs(), c.activation, W) {}
};

}  // namespace

BOOST_DATA_TEST_CASE(agrees_with_the_definition, bdata::make(cases), c) {
  const Fixture fixture(c);
  const Vec r = fixture.reference.f - fixture.model.target();
  BOOST_TEST(distance(fixture.model.predict(fixture.model.data(), fixture.W), fixture.reference.f) < 1e-13);
  BOOST_TEST(fixture.model.value(fixture.W) == 0.5 * arma::dot(r, r), boost::test_tools::tolerance(1e-13));

  const auto at = fixture.model.linearize(fixture.W);
  BOOST_TEST(at->value() == fixture.model.value(fixture.W));
  BOOST_TEST(at->residual_norm() == arma::norm(r), boost::test_tools::tolerance(1e-13));
  BOOST_TEST(distance(at->gradient(), fixture.reference.J.t() * r) < 1e-12);

  const bool wide = c.m * c.d >= c.n;
  BOOST_TEST((at->step_form() == StepForm::adjoint) == wide);
  BOOST_TEST(distance(at->right_hand_side(), wide ? Vec(-r) : Vec(-fixture.reference.J.t() * r)) < 1e-12);
  BOOST_TEST((at->least_squares_target() == nullptr) == wide);
  if (!wide) BOOST_TEST(distance(*at->least_squares_target(), -r) < 1e-12);
}

BOOST_DATA_TEST_CASE(operator_agrees_with_the_dense_matrix, bdata::make(cases), c) {
  const Fixture fixture(c);
  const auto at = fixture.model.linearize(fixture.W);
  const arma::mat A = c.m * c.d >= c.n ? arma::mat(fixture.reference.J.t()) : fixture.reference.J;
  const Operator& op = *at->matrix();
  check_operator(op, A);
  const arma::mat G = A.t() * A, U = random_matrix(A.n_cols, 2, 7);
  const std::vector<Index> index{A.n_rows - 1, 0, A.n_rows / 2};
  const auto single = op.single();
  BOOST_REQUIRE(single);
  const auto rounded = [](const arma::fmat& F) { return arma::conv_to<arma::mat>::from(F); };
  arma::fmat F;
  single->apply_normal(arma::conv_to<arma::fmat>::from(U), F);
  BOOST_TEST(distance(rounded(F), A.t() * (A * U)) < 1e-6);
  single->gram(F);
  BOOST_TEST(distance(rounded(F), G) < 1e-6);
  single->gather_rows(index, F);
  BOOST_TEST(distance(rounded(F), arma::mat(A.rows(arma::uvec{index[0], index[1], index[2]}).t())) < 1e-6);
  BOOST_TEST(op.has_sparse_gram() == (c.sparse && c.m * c.d >= c.n));
  if (op.has_sparse_gram()) {
    arma::sp_mat sparse;
    op.sparse_gram(sparse);
    BOOST_TEST(distance(arma::mat(sparse), G) < 1e-12);
    BOOST_TEST(sparse.n_nonzero < G.n_elem / 4);
    BOOST_TEST(double(sparse.n_nonzero) == op.cost().gram_nonzeros);
  }
}

BOOST_AUTO_TEST_CASE(sparse_gram_is_declined_where_it_would_be_full) {
  arma::sp_mat X = banded_matrix(60, 30, 3);
  X.col(0).ones();  // every two observations share this feature
  const TwoLayerRelu model(DataMatrix(X), random_vector(60, 4), {.width = 20});
  const auto A = model.linearize(model.initial_weights())->matrix();
  BOOST_TEST(!A->has_sparse_gram());
  arma::sp_mat G;
  BOOST_CHECK_THROW(A->sparse_gram(G), InputError);
}

BOOST_AUTO_TEST_CASE(sparse_pattern_keeps_entries_that_vanish) {
  arma::sp_mat X(12, 12);
  for (Index i = 0; i < 12; ++i) X(i, i) = 1;
  X(0, 1) = -1;
  X(1, 0) = 1;  // ⟨x₀,x₁⟩ = 0 by cancellation
  const TwoLayerRelu model(DataMatrix(X), random_vector(12, 4), {.width = 20});
  arma::sp_mat G;
  model.linearize(model.initial_weights())->matrix()->sparse_gram(G);
  BOOST_TEST(G.n_nonzero == 14u);
}

BOOST_DATA_TEST_CASE(gradient_is_the_slope_of_the_value, bdata::make(cases), c) {
  const Fixture fixture(c);
  const Vec gradient = fixture.model.linearize(fixture.W)->gradient();
  for (const std::uint64_t key : {11u, 12u, 13u}) {
    const Vec direction = arma::normalise(random_vector(fixture.W.n_elem, key));
    const double h = 1e-6;  // for ReLU a kink within ±h is improbable, and these seeds have none
    const double difference = (fixture.model.value(fixture.W + h * direction) - fixture.model.value(fixture.W - h * direction)) / (2 * h);
    BOOST_TEST(std::abs(difference - arma::dot(gradient, direction)) <= 1e-7 * (1 + arma::norm(gradient)));
  }
}

BOOST_DATA_TEST_CASE(line_is_the_model_along_the_step, bdata::make(cases), c) {
  const Fixture fixture(c);
  const Vec p = random_vector(fixture.W.n_elem, 6);
  const auto line = fixture.model.along(fixture.W, p);
  for (const double t : {1.0, 0.5, 0.25}) BOOST_TEST(line->value(t) == fixture.model.value(fixture.W + t * p));
  const auto at = line->linearize(0.25), expected = fixture.model.linearize(fixture.W + 0.25 * p);
  BOOST_TEST(at->value() == expected->value());
  BOOST_TEST(same_bits(at->gradient(), expected->gradient()));
  BOOST_TEST(line->value(0.25) == at->value());
  BOOST_TEST(line->linearize(1)->value() == fixture.model.value(fixture.W + p));
}

BOOST_DATA_TEST_CASE(same_bits_on_any_number_of_threads, bdata::make(cases), c) {
  std::vector<arma::mat> expected;
  for (const int threads : {1, 2, 4}) {
    const ThreadScope scope(threads);
    const Fixture fixture(c);
    const auto at = fixture.model.linearize(fixture.W);
    arma::mat products, gram;
    at->matrix()->apply(at->right_hand_side(), products);
    at->matrix()->gram(gram);
    const std::vector<arma::mat> found{fixture.W, at->gradient(), products, gram, arma::mat(1, 1).fill(at->value())};
    if (expected.empty()) expected = found;
    for (Index i = 0; i < found.size(); ++i) BOOST_TEST(same_bits(found[i], expected[i]));
  }
}

BOOST_AUTO_TEST_CASE(neurons_at_zero_count_as_active) {
  const arma::mat X{{1, 0}, {0, 0}, {-0.0, 1}};
  const TwoLayerRelu model(DataMatrix(X), Vec{1, 2, 3}, {.width = 3});
  const Vec W{0, 5, -0.0, -5, -1, -1};  // z: 0 −0 −1; 0 0 0; 5 −5 −1
  arma::mat G;
  model.linearize(W)->matrix()->gram(G);
  BOOST_TEST(G(0, 0) == 2.0 / 3, boost::test_tools::tolerance(1e-15));
  BOOST_TEST(G(2, 2) == 1.0 / 3, boost::test_tools::tolerance(1e-15));
  BOOST_TEST(G(1, 1) == 0.0);  // three neurons are active at the zero row, whose norm is 0
}

BOOST_AUTO_TEST_CASE(softplus_stands_far_margins_and_tends_to_relu) {
  const arma::mat X{{1e3, 1}, {-1e3, 1}, {1, 1e6}};
  const TwoLayerRelu relu(DataMatrix(X), Vec{1, 2, 3}, {.width = 50});
  const Vec W = relu.initial_weights();
  const Vec exact = relu.predict(relu.data(), W);
  for (const double beta : {1.0, 100.0, 1e6}) {
    const Vec f = relu.with_activation(Activation::softplus(beta)).predict(relu.data(), W);
    BOOST_TEST(arma::norm(f - exact, "inf") <= std::log(2.0) * std::sqrt(50.0) / beta + 1e-9);
    BOOST_TEST(arma::norm(f - exact, "inf") >= 0);
  }
}

BOOST_AUTO_TEST_CASE(not_a_number_in_the_weights_is_seen) {
  for (const Activation& activation : {Activation::relu(), Activation::softplus(2)}) {
    const TwoLayerRelu model(DataMatrix(random_matrix(9, 3, 1)), random_vector(9, 2), {.width = 8, .activation = activation});
    Vec W = model.initial_weights();
    W[13] = std::numeric_limits<double>::quiet_NaN();
    BOOST_TEST(std::isnan(model.value(W)));
    const auto at = model.linearize(W);
    BOOST_TEST(std::isnan(at->residual_norm()));
    const std::string where = at->matrix()->non_finite();
    BOOST_TEST(where == (activation.kind == Activation::Kind::relu ? "" : "neuron 4 at observation 0 (nan)"));
  }
}

BOOST_AUTO_TEST_CASE(conflicts_are_counted_and_bound_the_residual) {
  arma::mat X = random_matrix(10, 3, 1);
  Vec y = random_vector(10, 2);
  X.row(4) = X.row(1);
  X.row(7) = X.row(1);  // targets 1, 2, 6: deviations −2, −1, 3
  y[1] = 1, y[4] = 2, y[7] = 6;
  X.row(9) = X.row(0);  // equal targets: no conflict
  y[9] = y[0];
  X.row(5).zeros();  // f = 0 there
  y[5] = 2;
  X.row(8) = -0.0 * X.row(8);
  y[8] = 0;
  const TwoLayerRelu model(DataMatrix(X), y, {.width = 200});
  const TwoLayerRelu sparse(DataMatrix(arma::sp_mat(X)), y, {.width = 200});
  for (const auto& found : {model.conflicts(), sparse.conflicts()}) {
    BOOST_TEST(found.equal_groups == 3u);
    BOOST_TEST(found.groups == 2u);
    BOOST_TEST(found.rows == 5u);
    BOOST_TEST(found.zero_rows == 1u);
    BOOST_TEST(found.floor == std::sqrt(14.0 + 4.0), boost::test_tools::tolerance(1e-14));
  }
  const double start = std::sqrt(2 * model.value(model.initial_weights()));
  BOOST_REQUIRE_EQUAL(model.notes().size(), 1u);
  const std::string note = model.notes()[0];
  BOOST_TEST(note.find("2 groups of equal rows (5 rows) have different targets") != std::string::npos);
  char ratio[32];
  std::snprintf(ratio, sizeof ratio, "residual_ratio %.2e", std::sqrt(18.0) / start);
  BOOST_TEST(note.find(ratio) != std::string::npos);

  // The bound is met by the f that is as good as f can be: least squares on an interpolating linearization.
  const auto at = model.linearize(model.initial_weights());
  arma::mat G;
  at->matrix()->gram(G);
  const Vec left = at->right_hand_side() - G * arma::pinv(G) * at->right_hand_side();
  BOOST_TEST(arma::norm(left) == model.conflicts().floor, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(data_without_conflicts_have_no_note) {
  const TwoLayerRelu model(DataMatrix(random_matrix(10, 3, 1)), random_vector(10, 2), {.width = 20});
  BOOST_TEST(model.conflicts().floor == 0);
  BOOST_TEST(model.conflicts().equal_groups == 0u);
  BOOST_TEST(model.notes().empty());
}

BOOST_AUTO_TEST_CASE(start_is_gaussian_with_balanced_signs_and_follows_the_seed) {
  const auto make = [](std::uint64_t seed) {
    return TwoLayerRelu(DataMatrix(random_matrix(4, 10, 1)), random_vector(4, 2), {.width = 10000, .seed = seed});
  };
  const TwoLayerRelu model = make(1), again = make(1), other = make(2);
  const Vec W = model.initial_weights();
  const double count = double(W.n_elem);
  BOOST_TEST(std::abs(arma::mean(W)) < 5 / std::sqrt(count));
  BOOST_TEST(std::abs(arma::dot(W, W) / count - 1) < 5 * std::sqrt(2 / count));
  BOOST_TEST(std::abs(arma::accu(model.output_signs())) < 5 * std::sqrt(10000.0));
  BOOST_TEST(arma::accu(arma::abs(model.output_signs())) == 10000);
  BOOST_TEST(same_bits(W, again.initial_weights()));
  BOOST_TEST(same_bits(model.output_signs(), again.output_signs()));
  BOOST_TEST(!same_bits(W, other.initial_weights()));
  BOOST_TEST(!same_bits(model.output_signs(), other.output_signs()));
  const TwoLayerRelu smooth = model.with_activation(Activation::softplus(2));
  BOOST_TEST(same_bits(model.output_signs(), smooth.output_signs()));
  BOOST_TEST(same_bits(W, smooth.initial_weights()));
}

BOOST_AUTO_TEST_CASE(kernel_has_its_known_values) {
  const arma::mat X{{3, 0, 0}, {0, 2, 0}, {-1, 0, 0}, {1, 1, 0}, {0, 0, 0}, {5, 0, 1e-9}};
  const arma::mat K = relu_kernel(DataMatrix(X));
  const arma::mat sparse = relu_kernel(DataMatrix(arma::sp_mat(X)));
  BOOST_TEST(distance(sparse, K) < 1e-15);
  BOOST_TEST(K(0, 0) == 4.5, boost::test_tools::tolerance(1e-15));                // ‖x‖²/2
  BOOST_TEST(K(0, 1) == 0);                                                       // orthogonal
  BOOST_TEST(std::abs(K(0, 2)) < 1e-15);                                          // opposite
  BOOST_TEST(K(0, 3) == 3 * (3.0 / 4) / 2, boost::test_tools::tolerance(1e-14));  // 45°
  BOOST_TEST(arma::norm(K.col(4)) == 0);
  // An angle of 2·10⁻¹⁰, which arccos would lose: K = ⟨x,x′⟩(½ − 10⁻¹⁰/π).
  BOOST_TEST(K(0, 5) / 15 - 0.5 == -1e-10 / std::numbers::pi, boost::test_tools::tolerance(1e-5));
}

// G of random neurons is a mean over m independent neurons whose expectation is K; ⟨x,x′⟩·Bernoulli(p), p = K/⟨x,x′⟩, so its
// standard error is |⟨x,x′⟩|√(p(1−p)/m).
BOOST_AUTO_TEST_CASE(kernel_is_the_expectation_over_neurons) {
  const Index n = 14, m = 4000;
  const arma::mat scales = random_matrix(n, 1, 22);
  for (const bool unit_rows : {true, false}) {
    arma::mat X = arma::normalise(random_matrix(n, 4, 21), 2, 1);
    if (!unit_rows) X.each_col() %= arma::exp(scales.as_col());
    const arma::mat K = relu_kernel(DataMatrix(X)), inner = X * X.t();
    double squares = 0, largest = 0, count = 0;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      const TwoLayerRelu model(DataMatrix(X), random_vector(n, 2), {.width = m, .seed = seed});
      arma::mat G;
      model.linearize(model.initial_weights())->matrix()->gram(G);
      for (Index i = 0; i < n; ++i) {
        for (Index j = 0; j <= i; ++j) {
          const double p = K(i, j) / inner(i, j);
          const double z = (G(i, j) - K(i, j)) / (std::abs(inner(i, j)) * std::sqrt(p * (1 - p) / double(m)));
          squares += z * z;
          largest = std::max(largest, std::abs(z));
          ++count;
        }
      }
    }
    // 840 normal deviates: |z| > 5 has probability 5e-4 in all. Within a seed they depend on each other, so the mean of their
    // squares, 1 in expectation, counts as that of 8 seeds × 14 rows.
    BOOST_TEST(largest < 5);
    BOOST_TEST(std::abs(squares / count - 1) < 5 * std::sqrt(2.0 / (8 * double(n))));
  }
}

BOOST_AUTO_TEST_CASE(mistakes_are_refused_with_numbers) {
  const arma::mat X = random_matrix(5, 3, 1);
  const Vec y = random_vector(5, 2);
  refused([&] { TwoLayerRelu(DataMatrix(X), y, {.width = 0}); }, "width is 0");
  refused([&] { TwoLayerRelu(DataMatrix(X), random_vector(4, 2)); }, "y has 4 elements, expected 5");
  refused([&] { TwoLayerRelu(DataMatrix(X), y, {.activation = Activation::softplus(0)}); }, "sharpness is 0");
  refused([&] { TwoLayerRelu(DataMatrix(X), y, {.width = Index{1} << 50}); }, "does not fit in memory");
  refused([&] { TwoLayerRelu(DataMatrix(arma::mat(0, 3)), Vec()); }, "no observations");
  arma::mat bad = X;
  bad(3, 1) = std::numeric_limits<double>::infinity();
  refused([&] { TwoLayerRelu(DataMatrix(bad), y); }, "row 3, column 1");
  Vec bad_y = y;
  bad_y[2] = std::numeric_limits<double>::quiet_NaN();
  refused([&] { TwoLayerRelu(DataMatrix(X), bad_y); }, "element 2");
  const TwoLayerRelu model(DataMatrix(X), y, {.width = 4});
  refused([&] { model.value(Vec(11)); }, "W has 11 elements, expected 12");
  refused([&] { model.linearize(Vec(13)); }, "W has 13 elements, expected 12");
  refused([&] { model.with_activation(Activation::softplus(-1)); }, "sharpness is -1");
  refused([&] { model.predict(DataMatrix(arma::mat(3, 5)), model.initial_weights()); }, "points_as_columns");
}
