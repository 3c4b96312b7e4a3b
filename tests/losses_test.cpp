#include <raphson/core/error.hpp>
#include <raphson/models/losses.hpp>

#include <algorithm>
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

std::vector<std::shared_ptr<const Loss>> every_loss() {
  return {squared_loss(), logistic_loss(), poisson_loss(), huber_loss(), gamma_loss(), squared_hinge_loss(), quantile_loss()};
}

}  // namespace

BOOST_AUTO_TEST_CASE(values_by_hand) {
  BOOST_TEST(at(*squared_loss(), 3, 1).value == 2);
  BOOST_TEST(at(*logistic_loss(), 0, 1).value == std::log(2));
  BOOST_TEST(at(*logistic_loss(), 2, -1).value == std::log(1 + std::exp(2.0)), boost::test_tools::tolerance(1e-15));
  BOOST_TEST(at(*poisson_loss(), 2, 3).value == std::exp(2.0) - 6, boost::test_tools::tolerance(1e-15));
  BOOST_TEST(at(*huber_loss(0.5), 0.25, 0).value == 0.03125);
  BOOST_TEST(at(*huber_loss(0.5), -3, 0).value == 0.5 * (3 - 0.25));
  BOOST_TEST(at(*gamma_loss(), 2, 3).value == 2 + 3 * std::exp(-2.0), boost::test_tools::tolerance(1e-15));
  BOOST_TEST(at(*squared_hinge_loss(), 0.25, 1).value == 0.5625);
  BOOST_TEST(at(*squared_hinge_loss(), 1.5, 1).value == 0);
  BOOST_TEST(at(*squared_hinge_loss(), 2, -1).value == 9);
  // Beyond the width it is the check loss; at its middle a quarter of the width above it.
  BOOST_TEST(at(*quantile_loss(0.25, 0.5), -2, 1).value == 0.75, boost::test_tools::tolerance(1e-15));
  BOOST_TEST(at(*quantile_loss(0.25, 0.5), 3, 1).value == 1.5, boost::test_tools::tolerance(1e-15));
  BOOST_TEST(at(*quantile_loss(0.25, 0.5), 1, 1).value == 0.125);
}

BOOST_AUTO_TEST_CASE(derivatives_are_those_of_the_value) {
  const std::vector<std::pair<std::shared_ptr<const Loss>, double>> losses{
      {squared_loss(), 0.7},     {logistic_loss(), 1},       {logistic_loss(), -1},
      {poisson_loss(), 3},       {huber_loss(), 0.4},        {gamma_loss(), 2.5},
      {squared_hinge_loss(), 1}, {squared_hinge_loss(), -1}, {quantile_loss(0.3, 0.55), 0.4}};
  for (const auto& [loss, y] : losses) {
    for (const double z : {-6.0, -1.3, -0.2, 0.0, 0.9, 3.1}) {
      const double h = 1e-5;
      const Terms here = at(*loss, z, y), ahead = at(*loss, z + h, y), behind = at(*loss, z - h, y);
      BOOST_TEST_INFO(loss->name() << " at " << z);
      BOOST_TEST(std::abs(here.first - (ahead.value - behind.value) / (2 * h)) < 1e-8 * (1 + std::abs(here.first)));
      BOOST_TEST_INFO(loss->name() << " at " << z);
      BOOST_TEST(std::abs(here.second - (ahead.first - behind.first) / (2 * h)) < 1e-8 * (1 + std::abs(here.second)));
    }
  }
}

BOOST_AUTO_TEST_CASE(any_pointer_may_be_null) {
  for (const auto& loss : every_loss()) {
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

BOOST_AUTO_TEST_CASE(gamma_overflow_is_infinite_never_nan) {
  for (const double z : {-1e3, -1e6, -infinity}) BOOST_TEST(at(*gamma_loss(), z, 2).value == infinity);
  BOOST_TEST(at(*gamma_loss(), 1e6, 2).value == 1e6);
  BOOST_TEST(at(*gamma_loss(), 1e6, 2).first == 1);
  BOOST_TEST(at(*gamma_loss(), 1e6, 2).second == 0);
}

BOOST_AUTO_TEST_CASE(quantile_and_squared_hinge_at_huge_margins) {
  // At a level this close to 0 the two halves of the check loss must not be formed by subtraction.
  const auto low = quantile_loss(1e-12, 0.5);
  for (const double u : {1e3, 1e6}) {
    BOOST_TEST(at(*low, -u, 0).value == 1e-12 * u);
    BOOST_TEST(at(*low, -u, 0).first == -1e-12);
    BOOST_TEST(at(*low, u, 0).value == (1 - 1e-12) * u);
    BOOST_TEST(at(*low, u, 0).second == 0);
    BOOST_TEST(at(*squared_hinge_loss(), u, 1).value == 0);
    BOOST_TEST(at(*squared_hinge_loss(), u, 1).second == 0);
    BOOST_TEST(at(*squared_hinge_loss(), -u, 1).value == (1 + u) * (1 + u));
    BOOST_TEST(at(*squared_hinge_loss(), -u, 1).first == -2 * (1 + u));
  }
}

BOOST_AUTO_TEST_CASE(secants_touch_and_share_the_minimum) {
  for (const auto& loss : {huber_loss(0.7), quantile_loss(0.2, 0.5)}) {
    double least = 0.4;  // where the derivative vanishes
    for (double step = 1; step > 1e-12; step /= 2) {
      while (at(*loss, least, 0.4).first > 0) least -= step;
      while (at(*loss, least, 0.4).first < 0) least += step;
    }
    for (const double z : {-5.0, -0.1, 0.2, 0.9, 6.0}) {
      const double y = 0.4;
      double secant = 0;
      BOOST_TEST(loss->secant_curvature({&z, 1}, {&y, 1}, &secant));
      BOOST_TEST(std::abs(secant * (z - least) - at(*loss, z, y).first) < 1e-9, loss->name() << " at " << z);
    }
  }
}

/// Whatever is computed eight at a time, against one at a time in long double, and cut anywhere.
BOOST_AUTO_TEST_CASE(vectors_agree_with_scalars_wherever_they_are_cut) {
  std::vector<double> z, y;
  for (int i = -400; i <= 400; ++i) {
    z.push_back(i * 1.87 + 0.01 * i * i * (i % 3 - 1));
    y.push_back(i % 2 == 0 ? 1 : -1);
  }
  const Index n = z.size();
  const auto terms = [&](const Loss& loss, Index begin, Index count) {
    std::vector<double> all(3 * count);
    loss.evaluate({z.data() + begin, count}, {y.data() + begin, count}, all.data(), all.data() + count, all.data() + 2 * count);
    return all;
  };
  for (const auto& loss : {logistic_loss(), poisson_loss(), gamma_loss(), squared_hinge_loss(), huber_loss(30), quantile_loss(0.3, 40)}) {
    const std::vector<double> whole = terms(*loss, 0, n);
    for (const Index cut : {1u, 3u, 7u, 16u, 100u}) {
      for (Index begin = 0; begin < n; begin += cut) {
        const Index count = std::min<Index>(cut, n - begin);
        const std::vector<double> part = terms(*loss, begin, count);
        for (Index i = 0; i < 3 * count; ++i) {
          const double other = whole[i / count * n + begin + i % count];
          BOOST_TEST_REQUIRE((part[i] == other || (std::isnan(part[i]) && std::isnan(other))));
        }
      }
    }
  }
  const std::vector<double> logistic = terms(*logistic_loss(), 0, n), poisson = terms(*poisson_loss(), 0, n);
  const std::vector<double> hinge = terms(*squared_hinge_loss(), 0, n);
  const std::vector<double> huber = terms(*huber_loss(30), 0, n), quantile = terms(*quantile_loss(0.3, 40), 0, n);
  const auto close = [](double got, long double expected) {
    return std::abs(got - static_cast<double>(expected)) <= 4e-16 * 4 * std::abs(static_cast<double>(expected)) + 1e-307;
  };
  for (Index i = 0; i < n; ++i) {
    const long double m = static_cast<long double>(y[i]) * z[i], e = std::exp(-std::abs(m));
    BOOST_TEST(close(logistic[i], (m < 0 ? -m : 0) + std::log1p(e)), "value at " << m);
    BOOST_TEST(close(logistic[n + i], -y[i] * (m < 0 ? 1 : e) / (1 + e)), "first at " << m);
    BOOST_TEST(close(logistic[2 * n + i], e / ((1 + e) * (1 + e))), "second at " << m);
    const long double u = static_cast<long double>(z[i]) - y[i], far = std::abs(u);
    BOOST_TEST(close(huber[i], far <= 30 ? u * u / 2 : 30 * (far - 15)), "huber at " << z[i]);
    BOOST_TEST(close(huber[n + i], std::clamp(u, -30.0L, 30.0L)), "slope of huber at " << z[i]);
    BOOST_TEST(huber[2 * n + i] == (far <= 30 ? 1 : 0));
    // What smoothing adds to the check loss; the parts that it is computed from are up to five times as large as their sum.
    const long double tau = 0.3, rest = std::max(40 - far, 0.0L), check = (u < 0 ? -tau : 1 - tau) * u;
    BOOST_TEST(std::abs(quantile[i] - static_cast<double>(check + rest * rest / 160)) <= 1e-14 * quantile[i], "quantile at " << z[i]);
    const long double slope = far <= 40 ? u / 80 + 0.5L - tau : u < 0 ? -tau : 1 - tau;
    BOOST_TEST(std::abs(quantile[n + i] - static_cast<double>(slope)) <= 1e-15, "slope of quantile at " << z[i]);
    BOOST_TEST(quantile[2 * n + i] == (far <= 40 ? 1.0 / 80 : 0));
    const double gap = std::max(0.0, 1 - y[i] * z[i]);
    BOOST_TEST_REQUIRE((hinge[i] == gap * gap && hinge[n + i] == -2 * y[i] * gap && hinge[2 * n + i] == (gap > 0 ? 2 : 0)));
    if (z[i] < 709) BOOST_TEST(close(poisson[2 * n + i], std::exp(static_cast<long double>(z[i]))), "exp at " << z[i]);
  }
}

BOOST_AUTO_TEST_CASE(nan_margins_stay_nan) {
  for (const auto& loss : every_loss()) {
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
  for (const auto& loss : every_loss()) {
    const std::string text = refusal(*loss, {0, 1, std::nan(""), infinity});
    BOOST_TEST(text.starts_with("y has 2 non-finite values; first at "));
  }
  BOOST_CHECK_EXCEPTION(huber_loss(0), InputError,
                        [](const auto& e) { return says(e, "huber: delta = 0; it must be positive and finite."); });
  BOOST_CHECK_THROW(huber_loss(std::nan("")), InputError);
  Vec amounts(300, arma::fill::ones);
  amounts(205) = 0;
  BOOST_TEST(refusal(*gamma_loss(), amounts) == "gamma: y[205] = 0 <= 0.");
  BOOST_TEST(refusal(*squared_hinge_loss(), {0, 1, 2, 1}) == "squared-hinge needs two classes; y has 3 distinct values {0, 1, 2}.");
  BOOST_CHECK_EXCEPTION(quantile_loss(1), InputError,
                        [](const auto& e) { return says(e, "quantile: tau = 1; it must lie between 0 and 1."); });
  BOOST_CHECK_EXCEPTION(quantile_loss(0.5, 0), InputError,
                        [](const auto& e) { return says(e, "quantile: width = 0; it must be positive and finite."); });
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
