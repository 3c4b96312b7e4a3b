#include "cli/inference.hpp"

#include <raphson/core/dense.hpp>

#include <fmt/format.h>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace raphson::cli {
namespace {

constexpr Index most_parameters = 1000;
constexpr Index most_rows_shown = 30;

/// L with H = AᵀA = diag(norm) L Lᵀ diag(norm); false when H is singular to working precision.
bool factor_hessian(const Operator& A, Vec& norm, arma::mat& L) {
  A.gram_diagonal(norm);
  norm = arma::sqrt(norm);
  if (!(norm.min() > 0) || !norm.is_finite()) return false;
  const double N = static_cast<double>(A.rows()), k = static_cast<double>(A.cols());
  double smallest = k * 1e-15;  // of the diagonal of L, where columns have unit norm
  if (N * k * k <= 1e10) {
    std::vector<Index> all(A.rows());
    std::iota(all.begin(), all.end(), Index{0});
    arma::mat B;
    A.gather_rows(all, B);
    B.each_col() /= norm;
    if (!lq_factor(B, L)) return false;
  } else {
    A.gram(L);
    L.each_col() /= norm;
    L.each_row() /= norm.t();
    if (!cholesky(L)) return false;
    smallest = std::sqrt(smallest);
  }
  return arma::abs(L.diag()).min() > smallest;
}

/// diag(H⁻¹) from the factor.
Vec inverse_diagonal(const arma::mat& L, const Vec& norm) {
  Vec diagonal(norm.n_elem);
  for (Index j = 0; j < norm.n_elem; ++j) {
    Vec column(norm.n_elem, arma::fill::zeros);
    column(j) = 1;
    solve_lower(L, column);
    diagonal(j) = arma::dot(column, column) / (norm(j) * norm(j));
  }
  return diagonal;
}

StandardErrors none(std::string why) {
  StandardErrors result;
  result.explanation = std::move(why);
  return result;
}

double observations(const Problem& problem) {
  if (problem.data.weights.is_empty()) return static_cast<double>(problem.rows());
  return static_cast<double>(std::ranges::count_if(problem.data.weights, [](double w) { return w > 0; }));
}

std::string name_of(const Problem& problem, Index j) {
  if (j >= problem.data.features.cols()) return "(intercept)";
  if (!problem.data.feature_names.empty()) return problem.data.feature_names[j];
  if (problem.data.format == Format::libsvm) return fmt::format("index {}", j + problem.data.index_base);
  return fmt::format("x[{}]", j);
}

/// Which coefficients to show, in which order.
std::vector<Index> shown(const Vec& theta, const StandardErrors& errors, bool verbose) {
  std::vector<Index> order(theta.n_elem);
  std::iota(order.begin(), order.end(), Index{0});
  if (verbose || theta.n_elem <= most_rows_shown) return order;
  const auto size = [&](Index j) { return std::abs(errors.error.is_empty() ? theta(j) : theta(j) / errors.error(j)); };
  std::ranges::stable_sort(order, std::greater<>(), size);
  order.resize(most_rows_shown);
  return order;
}

std::string p_text(double p) { return p < 2e-16 ? "<2e-16" : fmt::format("{:.3g}", p); }

}  // namespace

double p_value(double statistic, double degrees) {
  if (std::isnan(statistic)) return statistic;
  if (degrees == 0) return std::erfc(std::abs(statistic) / std::sqrt(2.0));
  return 2 * boost::math::cdf(boost::math::complement(boost::math::students_t(degrees), std::abs(statistic)));
}

StandardErrors standard_errors(const Problem& problem, const Summary& summary, const Vec& theta) {
  const LinearModel& model = *problem.linear;
  const std::string loss = model.loss().name();
  const double n = observations(problem), p = static_cast<double>(theta.n_elem);
  if (model.l2() > 0) return none("no standard errors: penalized fit");
  if (!summary.converged()) return none("standard errors: not computed (the fit did not converge)");
  if (loss == "huber" || loss == "squared-hinge" || loss == "quantile")
    return none(fmt::format("standard errors: not computed ({} is not a likelihood)", loss));
  if (loss == "gamma") return none("standard errors: not computed (the dispersion of gamma is not estimated)");
  if (theta.n_elem > most_parameters)
    return none(fmt::format("standard errors: not computed ({} parameters, more than {})", theta.n_elem, most_parameters));
  if (n < p || (loss == "squared" && n == p))
    return none(fmt::format("standard errors: not computed ({} observations for {} parameters)", n, p));
  Vec norm;
  arma::mat L;
  const std::unique_ptr<Linearization> at = model.linearize(theta);
  if (!factor_hessian(*at->matrix(), norm, L))
    return none("standard errors: not computed (the Hessian is singular: columns depend on each other)");
  StandardErrors result;
  if (loss == "squared") {
    result.degrees = n - p;
    result.dispersion = 2 * summary.objective / result.degrees;  // the objective is ½ Σ wᵢ rᵢ²
    result.explanation = fmt::format("standard errors: residual standard error {:.6g} on {} degrees of freedom, Student's t",
                                     std::sqrt(result.dispersion), result.degrees);
  } else {
    result.explanation = "standard errors: inverse Hessian, dispersion 1, normal approximation";
  }
  result.error = arma::sqrt(result.dispersion * inverse_diagonal(L, norm));
  return result;
}

void print_coefficients(Console& console, const Problem& problem, const Summary& summary, const Vec& theta, bool verbose) {
  if (console.quiet() || !problem.linear) return;
  console.stage("standard errors");
  const StandardErrors errors = standard_errors(problem, summary, theta);
  console.stage("");
  const std::vector<Index> order = shown(theta, errors, verbose);
  std::size_t width = 12;
  for (const Index j : order) width = std::max(width, name_of(problem, j).size());
  console.line("");
  const bool tested = !errors.error.is_empty();
  const char* statistic = errors.degrees > 0 ? "t value" : "z value";
  const char* p = errors.degrees > 0 ? "Pr(>|t|)" : "Pr(>|z|)";
  console.line(fmt::format("{:<{}}  {:>14}", "coefficient", width, "estimate") +
               (tested ? fmt::format("  {:>12}  {:>9}  {:>9}", "std. error", statistic, p) : ""));
  for (const Index j : order) {
    std::string line = fmt::format("{:<{}}  {:>14.7g}", name_of(problem, j), width, theta(j));
    if (tested) {
      const double value = theta(j) / errors.error(j);
      line += fmt::format("  {:>12.5g}  {:>9.3f}  {:>9}", errors.error(j), value, p_text(p_value(value, errors.degrees)));
    }
    console.line(line);
  }
  if (order.size() < theta.n_elem)
    console.line(
        fmt::format("({} of {}, the largest in {}; --verbose prints all)", order.size(), theta.n_elem, tested ? "statistic" : "size"));
  console.line(errors.explanation);
}

}  // namespace raphson::cli
