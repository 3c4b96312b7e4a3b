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

/// The same from numbers rounded to eight bits: within every 512 rows, column j to multiples of max |a_ij| / 127, products summed exactly.
/// That adds noise of about max²/(12·127²) a row to the diagonal and, where columns are not nearly dependent, changes AᵀA too little to
/// matter to a preconditioner; at two to three and a half times the speed of single precision (bench-kernels). False, with G as it was, on
/// machines that cannot do so (AVX-512 VNNI is needed). A NaN or infinity in A gives NaN in G.
template <class Src>
bool rounded_row_gram(const DenseRows<Src>& A, Mat<float>& G);
/// Whether this machine can.
bool has_rounded_gram();

}  // namespace raphson
