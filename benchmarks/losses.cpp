// Losses over blocks of margins: Loss::evaluate beside the same formulas by libm, one row at a time, in one run: bench-losses.
// Nanoseconds a row for value and two derivatives; least of nine repeats, one thread; ratios count.
#include <raphson/core/interrupt.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/models/losses.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

using namespace raphson;

namespace {

constexpr Index rows = Index{1} << 19, block = 512;

struct Case {
  std::shared_ptr<const Loss> loss;
  void (*scalar)(double z, double y, double& value, double& first, double& second);  // null: evaluate is scalar already
};

void logistic(double z, double y, double& value, double& first, double& second) {
  const double m = y * z, e = std::exp(-std::abs(m));
  value = (m < 0 ? -m : 0) + std::log1p(e);
  first = -y * (m < 0 ? 1 : e) / (1 + e);
  second = e / ((1 + e) * (1 + e));
}
void poisson(double z, double y, double& value, double& first, double& second) {
  second = std::exp(z);
  value = second - y * z;
  first = second - y;
}
void gamma(double z, double y, double& value, double& first, double& second) {
  second = y * std::exp(-z);
  value = z + second;
  first = 1 - second;
}

/// Nanoseconds a row of run(first row of a block).
template <class Run>
double nanoseconds(const Run& run) {
  double best = std::numeric_limits<double>::infinity();
  for (int repeat = 0; repeat < 9; ++repeat) {
    const Stopwatch watch;
    for (Index begin = 0; begin < rows; begin += block) run(begin);
    best = std::min(best, watch.seconds());
  }
  return 1e9 * best / static_cast<double>(rows);
}

}  // namespace

int main() {
  Vec z(rows), y(rows);
  Seed(1).normal(0, std::span<double>(z.memptr(), rows));
  z *= 3;
  for (Index i = 0; i < rows; ++i) y(i) = z(i) > 0 ? 1 : -1;
  const Vec positive(rows, arma::fill::ones);
  Vec value(block), first(block), second(block);
  double sink = 0;

  fmt::print("| loss | libm, ns a row | evaluate, ns a row | ratio |\n|---|---|---|---|\n");
  const Case cases[] = {{logistic_loss(), logistic},     {poisson_loss(), poisson}, {gamma_loss(), gamma},
                        {squared_hinge_loss(), nullptr}, {huber_loss(), nullptr},   {quantile_loss(), nullptr}};
  for (const Case& one : cases) {
    const Loss* const loss = one.loss.get();
    const auto scalar = one.scalar;
    const Vec& target = loss->name() == "logistic" || loss->name() == "squared-hinge" ? y : positive;
    const double vector = nanoseconds([&](Index begin) {
      loss->evaluate({z.memptr() + begin, block}, {target.memptr() + begin, block}, value.memptr(), first.memptr(), second.memptr());
      sink += value(begin % block);
    });
    if (!scalar) {
      fmt::print("| {} | – | {:.2f} | – |\n", loss->name(), vector);
      continue;
    }
    const double single = nanoseconds([&](Index begin) {
      for (Index i = 0; i < block; ++i) scalar(z(begin + i), target(begin + i), value(i), first(i), second(i));
      sink += value(begin % block);
    });
    fmt::print("| {} | {:.2f} | {:.2f} | {:.1f} |\n", loss->name(), single, vector, single / vector);
  }
  return std::isfinite(sink) ? 0 : 1;
}
