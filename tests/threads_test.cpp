#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>

#include <atomic>
#include <boost/test/unit_test.hpp>

using namespace raphson;

BOOST_AUTO_TEST_CASE(every_task_runs_once) {
  for (const int threads : {1, 2, 4}) {
    const ThreadScope scope(threads);
    BOOST_TEST(thread_count() == threads);
    std::vector<std::atomic<int>> runs(1000);
    parallel_for(runs.size(), [&](Index i) { ++runs[i]; });
    for (const auto& r : runs) BOOST_REQUIRE(r == 1);
  }
}

BOOST_AUTO_TEST_CASE(sums_have_the_same_bits_for_any_thread_count) {
  const Blocks blocks = cut(100003, 100);
  const auto sum = [&](int threads) {
    const ThreadScope scope(threads);
    std::vector<double> out(5);
    parallel_sum<double>(
        blocks, 5,
        [&](Index b, double* partial) {
          for (Index i = blocks.begin(b); i < blocks.end(b); ++i) partial[i % 5] += 1.0 / (1.0 + static_cast<double>(i));
        },
        out.data());
    return out;
  };
  const auto one = sum(1);
  BOOST_TEST(std::abs(one[0] + one[1] + one[2] + one[3] + one[4] - 12.0901761) < 1e-4);  // H(100003)
  for (const int threads : {2, 3, 4}) BOOST_TEST(sum(threads) == one, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(blocks_cover_everything_once) {
  for (const Index total : {0u, 1u, 63u, 64u, 65u, 100000u}) {
    const Blocks blocks = cut(total, 10, 7);
    Index covered = 0;
    for (Index b = 0; b < blocks.count(); ++b) {
      BOOST_TEST(blocks.begin(b) == covered);
      covered += blocks.length(b);
    }
    BOOST_TEST(covered == total);
    BOOST_TEST(blocks.count() <= 7u);
  }
}

BOOST_AUTO_TEST_CASE(exceptions_come_back) {
  const ThreadScope scope(4);
  BOOST_CHECK_THROW(parallel_for(100,
                                 [](Index i) {
                                   if (i == 57) throw std::runtime_error("task");
                                 }),
                    std::runtime_error);
  BOOST_CHECK_THROW(ThreadScope(-1), InputError);
}

BOOST_AUTO_TEST_CASE(scopes_nest) {
  const ThreadScope outer(4);
  {
    const ThreadScope inner(1);
    BOOST_TEST(thread_count() == 1);
    std::atomic<int> total{0};
    parallel_for(10, [&](Index) { parallel_for(10, [&](Index) { ++total; }); });
    BOOST_TEST(total == 100);
  }
  BOOST_TEST(thread_count() == 4);
}
