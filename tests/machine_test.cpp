#include <boost/test/unit_test.hpp>

#include <raphson/core/kernels/outer_product.hpp>
#include <raphson/core/machine.hpp>
#include <raphson/core/threads.hpp>

#include <vector>

using namespace raphson;

namespace {

std::vector<double> rates(const Machine& m) {
  return {m.gemm, m.gemm_single, m.gram, m.gram_single, m.factor, m.factor_single, m.bandwidth, m.sparse};
}

}  // namespace

// Bounds that any machine of the last twenty years meets, sanitizers or not: what they catch is a wrong unit, a loop that was optimized
// away, or a time of zero.
BOOST_AUTO_TEST_CASE(rates_are_plausible) {
  const ThreadScope threads(2);
  for (const double rate : rates(Machine::measured())) {
    BOOST_TEST(rate > 1e6);
    BOOST_TEST(rate < 1e15);
  }
}

BOOST_AUTO_TEST_CASE(measured_once_a_thread_count) {
  const auto with = [](int count) {
    const ThreadScope threads(count);
    return &Machine::measured();
  };
  const Machine *one = with(1), *two = with(2);
  BOOST_TEST(one != two);
  const std::vector<double> before = rates(*one);
  BOOST_TEST(with(1) == one);
  BOOST_TEST(with(2) == two);
  BOOST_TEST(rates(*one) == before, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(several_threads_may_ask_at_once) {
  const ThreadScope threads(3);
  std::vector<const Machine*> seen(8);
  parallel_for(seen.size(), [&](Index i) { seen[i] = &Machine::measured(); });
  for (const Machine* machine : seen) BOOST_TEST(machine == seen[0]);
}

// One column more than whole groups costs what another whole group would.
BOOST_AUTO_TEST_CASE(gram_matrices_cost_whole_groups_of_columns) {
  const Machine machine;
  const auto seconds = [&](Index k, bool single) { return static_cast<double>(k * k) / machine.gram_rate(k, single); };
  const Index f64 = kernels::outer_group<double>(), f32 = kernels::outer_group<float>();
  BOOST_TEST(seconds(f64 + 1, false) == seconds(2 * f64, false), boost::test_tools::tolerance(1e-12));
  BOOST_TEST(seconds(f32 + 1, true) == seconds(2 * f32, true), boost::test_tools::tolerance(1e-12));
  BOOST_TEST(machine.gram_rate(512, false) <= machine.gram);
}
