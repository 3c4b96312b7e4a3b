#pragma once
/// Labels of two classes. Internal to models/losses.

#include <raphson/core/types.hpp>

#include <string>
#include <string_view>

namespace raphson {

/// Replaces any two labels by −1 (the smaller) and +1 and says so: "labels 1, 2 → −1, +1". Throws InputError:
/// "logistic needs two classes; y has 3 distinct values {0, 1, 2}."
std::string two_classes(Vec& y, std::string_view loss);

}  // namespace raphson
