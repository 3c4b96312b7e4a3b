#include <raphson/core/error.hpp>
#include <raphson/core/seed.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

using namespace raphson;

BOOST_AUTO_TEST_CASE(an_element_does_not_depend_on_who_asks) {
  const Seed seed{7};
  std::vector<double> all(101), part(50);
  seed.normal(0, all);
  seed.normal(13, part);
  for (Index i = 0; i < part.size(); ++i) BOOST_TEST(part[i] == all[13 + i]);
  seed.uniform(0, all);
  for (Index i = 0; i < all.size(); ++i) BOOST_TEST(seed.uniform(i) == all[i]);
  std::vector<std::uint64_t> bits(9);
  seed.bits(3, bits);
  for (Index i = 0; i < bits.size(); ++i) BOOST_TEST(seed.bits(3 + i) == bits[i]);
}

BOOST_AUTO_TEST_CASE(single_precision_normals_are_the_rounded_doubles) {
  std::vector<double> d(64);
  std::vector<float> f(64);
  Seed{3}.normal(5, d);
  Seed{3}.normal(5, f);
  for (Index i = 0; i < d.size(); ++i) BOOST_TEST(f[i] == static_cast<float>(d[i]));
}

BOOST_AUTO_TEST_CASE(splits_are_distinct) {
  std::set<std::uint64_t> keys;
  for (std::uint64_t key = 0; key < 4; ++key) {
    for (std::uint64_t index = 0; index < 50; ++index) {
      for (const Purpose purpose : {Purpose::sketch, Purpose::retry, Purpose::data}) keys.insert(Seed{key}.split(purpose, index).key());
    }
  }
  BOOST_TEST(keys.size() == 600u);
}

BOOST_AUTO_TEST_CASE(moments_are_those_of_the_distributions) {
  constexpr Index n = 200000;
  std::vector<double> x(n);
  const auto moments = [&] {
    double mean = 0, square = 0, fourth = 0;
    for (const double v : x) mean += v / n, square += v * v / n, fourth += v * v * v * v / n;
    return std::array{mean, square, fourth};
  };
  // Five standard errors: a false alarm in about two of a million seeds, and the seeds are fixed.
  for (std::uint64_t key = 0; key < 5; ++key) {
    Seed{key}.normal(0, x);
    auto [mean, square, fourth] = moments();
    BOOST_TEST(std::abs(mean) < 5 / std::sqrt(n));
    BOOST_TEST(std::abs(square - 1) < 5 * std::sqrt(2.0 / n));
    BOOST_TEST(std::abs(fourth - 3) < 5 * std::sqrt(96.0 / n));
    Seed{key}.uniform(0, x);
    std::tie(mean, square, fourth) = std::tuple_cat(moments());
    BOOST_TEST(std::abs(mean - 0.5) < 5 * std::sqrt(1.0 / 12 / n));
    BOOST_TEST(std::abs(square - 1.0 / 3) < 5 * std::sqrt(4.0 / 45 / n));
  }
}

BOOST_AUTO_TEST_CASE(samples_are_distinct_sorted_and_uniform) {
  std::vector<double> hits(20, 0);
  constexpr int draws = 4000;
  for (int i = 0; i < draws; ++i) {
    const auto sample = Seed{static_cast<std::uint64_t>(i)}.sample_without_replacement(20, 7);
    BOOST_REQUIRE(sample.size() == 7u);
    for (Index j = 0; j < 7; ++j) {
      hits[sample[j]] += 1;
      if (j > 0) BOOST_REQUIRE(sample[j - 1] < sample[j]);
    }
  }
  const double p = 7.0 / 20, deviation = std::sqrt(draws * p * (1 - p));
  for (const double h : hits) BOOST_TEST(std::abs(h - draws * p) < 5 * deviation);
  BOOST_TEST(Seed{1}.sample_without_replacement(5, 5) == (std::vector<Index>{0, 1, 2, 3, 4}), boost::test_tools::per_element());
  BOOST_CHECK_THROW(Seed{1}.sample_without_replacement(5, 6), InputError);
}

BOOST_AUTO_TEST_CASE(below_is_uniform) {
  std::vector<double> hits(13, 0);
  constexpr int n = 26000;
  for (Index i = 0; i < n; ++i) hits[Seed{11}.below(i, 13)] += 1;
  for (const double h : hits) BOOST_TEST(std::abs(h - n / 13.0) < 5 * std::sqrt(n / 13.0));
}
