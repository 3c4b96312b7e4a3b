#pragma once
/// Problems with a start and a known optimum, shared by tests, examples and users.

#include <raphson/core/model.hpp>

#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace raphson {

/// A model with its start and, where known, its optimum.
struct NamedProblem {
  std::string name = {};
  std::string description = {};
  std::shared_ptr<const Model> model = {};
  Vec start = {};
  Vec optimum = {};  ///< a minimizer; empty: none exists, or not one alone (networks). Of several the one of least norm
  double optimal_value = std::numeric_limits<double>::quiet_NaN();  ///< infimum of the objective, in closed form
};

/// Names that named_problem accepts: least-squares, ill-conditioned, rank-deficient, logistic, separable, poisson, coherent, huber, band,
/// rosenbrock, relu-sphere.
///
/// The optima are constructed, not computed: targets and weights are set so that the gradient vanishes at a chosen point (for instance
/// Poisson with yᵢ = exp⟨cᵢ,x*⟩), and the optimal value follows by hand. Each problem takes milliseconds to make.
std::vector<std::string> named_problems();
/// Throws InputError for an unknown name, listing the known ones.
NamedProblem named_problem(const std::string& name);

}  // namespace raphson
