#include <raphson/solvers/sketches/gather_sketch.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

namespace raphson {
namespace {

SignedColumns draw(Index s, Index N, Seed seed) {
  const Seed rows = seed.split(Purpose::sketch), signs = seed.split(Purpose::sketch_signs);
  return draw_columns(s, N, 1, [=](Index first, Index last, std::uint32_t* target) {
    std::uint64_t word = signs.bits(first / 64);
    for (Index i = first; i < last; ++i) {
      if (i % 64 == 0) word = signs.bits(i / 64);
      *target++ = static_cast<std::uint32_t>(2 * rows.below(i, s) + (word >> (i % 64) & 1));
    }
  });
}

class CountSketch final : public SketchKind {
 public:
  std::string name() const override { return "count-sketch"; }
  std::unique_ptr<Sketch<double>> make(Index s, Index N, Seed seed) const override { return draw_as<double>(s, N, seed); }
  std::unique_ptr<Sketch<float>> make_single(Index s, Index N, Seed seed) const override { return draw_as<float>(s, N, seed); }
  double flops(Index, Index N, Index k) const override { return 2.0 * double(N) * double(k); }
  bool rounds_rows() const override { return true; }
  double bytes(Index s, Index N, Index k) const override { return 8.0 * (double(N) + double(s)) * double(k); }
  bool scatters() const override { return true; }

 private:
  template <class Real>
  std::unique_ptr<Sketch<Real>> draw_as(Index s, Index N, Seed seed) const {
    check_sketch_size(s, N);
    return std::make_unique<GatherSketch<Real>>(name(), draw(s, N, seed), 1.0);
  }
};

}  // namespace

std::shared_ptr<const SketchKind> count_sketch() { return std::make_shared<CountSketch>(); }

}  // namespace raphson
