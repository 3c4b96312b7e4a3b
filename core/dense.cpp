#include <raphson/core/blas.hpp>
#include <raphson/core/dense.hpp>
#include <raphson/core/kernels/row_passes.hpp>
#include <raphson/core/row_gram.hpp>
#include <raphson/core/threads.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace raphson {
namespace {

constexpr Index tile = 192;          ///< of tiled factorizations
constexpr Index solve_block = 256;   ///< columns that a triangular solve takes at a time
constexpr Index pivoted_block = 96;  ///< columns between two updates of what is left
constexpr Index solve_piece = 1024;  ///< rows below them that a task updates

}  // namespace

template <class Real>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, Real alpha, const Real* A, Index lda, const Real* B, Index ldb,
          Real beta, Real* C, Index ldc) {
  blas::gemm(transpose_a, transpose_b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc);
}

template <class Real>
void gemv(bool transpose, Index m, Index n, Real alpha, const Real* A, Index lda, const Real* x, Real beta, Real* y) {
  blas::gemv(transpose, m, n, alpha, A, lda, x, beta, y);
}

template <class Real>
Real dot(Index n, const Real* x, const Real* y) {
  return blas::dot(n, x, y);
}

template <class Real>
void add_outer_gram(Index k, Index s, const Real* B, Index ldb, Real beta, Mat<Real>& G) {
  if (beta == Real(0)) {
    G.zeros();
  } else if (beta != Real(1)) {
    G *= beta;
  }
  add_row_gram<Real, Real>({B, s, k, ldb}, Real(1), G.memptr(), k);
}

template <class Real>
void outer_gram(const Mat<Real>& B, Mat<Real>& G) {
  row_gram<Real, Real>({B.memptr(), B.n_cols, B.n_rows, B.n_rows}, G);
}

template <class Real>
void mirror_lower(Mat<Real>& G) {
  const Index k = G.n_rows;
  const Blocks columns = cut(k, 64);
  parallel_for(columns.count(), [&](Index block) {
    for (Index j = columns.begin(block); j < columns.end(block); ++j) {
      for (Index i = 0; i < j; ++i) G(i, j) = G(j, i);
    }
  });
}

template <class Real>
bool cholesky(Mat<Real>& G) {
  const SingleThreadedBlas one;
  const Index k = G.n_rows;
  for (Index j = 0; j < k; j += tile) {
    const Index n = std::min(tile, k - j), below = j + n;
    Real* diagonal = G.memptr() + j + j * k;
    for (Index i = 0; i < n; ++i) {
      if (!(diagonal[i + i * k] > Real(0))) return false;  // also NaN, on which LAPACK may stay silent
    }
    if (blas::potrf(n, diagonal, k) != 0) return false;
    for (Index i = 0; i < n; ++i) {
      if (!std::isfinite(diagonal[i + i * k])) return false;
    }
    const Index tiles = (k - below + tile - 1) / tile;
    const auto row_of = [&](Index t) { return below + t * tile; };
    const auto size_of = [&](Index t) { return std::min(tile, k - row_of(t)); };
    parallel_for(tiles, [&](Index t) { blas::trsm_right_transposed(size_of(t), n, diagonal, k, G.memptr() + row_of(t) + j * k, k); });
    if (below < k) {
      const Real* panel = G.memptr() + below + j * k;
      add_row_gram<Real, Real>({panel, n, k - below, k}, Real(-1), G.memptr() + below + below * k, k);
    }
  }
  for (Index j = 1; j < k; ++j) std::fill(G.colptr(j), G.colptr(j) + j, Real(0));
  return all_finite(G);
}

/// x = L⁻¹ x by blocks of columns: a triangle, then what is below it, in parallel pieces.
template <class Real>
void solve_lower(const Mat<Real>& L, Col<Real>& x) {
  const SingleThreadedBlas one;
  const Index k = L.n_rows;
  for (Index j = 0; j < k; j += solve_block) {
    const Index n = std::min(solve_block, k - j), below = j + n;
    blas::trsv(false, n, &L(j, j), k, x.memptr() + j);
    const Col<Real> minus = -x.subvec(j, below - 1);
    const Blocks pieces{k - below, solve_piece};
    parallel_for(pieces.count(), [&](Index p) {
      const Index first = below + pieces.begin(p);
      kernels::add_rows<Real>({&L(first, j), k, n, pieces.length(p)}, minus.memptr(), x.memptr() + first);
    });
  }
}

/// x = L⁻ᵀ x, from the last block of columns to the first.
template <class Real>
void solve_lower_transposed(const Mat<Real>& L, Col<Real>& x) {
  const SingleThreadedBlas one;
  const Index k = L.n_rows;
  for (Index end = k; end > 0;) {
    const Index j = (end - 1) / solve_block * solve_block, n = end - j;
    if (end < k) {
      constexpr Index columns = 32;
      const Blocks pieces{n, k - end < 256 ? n : columns};
      parallel_for(pieces.count(), [&](Index p) {
        std::array<Real, solve_block> t;
        const Index first = j + pieces.begin(p), count = pieces.length(p);
        kernels::multiply_rows<Real>({&L(end, first), k, count, k - end}, x.memptr() + end, Real(0), t.data());
        for (Index c = 0; c < count; ++c) x[first + c] -= t[c];
      });
    }
    blas::trsv(true, n, &L(j, j), k, x.memptr() + j);
    end = j;
  }
}

template <class Real>
void cholesky_solve(const Mat<Real>& L, Col<Real>& x) {
  solve_lower(L, x);
  solve_lower_transposed(L, x);
}

namespace {

/// Rows and columns i and j > i of the lower triangle of G change places, and with them rows i and j of the columns of L before.
template <class Real>
void swap_symmetric(Mat<Real>& G, Index i, Index j) {
  for (Index c = 0; c < i; ++c) std::swap(G(i, c), G(j, c));
  std::swap(G(i, i), G(j, j));
  for (Index c = i + 1; c < j; ++c) std::swap(G(c, i), G(j, c));
  for (Index r = j + 1; r < G.n_rows; ++r) std::swap(G(r, i), G(r, j));
}

/// Column j of L, from that of G and the columns of L since `begin` that G has not taken in yet.
template <class Real>
void finish_column(Mat<Real>& G, Index begin, Index j, Real pivot) {
  const Index k = G.n_rows, below = j + 1;
  G(j, j) = std::sqrt(pivot);
  const Col<Real> minus = -G.submat(j, begin, j, j).t();
  const Blocks pieces{k - below, solve_piece};
  parallel_for(pieces.count(), [&](Index p) {
    const Index first = below + pieces.begin(p), count = pieces.length(p);
    if (j > begin) kernels::add_rows<Real>({&G(first, begin), k, j - begin, count}, minus.memptr(), &G(first, j));
    for (Index i = 0; i < count; ++i) G(first + i, j) /= G(j, j);
  });
}

/// Columns [begin, end) of L. The column at which no pivot above the threshold is left; `end` when there is none.
template <class Real>
Index pivoted_panel(Mat<Real>& G, Index begin, Index end, Real threshold, std::vector<Index>& order) {
  const Index k = G.n_rows;
  std::vector<Real> left(k);  // diagonal of what is left of G
  for (Index i = begin; i < k; ++i) left[i] = G(i, i);
  for (Index j = begin; j < end; ++j) {
    const Index pivot = static_cast<Index>(std::max_element(left.begin() + static_cast<std::ptrdiff_t>(j), left.end()) - left.begin());
    if (!(left[pivot] > (j == 0 ? Real(0) : threshold))) return j;
    if (pivot != j) {
      swap_symmetric(G, j, pivot);
      std::swap(left[j], left[pivot]);
      std::swap(order[j], order[pivot]);
    }
    finish_column(G, begin, j, left[j]);
    for (Index i = j + 1; i < k; ++i) left[i] -= G(i, j) * G(i, j);
  }
  return end;
}

}  // namespace

template <class Real>
Index pivoted_cholesky(Mat<Real>& G, std::vector<Index>& order, Real threshold) {
  const SingleThreadedBlas one;
  const Index k = G.n_rows;
  order.resize(k);
  for (Index i = 0; i < k; ++i) order[i] = i;
  if (!all_finite(G)) return 0;
  Index rank = 0;
  for (Index end = 0; rank == end && end < k;) {
    end = std::min(k, rank + pivoted_block);
    const Index begin = rank;
    rank = pivoted_panel(G, begin, end, threshold, order);
    if (rank < end || end == k) break;
    add_row_gram<Real, Real>({G.memptr() + end + begin * k, end - begin, k - end, k}, Real(-1), G.memptr() + end + end * k, k);
  }
  for (Index j = 1; j < k; ++j) std::fill(G.colptr(j), G.colptr(j) + j, Real(0));
  G.resize(k, rank);
  return rank;
}

template <class Real>
bool lq_factor(Mat<Real>& B, Mat<Real>& L) {
  const SingleThreadedBlas one;
  const Index k = B.n_rows;
  if (B.n_cols < k || !all_finite(B)) return false;
  if (blas::gelqf(k, B.n_cols, B.memptr(), k) != 0) return false;
  L.zeros(k, k);
  for (Index j = 0; j < k; ++j) {
    const Real sign = B(j, j) < Real(0) ? Real(-1) : Real(1);
    for (Index i = j; i < k; ++i) L(i, j) = sign * B(i, j);
  }
  return all_finite(L);
}

template <class Real>
bool symmetric_eigen(Mat<Real>& G, Col<Real>& values, bool vectors) {
  const SingleThreadedBlas one;
  if (!all_finite(G)) return false;
  values.set_size(G.n_rows);
  return G.n_rows == 0 || blas::syevd(vectors, G.n_rows, G.memptr(), G.n_rows, values.memptr()) == 0;
}

bool tridiagonal_extremes(const Vec& a, const Vec& b, double& smallest, double& largest) {
  if (a.n_elem == 0 || b.n_elem + 1 < a.n_elem || !all_finite(a.memptr(), a.n_elem) || !all_finite(b.memptr(), b.n_elem)) return false;
  Vec values = a, off = b;
  if (blas::sterf(values.n_elem, values.memptr(), off.memptr()) != 0) return false;
  smallest = values.front();
  largest = values.back();
  return true;
}

namespace {
/// The exponent's bits are tested, so that the loop vectorizes and no compiler flag can remove it.
template <class Real, class Bits>
bool finite_bits(const Real* x, Index n, Bits exponent) {
  Bits bad = 0;
  for (Index i = 0; i < n; ++i) bad |= static_cast<Bits>((std::bit_cast<Bits>(x[i]) & exponent) == exponent);
  return bad == 0;
}
}  // namespace

double checked_norm(const Vec& x) {
  if (!all_finite(x.memptr(), x.n_elem)) return std::numeric_limits<double>::quiet_NaN();
  return arma::norm(x);
}
bool all_finite(const double* x, Index n) { return finite_bits<double, std::uint64_t>(x, n, 0x7ff0000000000000ULL); }
bool all_finite(const float* x, Index n) { return finite_bits<float, std::uint32_t>(x, n, 0x7f800000U); }

#define RAPHSON_INSTANTIATE(Real)                                                                                              \
  template void gemm<Real>(bool, bool, Index, Index, Index, Real, const Real*, Index, const Real*, Index, Real, Real*, Index); \
  template void gemv<Real>(bool, Index, Index, Real, const Real*, Index, const Real*, Real, Real*);                            \
  template Real dot<Real>(Index, const Real*, const Real*);                                                                    \
  template void add_outer_gram<Real>(Index, Index, const Real*, Index, Real, Mat<Real>&);                                      \
  template void outer_gram<Real>(const Mat<Real>&, Mat<Real>&);                                                                \
  template void mirror_lower<Real>(Mat<Real>&);                                                                                \
  template bool cholesky<Real>(Mat<Real>&);                                                                                    \
  template void solve_lower<Real>(const Mat<Real>&, Col<Real>&);                                                               \
  template void solve_lower_transposed<Real>(const Mat<Real>&, Col<Real>&);                                                    \
  template void cholesky_solve<Real>(const Mat<Real>&, Col<Real>&);                                                            \
  template Index pivoted_cholesky<Real>(Mat<Real>&, std::vector<Index>&, Real);                                                \
  template bool lq_factor<Real>(Mat<Real>&, Mat<Real>&);                                                                       \
  template bool symmetric_eigen<Real>(Mat<Real>&, Col<Real>&, bool);
RAPHSON_INSTANTIATE(double)
RAPHSON_INSTANTIATE(float)

}  // namespace raphson
