#pragma once
/// Gram matrices of sparse rows.

#include <raphson/core/sketch.hpp>
#include <raphson/core/types.hpp>

#include <span>

namespace raphson {

/// G = Σ aᵢaᵢᵀ over the rows named (k × k, both triangles), in the order given: products are formed in Real and added up in Sum. ½Σ
/// nnz(row)² multiply-adds that scatter over G, in bands of columns of 2 MiB; rows are read from memory once.
template <class Real, class Sum>
void sparse_row_gram(const SparseRows<Real>& A, std::span<const Index> rows, Mat<Sum>& G);

/// The same over all rows.
template <class Real, class Sum>
void sparse_row_gram(const SparseRows<Real>& A, Mat<Sum>& G);

}  // namespace raphson
