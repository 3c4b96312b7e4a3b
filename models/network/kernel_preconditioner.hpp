#pragma once
/// A preconditioner for wide ReLU networks that depends on the data alone.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/preconditioner.hpp>

namespace raphson {

/// M = K + diag(μ) with the kernel K of Eq. (5) of Brand et al. (2021), relu_kernel(X): the expectation of the Gram matrix JJᵀ of a
/// two-layer ReLU network over its Gaussian initial weights, whatever the width, signs and seed. For systems in Jᵀ (Gram-Gauss-Newton,
/// n unknowns for n rows of X); for others the construction breaks down and says so. With C outputs, whose signs are independent, the
/// expectation is K for each and zero between them: the same factor serves them all. hidden_layers > 1: the kernel of that depth, for
/// DeepRelu. `output`: that of nets whose output layer is trained too.
///
/// K and its Cholesky factor are made at the first use and kept in the kind, so that solvers for other widths, seeds and restarts
/// on the same data share them: `PreconditionedCg(relu_kernel_preconditioner(X))`. Of a shift μ, the same for all unknowns, the nearest
/// power of four is factored, at least 1e-6 of the mean diagonal entry, anew when that changes. Single precision; when that breaks down
/// (near-duplicate rows) double; then with the shift that helps, reported as extra_shift. Cost: n²d + n³/3 flops once, 4n² bytes kept (8n²
/// in double, and 8n² more while that is made); 2n² flops a solve.
std::shared_ptr<const PreconditionerKind> relu_kernel_preconditioner(DataMatrix X, Index hidden_layers = 1, bool output = false);

}  // namespace raphson
