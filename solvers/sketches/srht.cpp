#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/sketches/transform_sketch.hpp>

#include <bit>
#include <cmath>

namespace raphson {
namespace {

/// Multiplies m rows (a power of two) of `lanes` columns by a Hadamard matrix, entries ±1, in place: one step over four quarters,
/// then each quarter on its own, so that all but the first steps run in cache. m·log2(m)·lanes additions.
template <class Real, Index lanes>
void hadamard(Real* x, Index m) {
  if (m == 2) {
    for (Index j = 0; j < lanes; ++j) {
      const Real a = x[j], b = x[lanes + j];
      x[j] = a + b;
      x[lanes + j] = a - b;
    }
  }
  if (m < 4) return;
  const Index quarter = m / 4 * lanes;
  Real *x0 = x, *x1 = x + quarter, *x2 = x1 + quarter, *x3 = x2 + quarter;
  for (Index i = 0; i < quarter; ++i) {
    const Real sum01 = x0[i] + x1[i], difference01 = x0[i] - x1[i];
    const Real sum23 = x2[i] + x3[i], difference23 = x2[i] - x3[i];
    x0[i] = sum01 + sum23;
    x1[i] = difference01 + difference23;
    x2[i] = sum01 - sum23;
    x3[i] = difference01 - difference23;
  }
  if (m > 4)
    for (Index q = 0; q < 4; ++q) hadamard<Real, lanes>(x + q * quarter, m / 4);
}

template <class Real>
class Srht final : public TransformSketch<Real> {
 public:
  Srht(Index s, Index N, Seed seed) : TransformSketch<Real>(s, N, std::bit_ceil(N), seed) {}
  std::string kind() const override { return "srht"; }

 private:
  void transform(Real* panel) const override { hadamard<Real, TransformSketch<Real>::lanes>(panel, this->padded()); }
  double weight(Index) const override { return 1 / std::sqrt(double(this->rows())); }  // √(N′/s) / √N′
};

class SrhtKind final : public SketchKind {
 public:
  std::string name() const override { return "srht"; }
  std::unique_ptr<Sketch<double>> make(Index s, Index N, Seed seed) const override { return draw<double>(s, N, seed); }
  std::unique_ptr<Sketch<float>> make_single(Index s, Index N, Seed seed) const override { return draw<float>(s, N, seed); }
  double flops(Index, Index N, Index k) const override {
    const double padded = double(std::bit_ceil(N));
    return padded * std::log2(padded) * double(k);
  }
  /// A step that is out of cache (panels above 1 MiB) reads and writes the panel once and does two levels.
  bool rounds_rows() const override { return true; }
  double bytes(Index s, Index N, Index k) const override {
    const double padded = double(std::bit_ceil(N));
    const double steps = 1 + std::max(0.0, std::log2(padded * 64 / 1048576)) / 2;
    return 8.0 * (double(N) + 2 * padded * steps + double(s)) * double(k);
  }

 private:
  template <class Real>
  static std::unique_ptr<Sketch<Real>> draw(Index s, Index N, Seed seed) {
    check_sketch_size(s, N);
    return std::make_unique<Srht<Real>>(s, N, seed);
  }
};

}  // namespace

std::shared_ptr<const SketchKind> srht_sketch() { return std::make_shared<SrhtKind>(); }

}  // namespace raphson
