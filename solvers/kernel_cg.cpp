#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/kernel_cg.hpp>

namespace raphson {
namespace {

/// Whatever the operator of the system offers.
class OfferedKind final : public PreconditionerKind {
 public:
  std::string name() const override { return "kernel"; }

  std::unique_ptr<Preconditioner> build(const GramSystem& system, Index attempt, std::string& why) const override {
    if (const auto offered = system.A->preconditioner()) return offered->build(system, attempt, why);
    why = "the operator offers no preconditioner";
    return nullptr;
  }
  Estimate estimate_build(const GramSystem& system, const Machine& machine) const override {
    if (const auto offered = system.A->preconditioner()) return offered->estimate_build(system, machine);
    return exact_estimate(system, machine);  // what the ladder ends with then
  }
  Index sketch_size(const GramSystem&) const override { return 0; }
  double condition() const override { return 4; }
};

}  // namespace

KernelCg::KernelCg() : PreconditionedCg(std::make_shared<OfferedKind>()) {}

}  // namespace raphson
