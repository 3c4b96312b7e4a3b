#include <raphson/core/error.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/linear_model.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>

using namespace raphson;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const double not_a_number = std::nan("");

Vec normal(Index size, std::uint64_t seed) {
  Vec v(size);
  Seed(seed).normal(0, std::span<double>(v.memptr(), v.n_elem));
  return v;
}

arma::mat normal(Index rows, Index columns, std::uint64_t seed) { return arma::reshape(normal(rows * columns, seed), rows, columns); }

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

std::string refusal(arma::mat A, Vec y, LinearModelOptions options = {}, std::shared_ptr<const Loss> loss = squared_loss()) {
  return refusal([&] { LinearModel(DataMatrix(std::move(A)), std::move(y), std::move(loss), std::move(options)); });
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_objective_by_hand) {
  const arma::mat A{{1, 2}, {3, -1}, {0, 1}};
  const LinearModel model(DataMatrix(A), {1, 2, 3}, squared_loss(),
                          {.l2 = 0.5, .intercept = true, .weights = {1, 2, 4}, .offset = {0, 1, -1}});
  const Vec theta{2, -1, 0.5};
  // margins: 0.5, 7 + 0.5 + 1, −1 + 0.5 − 1
  const double losses = 0.5 * (1 * 0.25 + 2 * 6.5 * 6.5 + 4 * 4.5 * 4.5);
  BOOST_TEST(model.parameters() == 3);
  BOOST_TEST(model.value(theta) == losses + 0.5 * 0.5 * (4 + 1));
  const Vec slope{1 * -0.5, 2 * 6.5, 4 * -4.5};
  const Vec gradient{arma::dot(A.col(0), slope) + 0.5 * 2, arma::dot(A.col(1), slope) - 0.5, arma::accu(slope)};
  const auto at = model.linearize(theta);
  BOOST_TEST(arma::norm(at->gradient() - gradient) < 1e-14);
  BOOST_TEST(arma::norm(at->right_hand_side() + gradient) < 1e-14);
  BOOST_TEST(arma::approx_equal(*at->penalty(), Vec{0.5, 0.5, 0}, "absdiff", 0.0));
}

BOOST_AUTO_TEST_CASE(a_whole_weight_is_a_repeated_row_and_weight_zero_a_missing_one) {
  const arma::mat A = normal(4, 3, 1);
  const Vec y{0, 1, 2, 5}, theta = normal(4, 2);
  const LinearModel weighted(DataMatrix(A), y, poisson_loss(), {.weights = {2, 0, 1, 3}});
  const arma::uvec rows{0, 0, 2, 3, 3, 3};
  const LinearModel repeated(DataMatrix(arma::mat(A.rows(rows))), y(rows), poisson_loss());
  BOOST_TEST(weighted.value(theta) == repeated.value(theta), boost::test_tools::tolerance(1e-14));
  BOOST_TEST(arma::norm(weighted.linearize(theta)->gradient() - repeated.linearize(theta)->gradient()) < 1e-12);
  arma::mat G, H;
  weighted.linearize(theta)->matrix()->gram(G);
  repeated.linearize(theta)->matrix()->gram(H);
  BOOST_TEST(arma::norm(G - H) < 1e-12 * arma::norm(H));
}

BOOST_AUTO_TEST_CASE(a_row_of_weight_zero_counts_as_nothing_even_when_its_loss_is_infinite) {
  const arma::mat A = Vec{1, 1e6};
  const LinearModel model(DataMatrix(A), {1, 0}, poisson_loss(), {.intercept = false, .weights = {1, 0}});
  const auto at = model.linearize(Vec{1});
  BOOST_TEST(model.value(Vec{1}) == std::exp(1) - 1, boost::test_tools::tolerance(1e-15));
  BOOST_TEST(at->gradient().is_finite());
  arma::mat G;
  at->matrix()->gram(G);
  BOOST_TEST(G.is_finite());
}

BOOST_AUTO_TEST_CASE(overflow_is_an_infinite_value) {
  const LinearModel model(DataMatrix(arma::mat(Vec{1, 2})), {1, 0}, poisson_loss(), {.intercept = false});
  BOOST_TEST(model.value(Vec{1e4}) == infinity);
  BOOST_TEST(model.along(Vec{0}, Vec{1e4})->value(1) == infinity);
  BOOST_TEST(std::isfinite(model.along(Vec{0}, Vec{1e4})->value(1e-3)));
}

BOOST_AUTO_TEST_CASE(points_as_columns_and_sparse_rows_are_the_same_data) {
  const arma::mat A = normal(9, 4, 3), columns = A.t();
  const Vec y = normal(9, 4), theta = normal(5, 5);
  const LinearModel rows(DataMatrix(A), y, huber_loss()), view(points_as_columns(columns), y, huber_loss()),
      sparse(DataMatrix(arma::sp_mat(A)), y, huber_loss());
  BOOST_TEST(view.value(theta) == rows.value(theta));
  BOOST_TEST(sparse.value(theta) == rows.value(theta), boost::test_tools::tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(least_squares_target_when_there_is_no_penalty) {
  const arma::mat A = normal(8, 2, 6);
  const Vec y = normal(8, 7), theta = normal(3, 8);
  const auto target = [&](std::shared_ptr<const Loss> loss, double l2) {
    const LinearModel model(DataMatrix(A), y, std::move(loss), {.l2 = l2, .weights = {1, 2, 0, 1, 1, 3, 1, 1}});
    const auto at = model.linearize(theta);
    if (const Vec* c = at->least_squares_target()) {
      Vec b;
      at->matrix()->apply_adjoint(*c, b);
      BOOST_TEST(arma::norm(b - at->right_hand_side()) < 1e-13);
      return true;
    }
    return false;
  };
  BOOST_TEST(target(squared_loss(), 0));
  BOOST_TEST(!target(squared_loss(), 0.1));
  BOOST_TEST(target(huber_loss(1e3), 0));    // every row in the quadratic part
  BOOST_TEST(!target(huber_loss(1e-3), 0));  // none
}

BOOST_AUTO_TEST_CASE(where_most_rows_are_straight_the_secant_curvature_stands_in) {
  const arma::mat A = normal(50, 2, 6);
  const Vec y = 0.1 * normal(50, 7), far{0, 0, 1e3};
  const LinearModel model(DataMatrix(A), y, huber_loss(1));
  const auto diagonal = [&](const Vec& theta) {
    Vec g;
    model.linearize(theta)->matrix()->gram_diagonal(g);
    return g;
  };
  // Far away ‖∇f‖ exceeds its value at 0, τ = 1, and the curvature of the intercept is Σ δ/|u|; at 0 every row has its own.
  BOOST_TEST(diagonal(far)(2) == arma::accu(1 / (1e3 - y)), boost::test_tools::tolerance(1e-12));
  BOOST_TEST(diagonal(Vec{0, 0, 0})(2) == 50);
}

BOOST_AUTO_TEST_CASE(the_formula_says_what_is_minimized) {
  const DataMatrix A(normal(4, 2, 9));
  const Vec labels{0, 1, 1, 0}, ones(4, arma::fill::ones);
  BOOST_TEST(LinearModel(A, labels, logistic_loss(), {.l2 = 1e-3, .intercept = false}).formula() ==
             "Σ log(1+exp(−yᵢ⟨aᵢ,x⟩)) + ½·0.001·‖x‖²");
  BOOST_TEST(LinearModel(A, labels, logistic_loss(), {.l2 = 1}).formula() ==
             "Σ log(1+exp(−yᵢ(⟨aᵢ,x⟩+x₀))) + ½·1·‖x‖², intercept not penalized");
  BOOST_TEST(LinearModel(A, labels, poisson_loss(), {.weights = ones, .offset = ones}).formula() ==
             "Σ wᵢ·(exp((⟨aᵢ,x⟩+x₀+oᵢ)) − yᵢ(⟨aᵢ,x⟩+x₀+oᵢ))");
  BOOST_TEST(LinearModel(A, labels, squared_loss(), {.intercept = false}).formula() == "Σ ½(⟨aᵢ,x⟩ − yᵢ)²");
}

BOOST_AUTO_TEST_CASE(notes_report_labels_and_ignored_rows) {
  const LinearModel model(DataMatrix(normal(4, 2, 9)), {1, 2, 2, 1}, logistic_loss(), {.weights = {1, 1, 0, 1}});
  BOOST_TEST(model.notes() == (std::vector<std::string>{"labels 1, 2 → −1, +1", "1 rows have weight 0"}), boost::test_tools::per_element());
  BOOST_TEST(LinearModel(DataMatrix(normal(4, 2, 9)), normal(4, 1), squared_loss()).notes().empty());
  BOOST_TEST(model.name() == "logistic");
}

BOOST_AUTO_TEST_CASE(gradient_scale_is_the_gradient_at_zero) {
  const LinearModel model(DataMatrix(normal(30, 3, 10)), normal(30, 11), squared_loss(), {.l2 = 3, .offset = normal(30, 12)});
  const double expected = arma::norm(model.linearize(Vec(4, arma::fill::zeros))->gradient());
  BOOST_TEST(model.gradient_scale() == expected, boost::test_tools::tolerance(1e-14));
  const LinearModel overflowing(DataMatrix(normal(2, 1, 10)), {1, 1}, poisson_loss(), {.offset = {1e6, 0}});
  BOOST_TEST(overflowing.gradient_scale() == 0);
}

BOOST_AUTO_TEST_CASE(predictions_are_on_the_scale_of_the_target) {
  const arma::mat A = normal(5, 2, 13);
  const Vec theta{0.5, -1, 0.25}, z = A * theta.head(2) + 0.25;
  const LinearModel logistic(DataMatrix(A), {0, 1, 0, 1, 1}, logistic_loss()), poisson(DataMatrix(A), {0, 1, 0, 1, 1}, poisson_loss());
  BOOST_TEST(arma::norm(logistic.margins(DataMatrix(A), theta) - z) < 1e-14);
  BOOST_TEST(arma::norm(logistic.predict(DataMatrix(A), theta) - 1 / (1 + arma::exp(-z))) < 1e-14);
  const Vec offset = normal(5, 14);
  BOOST_TEST(arma::norm(poisson.predict(DataMatrix(A), theta, offset) - arma::exp(z + offset)) < 1e-13);
  BOOST_TEST(refusal([&] { (void)poisson.predict(DataMatrix(normal(5, 3, 1)), theta); }) == "A has 3 columns, the model was made with 2.");
  BOOST_TEST(refusal([&] { (void)poisson.predict(DataMatrix(A), theta, Vec{1}); }).starts_with("offset has 1 elements, expected 5"));
}

BOOST_AUTO_TEST_CASE(bad_input_is_refused_with_its_place) {
  const arma::mat A = normal(5, 3, 15);
  const Vec y = normal(5, 16), ones(5, arma::fill::ones);
  const auto with = [](Vec v, Index i, double entry) { return v(i) = entry, v; };
  BOOST_TEST(refusal(normal(5, 1000, 1), Vec(1000, arma::fill::zeros)) ==
             "A has 5 rows, y has 1000 elements; A has 1000 columns: is A stored with points as columns? Use points_as_columns(A).");
  BOOST_TEST(refusal(A, normal(7, 1)) == "A has 5 rows, y has 7 elements: one target for every row is needed.");
  BOOST_TEST(refusal(arma::mat(0, 12), Vec()) == "A is 0 x 12: no observations.");
  arma::mat holed = A;
  holed(3, 1) = not_a_number;
  BOOST_TEST(refusal(holed, y).starts_with("A has 1 non-finite value"));
  BOOST_TEST(refusal(holed, y).find("row 3, column 1 (nan)") != std::string::npos);
  BOOST_TEST(refusal(A, with(y, 2, infinity)).starts_with("y has 1 non-finite value"));
  BOOST_TEST(refusal(A, y, {.weights = with(ones, 4, not_a_number)}).starts_with("weights has 1 non-finite value"));
  BOOST_TEST(refusal(A, y, {.offset = with(ones, 4, -infinity)}).starts_with("offset has 1 non-finite value"));
  BOOST_TEST(refusal(A, y, {.weights = with(ones, 3, -1)}) == "weights[3] = -1 < 0.");
  BOOST_TEST(refusal(A, y, {.weights = 0 * ones}) == "weights are all 0: no observation counts.");
  BOOST_TEST(refusal(A, y, {.weights = {1, 2}}).starts_with("weights has 2 elements, expected 5"));
  BOOST_TEST(refusal(A, y, {.offset = {1, 2}}).starts_with("offset has 2 elements, expected 5"));
  BOOST_TEST(refusal(A, y, {.l2 = -1}) == "l2 = -1; it must be at least 0 and finite.");
  BOOST_TEST(refusal(A, y, {.l2 = not_a_number}) != "accepted");
  BOOST_TEST(refusal(A, y, {}, nullptr) == "LinearModel needs a loss; it was given a null pointer.");
  BOOST_TEST(refusal(A, {0, 1, 2, 1, 0}, {}, logistic_loss()) == "logistic needs two classes; y has 3 distinct values {0, 1, 2}.");
}

BOOST_AUTO_TEST_CASE(complete_separation_is_seen_without_a_penalty_only) {
  const arma::mat A{{1, 0}, {2, 1}, {-1, 3}, {-2, -1}};
  const Vec y{1, 1, 0, 0}, separating{3, 0, 0};
  const std::string advice = "fitted probabilities reach 0/1 for 100 % of rows; no finite minimizer exists. Use l2 > 0.";
  const LinearModel free(DataMatrix(A), y, logistic_loss()), penalized(DataMatrix(A), y, logistic_loss(), {.l2 = 1e-9});
  BOOST_TEST(free.linearize(separating)->no_minimizer() == advice);
  BOOST_TEST(free.along(Vec(3, arma::fill::zeros), separating)->linearize(0.5)->no_minimizer() == advice);
  BOOST_TEST(free.linearize(Vec(3, arma::fill::zeros))->no_minimizer() == "");
  BOOST_TEST(free.linearize(Vec{-3, 0, 0})->no_minimizer() == "");
  BOOST_TEST(penalized.linearize(separating)->no_minimizer() == "");
  // An offset moves the margins, but not the directions that separate: 3x₁ alone decides.
  const LinearModel offset(DataMatrix(A), y, logistic_loss(), {.offset = {-100, -100, 100, 100}});
  BOOST_TEST(offset.linearize(separating)->no_minimizer() == advice);
  const LinearModel overlapping(DataMatrix(A), {1, 0, 1, 0}, logistic_loss(), {.offset = {100, -100, 100, -100}});
  BOOST_TEST(overlapping.linearize(separating)->no_minimizer() == "");
  // The one row that stands in the way does not count.
  const arma::mat B = arma::join_cols(A, arma::mat{{5, 5}});
  const LinearModel ignored(DataMatrix(B), {1, 1, 0, 0, 0}, logistic_loss(), {.weights = {1, 1, 1, 1, 0}});
  BOOST_TEST(ignored.linearize(separating)->no_minimizer() == advice);
  const LinearModel counted(DataMatrix(B), {1, 1, 0, 0, 0}, logistic_loss());
  BOOST_TEST(counted.linearize(separating)->no_minimizer() == "");
}

BOOST_AUTO_TEST_CASE(quasi_separation_by_an_indicator_is_seen_from_a_step_nearby) {
  // Rows with indicator 1 are all of class 1; the others overlap.
  const arma::mat A{{1, 0.3}, {1, -2}, {0, 1}, {0, -1}, {0, 0.5}, {0, -0.7}};
  const LinearModel model(DataMatrix(A), {1, 1, 1, 0, 0, 1}, logistic_loss());
  const Vec theta{5, 0.2, 0.1}, nearly{1, 1e-4, -2e-4};
  const std::string found = model.along(theta, nearly)->linearize(1)->no_minimizer();
  BOOST_TEST(found == "fitted probabilities reach 0/1 for 33.3 % of rows; no finite minimizer exists. Use l2 > 0.");
  // One row of the other class with the indicator: a minimizer exists, however close the step looks.
  const LinearModel overlapping(DataMatrix(arma::join_cols(A, arma::mat{{1e-4, 0}})), {1, 1, 1, 0, 0, 1, 0}, logistic_loss());
  BOOST_TEST(overlapping.along(theta, nearly)->linearize(1)->no_minimizer() == "");
}

BOOST_AUTO_TEST_CASE(counts_that_can_be_fitted_as_zero) {
  const arma::mat A{{1, 0.3}, {1, -2}, {0, 1}, {0, -1}};
  const LinearModel model(DataMatrix(A), {0, 0, 2, 1}, poisson_loss());
  BOOST_TEST(model.along(Vec{-3, 0, 0}, Vec{-1, 1e-5, 0})->linearize(1)->no_minimizer() ==
             "fitted rates reach 0 for 50 % of rows; no finite minimizer exists. Use l2 > 0.");
  const LinearModel zeros(DataMatrix(A), {0, 0, 0, 0}, poisson_loss(), {.l2 = 1});
  BOOST_TEST(zeros.linearize(Vec(3, arma::fill::zeros))->no_minimizer() ==
             "fitted rates reach 0 for 100 % of rows as the intercept grows; no finite minimizer exists. Fit without an intercept.");
  const LinearModel pinned(DataMatrix(A), {0, 0, 0, 0}, poisson_loss(), {.l2 = 1, .intercept = false});
  BOOST_TEST(pinned.linearize(Vec(2, arma::fill::zeros))->no_minimizer() == "");
}

BOOST_AUTO_TEST_CASE(the_same_bits_for_any_number_of_threads) {
  const arma::mat A = normal(20000, 3, 17);
  Vec y = normal(20000, 18);
  y.transform([](double target) { return target > 0 ? 1.0 : 0.0; });
  const LinearModel model(DataMatrix(A), y, logistic_loss());
  const Vec theta = normal(4, 19);
  Vec values(3);
  arma::mat gradients(4, 3);
  for (const int threads : {1, 2, 4}) {
    const ThreadScope scope(threads);
    const Index column = threads == 1 ? 0 : threads == 2 ? 1 : 2;
    values(column) = model.value(theta);
    gradients.col(column) = model.linearize(theta)->gradient();
  }
  BOOST_TEST((values(1) == values(0) && values(2) == values(0)));
  BOOST_TEST(arma::approx_equal(gradients.col(1), gradients.col(0), "absdiff", 0.0));
  BOOST_TEST(arma::approx_equal(gradients.col(2), gradients.col(0), "absdiff", 0.0));
}
