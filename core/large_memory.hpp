#pragma once
/// Memory for arrays of many megabytes, and how much there is.

#include <raphson/core/types.hpp>

namespace raphson {

/// Asks for pages of 2 MiB behind memory that nothing has touched yet. Where the system leaves the choice to programs (Linux with
/// transparent_hugepage = madvise), the first touch of such memory and passes over it, which look up fewer pages, then take less
/// (bench-kernels measures both). No effect on less than 2 MiB, elsewhere, or where large pages are the rule.
void prefer_large_pages(const void* data, Index bytes) noexcept;

/// M becomes rows × cols with undefined content, on large pages when that means new memory.
template <class T>
void resize_raw(Mat<T>& M, Index rows, Index cols) {
  if (M.n_rows == rows && M.n_cols == cols) return;
  const T* before = M.memptr();
  M.set_size(rows, cols);
  if (M.memptr() != before) prefer_large_pages(M.memptr(), rows * cols * sizeof(T));
}

/// A rows × cols matrix with undefined content, on large pages.
template <class T>
Mat<T> raw_matrix(Index rows, Index cols) {
  Mat<T> M;
  resize_raw(M, rows, cols);
  return M;
}

/// As many numbers as that, undefined, on large pages.
template <class T>
Col<T> raw_vector(Index count) {
  Col<T> v(count, arma::fill::none);
  prefer_large_pages(v.memptr(), count * sizeof(T));
  return v;
}

/// Bytes of memory that this process may have: the machine's, or the limit of its control group where that is less.
double available_memory();

}  // namespace raphson
