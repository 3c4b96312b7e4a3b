#pragma once
/// The data as what the first layer of a network reads, dense or sparse. Internal to the network models.

#include <raphson/core/data_matrix.hpp>

namespace raphson {

/// Z (n × neurons) = X W for W (d × neurons). 2·nnz(X)·neurons flops.
void project(const DataMatrix& X, Index neurons, const double* W, double* Z);
/// G (d × neurons) = Xᵀ D for D (n × neurons).
void collect(const DataMatrix& X, Index neurons, const double* D, double* G);
/// Lower triangle of G (n × n) ∘= XXᵀ. n²d flops for dense X.
template <class Real>
void multiply_by_inner_products(const DataMatrix& X, Mat<Real>& G);

}  // namespace raphson
