#pragma once
/// Standard errors of a generalized linear model's coefficients, as R and statsmodels define them.

#include "cli/console.hpp"
#include "cli/problem.hpp"

namespace raphson::cli {

/// Either `error` (P, the intercept last) or the reason why there is none.
struct StandardErrors {
  Vec error;                ///< √(φ (H⁻¹)ⱼⱼ), H the Hessian at the optimum
  double dispersion = 1;    ///< φ: RSS/(n − p) for squared loss, 1 else
  double degrees = 0;       ///< n − p of Student's t for squared loss; 0: normal
  std::string explanation;  ///< one line for the user
};

/// Only for unpenalized, converged squared, logistic and Poisson fits of at most 1000 parameters. By QR of the weighted data where
/// that costs at most 10¹⁰ flops, else by Cholesky of the Hessian; columns are brought to unit norm first. Rows of weight zero do not count
/// in n.
StandardErrors standard_errors(const Problem& problem, const Summary& summary, const Vec& theta);

/// Two-sided p-value of a statistic under Student's t with these degrees (0: normal).
double p_value(double statistic, double degrees);

/// The coefficient table: all of up to 30 coefficients, else the 30 largest in statistic (or size), all of them when verbose.
void print_coefficients(Console& console, const Problem& problem, const Summary& summary, const Vec& theta, bool verbose);

}  // namespace raphson::cli
