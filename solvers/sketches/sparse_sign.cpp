#include <raphson/core/error.hpp>
#include <raphson/solvers/sketches/gather_sketch.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <algorithm>
#include <cmath>

namespace raphson {
namespace {

/// `count` distinct rows of [0, s) for column i, by Floyd's method: candidates q = 0, 1, … come from growing ranges, and one that is
/// there already gives way to the end of its range, which cannot be.
void draw_rows(const Seed& seed, Index i, Index s, Index count, std::uint32_t* row) {
  for (Index q = 0; q < count; ++q) {
    const auto last = static_cast<std::uint32_t>(s - count + q);
    const auto candidate = static_cast<std::uint32_t>(seed.below(i * count + q, last + 1));
    row[q] = std::find(row, row + q, candidate) == row + q ? candidate : last;
  }
}

SignedColumns draw(Index s, Index N, Index count, Seed seed) {
  const Seed rows = seed.split(Purpose::sketch), signs = seed.split(Purpose::sketch_signs);
  const Index words = (count + 63) / 64;  // of sign bits, a column
  return draw_columns(s, N, count, [=](Index first, Index last, std::uint32_t* target) {
    for (Index i = first; i < last; ++i, target += count) {
      draw_rows(rows, i, s, count, target);
      std::uint64_t word = 0;
      for (Index q = 0; q < count; ++q, word >>= 1) {
        if (q % 64 == 0) word = signs.bits(i * words + q / 64);
        target[q] = 2 * target[q] + static_cast<std::uint32_t>(word & 1);
      }
    }
  });
}

class SparseSign final : public SketchKind {
 public:
  explicit SparseSign(Index nonzeros) : nonzeros_(nonzeros) {}
  std::string name() const override { return "sparse-sign"; }
  std::unique_ptr<Sketch<double>> make(Index s, Index N, Seed seed) const override { return draw_as<double>(s, N, seed); }
  std::unique_ptr<Sketch<float>> make_single(Index s, Index N, Seed seed) const override { return draw_as<float>(s, N, seed); }
  double flops(Index s, Index N, Index k) const override { return 2.0 * double(count(s)) * double(N) * double(k); }
  bool rounds_rows() const override { return true; }
  /// A strip of columns at a time, of dense rows: benchmarks/sketches.cpp.
  double bytes(Index s, Index N, Index k) const override {
    const double reads = std::min(double(count(s)), 2.5 + 0.25 * double(count(s)));
    return 8.0 * (reads * double(N) + double(s)) * double(k);
  }
  bool scatters() const override { return true; }

 private:
  Index count(Index s) const { return std::min(nonzeros_, s); }
  template <class Real>
  std::unique_ptr<Sketch<Real>> draw_as(Index s, Index N, Seed seed) const {
    check_sketch_size(s, N);
    return std::make_unique<GatherSketch<Real>>(name(), draw(s, N, count(s), seed), 1 / std::sqrt(double(count(s))));
  }
  Index nonzeros_;
};

}  // namespace

std::shared_ptr<const SketchKind> sparse_sign_sketch(Index nonzeros) {
  if (nonzeros < 1) throw InputError("sparse-sign needs at least 1 nonzero a column; got 0.");
  return std::make_shared<SparseSign>(nonzeros);
}

}  // namespace raphson
