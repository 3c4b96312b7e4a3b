#pragma once
/// Gram systems on which every solver and preconditioner is tried, with the matrix at hand to check answers independently.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/function_operator.hpp>
#include <raphson/core/gram_system.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace raphson::test {

/// Owns everything that a GramSystem refers to.
struct GramCase {
  std::string name;
  arma::mat dense;  ///< A, N × k
  std::shared_ptr<const Operator> A;
  Vec b;
  double shift = 0;
  Vec penalty;  ///< empty: none
  Vec c;        ///< empty: unknown
  bool ill_conditioned = false;
  bool coherent = false;  ///< a careless sketch loses whole directions

  GramSystem system(double tolerance = 1e-8, Seed seed = Seed{7}) const {
    GramSystem s;
    s.A = A;
    s.b = &b;
    s.shift = shift;
    if (!penalty.is_empty()) s.penalty = &penalty;
    if (!c.is_empty()) s.c = &c;
    s.tolerance = tolerance;
    s.seed = seed;
    return s;
  }
  Index size() const { return dense.n_cols; }

  arma::mat matrix() const {
    arma::mat H = dense.t() * dense;
    H.diag() += shift;
    if (!penalty.is_empty()) H.diag() += penalty;
    return H;
  }
  /// ‖b − Hz‖/‖b‖ from the dense matrix, by products with A rather than AᵀA.
  double residual(const Vec& z) const {
    Vec r = b - dense.t() * (dense * z) - shift * z;
    if (!penalty.is_empty()) r -= penalty % z;
    return arma::norm(r) / arma::norm(b);
  }
};

inline arma::mat gaussian(Index rows, Index cols, std::uint64_t key) {
  arma::mat X(rows, cols);
  Seed{key}.split(Purpose::data).normal(0, std::span<double>(X.memptr(), X.n_elem));
  return X;
}

inline GramCase dense_case(std::string name, arma::mat A, double shift = 0) {
  GramCase g;
  g.name = std::move(name);
  g.A = scaled_rows(DataMatrix(A));
  g.b = gaussian(A.n_cols, 1, 99);
  g.shift = shift;
  g.dense = std::move(A);
  return g;
}

inline GramCase tall(Index rows = 400, Index cols = 20) { return dense_case("tall", gaussian(rows, cols, 1)); }

inline GramCase scaled_columns() {
  arma::mat A = gaussian(600, 24, 3);
  for (Index j = 0; j < A.n_cols; ++j) A.col(j) *= std::pow(10.0, 6.0 * static_cast<double>(j) / 23.0);
  GramCase g = dense_case("column scales over 1e6", std::move(A));
  g.ill_conditioned = true;
  return g;
}

/// κ(A) = 1e5 that no column scaling cures.
inline GramCase ill_conditioned() {
  arma::mat U, V, R;
  arma::qr_econ(U, R, gaussian(500, 20, 4));
  arma::qr_econ(V, R, gaussian(20, 20, 5));
  GramCase g = dense_case("condition 1e5", U * arma::diagmat(arma::logspace(0, -5, 20)) * V.t());
  g.c = gaussian(500, 1, 6);
  g.b = g.dense.t() * g.c;
  g.ill_conditioned = true;
  return g;
}

/// Columns 3 and 11 depend on others; b is in the range of AᵀA.
inline GramCase rank_deficient() {
  arma::mat A = gaussian(300, 16, 7);
  A.col(11) = A.col(2) - 2 * A.col(5);
  A.col(3) = A.col(0);
  GramCase g = dense_case("rank deficient", std::move(A));
  g.b = g.dense.t() * gaussian(300, 1, 8);
  return g;
}

inline GramCase per_column_penalty() {
  GramCase g = dense_case("penalty per column, one of them 0", gaussian(300, 18, 9), 0.5);
  g.penalty = arma::linspace(0, 30, 18);
  return g;
}

inline GramCase sparse_rows() {
  arma::sp_mat A(900, 30);
  const Seed seed = Seed{10}.split(Purpose::data);
  for (Index i = 0; i < 900; ++i) {
    for (Index j = 0; j < 3; ++j) A(i, seed.below(3 * i + j, 30)) = 1 + seed.split(Purpose::noise).uniform(3 * i + j);
  }
  GramCase g = dense_case("sparse rows, with a constant column", arma::join_rows(arma::mat(A), arma::ones(900)), 0.1);
  g.A = scaled_rows(DataMatrix(A), {}, true);
  return g;
}

inline GramCase matrix_free() {
  GramCase g = dense_case("matrix-free", gaussian(200, 12, 11), 0.01);
  auto A = std::make_shared<const arma::mat>(g.dense);
  g.A = std::make_shared<const FunctionOperator>(
      A->n_rows, A->n_cols, [A](const Vec& x, Vec& y) { y = *A * x; }, [A](const Vec& x, Vec& y) { y = A->t() * x; });
  return g;
}

inline GramCase one_column() { return dense_case("k = 1", gaussian(50, 1, 12)); }
inline GramCase square() { return dense_case("square", gaussian(25, 25, 13) + 5 * arma::eye(25, 25)); }
inline GramCase shifted() { return dense_case("shifted", gaussian(300, 20, 14), 10); }
inline GramCase wide() { return dense_case("N < k, shifted", gaussian(10, 30, 15), 0.3); }
inline GramCase tiny_numbers() {
  GramCase g = dense_case("entries near 1e-100", 1e-100 * gaussian(200, 10, 16));
  g.b *= 1e-200;
  return g;
}

/// Coherent rows: a few rows carry whole directions, where CountSketch and uniform rows may lose them.
inline GramCase coherent() {
  arma::mat A = 1e-3 * gaussian(2000, 20, 17);
  for (Index j = 0; j < 20; ++j) A(97 * j, j) = 100;
  GramCase g = dense_case("coherent rows", std::move(A));
  g.coherent = true;
  return g;
}

/// Every case whose solution exists.
inline std::vector<GramCase> gram_cases() {
  return {tall(),           square(),      shifted(),     wide(),       per_column_penalty(), scaled_columns(), ill_conditioned(),
          rank_deficient(), sparse_rows(), matrix_free(), one_column(), coherent(),           tiny_numbers()};
}

}  // namespace raphson::test
