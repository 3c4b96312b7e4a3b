#pragma once
/// Fits of one linear model along a grid of penalties.

#include <raphson/core/minimize.hpp>
#include <raphson/models/linear_model.hpp>

#include <vector>

namespace raphson {

/// One penalty and its fit.
struct PathPoint {
  double l2 = 0;  ///< μ
  Vec theta;      ///< P
  Summary summary;
};

/// Minimizes model.with_l2(μ) for every μ given, from the largest to the smallest. The first fit starts from θ = 0, each other from the
/// minimizer before it, or from the parabola in log μ through the three before it where the gradient is smaller there (one more read of the
/// data a point). What `solver` keeps (the choice of auto, a sketch with its factor) is used again as long as it serves. The points come
/// back in the order in which they were fitted; the model's own l2 does not matter.
///
/// `options` hold for every point, convergence is judged on the scale of θ = 0 as in a fit alone; options.time_limit is for the path as a
/// whole, and the path ends with the point that time, options.cancel or the callback stops. Other points that do not converge do not end
/// it. The same seed gives the same bits, whatever the thread count. Memory: P doubles and a history a point.
///
/// Throws InputError for an empty list, for a μ that is negative or not finite, and as minimize does.
///
/// Reference: Friedman, Hastie, Tibshirani (2010), Regularization paths for generalized linear models via coordinate descent: warm starts
/// along a geometric grid.
std::vector<PathPoint> fit_path(const LinearModel& model, LinearSolver& solver, const std::vector<double>& l2, const Options& options = {});

/// `count` penalties from largest to smallest, both included, each the same multiple of the one before. One: the largest alone.
/// Throws InputError unless 0 < smallest ≤ largest, both finite, and count ≥ 1.
std::vector<double> l2_grid(double largest, double smallest, Index count);

}  // namespace raphson
