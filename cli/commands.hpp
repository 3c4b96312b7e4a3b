#pragma once
/// The subcommands. Each returns the exit status; mistakes of the user are InputError.

#include "cli/arguments.hpp"

namespace raphson::cli {

int run_fit(const FitArguments& arguments);
int run_path(const PathArguments& arguments);
int run_predict(const PredictArguments& arguments);
int run_compare(const CompareArguments& arguments);

}  // namespace raphson::cli
