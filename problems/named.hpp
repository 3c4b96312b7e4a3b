#pragma once
/// Problems with a start and a known optimum, shared by tests, examples and users.

#include <raphson/core/model.hpp>

#include <memory>
#include <string>
#include <vector>

namespace raphson {

/// A model with its start and, where known, its optimum.
struct NamedProblem {
  std::string name;
  std::string description;
  std::shared_ptr<const Model> model;
  Vec start;
  Vec optimum;  ///< empty when not known in closed form
  double optimal_value = std::numeric_limits<double>::quiet_NaN();
};

/// Names that named_problem accepts.
std::vector<std::string> named_problems();
/// Throws InputError for an unknown name, listing the known ones.
NamedProblem named_problem(const std::string& name);

}  // namespace raphson
