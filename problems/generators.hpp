#pragma once
/// Synthetic data with what makes problems hard as arguments.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/seed.hpp>

namespace raphson {

struct GeneratorOptions {
  Index rows = 1000, columns = 50;
  double scale_span = 1;   ///< column scales log-spaced from 1 to 1/scale_span, shuffled; ≥ 1 (condition number, to first order)
  double correlation = 0;  ///< ρ of an AR(1) process across columns, in [0, 1)
  double coherence = 0;    ///< fraction of rows that carry a large multiple of one direction each, in [0, 1]: high leverage
  double density = 1;      ///< share of nonzeros; < 1 gives sparse data
  double noise = 0.1;      ///< of the target
  std::uint64_t seed = 0;
};

struct Generated {
  DataMatrix C;
  Vec y;      ///< target
  Vec truth;  ///< x* that generated the margins (d)
};

Generated generate_regression(const GeneratorOptions& options = {});      ///< y = Cx* + noise
Generated generate_classification(const GeneratorOptions& options = {});  ///< y ∈ ±1 with P(y = 1) = 1/(1+exp(−⟨c,x*⟩))
Generated generate_counts(const GeneratorOptions& options = {});          ///< y ~ Poisson(exp⟨c,x*⟩)
/// Least squares with a prescribed condition number κ of C (orthogonal factors, log-spaced singular values) and residual norm.
Generated generate_least_squares(Index rows, Index columns, double condition, double residual_norm, Seed seed);
/// Rows on the unit sphere in R^d and smooth targets: the setting of the network papers.
Generated generate_sphere(Index rows, Index columns, Seed seed);

}  // namespace raphson
