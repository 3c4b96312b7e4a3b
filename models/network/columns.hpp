#pragma once
/// A Jacobian by its rows or columns, one at a time, where nothing better is known. Internal to the network models.

#include <raphson/core/dense.hpp>
#include <raphson/core/sketch.hpp>
#include <raphson/core/threads.hpp>

#include <algorithm>
#include <vector>

namespace raphson {

/// B = (S A)ᵀ from panels of at most 64 MiB of columns of A (N × k) that fill(j, out) makes.
template <class Real, class Fill>
void sketch_columns(const Sketch<Real>& S, Index N, Index k, const Fill& fill, Mat<Real>& B) {
  B.set_size(k, S.rows());
  const Blocks panels{k, std::clamp(Index{1} << 23, N, N * k) / N};
  Mat<Real> columns, sketched;
  for (Index p = 0; p < panels.count(); ++p) {
    const Index first = panels.begin(p), width = panels.length(p);
    columns.set_size(N, width);
    parallel_for(width, [&](Index j) { fill(first + j, columns.colptr(j)); });
    S.apply(columns, sketched);
    B.rows(first, first + width - 1) = sketched.t();
  }
}

/// G = JᵀJ (P × P) from panels of rows of J that fill(i, out) makes, i < n: nP² flops.
template <class Fill>
void gram_of_rows(Index n, Index P, const Fill& fill, Mat<double>& G) {
  G.zeros(P, P);
  Mat<double> rows;
  const Blocks panels{n, 512};
  for (Index p = 0; p < panels.count(); ++p) {
    rows.set_size(P, panels.length(p));
    parallel_for(rows.n_cols, [&](Index i) { fill(panels.begin(p) + i, rows.colptr(i)); });
    add_outer_gram(P, rows.n_cols, rows.memptr(), P, 1.0, G);
  }
  mirror_lower(G);
}

/// g = diag(JᵀJ) in the same way.
template <class Fill>
void gram_diagonal_of_rows(Index n, Index P, const Fill& fill, Vec& g) {
  g.set_size(P);
  const Blocks blocks = cut(n, 64, 16);
  parallel_sum<double>(
      blocks, P,
      [&](Index b, double* partial) {
        std::vector<double> row(P);
        for (Index i = blocks.begin(b); i < blocks.end(b); ++i) {
          fill(i, row.data());
          for (Index p = 0; p < P; ++p) partial[p] += row[p] * row[p];
        }
      },
      g.memptr());
}

}  // namespace raphson
