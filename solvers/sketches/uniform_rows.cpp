#include <raphson/solvers/sketches/gather_sketch.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <cmath>
#include <numeric>

namespace raphson {
namespace {

class UniformRows final : public SketchKind {
 public:
  std::string name() const override { return "uniform-rows"; }
  std::unique_ptr<Sketch<double>> make(Index s, Index N, Seed seed) const override { return draw_as<double>(s, N, seed); }
  std::unique_ptr<Sketch<float>> make_single(Index s, Index N, Seed seed) const override { return draw_as<float>(s, N, seed); }
  double flops(Index s, Index, Index k) const override { return double(s) * double(k); }
  bool rounds_rows() const override { return true; }
  double bytes(Index s, Index, Index k) const override { return 16.0 * double(s) * double(k); }

 private:
  template <class Real>
  std::unique_ptr<Sketch<Real>> draw_as(Index s, Index N, Seed seed) const {
    check_sketch_size(s, N);
    SignedRows rows{std::vector<Index>(s + 1), seed.split(Purpose::sketch).sample_without_replacement(N, s)};
    std::iota(rows.start.begin(), rows.start.end(), Index{0});
    for (Index& entry : rows.entry) entry *= 2;
    return std::make_unique<GatherSketch<Real>>(name(), N, std::move(rows), std::sqrt(double(N) / double(s)));
  }
};

}  // namespace

std::shared_ptr<const SketchKind> uniform_rows_sketch() { return std::make_shared<UniformRows>(); }

}  // namespace raphson
