#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/preconditioners/jacobi.hpp>

namespace raphson {
namespace {

class Jacobi final : public Preconditioner {
 public:
  explicit Jacobi(Vec inverse) : inverse_(std::move(inverse)) {}
  std::string name() const override { return "jacobi"; }
  Index size() const override { return inverse_.n_elem; }
  void solve(const Vec& r, Vec& z) const override { z = inverse_ % r; }

 private:
  Vec inverse_;
};

class JacobiKind final : public PreconditionerKind {
 public:
  std::string name() const override { return "jacobi"; }

  std::unique_ptr<Preconditioner> build(const GramSystem& system, Index attempt, std::string& why) const override {
    if (attempt > 0) {
      why = "jacobi has no other way";
      return nullptr;
    }
    Vec diagonal;
    system.A->gram_diagonal(diagonal);
    diagonal += system.shift_diagonal();
    if (!diagonal.is_finite()) {
      why = "the diagonal of AᵀA is not finite";
      return nullptr;
    }
    diagonal.transform([](double value) { return value > 0 ? 1 / value : 1.0; });
    return std::make_unique<Jacobi>(std::move(diagonal));
  }

  Estimate estimate_build(const GramSystem& system, const Machine& machine) const override {
    return {.seconds = product_seconds(*system.A, machine), .bytes = 8.0 * static_cast<double>(system.size()), .advice = {}};
  }
  Index sketch_size(const GramSystem&) const override { return 0; }
};

}  // namespace

std::shared_ptr<const PreconditionerKind> jacobi_preconditioner() { return std::make_shared<JacobiKind>(); }

}  // namespace raphson
