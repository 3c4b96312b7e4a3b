#include <raphson/core/error.hpp>
#include <raphson/models/losses.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

using namespace raphson;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Terms {
  double value, first, second;
};

Terms at(const Loss& loss, double z, double y) {
  Terms terms{};
  loss.evaluate({&z, 1}, {&y, 1}, &terms.value, &terms.first, &terms.second);
  return terms;
}

bool says(const InputError& error, const std::string& text) {
  if (text == error.what()) return true;
  BOOST_TEST_MESSAGE("got: " << error.what());
  return false;
}

std::string refusal(const Loss& loss, Vec y) {
  try {
    loss.prepare(y);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

BOOST_AUTO_TEST_CASE(values_by_hand) {
  BOOST_TEST(at(*squared_loss(), 3, 1).value == 2);
  BOOST_TEST(at(*logistic_loss(), 0, 1).value == std::log(2));
  BOOST_TEST(at(*logistic_loss(), 2, -1).value == std::log(1 + std::exp(2.0)), boost::test_tools::tolerance(1e-15));
  BOOST_TEST(at(*poisson_loss(), 2, 3).value == std::exp(2.0) - 6, boost::test_tools::tolerance(1e-15));
  BOOST_TEST(at(*huber_loss(0.5), 0.25, 0).value == 0.03125);
  BOOST_TEST(at(*huber_loss(0.5), -3, 0).value == 0.5 * (3 - 0.25));
}

BOOST_AUTO_TEST_CASE(derivatives_are_those_of_the_value) {
  const std::vector<std::pair<std::shared_ptr<const Loss>, double>> losses{
      {squared_loss(), 0.7}, {logistic_loss(), 1}, {logistic_loss(), -1}, {poisson_loss(), 3}, {huber_loss(), 0.4}};
  for (const auto& [loss, y] : losses) {
    for (const double z : {-6.0, -1.3, -0.2, 0.0, 0.9, 3.1}) {
      const double h = 1e-5;
      const Terms here = at(*loss, z, y), ahead = at(*loss, z + h, y), behind = at(*loss, z - h, y);
      BOOST_TEST_INFO(loss->name() << " at " << z);
      BOOST_TEST(std::abs(here.first - (ahead.value - behind.value) / (2 * h)) < 1e-8);
      BOOST_TEST_INFO(loss->name() << " at " << z);
      BOOST_TEST(std::abs(here.second - (ahead.first - behind.first) / (2 * h)) < 1e-8);
    }
  }
}

BOOST_AUTO_TEST_CASE(any_pointer_may_be_null) {
  for (const auto& loss : {squared_loss(), logistic_loss(), poisson_loss(), huber_loss()}) {
    const double z = 0.3, y = 1;
    double first = 0, second = 0;
    loss->evaluate({&z, 1}, {&y, 1}, nullptr, &first, nullptr);
    loss->evaluate({&z, 1}, {&y, 1}, nullptr, nullptr, &second);
    BOOST_TEST(first == at(*loss, z, y).first);
    BOOST_TEST(second == at(*loss, z, y).second);
  }
}

BOOST_AUTO_TEST_CASE(logistic_at_huge_margins) {
  for (const double m : {1e3, 1e6}) {
    const Terms right = at(*logistic_loss(), m, 1), wrong = at(*logistic_loss(), -m, 1);
    BOOST_TEST(right.value == 0);
    BOOST_TEST(right.first == 0);
    BOOST_TEST(right.second == 0);
    BOOST_TEST(wrong.value == m);
    BOOST_TEST(wrong.first == -1);
    BOOST_TEST(wrong.second == 0);
  }
  BOOST_TEST(at(*logistic_loss(), 40, 1).value == std::exp(-40.0), boost::test_tools::tolerance(1e-15));
  BOOST_TEST(at(*logistic_loss(), 40, 1).first == -std::exp(-40.0), boost::test_tools::tolerance(1e-15));
  BOOST_TEST(logistic_loss()->mean(-1e6) == 0);
  BOOST_TEST(logistic_loss()->mean(1e6) == 1);
  BOOST_TEST(logistic_loss()->mean(-40) == std::exp(-40.0), boost::test_tools::tolerance(1e-15));
}

BOOST_AUTO_TEST_CASE(poisson_overflow_is_infinite_never_nan) {
  for (const double z : {1e3, 1e6, infinity}) {
    for (const double y : {0.0, 7.0}) {
      BOOST_TEST(at(*poisson_loss(), z, y).value == infinity);
      BOOST_TEST(at(*poisson_loss(), z, y).first == infinity);
    }
  }
  BOOST_TEST(at(*poisson_loss(), -1e6, 7).value == 7e6);
  BOOST_TEST(at(*poisson_loss(), -infinity, 0).value == 0);
  BOOST_TEST(at(*poisson_loss(), -infinity, 1).value == infinity);
}

BOOST_AUTO_TEST_CASE(nan_margins_stay_nan) {
  for (const auto& loss : {squared_loss(), logistic_loss(), poisson_loss(), huber_loss()}) {
    const Terms terms = at(*loss, std::nan(""), 1);
    BOOST_TEST_INFO(loss->name());
    BOOST_TEST((std::isnan(terms.value) && std::isnan(terms.first)));
  }
}

BOOST_AUTO_TEST_CASE(two_labels_of_any_kind) {
  const std::vector<std::pair<Vec, std::string>> cases{{{0, 1, 1, 0}, "labels 0, 1 → −1, +1"},
                                                       {{-1, 1, 1, -1}, "labels -1, 1 → −1, +1"},
                                                       {{1, 2, 2, 1}, "labels 1, 2 → −1, +1"},
                                                       {{-7.5, 3, 3, -7.5}, "labels -7.5, 3 → −1, +1"}};
  for (auto [y, remark] : cases) {
    BOOST_TEST(logistic_loss()->prepare(y) == remark);
    BOOST_TEST(arma::approx_equal(y, Vec{-1, 1, 1, -1}, "absdiff", 0.0));
  }
}

BOOST_AUTO_TEST_CASE(targets_that_do_not_fit_are_refused) {
  BOOST_TEST(refusal(*logistic_loss(), {0, 1, 2, 1}) == "logistic needs two classes; y has 3 distinct values {0, 1, 2}.");
  BOOST_TEST(refusal(*logistic_loss(), {1, 1, 1}) == "logistic needs two classes; y has 1 distinct value {1}.");
  BOOST_TEST(refusal(*logistic_loss(), arma::regspace(0, 99)) ==
             "logistic needs two classes; y has 100 distinct values {0, 1, 2, 3, 4, 5, …}.");
  Vec counts(300, arma::fill::ones);
  counts(205) = -1;
  BOOST_TEST(refusal(*poisson_loss(), counts) == "poisson: y[205] = -1 < 0.");
  for (const auto& loss : {squared_loss(), logistic_loss(), poisson_loss(), huber_loss()}) {
    const std::string text = refusal(*loss, {0, 1, std::nan(""), infinity});
    BOOST_TEST(text.starts_with("y has 2 non-finite values; first at "));
  }
  BOOST_CHECK_EXCEPTION(huber_loss(0), InputError,
                        [](const auto& e) { return says(e, "huber: delta = 0; it must be positive and finite."); });
  BOOST_CHECK_THROW(huber_loss(std::nan("")), InputError);
}

BOOST_AUTO_TEST_CASE(directions_that_fall_for_ever) {
  const std::vector<double> labels{1, -1, 1, -1};
  const auto logistic = [&](std::vector<double> q) { return logistic_loss()->recession(q, labels); };
  BOOST_TEST(logistic({1, -2, 3, -4}) == "fitted probabilities reach 0/1 for 100 % of rows");
  BOOST_TEST(logistic({0, -2, 0, 0}) == "fitted probabilities reach 0/1 for 25 % of rows");
  BOOST_TEST(logistic({0, 0, 0, 0}) == "");
  BOOST_TEST(logistic({1, -2, 3, 1e-300}) == "");
  BOOST_TEST(logistic({1, -2, 3, std::nan("")}) == "");

  const std::vector<double> counts{0, 3, 0, 1};
  const auto poisson = [&](std::vector<double> q) { return poisson_loss()->recession(q, counts); };
  BOOST_TEST(poisson({-1, 0, 0, 0}) == "fitted rates reach 0 for 25 % of rows");
  BOOST_TEST(poisson({1, 0, 0, 0}) == "");
  BOOST_TEST(poisson({-1, -1e-300, 0, 0}) == "");
  BOOST_TEST(poisson({-1, 1e-300, 0, 0}) == "");
  BOOST_TEST(poisson({0, 0, 0, 0}) == "");
  BOOST_TEST(squared_loss()->recession(counts, counts) == "");
}
