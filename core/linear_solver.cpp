#include <raphson/core/error.hpp>
#include <raphson/core/linear_solver.hpp>

#include <fmt/format.h>

namespace raphson {

std::string to_string(LinearStatus status) {
  switch (status) {
    case LinearStatus::converged:
      return "converged";
    case LinearStatus::unverified:
      return "unverified";
    case LinearStatus::not_converged:
      return "not converged";
    case LinearStatus::failed:
      return "failed";
  }
  return "unknown";
}

void check_can_solve(const LinearSolver& solver, const GramSystem& system, double memory_limit) {
  check(system);
  const Index k = system.size();
  if (solver.needs().sparse_gram && !system.A->has_sparse_gram()) {
    throw InputError(fmt::format(
        "{0} needs a sparse AᵀA; that of this {1} x {2} matrix is not known to be sparse. Give the data in sparse form, or use exact or "
        "preconditioned-cg.",
        solver.name(), system.A->rows(), k));
  }
  if (solver.needs().kernel && !system.A->preconditioner()) {
    throw InputError(
        fmt::format("{} needs a model whose AᵀA is known in expectation: a network with at least as many weights as rows. This {} x {} "
                    "matrix comes from "
                    "another. Use preconditioned-cg.",
                    solver.name(), system.A->rows(), k));
  }
  const Estimate estimate = solver.estimate(system, Machine::nominal());
  if (!(estimate.bytes <= memory_limit)) {
    const std::string what = solver.needs().gram ? fmt::format("a {0} x {0} matrix", k) : "work space";
    throw InputError(fmt::format("{} needs {} ({}, limit {}).{}{}", solver.name(), what, bytes_text(estimate.bytes),
                                 bytes_text(memory_limit), estimate.advice.empty() ? "" : " ", estimate.advice));
  }
}

}  // namespace raphson
