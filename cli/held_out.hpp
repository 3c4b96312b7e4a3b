#pragma once
/// Rows kept back from a fit to judge it by.

#include "cli/problem.hpp"

namespace raphson::cli {

/// Rows of a linear model, with their targets in the form of its loss (labels ±1).
struct Rows {
  DataMatrix C;
  Vec y, weights, offset;  ///< the last two may be empty
  Index count() const { return C.rows(); }
};

/// The rows to fit, and those kept back.
struct Split {
  Rows fitted, held;
};

/// All rows to fit, none kept back.
Split keep_all(const Problem& problem);

/// Keeps back round(fraction·n) rows, drawn by `seed` without replacement; problem.linear becomes the model of the others, problem.data
/// stays whole. Throws InputError when no row or all rows would be kept back, or what remains cannot be fitted (one class alone).
Split hold_out(Problem& problem, const ModelArguments& arguments, double fraction, std::uint64_t seed);

/// Rows to validate a network on, as they were read.
struct HeldRows {
  DataMatrix features;
  arma::mat target;
  std::string text;  ///< "88 of 442 rows kept back"
};
/// Takes round(fraction·n) rows out of `data`, drawn by `seed` without replacement. Throws InputError when that is none or all.
HeldRows hold_out(Dataset& data, double fraction, std::uint64_t seed);
/// Throws InputError when the file's columns are not those of the training data.
HeldRows read_held_out(const std::string& path, ReadOptions options, const Dataset& training);

/// Σ wᵢ g(zᵢ; yᵢ) / Σ wᵢ at θ, without the penalty.
double loss_per_row(const LinearModel& model, const Rows& rows, const Vec& theta);

}  // namespace raphson::cli
