// Whether ΦΦᵀ should be updated for the activations that a step flips: bench-nets_flips. For unit steps on smooth targets,
// the share of bits that flipped in each; then the time of an update for such shares beside counting anew, all threads.
#include <raphson/core/interrupt.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/jacobian.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/solvers.hpp>

#include <algorithm>
#include <bit>

#include <fmt/format.h>

using namespace raphson;

namespace {

template <class Run>
double seconds(const Run& run) {
  double best = 1e300;
  for (int r = 0; r < 5; ++r) {
    const Stopwatch watch;
    run();
    best = std::min(best, watch.seconds());
  }
  return best;
}

ActivationPattern pattern_at(const TwoLayerRelu& net, const Vec& W) {
  ActivationPattern pattern(net.data().rows(), net.width(), Activation::relu());
  forward(net.data(), net.output_signs(), Activation::relu(), W.memptr(), &pattern);
  return pattern;
}

/// Neurons that differ, observation by observation.
std::vector<std::vector<Index>> flips(const ActivationPattern& before, const ActivationPattern& after) {
  std::vector<std::vector<Index>> flipped(before.points());
  for (Index i = 0; i < before.points(); ++i) {
    for (Index w = 0; w < before.bits().words; ++w) {
      for (std::uint64_t left = before.bits().row(i)[w] ^ after.bits().row(i)[w]; left != 0; left &= left - 1)
        flipped[i].push_back(64 * w + static_cast<Index>(std::countr_zero(left)));
    }
  }
  return flipped;
}

double share(const std::vector<std::vector<Index>>& flipped, Index m) {
  double count = 0;
  for (const auto& row : flipped) count += static_cast<double>(row.size());
  return count / (static_cast<double>(flipped.size()) * static_cast<double>(m));
}

/// Φ′Φ′ᵀ − ΦΦᵀ = ½(D + Dᵀ) with D = (Φ′ − Φ)(Φ′ + Φ)ᵀ: a flipped bit adds a column of Φ′ + Φ, n bytes, to a row of D. The columns are
/// given, and D is not added to anything: less than an update would cost.
void update(const std::vector<std::vector<Index>>& flipped, const ActivationPattern& after, const std::vector<std::uint8_t>& columns,
            std::vector<std::int16_t>& D) {
  const Index n = flipped.size();
  parallel_for(n, [&](Index i) {
    std::int16_t* row = D.data() + i * n;
    for (const Index r : flipped[i]) {
      const std::uint8_t* column = columns.data() + r * n;
      const auto sign = static_cast<std::int16_t>(after.at(i, r) > 0 ? 1 : -1);
      for (Index j = 0; j < n; ++j) row[j] = static_cast<std::int16_t>(row[j] + sign * column[j]);
    }
  });
}

void measure(Index n, Index d, Index m) {
  const Generated data = generate_sphere(n, d, Seed(3));
  const TwoLayerRelu net(data.C, data.y, {.width = m, .seed = 1});
  fmt::print("n = {}, d = {}, m = {}\n  flipped, % a step:", n, d, m);
  Vec W = net.initial_weights();
  ActivationPattern last = pattern_at(net, W);
  Options options;
  options.globalization = Globalization::unit;
  options.tolerance = 1e-10;
  options.callback = [&](const Iteration& iteration) {
    if (iteration.iteration == 0) return Action::proceed;
    ActivationPattern now = pattern_at(net, *iteration.theta);
    fmt::print(" {:.2g}", 100 * share(flips(last, now), m));
    last = std::move(now);
    return Action::proceed;
  };
  Chord solver;
  minimize(net, solver, W, options);

  const auto network = std::make_shared<const NetworkData>(data.C, data.y, net.output_signs());
  const NetworkJacobian J(network, last);
  arma::fmat G;
  const double anew = seconds([&] { J.point_gram(G); });
  fmt::print("\n  counted anew {:.2f} ms\n", 1e3 * anew);
  std::vector<std::uint8_t> columns(n * m);
  for (Index r = 0; r < m; ++r) {
    for (Index j = 0; j < n; ++j) columns[r * n + j] = static_cast<std::uint8_t>(2 * last.at(j, r));
  }
  std::vector<std::int16_t> D(n * n);
  for (const double wanted : {1e-4, 1e-3, 3e-3, 1e-2}) {
    std::vector<std::vector<Index>> flipped(n);
    const Index each = std::max<Index>(1, static_cast<Index>(wanted * static_cast<double>(m)));
    for (Index i = 0; i < n; ++i) flipped[i] = Seed(7).split(Purpose::shuffle, i).sample_without_replacement(m, each);
    const double updated = seconds([&] { update(flipped, last, columns, D); });
    fmt::print("  {:.2g} % flipped: update {:.2f} ms, {:.2f} times\n", 100 * share(flipped, m), 1e3 * updated, updated / anew);
  }
}

}  // namespace

int main() {
  const ThreadScope threads;
  measure(2000, 20, 16384);
  measure(1000, 10, 65536);
}
