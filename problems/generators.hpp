#pragma once
/// Synthetic data with what makes problems hard as arguments.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/seed.hpp>

namespace raphson {

/// All generators are deterministic: the same options give the same bits for any number of threads.
struct GeneratorOptions {
  Index rows = 1000, columns = 50;
  double scale_span = 1;  ///< ≥ 1: column scales log-spaced from 1 to 1/scale_span, shuffled; the condition number, to first order
  double correlation = 0;  ///< ρ in [0, 1) of an AR(1) process along the stored entries of a row; multiplies κ(C)² by up to ((1+ρ)/(1−ρ))²
  double coherence = 0;  ///< share in [0, 1] of rows in which one entry is replaced by 10√n times its column's scale: leverage near 1
  double density = 1;    ///< share in (0, 1] of nonzeros; < 1 gives sparse data, each row with max(1, round(density·d)) entries
  double noise = 0.1;    ///< standard deviation of the noise of a regression's target
  std::uint64_t seed = 0;
};

struct Generated {
  DataMatrix C;
  Vec y;      ///< target (n)
  Vec truth;  ///< x* that generated the margins Cx* (d); larger for columns of smaller scale, so that each column matters alike
};

/// The median |⟨c,x*⟩| is that of a standard normal. Cost: that of n·d (or nnz) normal numbers and one product.
/// Throw InputError for options out of range.
Generated generate_regression(const GeneratorOptions& options = {});      ///< y = Cx* + noise
Generated generate_classification(const GeneratorOptions& options = {});  ///< y ∈ ±1 with P(y = 1) = 1/(1+exp(−⟨c,x*⟩))
Generated generate_counts(const GeneratorOptions& options = {});  ///< y ~ Poisson(exp⟨c,x*⟩), x* scaled down until |⟨c,x*⟩| ≤ 4

/// Least squares with a prescribed condition number: C = U Σ Vᵀ (n × d), U and V orthonormal factors of Gaussian matrices, singular values
/// log-spaced from 1 to 1/condition; y = C·truth + e with ‖e‖₂ = residual_norm and Cᵀe = 0, so that truth minimizes ‖Cx − y‖₂.
/// Exact up to rounding: ‖Cᵀe‖ is about 1e-16 ‖e‖. Cost: 4nd² + 2d³ flops for the factors, 2nd² for their product, 16nd bytes.
/// Throws InputError unless n ≥ d ≥ 1, condition ≥ 1 and residual_norm ≥ 0 (0 when n = d).
Generated generate_least_squares(Index rows, Index columns, double condition, double residual_norm, Seed seed);

/// Rows uniform on the unit sphere in R^d and targets y = sin(3⟨u,x⟩) + ½cos(4⟨v,x⟩) with random unit vectors u (the truth) and v: points
/// in general position with a smooth target, the setting of the network papers.
Generated generate_sphere(Index rows, Index columns, Seed seed);

}  // namespace raphson
