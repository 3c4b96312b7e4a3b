#pragma once
/// Gram matrices of dense rows, with the library's own inner loops.

#include <raphson/core/sketch.hpp>
#include <raphson/core/types.hpp>

namespace raphson {

/// Lower triangle of C (k × k at leading dimension ldc, k = A.cols()) += alpha Σᵢ aᵢaᵢᵀ over the rows aᵢ of A, scaled and completed; what
/// stands above the diagonal is not kept. Src may be double where Real is float: rows are rounded as they are read, and diag(scale)·A is
/// never stored. Nk² flops, one read of A (k/240 more from cache for large k); parallel, the same bits for any thread count.
template <class Real, class Src>
void add_row_gram(const DenseRows<Src>& A, Real alpha, Real* C, Index ldc);

/// The same as a matrix of its own: G = Σᵢ aᵢaᵢᵀ, both triangles.
template <class Real, class Src>
void row_gram(const DenseRows<Src>& A, Mat<Real>& G);

}  // namespace raphson
